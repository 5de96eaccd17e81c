"""Drains: paced, watched, changed, cancelled, asked for twice, and with clients that never
read."""

import json
import os
import signal
import time

import pytest
from fleet import RETRY, Crowd, most_within, overloaded, wait_for
from websockets.sync.client import unix_connect
from wire import CLOSE, Ended

SCALE = int(os.environ.get("SLUICE_FLEET", "1"))
COUNT = 2_000 * SCALE


def assert_sent_away(members):
    for member in members:
        assert member.end == "clean", member.end
        assert member.code == 1012
        hint = RETRY.search(member.reason)
        assert hint and int(hint[1]) <= int(hint[2]), member.reason


def follow(crowd, fleet, command, within_s):
    """Until the command has ended."""
    crowd.run(lambda: not command.running, within_s)
    done = command.finish()
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.timeout(60)
def test_every_client_is_told_at_an_even_pace(start_fleet):
    window_s = 2 * SCALE
    fleet = start_fleet("--drain-window", f"{window_s}s", "--drain-deadline", f"{window_s + 2}s")
    with Crowd(fleet).open(COUNT) as crowd:
        begun = time.time()
        fleet.signal()
        crowd.run(lambda: not crowd.members, within_s=window_s + 3)
        fleet.wait()
        assert_sent_away(crowd.gone)
        moments = [member.closed_at for member in crowd.gone]
        share = COUNT * 0.1 / window_s
        most = most_within(moments, 0.1)
        span = max(moments) - min(moments)
        print(f"at most {most} of {COUNT} in 100 ms ({most / share:.2f} shares), over {span:.2f} s")
        assert most <= 1.5 * share or overloaded()
        assert max(moments) - begun < window_s + 1
    assert [line["outcome"] for line in fleet.wait_for_log("operation ended")] == ["done"]


def test_clients_that_never_read_end_at_the_deadline(start_fleet, connect_websocket):
    fleet = start_fleet("--drain-window", "1s", "--drain-deadline", "3s")
    mute = [connect_websocket(fleet) for _ in range(100)]
    with Crowd(fleet).open(200) as crowd:
        begun = time.monotonic()
        fleet.signal()
        crowd.run(lambda: not crowd.members, within_s=2.5)
        assert_sent_away(crowd.gone)
        wait_for(lambda: not fleet.running, within_s=4)
        took = time.monotonic() - begun
        print(f"ended after {took:.2f} s")
        assert 2 < took < 3.5
    fleet.wait()
    for client in mute:
        # What they were sent is there still.
        assert client.frame_of(CLOSE).close_code == 1012
        with pytest.raises(Ended):
            client.frame()


@pytest.mark.timeout(60)
def test_clients_come_back_spread_out(start_fleet):
    fleet = start_fleet("--drain-window", "2s", "--drain-deadline", "4s", workers=2)
    with Crowd(fleet, returns=True).open(COUNT) as crowd:
        command = fleet.start_command("restart", "--worker", "0")
        follow(crowd, fleet, command, within_s=10)
        crowd.run(lambda: not crowd.due and not crowd.opening, within_s=10)
        away = len(crowd.gone)
        assert away > COUNT // 4
        assert_sent_away(crowd.gone)
        assert len(crowd.members) == COUNT
        first_back = min(member.closed_at for member in crowd.gone)
        moments = sorted(m.opened_at for m in crowd.members.values() if m.opened_at > first_back)
        assert len(moments) == away
        span = moments[-1] - moments[0]
        peak = most_within(moments, 1)
        mean = away / span
        print(f"{away} came back within {span:.1f} s, at most {peak} in 1 s, {peak / mean:.2f} means")
        assert peak <= 2 * mean


def test_a_drain_is_watched_and_asked_for_twice(start_fleet):
    fleet = start_fleet("--drain-window", "2s", "--drain-deadline", "4s")
    with Crowd(fleet).open(300) as crowd:
        wait_for(lambda: fleet.status["totals"]["connections"] == 300)
        first = fleet.start_command("drain")
        second = fleet.start_command("drain", "--json")
        crowd.run(lambda: fleet.status.get("drain"), within_s=5)
        one = fleet.ask("/drain", "POST")
        two = fleet.ask("/drain", "POST")
        assert one == two and one[0] == 202, (one, two)
        code, drain = fleet.ask("/drain")
        assert code == 200
        assert drain["connections_at_start"] == 300
        assert drain["window_s"] == 2 and drain["deadline_s"] == 4
        assert fleet.status["state"] == "draining"
        assert fleet.ask("/readyz")[0] == 503
        assert fleet.ask("/healthz")[0] == 200
        left = [drain["connections_left"]]
        while crowd.members:
            crowd.step(0.05)
            if crowd.members and len(crowd.members) < left[-1] - 50:
                drain = fleet.ask("/drain")[1]
                assert drain["closed_cleanly"] + drain["connections_left"] == 300
                left.append(drain["connections_left"])
        assert left == sorted(left, reverse=True) and len(left) > 2
        assert follow(crowd, fleet, first, 5).stdout.startswith("drain: done")
        assert json.loads(follow(crowd, fleet, second, 5).stdout)["state"] == "done"
        assert_sent_away(crowd.gone)
    fleet.wait()
    assert fleet.command("status").returncode == 2


