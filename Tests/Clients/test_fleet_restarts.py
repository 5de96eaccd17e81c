"""Workers that are restarted, killed, hung or broken, and what clients notice of it.

SLUICE_FLEET multiplies the counts, as for the figures in docs/reliability.md."""

import os
import signal
import time

import pytest
from fleet import Crowd, Storm, children, exists, overloaded, wait_for
from wire import TEXT, frame

SCALE = int(os.environ.get("SLUICE_FLEET", "1"))
RATE = 1_000
# Restarts don't wait for connections: those of the storm are short.
BRIEF = ("--drain-window", "0", "--drain-deadline", "1s")


def assert_all_served(counts):
    print(counts)
    assert counts["served"] > 0
    failed = {how: counts[how] for how in ("refused", "reset", "ended", "lost")}
    assert not any(failed.values()), counts


@pytest.mark.timeout(60 + 60 * SCALE)
def test_graceful_restarts_under_connects(start_fleet):
    fleet = start_fleet(*BRIEF)
    with Storm(fleet, RATE) as storm:
        for _ in range(40 * SCALE):
            fleet.restart()
        counts = storm.stop()
    assert_all_served(counts)
    assert counts["slow"] == 0 or overloaded()
    assert fleet.status["restarts"] == 2 * 40 * SCALE


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_queued_at_a_killed_worker_are_served(start_fleet, connect, workers):
    fleet = start_fleet(workers=workers)
    (hung,) = fleet.ready.values() if workers == 1 else [fleet.ready[0]]
    os.kill(hung, signal.SIGSTOP)
    clients = [connect(fleet) for _ in range(200 * workers)]
    for client in clients:
        client.request("GET", "/", "Connection: close")
    os.kill(hung, signal.SIGKILL)
    killed = time.monotonic()
    for client in clients:
        assert client.response().status == 200
    print(f"all served {1000 * (time.monotonic() - killed):.0f} ms after the SIGKILL")
    fleet.replaced(0, hung)


def test_kills_one_after_another(start_fleet):
    fleet = start_fleet("--drain-window", "0", workers=3)
    with Crowd(fleet).open(150) as crowd:
        wait_for(lambda: fleet.status["totals"]["connections"] == 150)
        connections = {w["slot"]: w["traffic"]["connections"] for w in fleet.status["workers"]}
        assert all(connections.values()), "connections are spread over all workers"
        before = fleet.ready
        with Storm(fleet, 100) as storm:
            for _ in range(5):
                pid = fleet.ready[1]
                os.kill(pid, signal.SIGKILL)
                fleet.replaced(1, pid)
            counts = storm.stop()
        print(counts)
        crowd.run(lambda: len(crowd.gone) >= connections[1], within_s=5)
        assert len(crowd.gone) == connections[1]
        after = fleet.ready
        assert (after[0], after[2]) == (before[0], before[2])
        for member in crowd.members.values():
            member.socket.send(frame(TEXT, b"still there"))
        crowd.run(lambda: all(m.messages for m in crowd.members.values()), within_s=5)
    # What a killed worker had accepted is lost with it; what it had not, is served by another.
    assert counts["refused"] == counts["lost"] == 0
    assert counts["reset"] + counts["ended"] <= 5
    assert counts["slow"] == 0 or overloaded()


def test_a_hung_worker_is_replaced(start_fleet):
    fleet = start_fleet()
    hung = fleet.ready[0]
    os.kill(hung, signal.SIGSTOP)
    stopped = time.monotonic()
    fleet.replaced(0, hung)
    took = time.monotonic() - stopped
    print(f"replaced after {took:.2f} s")
    assert took < 2 or overloaded()
    assert not exists(hung)
    (line,) = fleet.wait_for_log("worker hangs; killed")
    assert line["silent_ms"] >= 1_500


