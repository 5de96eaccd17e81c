"""What the log says of each connection, and that it never gets in the way."""

import contextlib
import fcntl
import json
import os
import re
import resource
import select
import signal
import socket
import time

import pytest
import sluice
from abuse import Connection as AnyConnection
from abuse import reset, trusting, wait_until
from wire import BINARY, CLOSE, PING, TEXT, Connection, Ended, close_payload, frame

# Every field that an access line can have.
FIELDS = {
    "time", "level", "message", "peer", "tls", "protocol", "websocket_version", "method", "path",
    "status", "subprotocol", "channel", "requests", "duration_ms", "bytes_in", "bytes_out",
    "messages_in", "messages_out", "close_code", "closed_by", "cause", "detail",
}  # fmt: skip
ALWAYS = {"time", "level", "message", "peer", "duration_ms", "bytes_in", "bytes_out", "closed_by"}
WEBSOCKET = {"protocol", "websocket_version", "method", "path", "status", "messages_in",
             "messages_out", "close_code"}  # fmt: skip
HTTP = {"protocol", "method", "path", "status", "requests"}
SECRETS = ("sec-query", "sec-cookie", "sec-auth", "sec-message", "sec-reason", "sec-origin")
SECRET_FIELDS = ("Cookie: a=sec-cookie", "Authorization: Bearer sec-auth")


def drain(client):
    with contextlib.suppress(Ended):
        while True:
            client.frame()


def websocket(server, target="/echo", *lines, **options):
    client = Connection(server, timeout_s=5, **options)
    response = client.upgrade(f"{target}?token=sec-query", *lines, *SECRET_FIELDS)
    assert response.status == 101
    return client


def closed_by_client(server):
    with websocket(server) as client:
        client.send(frame(TEXT, b"sec-message"))
        client.frame_of(TEXT)
        client.send(frame(CLOSE, close_payload(4001, b"sec-reason")))
        drain(client)


def closed_without_a_code(server):
    with websocket(server) as client:
        client.send(frame(CLOSE))
        drain(client)


def lost(server):
    with websocket(server) as client:
        client.send(frame(TEXT, b"sec-message"))
        client.frame_of(TEXT)


def reset_by_the_client(server):
    client = websocket(server)
    reset(client.socket)


def drained(server):
    with websocket(server, "/channels/a") as client:
        server.signal(signal.SIGTERM)
        assert client.frame_of(CLOSE).close_code == 1012
        client.send(frame(CLOSE, close_payload(1012)))
        drain(client)


def frames(*sent):
    def act(server):
        with websocket(server) as client:
            client.send(b"".join(sent))
            drain(client)

    return act


def refused(target, *lines):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            client.upgrade(f"{target}?token=sec-query", *lines, *SECRET_FIELDS)
            assert client.at_end()

    return act


def requests(*targets, method="GET"):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            for target in targets:
                client.request(method, target, *SECRET_FIELDS)
                client.response()

    return act


def raw(sent):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            client.send(sent)
            with contextlib.suppress(Ended):
                client.read_until(b"\0")

    return act


def silent(server):
    with Connection(server, timeout_s=5) as client:
        assert client.at_end()


def only_connects(server):
    with Connection(server):
        pass


def one_too_many(server):
    with websocket(server):
        with Connection(server, timeout_s=5) as second:
            assert second.response().status in (429, 503)
            assert second.at_end()
        server.wait_for_log("connection")


ENDED_WEBSOCKET = {"protocol": "websocket", "status": 101, "path": "/echo", "websocket_version": 13}
VIOLATION = {**ENDED_WEBSOCKET, "closed_by": "server", "cause": "protocol_violation"}

