"""`sluice connect --reconnect`: when it connects again, and when it doesn't."""

import queue
import signal
import subprocess
import time
from concurrent import futures

import certificates
import pytest
import sluice
import wire


@pytest.fixture
def start_connect():
    processes = []

    def start(*arguments, stdin=subprocess.PIPE):
        process = subprocess.Popen(
            [sluice.BINARY, "connect", "--reconnect", *arguments],
            env=sluice.ENVIRONMENT,
            bufsize=0,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


class Played:
    """A script that plays one part after the other, a connection each, and notes when
    each began and ended, by the server's clock."""

    def __init__(self, *parts):
        self.parts = list(parts)
        self.begun = []
        self.ended = []

    def __call__(self, peer):
        self.begun.append(time.monotonic())
        part = self.parts[len(self.begun) - 1]
        try:
            return part(peer)
        finally:
            self.ended.append(time.monotonic())

    @property
    def pauses(self):
        """From each end to the next beginning, in seconds."""
        return [begun - ended for ended, begun in zip(self.ended, self.begun[1:])]


def closing(code, reason=b""):
    def part(peer):
        peer.upgrade()
        peer.send_close(code, reason)
        return peer.frame().close_code

    return part


def refusing(*lines):
    def part(peer):
        peer.request()
        peer.respond(*lines)

    return part


def last(peer):
    """The connection that is good: one message, and the end."""
    peer.upgrade()
    peer.send_text("back")
    peer.send_close(1000)
    return peer.frame().close_code


# When


def test_the_server_says_when(misbehaving_server, start_connect):
    """The hint in a close reason and Retry-After, to the letter."""
    cases = [
        (closing(1012, b"restart; retry=500-1500"), 0.5, 1.5),
        (closing(1001, b"retry=400"), 0.4, 0.4),
        (closing(4200, b"retry=300-300"), 0.3, 0.3),
        (refusing("HTTP/1.1 503 Service Unavailable", "Retry-After: 1"), 1, 1),
        (refusing("HTTP/1.1 429 Too Many Requests", "Retry-After: 1"), 1, 1),
    ]

    def run(case):
        first, shortest, longest = case
        played = Played(first, last)
        process = start_connect(misbehaving_server(played).url)
        assert process.stdout.read() == b"back\n"
        assert process.wait(10) == 0
        (pause,) = played.pauses
        # Other work may hold it up, but nothing makes it early.
        assert shortest - 0.05 <= pause < longest + 3, pause

    with futures.ThreadPoolExecutor() as pool:
        list(pool.map(run, cases))


LOSSES = {
    "no close frame": lambda peer: peer.upgrade(),
    "no answer": lambda peer: peer.request(),
    "reset": lambda peer: (peer.request(), peer.reset()),
    "no code": lambda peer: (peer.upgrade(), peer.send_frame(wire.CLOSE), peer.frame()),
    "1001": closing(1001),
    "1011": closing(1011),
    "1013": closing(1013),
    "3000": closing(3000),
    "500": refusing("HTTP/1.1 500 Internal Server Error"),
    "408": refusing("HTTP/1.1 408 Request Timeout"),
}


def test_after_a_loss(misbehaving_server, start_connect):
    def run(name):
        played = Played(LOSSES[name], last)
        process = start_connect(misbehaving_server(played).url)
        assert process.stdout.read() == b"back\n", name
        assert process.wait(10) == 0
        assert b"; connecting again in 0." in process.stderr.read(), name

    with futures.ThreadPoolExecutor(len(LOSSES)) as pool:
        list(pool.map(run, LOSSES))


NOT_AGAIN = {
    "1000": (closing(1000), 0),
    "1002": (closing(1002), 2),
    "1003": (closing(1003), 2),
    "1007": (closing(1007), 2),
    "1008": (closing(1008), 2),
    "1009": (closing(1009), 2),
    "1010": (closing(1010), 2),
    "our violation": (lambda peer: (peer.upgrade(), peer.send(b"\xff\x00"), peer.frame()), 2),
    "401": (refusing("HTTP/1.1 401 Unauthorized"), 1),
    "403": (refusing("HTTP/1.1 403 Forbidden"), 1),
    "404": (refusing("HTTP/1.1 404 Not Found", "Retry-After: 1"), 1),
    "302": (refusing("HTTP/1.1 302 Found", "Location: /"), 1),
    "426": (refusing("HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 9"), 1),
    "garbage": (lambda peer: peer.send(b"\x00\x00\r\n"), 1),
}


@pytest.mark.parametrize("name", NOT_AGAIN)
def test_not_again(misbehaving_server, start_connect, name):
    part, status = NOT_AGAIN[name]
    played = Played(part, last)
    process = start_connect(misbehaving_server(played).url)
    assert process.wait(5) == status
    assert b"again in" not in process.stderr.read().replace(b"tried again in 1 s", b"")
    assert len(played.begun) == 1


def test_not_with_a_bad_certificate(start_server, start_connect, tmp_path):
    authority = certificates.Authority(tmp_path, "authority")
    server = start_server(*authority.issue("server", ["127.0.0.1"]).flags)
    process = start_connect(server.ws + "/echo")
    assert process.wait(5) == 1
    assert b"connecting again" not in process.stderr.read()


# What becomes of messages


def test_messages_flow_again(misbehaving_server, start_connect):
    """Lines that come meanwhile are sent once, in order, when it is open again."""

    def first(peer):
        peer.upgrade()
        peer.send_text("one")
        return peer.message()

    def second(peer):
        peer.upgrade()
        messages = [peer.message() for _ in range(3)]
        peer.send_text("two")
        messages.append(peer.message())
        return messages, peer.answer_close()

    played = Played(first, refusing("HTTP/1.1 503 a", "Retry-After: 1"), second)
    server = misbehaving_server(played)
    process = start_connect(server.url)
    assert process.stdout.read(4) == b"one\n"
    process.stdin.write(b"a\n")
    assert server.result() == "a"
    # It has noticed: what is sent into a connection that nobody has any more is lost.
    assert b"connecting again in 0." in process.stderr.readline()
    process.stdin.write(b"b\nc\nd\n")
    assert server.result() is None
    assert process.stdout.read(4) == b"two\n"
    process.stdin.write(b"e\n")
    process.stdin.close()
    assert server.result() == (["b", "c", "d", "e"], 1000)
    assert process.wait(5) == 0


def test_input_that_ended_is_still_sent(misbehaving_server, start_connect):
    def first(peer):
        peer.request()

    def second(peer):
        peer.upgrade()
        return peer.message(), peer.message(), peer.answer_close()

    server = misbehaving_server(Played(first, second))
    process = start_connect(server.url)
    process.stdin.write(b"a\nb\n")
    process.stdin.close()
    assert server.result() is None
    assert server.result() == ("a", "b", 1000)
    assert process.wait(5) == 0


def test_nothing_left_to_connect_for(misbehaving_server, start_connect):
    """The input ends while there is no connection, and all of it was sent."""

    def first(peer):
        peer.upgrade()
        return peer.message()

    server = misbehaving_server(Played(first), )
    process = start_connect(server.url)
    process.stdin.write(b"a\n")
    assert server.result() == "a"
    server.close()
    assert b"connecting again" in process.stderr.readline()
    process.stdin.close()
    # The connection was lost, and not closed in order.
    assert process.wait(5) in (1, 2)


def test_listening_goes_on(misbehaving_server, start_connect):
    """Without input, --wait is how long it goes on, and connects again."""
    played = Played(closing(1012, b"retry=1"), closing(1001, b"retry=1"), last)
    server = misbehaving_server(played)
    process = start_connect(server.url, "--wait", "1h", stdin=subprocess.DEVNULL)
    assert process.stdout.read() == b"back\n"
    assert process.wait(5) == 0


def test_waiting_ends_between_connections(misbehaving_server, start_connect):
    played = Played(closing(1012, b"retry=60000"))
    process = start_connect(
        misbehaving_server(played).url, "--wait", "300ms", stdin=subprocess.DEVNULL
    )
    assert process.wait(5) == 2
    assert process.stderr.read().endswith(b"connecting again in 60.0 s\n")


# A server that is gone, and back


def test_a_gateway_restarts(start_server, start_connect):
    server = start_server("--drain-deadline", "2s")
    port = server.port
    target = f"ws://127.0.0.1:{port}/channels/a?echo=1"
    process = start_connect(target, "--wait", "1h")
    process.stdin.write(b"one\n")
    assert process.stdout.read(4) == b"one\n"
    server.signal()
    line = process.stderr.readline().decode()
    assert line.startswith("closed by the server: 1012 service restart"), line
    process.stdin.write(b"two\n")
    server.wait()
    start_server(listen=(f"127.0.0.1:{port}",))
    assert process.stdout.read(4) == b"two\n"
    process.stdin.write(b"three\n")
    assert process.stdout.read(6) == b"three\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143


def test_a_stopped_server(start_server, start_connect):
    """It says nothing, and holds the connection: only --ping tells."""
    server = start_server()
    process = start_connect(
        server.ws + "/channels/a?echo=1", "--ping", "300ms", "--handshake-timeout", "1s"
    )
    process.stdin.write(b"one\n")
    assert process.stdout.read(4) == b"one\n"
    server.stop_all()
    try:
        line = process.stderr.readline().decode()
        assert line.startswith("connection lost: no pong within 300 ms; connecting again"), line
        process.stdin.write(b"two\n")
    finally:
        server.continue_all()
    assert process.stdout.read(4) == b"two\n"
    process.stdin.close()
    assert process.wait(5) == 0


def test_pings_and_a_slow_message(misbehaving_server, start_connect):
    """As long as something comes, the connection is not dead: the pong is behind it."""
    began = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        began.put(time.monotonic())
        message = wire.frame(wire.TEXT, b"x" * 1000, mask=b"")
        for start in range(0, len(message), 100):
            peer.send(message[start : start + 100])
            time.sleep(0.08)
        peer.send_close(1000)

    server = misbehaving_server(script)
    process = start_connect(server.url, "--ping", "200ms")
    assert process.stdout.read() == b"x" * 1000 + b"\n"
    assert process.wait(5) == 0
    assert time.monotonic() - began.get() > 0.6