def test_a_busy_worker_is_not_killed(start_fleet, connect_websocket):
    fleet = start_fleet(workers=1)
    before = fleet.ready
    client = connect_websocket(fleet)
    client.socket.settimeout(0.2)
    used = fleet.status["workers"][0]["cpu_s"]
    deadline = time.monotonic() + 4
    # Small messages without end, whose replies are read: as much as it can do.
    burst = frame(TEXT, b"x", mask=b"abcd") * 20_000
    while time.monotonic() < deadline:
        client.send(burst)
        read = 0
        while read < 20_000 * 3:
            read += len(client.socket.recv(1 << 20))
    assert fleet.status["workers"][0]["cpu_s"] - used > 0.5
    assert fleet.ready == before
    assert "hangs" not in fleet.stderr


def test_a_worker_that_fails_at_its_start_is_tried_ever_more_seldom(start_fleet):
    fleet = start_fleet()
    first = time.monotonic()
    # Killed as soon as it is seen.
    while time.monotonic() < first + 3:
        for pid in set(children(fleet.process.pid)) - {fleet.ready.get(0)}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    lines = [line for line in fleet.log if line["message"] == "worker is started again"]
    waits = [line["in_ms"] for line in lines]
    print(waits)
    assert waits[0] == 0
    for failures, wait in enumerate(waits[1:], 2):
        bound = min(100 << failures - 2, 10_000)
        assert bound / 2 <= wait <= bound
    assert [line["failures"] for line in lines] == list(range(1, len(lines) + 1))
    assert 4 <= len(lines) <= 10
    assert fleet.wait_for_log("listeners adopted"), "nobody attends the slot"
    # And it never gives up.
    wait_for(lambda: len(fleet.ready) == 2, within_s=12)


@pytest.mark.timeout(60 * SCALE)
def test_nothing_is_left_of_restarts(start_fleet):
    fleet = start_fleet(*BRIEF)

    def state():
        pid = fleet.process.pid
        rss = int(next(line for line in open(f"/proc/{pid}/status") if "VmRSS" in line).split()[1])
        return sorted(os.listdir(f"/proc/{pid}/fd")), rss

    def churn(count):
        for _ in range(count):
            fleet.restart()
        wait_for(lambda: len(children(fleet.process.pid)) == 2)

    churn(10)
    descriptors, rss = state()
    with Storm(fleet, RATE) as storm:
        churn(20 * SCALE)
        assert_all_served(storm.stop())
    wait_for(lambda: len(state()[0]) <= len(descriptors))
    grown = state()[1] - rss
    print(f"{len(descriptors)} descriptors, grown by {grown} KiB")
    assert len(children(fleet.process.pid)) == 2
    assert grown <= 1024


def test_counters_never_fall(start_fleet):
    fleet = start_fleet()

    def counters():
        return {name: n for name, n in fleet.metrics().items() if name.endswith("_total")}

    with Crowd(fleet).open(50) as crowd:
        for member in crowd.members.values():
            member.socket.send(frame(TEXT, b"x", mask=b"abcd"))
        wait_for(lambda: counters()["sluice_messages_received_total"] == 50)
        before = counters()
        assert before["sluice_connections_accepted_total"] == 50
        for slot, pid in fleet.ready.items():
            os.kill(pid, signal.SIGKILL)
            fleet.replaced(slot, pid)
            after = counters()
            assert all(after[name] >= before[name] for name in before), (before, after)
            before = after
        assert before["sluice_messages_received_total"] == 50
        assert before["sluice_worker_restarts_total"] == 2


def test_scaling(start_fleet, connect):
    fleet = start_fleet(*BRIEF, workers=1)
    with Storm(fleet, RATE) as storm:
        for count in (4, 2, 3, 1):
            done = fleet.command("scale", str(count))
            assert done.returncode == 0, done.stderr
            assert sorted(fleet.ready) == list(range(count))
        counts = storm.stop()
    assert_all_served(counts)
    refused = fleet.command("scale", "0")
    assert refused.returncode == 64 and "1 to 256" in refused.stderr