# How the connection ends: flags, what the client does, fields with their values, further fields.
ENDS = {
    "closed by the client": (
        *([], closed_by_client),
        {**ENDED_WEBSOCKET, "closed_by": "client", "close_code": 4001, "messages_in": 1,
         "messages_out": 1},
        WEBSOCKET,
    ),
    "closed without a code": (
        *([], closed_without_a_code),
        {**ENDED_WEBSOCKET, "closed_by": "client", "close_code": 1005, "messages_in": 0},
        WEBSOCKET,
    ),
    "without a close frame": (
        *([], lost),
        {**ENDED_WEBSOCKET, "closed_by": "lost", "close_code": 1006, "messages_in": 1},
        WEBSOCKET,
    ),
    "reset": (
        *([], reset_by_the_client),
        {**ENDED_WEBSOCKET, "closed_by": "lost", "close_code": 1006,
         "detail": "Connection reset by peer"},
        WEBSOCKET | {"detail"},
    ),
    "drained": (
        *([], drained),
        {"closed_by": "server", "close_code": 1012, "channel": "a", "path": "/channels/a"},
        WEBSOCKET | {"channel"},
    ),
    "protocol error": (
        *([], frames(frame(TEXT, b"sec-message", rsv=1))),
        {**VIOLATION, "close_code": 1002},
        WEBSOCKET | {"cause", "detail"},
    ),
    "not UTF-8": (
        *([], frames(frame(TEXT, b"sec-message\xff"))),
        {**VIOLATION, "close_code": 1007},
        WEBSOCKET | {"cause", "detail"},
    ),
    "oversized message": (
        *(["--max-message-size", "10"], frames(frame(BINARY, bytes(11)))),
        {"closed_by": "server", "close_code": 1009, "cause": "oversized_message"},
        WEBSOCKET | {"cause", "detail"},
    ),
    "too many pings": (
        *(["--max-control-frames-per-second", "2"], frames(frame(PING) * 9)),
        {"closed_by": "server", "close_code": 1008, "cause": "too_many_control_frames"},
        WEBSOCKET | {"cause", "detail"},
    ),
    "no pong": (
        *(["--ping-interval", "100ms", "--pong-timeout", "100ms"], frames()),
        {"closed_by": "lost", "close_code": 1006, "cause": "pong_timeout"},
        WEBSOCKET | {"cause"},
    ),
    "no close frame in return": (
        *(["--drain-deadline", "200ms"], lambda server: drain_mute(server)),
        {"closed_by": "server", "close_code": 1012, "cause": "forced"},
        WEBSOCKET | {"cause"},
    ),
    "403": (
        *([], refused("/echo", "Origin: https://sec-origin.example")),
        {"protocol": "http", "status": 403, "path": "/echo", "closed_by": "server",
         "cause": "origin_refused", "requests": 1, "method": "GET"},
        HTTP | {"cause", "detail"},
    ),
    "404": (
        *([], refused("/no/such")),
        {"protocol": "http", "status": 404, "path": "/no/such", "cause": "handshake_refused"},
        HTTP | {"cause", "detail"},
    ),
    "503": (
        *(["--max-connections", "1"], one_too_many),
        {"status": 503, "cause": "too_many_connections", "closed_by": "server"},
        {"protocol", "status", "requests", "cause", "detail"},
    ),
    "429": (
        *(["--max-connections-per-address", "1"], one_too_many),
        {"status": 429, "cause": "too_many_of_address", "closed_by": "server"},
        {"protocol", "status", "requests", "cause", "detail"},
    ),
    "HTTP": (
        *([], requests("/?a=sec-query", "/no?a=sec-query", "/channels/b?a=sec-query")),
        {"protocol": "http", "status": 426, "path": "/channels/b", "requests": 3,
         "closed_by": "client"},
        HTTP,
    ),
    "HTTP, not kept": (
        *([], lambda server: not_kept(server)),
        {"protocol": "http", "status": 200, "path": "/", "method": "HEAD", "closed_by": "server"},
        HTTP,
    ),
    "not HTTP": (
        *([], raw(b"sec-message\r\n\r\n")),
        {"status": 400, "cause": "protocol_violation", "closed_by": "server"},
        {"protocol", "status", "requests", "cause", "detail"},
    ),
    "oversized head": (
        *(["--max-head-size", "256"], raw(b"GET /?sec-query HTTP/1.1\r\nA: " + bytes(300))),
        {"closed_by": "server", "status": 400},
        {"protocol", "status", "requests", "cause", "detail"},
    ),
    "slow request": (
        *(["--handshake-timeout", "200ms"], raw(b"GET / HT")),
        {"status": 408, "cause": "request_timeout", "closed_by": "server"},
        {"protocol", "status", "requests", "cause"},
    ),
    "no request in time": (
        *(["--handshake-timeout", "200ms"], silent),
        {"cause": "request_timeout", "closed_by": "server"},
        {"cause"},
    ),
    "no further request": (
        *(["--keep-alive-timeout", "200ms"], lambda server: kept(server)),
        {"protocol": "http", "closed_by": "server", "requests": 1},
        HTTP,
    ),
    "nothing": ([], only_connects, {"bytes_in": 0, "bytes_out": 0, "closed_by": "client"}, set()),
}  # fmt: skip