def test_a_drain_that_is_cancelled(start_fleet, connect_websocket, tmp_path):
    path = tmp_path / "gateway.sock"
    fleet = start_fleet(
        "--drain-window", "20s", "--drain-deadline", "30s", listen=("127.0.0.1:0", f"unix:{path}")
    )
    with Crowd(fleet).open(400) as crowd:
        drain = fleet.start_command("drain", "--no-wait")
        assert drain.finish().returncode == 0
        crowd.run(lambda: len(crowd.gone) > 5, within_s=10)
        assert fleet.command("drain", "--cancel").returncode == 0
        wait_for(lambda: fleet.status["state"] == "serving")
        assert fleet.ask("/readyz")[0] == 200
        workers = fleet.ready
        assert len(workers) == 2
        crowd.step(0)
        gone = len(crowd.gone)
        # Everybody accepts again, and nobody else is sent away.
        with Crowd(fleet).open(100) as more:
            wait_for(lambda: all(w["traffic"]["connections"] > 20 for w in fleet.status["workers"]))
            until = time.monotonic() + 1
            crowd.run(lambda: time.monotonic() > until, within_s=3)
            more.step(0)
            assert len(more.members) == 100
        assert len(crowd.gone) - gone <= 5
        for _ in range(8):
            with unix_connect(str(path), "ws://localhost/echo") as client:
                client.send("hello")
                assert client.recv(timeout=5) == "hello"
        assert fleet.command("drain", "--cancel").returncode == 1
        assert_sent_away(crowd.gone)
        fleet.signal()
        fleet.signal(signal.SIGINT)
        crowd.run(lambda: not crowd.members, within_s=5)
        assert_sent_away(crowd.gone)
    fleet.wait(2)


def test_a_drain_whose_window_changes(start_fleet):
    fleet = start_fleet("--drain-window", "20s", "--drain-deadline", "30s")
    with Crowd(fleet).open(300) as crowd:
        command = fleet.start_command("drain")
        crowd.run(lambda: len(crowd.gone) > 1, within_s=10)
        assert len(crowd.gone) < 100
        done = fleet.command("drain", "--change", "--window", "1s", "--deadline", "5s", "--no-wait")
        assert done.returncode == 0, done.stderr
        changed = time.monotonic()
        crowd.run(lambda: not crowd.members, within_s=5)
        print(f"{time.monotonic() - changed:.2f} s from the change to the end")
        follow(crowd, fleet, command, 5)
        assert_sent_away(crowd.gone)
    fleet.wait()


def test_a_drain_of_one_worker(start_fleet):
    fleet = start_fleet("--drain-window", "1s", "--drain-deadline", "3s")
    with Crowd(fleet).open(200) as crowd:
        wait_for(lambda: fleet.status["totals"]["connections"] == 200)
        there = {w["slot"]: w["traffic"]["connections"] for w in fleet.status["workers"]}
        command = fleet.start_command("drain", "--worker", "1")
        follow(crowd, fleet, command, 10)
        assert len(crowd.gone) == there[1]
        assert_sent_away(crowd.gone)
        assert list(fleet.ready) == [0]
        last = fleet.command("drain", "--worker", "0")
        assert last.returncode == 1 and last.stderr
        # The other has both slots' new connections.
        with Crowd(fleet).open(100):
            wait_for(lambda: fleet.status["totals"]["connections"] == there[0] + 100)
        assert fleet.command("restart", "--worker", "1").returncode == 0
        assert sorted(fleet.ready) == [0, 1]


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)])
def test_everything_is_closed_now(start_fleet, signals):
    fleet = start_fleet("--drain-window", "20s", "--drain-deadline", "30s")
    with Crowd(fleet).open(200) as crowd:
        for number in signals:
            fleet.signal(number)
            time.sleep(0.2)
        crowd.run(lambda: not crowd.members, within_s=3)
        assert_sent_away(crowd.gone)
        fleet.wait(2)
