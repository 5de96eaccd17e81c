"""The admin socket and the admin address: who may do what, and what comes of nonsense."""

import json
import os
import socket
import stat
import subprocess
import sys

import pytest
import sluice
from fleet import AdminConnection, Command, Fleet, ask, parse_metrics, wait_for


@pytest.fixture(scope="module")
def admin_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, admin_port):
    """One for all tests of this file, which leave it as it was."""
    directory = tmp_path_factory.mktemp("admin")
    fleet = Fleet(
        directory, "--admin-listen", f"127.0.0.1:{admin_port}", "--drain-window", "0", workers=2
    )
    before = fleet.ready
    yield fleet
    assert fleet.ready == before
    fleet.stop()


@pytest.fixture
def tcp(admin_port):
    return ("127.0.0.1", admin_port)


def raw(address, data):
    """All that is answered to these bytes."""
    connection = AdminConnection(address)
    connection.connect()
    with connection.sock as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer.decode()


AS_ANOTHER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(sys.argv[1])
except PermissionError:
    sys.exit("not admitted")
client.sendall(b"POST /drain HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
print(client.recv(4096).decode())
"""


def as_another_user(path):
    return subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, str(path)], capture_output=True, text=True, timeout=10
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_only_its_user_gets_in(gateway):
    assert stat.S_IMODE(gateway.admin.stat().st_mode) == 0o600
    # So that it is not the directories that keep others out.
    above = [path for path in gateway.admin.parents if path.stat().st_uid == 0]
    modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in above]
    try:
        for path, mode in modes:
            path.chmod(mode | 0o111)
        assert "not admitted" in as_another_user(gateway.admin).stderr
        # Nor when somebody has opened the socket to all.
        gateway.admin.chmod(0o666)
        refused = as_another_user(gateway.admin)
        assert refused.stdout.startswith("HTTP/1.1 403 "), refused
    finally:
        gateway.admin.chmod(0o600)
        for path, mode in modes:
            path.chmod(mode)
    assert gateway.status["state"] == "serving"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/drain", "/restart", "/scale", "/reload", "/status", "/"])
def test_no_commands_over_tcp(gateway, tcp, method, path):
    code, answer = ask(tcp, path, method)
    assert code == 404 and answer["error"]


def test_probes_over_tcp(gateway, tcp):
    assert ask(tcp, "/healthz") == (200, "ok\n")
    assert ask(tcp, "/readyz") == (200, "ready\n")
    assert ask(tcp, "/readyz", "HEAD") == (200, "")
    assert ask(tcp, "/readyz", "POST")[0] == 404
    code, text = ask(tcp, "/metrics")
    assert code == 200
    samples = parse_metrics(text)
    assert samples["sluice_ready"] == 1
    assert samples['sluice_workers{state="ready"}'] == 2


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost", 200), ("localhost:9090", 200), ("127.0.0.1", 200), ("10.1.2.3:80", 200),
        ("[::1]", 200), ("[::1]:9090", 200), ("evil.example", 421), ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:80", 421), ("1.evil", 421), ("a", 421),
    ],
)  # fmt: skip
def test_hosts(gateway, tcp, host, code):
    assert ask(tcp, "/metrics", Host=host)[0] == code
    assert ask(gateway.admin, "/metrics", Host=host)[0] == 200


@pytest.mark.parametrize("over", ["tcp", "socket"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"garbage\r\n\r\n", 400),
        (b"GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
         b"\r\n\r\n0\r\n\r\n", 400),
        (b"GET /operation?id=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
    ids=["tls", "garbage", "version", "no host", "two hosts", "target", "field", "body",
         "smuggling", "escape"],
)  # fmt: skip
def test_malformed_requests(gateway, tcp, data, code, over):
    answer = raw(tcp if over == "tcp" else gateway.admin, data)
    assert answer.startswith(f"HTTP/1.1 {code} "), answer
    assert "Connection: close\r\n" in answer
    assert answer.count("HTTP/1.1 ") == 1


def test_an_unfinished_request_commands_nothing(gateway):
    assert raw(gateway.admin, b"POST /drain HTTP/1.1\r\nHost: a\r\n") == ""
    assert raw(gateway.admin, b"POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab") == ""
    assert gateway.status["state"] == "serving"


def test_crowds_of_idle_connections_are_bounded(gateway, tcp):
    idle = []
    try:
        for _ in range(100):
            idle.append(socket.create_connection(tcp))
        # Some were told that there are too many, and the socket for commands works on.
        idle[-1].settimeout(5)
        assert idle[-1].recv(4096).startswith(b"HTTP/1.1 503 ")
    finally:
        for client in idle:
            client.close()
    wait_for(lambda: ask(tcp, "/healthz")[0] == 200)


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/drain", 404),
        ("DELETE", "/drain", 409),
        ("PUT", "/drain?window_ms=1000", 409),
        ("GET", "/restart", 405),
        ("PUT", "/scale", 405),
        ("POST", "/status", 405),
        ("GET", "/operation", 400),
        ("GET", "/operation?id=x", 400),
        ("GET", "/operation?id=12345", 404),
        ("POST", "/scale", 400),
        ("POST", "/scale?workers=", 400),
        ("POST", "/scale?workers=-1", 400),
        ("POST", "/scale?workers=0", 409),
        ("POST", "/scale?workers=257", 409),
        ("POST", "/scale?workers=99999999999999999999", 400),
        ("POST", "/scale?workers=2&worker=1", 400),
        ("POST", "/scale?workers=2&workers=3", 400),
        ("POST", "/restart?worker=2", 409),
        ("POST", "/restart?worker=-1", 400),
        ("POST", "/restart?worker=9223372036854775807", 409),
        ("POST", "/restart?slot=1", 400),
        ("POST", "/drain?worker=7", 409),
        ("POST", "/drain?windw_ms=1", 400),
        ("POST", "/drain?window_ms=1s", 400),
        ("POST", "/drain?window_ms=99999999999999", 400),
        ("POST", "/drain?window_ms=5000&deadline_ms=1000", 400),
        ("POST", "/drain?pre_drain_delay_ms=60000", 400),
    ],
)  # fmt: skip
def test_mistaken_commands(gateway, method, target, code):
    got, answer = ask(gateway.admin, target, method)
    assert got == code, answer
    print(answer)
    assert set(answer) == {"error"} and answer["error"]


def test_scale_to_what_there_is(gateway):
    assert ask(gateway.admin, "/scale?workers=2", "POST") == (
        200, {"id": 0, "kind": "scale", "state": "done", "text": ""},
    )  # fmt: skip


def test_keep_alive(gateway, tcp):
    connection = AdminConnection(tcp)
    for _ in range(3):
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"ok\n")
    connection.close()


def test_status(gateway):
    told = gateway.command("status", "--json")
    assert told.returncode == 0
    status = json.loads(told.stdout)
    assert status["pid"] == gateway.process.pid
    assert [worker["slot"] for worker in status["workers"]] == [0, 1]
    text = gateway.command("status").stdout
    assert str(status["pid"]) in text and gateway.authority in text


def test_commands_without_a_gateway(gateway, tmp_path):
    for words in (["status"], ["drain"], ["restart"], ["reload"], ["scale", "2"]):
        done = Command([sluice.BINARY, *words, "--admin-socket", str(tmp_path / "none")], 10).finish()
        assert done.returncode == 2, done.stderr
        assert "no gateway answers" in done.stderr


def test_reload(gateway):
    done = gateway.command("reload")
    assert done.returncode == 0, done.stderr
    code, operation = gateway.ask("/reload")
    assert (code, operation["state"]) == (200, "done")