def drain_mute(server):
    with websocket(server) as client:
        server.signal(signal.SIGTERM)
        assert client.frame_of(CLOSE).close_code == 1012
        drain(client)


def not_kept(server):
    with Connection(server, timeout_s=5) as client:
        client.request("HEAD", "/?a=sec-query", "Connection: close", *SECRET_FIELDS)
        assert client.response(to_head=True).status == 200
        assert client.at_end()


def kept(server):
    with Connection(server, timeout_s=5) as client:
        client.request("GET", "/")
        client.response()
        assert client.at_end()


@pytest.mark.parametrize("name", ENDS)
def test_an_access_line_for_each_end(start_server, name):
    flags, act, expected, further = ENDS[name]
    server = start_server("--log-level", "trace", *flags)
    act(server)
    # Of two connections the one that is meant ends first.
    line = server.wait_for_log("connection")[0]
    assert line.items() >= expected.items(), line
    assert set(line) == ALWAYS | further, line
    assert set(line) <= FIELDS
    assert line["level"] == "info"
    assert line["peer"] == "127.0.0.1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert 0 <= line["duration_ms"] < 10_000
    if server.running:
        server.signal()
    server.wait()
    assert not [secret for secret in SECRETS if secret in server.stderr], server.stderr


@pytest.mark.parametrize("version", [13, 8])
def test_protocol_and_subprotocol(start_server, version):
    server = start_server("--subprotocol", "chat.v2")
    with Connection(server) as client:
        line = "Sec-WebSocket-Protocol: chat.v1, chat.v2"
        assert client.upgrade("/channels/a%20b", line, version=version).status == 101
    (line,) = server.wait_for_log("connection")
    assert line["websocket_version"] == version
    assert line["subprotocol"] == "chat.v2"
    assert (line["path"], line["channel"]) == ("/channels/a%20b", "a b")


def test_bytes_and_messages(start_server):
    server = start_server()
    with Connection(server) as client:
        response = client.upgrade("/echo")
        assert response.status == 101
        sent = frame(TEXT, b"x" * 1000) * 20
        client.send(sent)
        for _ in range(20):
            client.frame_of(TEXT)
        client.send(frame(CLOSE, close_payload(1000)))
        drain(client)
    (line,) = server.wait_for_log("connection")
    assert (line["messages_in"], line["messages_out"]) == (20, 20)
    assert 20 * 1000 < line["bytes_in"] - len(sent) + 20 * 1000 < 20 * 1000 + 500
    assert 20 * 1004 < line["bytes_out"] < 20 * 1004 + 500


