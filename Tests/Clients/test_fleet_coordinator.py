"""The coordinator's own end: killed under its workers, and as process 1 of a container."""

import os
import signal
import subprocess
import time

import pytest
import sluice
from fleet import Crowd, Fleet, Storm, ask, children, exists, wait_for
from websockets.sync.client import unix_connect
from wire import TEXT, frame

# As in GatewayWorker: how long workers serve on without a coordinator.
ORPHANS_S = 10


@pytest.mark.timeout(60)
def test_a_killed_coordinator_is_succeeded(start_fleet, tmp_path):
    path = tmp_path / "gateway.sock"
    unix = f"unix:{path}"
    brief = ("--drain-window", "1s", "--drain-deadline", "2s")
    first = start_fleet(*brief, listen=("127.0.0.1:0", unix))
    orphans = list(first.ready.values())
    with Crowd(first).open(100) as crowd, Storm(first, 300) as storm:
        killed = time.monotonic()
        first.kill_coordinator()
        for member in crowd.members.values():
            member.socket.send(frame(TEXT, b"still there"))
        crowd.run(lambda: all(m.messages for m in crowd.members.values()), within_s=5)
        # As a supervisor does, on the same addresses.
        second = Fleet(tmp_path, *brief, listen=(f"127.0.0.1:{first.port}", unix))
        try:
            print(f"succeeded after {time.monotonic() - killed:.2f} s")
            assert all(exists(pid) for pid in orphans)
            with unix_connect(str(path), "ws://localhost/echo") as client:
                client.send("hello")
                assert client.recv(timeout=5) == "hello"
            # New clients are the new gateway's, so that none is sent away soon.
            with Crowd(second).open(50) as others:
                wait_for(lambda: second.status["totals"]["connections"] >= 50)
                # It can do all that it has to while the orphans are there.
                second.restart(0)
                crowd.run(lambda: not crowd.members, within_s=ORPHANS_S + 4)
                wait_for(lambda: not any(exists(pid) for pid in orphans), within_s=3)
                took = time.monotonic() - killed
                print(f"the last orphan ended after {took:.1f} s")
                assert took > ORPHANS_S
                others.step(0)
                # What is gone, the restart has sent away.
                assert len(others.members) >= 5
                second.restart()
            counts = storm.stop()
        finally:
            second.signal(signal.SIGINT)
            second.stop()
    print(counts)
    assert {member.code for member in crowd.gone} == {1012}
    assert counts["refused"] == counts["reset"] == counts["ended"] == counts["lost"] == 0


def test_a_killed_coordinator_leaves_nobody(start_fleet):
    fleet = start_fleet("--drain-window", "500ms", "--drain-deadline", "1s")
    workers = list(fleet.ready.values())
    # One that was only being started doesn't hold a listener that nobody attends.
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: workers[0] not in children(fleet.process.pid))
    there = children(fleet.process.pid)
    fleet.kill_coordinator()
    wait_for(lambda: not any(exists(pid) for pid in there), within_s=ORPHANS_S + 3)


def test_a_second_gateway_is_refused(start_fleet, tmp_path):
    fleet = start_fleet()
    with pytest.raises(AssertionError, match="ended instead of listening.*another process"):
        Fleet(tmp_path, listen=("127.0.0.1:0",))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(AssertionError, match="ended instead of listening.*another process"):
        Fleet(other, listen=(fleet.authority,))
    assert len(fleet.ready) == 2


def can_unshare():
    return subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode == 0


@pytest.fixture
def first_process(tmp_path):
    """A gateway that is process 1: `unshare` with its exit status, and its pid out here."""
    if not can_unshare():
        pytest.skip("may not make a PID namespace")
    admin = tmp_path / "admin.sock"
    outer = subprocess.Popen(
        ["unshare", "--pid", "--fork", sluice.BINARY, "serve", "--listen", "127.0.0.1:0",
         "--workers", "2", "--admin-socket", admin, "--pre-drain-delay", "1s",
         "--drain-window", "1s", "--drain-deadline", "4s"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=sluice.ENVIRONMENT,
    )  # fmt: skip
    line = outer.stdout.readline()
    port = int(line.rpartition(":")[2].strip().rstrip("/"))
    (inner,) = children(outer.pid)
    yield outer, inner, admin, port
    if exists(inner):
        os.kill(inner, signal.SIGKILL)
    outer.wait()
    outer.stdout.close()


class Address:
    def __init__(self, port):
        self.host, self.port = "127.0.0.1", port


def test_as_process_1(first_process):
    outer, inner, admin, port = first_process
    wait_for(lambda: ask(admin, "/readyz")[0] == 200)
    with Crowd(Address(port)).open(200) as crowd:
        begun = time.monotonic()
        os.kill(inner, signal.SIGTERM)
        wait_for(lambda: ask(admin, "/readyz")[0] == 503, every_s=0.001)
        unready_s = time.monotonic() - begun
        assert unready_s < 0.1
        # Load balancers may be slow to see it: they are served meanwhile.
        accepted = 0
        while time.monotonic() < begun + 0.8:
            with Crowd(Address(port)).open(1) as late:
                accepted += len(late.members)
            crowd.step(0.02)
        assert accepted > 5
        assert not crowd.gone
        crowd.run(lambda: not crowd.members, within_s=5)
        assert outer.wait(5) == 0
        took = time.monotonic() - begun
        print(f"not ready after {1000 * unready_s:.0f} ms; {accepted} accepted; ended after {took:.2f} s")
        assert took < 4
    assert {(member.code, member.end) for member in crowd.gone} == {(1012, "clean")}