def test_messages_of_a_channel(start_server):
    """Each direction, with its own messages and without, also of who comes late."""
    server = start_server()

    def join(echoes=False):
        client = Connection(server)
        target = "/channels/a?echo=1" if echoes else "/channels/a"
        assert client.upgrade(target).status == 101
        return client

    with join() as first, join(echoes=True) as second:
        for client, count in ((first, 3), (second, 5)):
            client.send(frame(TEXT, b"x") * count)
        for client, count in ((first, 5), (second, 8)):
            for _ in range(count):
                client.frame_of(TEXT)
        with join() as third:
            first.send(frame(TEXT, b"x") * 2)
            for client in (second, third):
                for _ in range(2):
                    client.frame_of(TEXT)
            third.send(frame(CLOSE, close_payload(4003)))
            drain(third)
        second.send(frame(CLOSE, close_payload(4002)))
        drain(second)
        # Alone: this goes to nobody.
        first.send(frame(TEXT, b"x") + frame(CLOSE, close_payload(4001)))
        drain(first)
    lines = server.wait_for_log("connection", count=3)
    messages = {line["close_code"]: (line["messages_in"], line["messages_out"]) for line in lines}
    assert messages == {4003: (0, 2), 4002: (5, 10), 4001: (6, 5)}


def test_a_slow_subscriber_got_what_was_sent(start_server):
    server = start_server("--send-queue-limit", "64KiB")
    with websocket(server, "/channels/a", receive_buffer=4096) as slow:
        with websocket(server, "/channels/a") as fast:
            for _ in range(300):
                fast.send(frame(BINARY, bytes(8192)))
            server.wait_for_log("connection", count=0)
            count = 0
            with contextlib.suppress(Ended):
                while (received := slow.frame()).opcode != CLOSE:
                    count += received.opcode == BINARY
                assert received.close_code == 1013
                slow.send(frame(CLOSE, close_payload(1013)))
                drain(slow)
            (line,) = server.wait_for_log("connection", close_code=1013)
    assert line["cause"] == "slow_consumer"
    assert line["closed_by"] == "server"
    assert line["messages_out"] == count


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_tls_version(start_server, self_signed, version):
    server = start_server("--tls-certificate", str(self_signed))
    context = trusting(self_signed)
    context.minimum_version = context.maximum_version = {
        "1.2": 0x303, "1.3": 0x304,
    }[version]  # fmt: skip
    with websocket(server, tls=context) as client:
        client.send(frame(CLOSE, close_payload(1000)))
        client.frame_of(CLOSE)
    (line,) = server.wait_for_log("connection")
    assert line["tls"] == version
    assert line["close_code"] == 1000
    assert line["closed_by"] == "client"


def test_failed_tls(start_server, self_signed):
    server = start_server("--tls-certificate", str(self_signed))
    raw(b"\x80\x80garbage sec-message")(server)
    raw(b"GET /?sec-query HTTP/1.1\r\n\r\n")(server)
    first, second = server.wait_for_log("connection", count=2)
    assert first["cause"] == second["cause"] == "tls_error"
    assert first["detail"] == "not TLS"
    assert second["detail"] == "plain HTTP on a TLS port"
    assert second["status"] == 400
    assert "tls" not in first and "tls" not in second


# Who it was


def told(server, **fields):
    return server.wait_for_log("connection", **fields)[0]


def test_the_peer_that_a_proxy_tells(start_server, tmp_path):
    path = tmp_path / "sluice.sock"
    server = start_server(
        *("--trusted-proxy", "127.0.0.5", "--trusted-proxy", "unix"),
        listen=("127.0.0.1:0", f"unix:{path}"),
    )
    field = "X-Forwarded-For: 203.0.113.7"
    with AnyConnection(server, source="127.0.0.5") as client:
        client.websocket("/channels/a", field)
    assert told(server, channel="a")["peer"] == "203.0.113.7"
    with AnyConnection(server, source="127.0.0.5") as client:
        client.request("GET", "/b", field)
        client.response()
    assert told(server, path="/b")["peer"] == "203.0.113.7"
    # Each request tells its own, and the line is of the last.
    with AnyConnection(server, source="127.0.0.5") as client:
        client.request("GET", "/x", "X-Forwarded-For: 203.0.113.99")
        client.response()
        client.request("GET", "/c")
        client.response()
    assert told(server, path="/c")["peer"] == "127.0.0.5"
    # Who is not trusted tells nothing.
    with AnyConnection(server, source="127.0.0.6") as client:
        client.websocket("/channels/d", field)
    assert told(server, channel="d")["peer"] == "127.0.0.6"
    with AnyConnection(server, index=1) as client:
        client.websocket("/channels/e")
    assert told(server, channel="e")["peer"] == "unix"
    with AnyConnection(server, index=1) as client:
        client.websocket("/channels/f", "X-Forwarded-For: 2001:db8::7")
    assert told(server, channel="f")["peer"] == "2001:db8::7"


def test_the_peer_in_a_proxy_header(start_server):
    server = start_server("--trusted-proxy", "127.0.0.5", "--proxy-protocol")
    header = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n"
    with AnyConnection(server, source="127.0.0.5", first=header) as client:
        client.websocket("/channels/a", "X-Forwarded-For: 203.0.113.8")
    assert told(server, channel="a")["peer"] == "203.0.113.7"
    with AnyConnection(server, source="127.0.0.5", first=b"GET / HTTP/1.1\r\n\r\n"):
        line = told(server, cause="protocol_violation")
    assert line["peer"] == "127.0.0.5"
    assert line["detail"] == "not a PROXY header"


# Hostile clients

FORGED = '{"level":"error","message":"forged"}'
PATHS = [
    "/%0a" + FORGED.replace('"', "%22"),
    "/" + FORGED,
    "/a\\u000a\\n\\",
    '/"},{"message":"forged"',
    '/"\\',
    "/ message=forged".replace(" ", "%20"),
    "/=",
    "/" + "'" * 3000,
    "/" + '"' * 3000,
    "/channels/%0a",
    "/channels/a%22,%22message%22:%22forged",
    "/channels/" + "%E2%80%AE" * 60,
    "/channels/%F0%9F%98%80%20%3D%22",
    "/channels/%EF%BB%BF%E2%80%A8b",
    "/channels/a%1B%5B2J",
    "/channels/%C2%9B2J",
]


# What a coordinator says in the life of a gateway; and the whole.
COORDINATOR = (
    "worker started", "worker ready", "worker ended", "operation started", "operation ended",
    "gateway stopped")
LIFE = ("draining", "stopped", *COORDINATOR)


@pytest.mark.parametrize("form", ["json", "logfmt", "text"])
def test_no_path_forges_a_line(start_server, form):
    server = start_server("--log-format", form)
    for path in PATHS:
        with Connection(server, timeout_s=5) as client:
            client.send(
                f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"User-Agent: {FORGED}\r\nX-Forwarded-For: {FORGED}\r\n\r\n".encode()
            )
            client.response()
    # Methods are words too, and headers with bare line ends are refused.
    for sent in (
        b"G!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n" + FORGED.encode() + b"\n\n",
        FORGED.encode() + b"\r\n\r\n",
        b"\x1b[2J / HTTP/1.1\r\n\r\n",
    ):
        with Connection(server, timeout_s=5) as client:
            client.send(sent)
            client.response()
    server.signal()
    server.wait()
    text = server.stderr
    # Nothing but visible characters, and one line for each connection.
    assert all(character == "\n" or character.isprintable() for character in text)
    lines = text.splitlines()
    assert sum("connection" in line for line in lines) >= len(PATHS) + 4
    assert all(len(line.encode()) < 4096 for line in lines)
    if form == "json":
        for line in server.log:
            assert line["message"] in ("connection", *LIFE)
            assert set(line) <= FIELDS or line["message"] != "connection"
        ended = [line for line in server.log if line["message"] == "connection"]
        for path, line in zip(PATHS, ended):
            assert line["path"] == path or path.startswith(line["path"].removesuffix("…"))
            assert line["path"] == path or len(path) > 1000
    else:
        head = {"logfmt": r"time=\S+ level=\w+ message=", "text": r"\S{24} \w+ +"}[form]
        messages = "|".join(("connection", *LIFE))
        field = r' \w+=(?:[^\s"=\\]+|"(?:[^"\\]|\\.)*")'
        for line in lines:
            assert re.fullmatch(rf'{head}"?({messages})"?({field})*', line), line


def test_formats(start_server):
    stopped = {
        "text": r"\S+Z info    stopped worker=0 connections=0 .*",
        "logfmt": r'time=\S+Z level=info message="stopped" worker=0 connections=0 .*',
        "json": r'\{"time":"\S+Z","level":"info","message":"stopped","worker":0,"connections":0,.*\}',
    }
    stopped["auto"] = stopped["json"]
    for form, expected in stopped.items():
        server = start_server("--log-format", form)
        server.signal()
        server.wait()
        assert any(re.fullmatch(expected, line) for line in server.stderr.splitlines())


def test_text_on_a_terminal(start_server):
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        server = start_server(stderr=theirs)
        os.close(theirs)
        only_connects(server)
        assert wait_until(lambda: select.select([terminal], [], [], 0)[0], 5)
        assert re.search(rb"\S+Z info    connection peer=127\.0\.0\.1 ", terminal.read(4096))


def test_levels(start_server):
    for level, messages in {
        "debug": ["request", "connection", "draining", "stopped"],
        "trace": ["accepted", "request", "connection", "draining", "stopped"],
        "info": ["connection", "draining", "stopped"],
        "notice": ["draining"],
        "warning": [],
        "error": [],
    }.items():
        server = start_server("--log-level", level)
        requests("/")(server)
        # The next one is accepted after the end of that.
        with Connection(server) as client:
            client.request("GET", "/", "Connection: close")
            assert client.response().status == 200
        server.signal()
        server.wait()
        said = list(dict.fromkeys(
            line["message"] for line in server.log if line["message"] not in COORDINATOR))
        assert said == messages


# Standard error that nobody reads


class Pipe:
    """A pipe for a server's standard error."""

    def __init__(self, capacity=4096):
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, capacity)

    def lines(self, until, deadline_s=10):
        """Reads up to a line with this message."""
        lines, rest = [], b""
        deadline = time.monotonic() + deadline_s
        while not any(line["message"] == until for line in lines[-50:]):
            assert time.monotonic() < deadline, f"no {until!r}: {lines[-3:]}"
            if select.select([self.reading], [], [], 0.1)[0]:
                complete, newline, rest = (rest + os.read(self.reading, 1 << 16)).rpartition(b"\n")
                lines += [json.loads(line) for line in complete.splitlines()]
        return lines

    def close(self):
        for descriptor in (self.reading, self.writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


def churn(server, count):
    """So many connections that have a line each, as long as lines can be."""
    path = b"/" + b"p" * 1000
    for _ in range(count):
        with Connection(server, timeout_s=5) as client:
            client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert client.response().status == 404


@pytest.mark.timeout(120)
@pytest.mark.parametrize("blocking", [True, False])
def test_a_full_pipe_does_not_hold_up_anything(start_server, pipe, blocking):
    os.set_blocking(pipe.writing, blocking)
    server = start_server(stderr=pipe.writing)
    with websocket(server) as client:
        client.socket.settimeout(2)

        def echoes():
            client.send(frame(TEXT, b"still there"))
            return client.frame_of(TEXT).payload == b"still there"

        count = 0
        # The queue's 4 MiB, the pipe's, and a lot that has no room.
        for _ in range(50):
            churn(server, 100)
            count += 100
            assert echoes()
        memory = server.memory_bytes()
        churn(server, 1000)
        count += 1000
        assert echoes()
        assert server.memory_bytes() < memory + (1 << 20)
        lines = pipe.lines(until="log lines lost")
        (loss,) = [line for line in lines if line["message"] == "log lines lost"]
        written = [line for line in lines if line["message"] == "connection"]
        assert loss["level"] == "warning"
        assert len(written) + loss["lines"] == count
        assert 1000 < loss["lines"] < count - 1000
        # And on it goes.
        churn(server, 1)
        if lines[-1]["message"] != "connection":
            pipe.lines(until="connection")
        assert echoes()
    server.signal()
    assert pipe.lines(until="stopped")[-1]["message"] == "stopped"
    server.wait()


def test_the_end_waits_for_a_stuck_pipe_but_not_for_long(start_server, pipe):
    server = start_server(stderr=pipe.writing)
    churn(server, 20)
    deadline = time.monotonic() + 3
    while server.running:
        # It ends as it should, however often it is told.
        server.signal()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.wait()


def test_the_end_waits_for_a_slow_reader(start_server, pipe):
    server = start_server(stderr=pipe.writing)
    churn(server, 200)
    server.signal()
    lines = pipe.lines(until="stopped")
    assert sum(line["message"] == "connection" for line in lines) == 200
    server.wait()


def test_standard_error_that_nobody_reads_any_more(start_server, pipe):
    server = start_server(stderr=pipe.writing)
    os.close(pipe.reading)
    os.close(pipe.writing)
    with websocket(server) as client:
        churn(server, 50)
        client.send(frame(TEXT, b"x"))
        client.frame_of(TEXT)
        # A writer that tries again and again would show here.
        before = cpu_seconds(server)
        time.sleep(0.5)
        assert cpu_seconds(server) - before < 0.2


def cpu_seconds(server):
    with open(f"/proc/{server.worker_pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_two_processes_share_a_pipe(start_server, pipe):
    """Lines of both come whole."""
    servers = [start_server(stderr=pipe.writing) for _ in range(2)]
    for _ in range(20):
        for server in servers:
            churn(server, 3)
    for server in servers:
        server.signal()
    text = b""
    for _ in range(1000):
        if select.select([pipe.reading], [], [], 0.1)[0]:
            text += os.read(pipe.reading, 1 << 16)
        if text.count(b'"stopped"') == 2:
            break
    lines = [json.loads(line) for line in text.splitlines()]
    assert sum(line["message"] == "connection" for line in lines) == 120


# Problems that repeat themselves


@pytest.mark.timeout(60)
def test_a_repeated_problem_is_told_now_and_then(start_server):
    server = start_server("--log-level", "warning", "--max-connections", "1")
    message = "too many connections"
    with websocket(server):
        for _ in range(20):
            with contextlib.suppress(Ended, ConnectionError), Connection(server) as client:
                client.response()
        assert len(server.wait_for_log(message)) == 1
        lines = server.wait_for_log(message, count=2, deadline_s=15)
        assert "left_out" not in lines[0]
        assert lines[1]["left_out"] == 19
        assert [line["level"] for line in lines] == ["warning", "warning"]
        with contextlib.suppress(Ended, ConnectionError), Connection(server) as client:
            client.response()
    server.signal()
    server.wait()
    # What was left out last is told at the end.
    assert [line.get("left_out") for line in server.log] == [None, 19, 1]


def test_failing_accepts_are_told(start_server):
    server = start_server("--log-level", "warning")
    with websocket(server):
        limits = resource.prlimit(server.worker_pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.worker_pid, resource.RLIMIT_NOFILE, (10, limits[1]))
        waiting = [socket.create_connection((server.host, server.port)) for _ in range(20)]
        (line,) = server.wait_for_log("cannot accept connections", level="error")
        assert line["detail"] == "Too many open files"
        time.sleep(0.5)
        assert len(server.log) == 1
        resource.prlimit(server.worker_pid, resource.RLIMIT_NOFILE, limits)
        for each in waiting:
            each.close()
        assert wait_until(lambda: accepts(server), 5)
    server.signal()
    server.wait()
    assert server.log[-1]["left_out"] >= 2


def accepts(server):
    with contextlib.suppress(OSError, Ended), Connection(server, timeout_s=1) as client:
        client.request("GET", "/")
        return client.response().status == 200
    return False


def test_a_start_that_fails_is_logged(start_server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(AssertionError) as failure:
            start_server(listen=(address,))
    line = json.loads(str(failure.value).partition("stderr: ")[2])
    assert (line["level"], line["message"]) == ("error", "cannot start")
    assert address in line["error"]


def test_the_fields_are_documented():
    text = (sluice.ROOT / "docs/operations.md").read_text()
    names = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    assert FIELDS <= names
