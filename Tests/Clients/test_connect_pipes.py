"""`sluice connect` between other programs: pipes, files, signals, exit statuses."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import sluice
import wire

MiB = 1 << 20


@pytest.fixture
def start_connect():
    """start_connect(url, "--flag", …): a running `sluice connect`, with pipes."""
    processes = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            [sluice.BINARY, "connect", *arguments],
            env=sluice.ENVIRONMENT,
            bufsize=0,
            **{
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **options,
            },
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


def end(process, deadline_s=10):
    """Its exit status, and what it complained about."""
    status = process.wait(deadline_s)
    return status, process.stderr.read().decode()


def echo(peer):
    """Echoes until the client closes; the messages, with their kind."""
    peer.upgrade()
    messages = []
    while (frame := peer.frame()).opcode != wire.CLOSE:
        messages.append((frame.opcode, frame.payload))
        peer.send_frame(frame.opcode, frame.payload)
    peer.send_frame(wire.CLOSE, frame.payload)
    return messages


# Lines and messages


@pytest.mark.parametrize(
    "data, messages",
    [
        (b"", []),
        (b"\n", [b""]),
        (b"one", [b"one"]),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\n\n\ntwo", [b"one", b"", b"", b"two"]),
        ("grüße 🚣\r\n".encode(), ["grüße 🚣\r".encode()]),
        (b"zero\x00byte\n", [b"zero\x00byte"]),
    ],
)
def test_lines(connect_command, misbehaving_server, data, messages):
    server = misbehaving_server(echo)
    done = connect_command(server.url, input=data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == b"".join(message + b"\n" for message in messages)
    assert server.result() == [(wire.TEXT, message) for message in messages]


@pytest.mark.parametrize("flag", ["--null", "-0"])
def test_null(connect_command, misbehaving_server, flag):
    server = misbehaving_server(echo)
    done = connect_command(server.url, flag, input=b"one\ntwo\x00\x00three")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == b"one\ntwo\x00\x00three\x00"
    assert server.result() == [(wire.TEXT, t) for t in (b"one\ntwo", b"", b"three")]


def test_binary(connect_command, misbehaving_server):
    server = misbehaving_server(echo)
    done = connect_command(server.url, "--binary", input=b"\xff\x00\xfe\nx\n")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", b"\xff\x00\xfe\nx\n")
    assert server.result() == [(wire.BINARY, b"\xff\x00\xfe"), (wire.BINARY, b"x")]


def test_not_utf8(connect_command, misbehaving_server):
    server = misbehaving_server(echo)
    done = connect_command(server.url, input=b"one\n\xff\nthree\n")
    assert done.stderr == (
        "sluice: a line that is not UTF-8 was not sent; --binary sends it as it is\n"
    )
    assert (done.returncode, done.stdout) == (1, b"one\nthree\n")


def test_long_lines(connect_command, server):
    """16 MiB are sent as one message; one byte more is refused, and the rest goes on."""
    pattern = bytes(range(32, 127))
    longest = (pattern * (16 * MiB // len(pattern) + 1))[: 16 * MiB]
    with_limit = (server.ws + "/echo", "--wait", "0s")
    done = connect_command(*with_limit, input=b"a" * MiB + b"\n" + b"b" * MiB + b"\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == b"a" * MiB + b"\n" + b"b" * MiB + b"\n"
    done = connect_command(server.ws + "/echo", input=longest + b"x\nshort\n")
    assert done.stderr == f"sluice: a line of over {16 * MiB} bytes was not sent\n"
    assert (done.returncode, done.stdout) == (1, b"short\n")


def test_longest_line(connect_command, start_server):
    server = start_server("--max-message-size", "16MiB")
    data = os.urandom(8 * MiB).hex().encode()
    assert len(data) == 16 * MiB
    done = connect_command(server.ws + "/echo", input=data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == data + b"\n"


def test_many_lines(connect_command, server):
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    done = connect_command(server.ws + "/echo", input=data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == data


# Files


def test_from_a_file(connect_command, server, tmp_path):
    (tmp_path / "lines").write_bytes(b"one\ntwo\n" * 10_000)
    with open(tmp_path / "lines", "rb") as lines, open(tmp_path / "copy", "wb") as copy:
        done = subprocess.run(
            [sluice.BINARY, "connect", server.ws + "/echo"], stdin=lines, stdout=copy, timeout=10
        )
    assert done.returncode == 0
    assert (tmp_path / "copy").read_bytes() == b"one\ntwo\n" * 10_000


def test_only_listening(start_connect, misbehaving_server):
    """Nothing to send: --wait keeps the connection, from when it is open."""

    def script(peer):
        time.sleep(0.3)
        peer.upgrade()
        begun = time.monotonic()
        peer.send_text("hello")
        code = peer.answer_close()
        return code, time.monotonic() - begun

    server = misbehaving_server(script)
    process = start_connect(server.url, "--wait", "400ms", stdin=subprocess.DEVNULL)
    assert process.stdout.read() == b"hello\n"
    assert end(process) == (0, "")
    code, seconds = server.result()
    assert code == 1000
    assert seconds > 0.35


def test_no_disk_space(connect_command, server):
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sluice.BINARY, "connect", server.ws + "/echo", "--wait", "9s"],
            input=b"hello\n",
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=5,
        )
    assert process.stderr == b"sluice: standard output: No space left on device\n"
    assert process.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(server, closed):
    """No socket takes the number of a stream, to get what is printed there."""
    command = f'echo hello | {{ "$@" {closed}; }}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sluice.BINARY, "connect", server.ws + "/echo"],
        capture_output=True,
        timeout=10,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout == (b"hello\n" if closed == "2>&-" else b"")


# Slow ones


def memory_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_slow_server(start_connect, misbehaving_server):
    """Input is read only as fast as the server takes it."""
    go_on = threading.Event()
    total = 64 * MiB

    def script(peer):
        peer.upgrade()
        go_on.wait(10)
        received = 0
        while (frame := peer.frame()).opcode != wire.CLOSE:
            received += len(frame.payload)
        peer.send_frame(wire.CLOSE, frame.payload)
        return received

    server = misbehaving_server(script)
    process = start_connect(server.url)
    line = b"x" * 65_535 + b"\n"

    def write():
        for _ in range(total // len(line)):
            process.stdin.write(line)
            written.append(len(line))
        process.stdin.close()

    written = []
    writer = threading.Thread(target=write)
    writer.start()
    seen = -1
    while len(written) > seen or not written:
        seen = len(written)
        time.sleep(0.3)
    assert writer.is_alive()
    # The kernel's buffers on both sides, and 1 MiB of our own.
    assert sum(written) < 24 * MiB
    assert memory_bytes(process.pid) < 24 * MiB
    go_on.set()
    writer.join(10)
    assert end(process) == (0, "")
    assert server.result() == len(written) * 65_535


def flood(peer, count=48):
    """Sends messages of 1 MiB, then closes; how many have gone is in peer.sent."""
    peer.upgrade()
    peer.sent = 0
    for _ in range(count):
        peer.send_text("y" * MiB)
        peer.sent += 1
    peer.send_close(1000)
    while (frame := peer.frame()).opcode == wire.PING:
        pass
    return frame.close_code


@pytest.fixture
def flooded(start_connect, misbehaving_server):
    """A client that nobody reads the output of, and its server, which waits for it."""
    peers = []

    def script(peer):
        peers.append(peer)
        return flood(peer)

    def start(*flags):
        server = misbehaving_server(script, timeout_s=20)
        process = start_connect(server.url, *flags)
        deadline = time.monotonic() + 5
        seen = None
        while not peers or seen != (seen := getattr(peers[0], "sent", 0)) or seen == 0:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert seen < 40, "more was taken than can be written"
        assert memory_bytes(process.pid) < 24 * MiB
        return server, process

    return start


def test_slow_reader(flooded):
    # Pings that can't be answered while nothing is received are no reason to hang up.
    server, process = flooded("--ping", "200ms")
    time.sleep(0.5)
    output = process.stdout.read()
    assert end(process) == (0, "")
    assert output == (b"y" * MiB + b"\n") * 48
    assert server.result() == 1000


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_behind_a_slow_reader(flooded, number, status):
    _, process = flooded()
    process.send_signal(number)
    assert end(process, deadline_s=3)[0] == status


def test_reader_goes_while_the_close_is_under_way(start_connect, misbehaving_server):
    """The rest of the output is written at the reader's pace, also after the close."""

    def script(peer):
        peer.upgrade()
        code = peer.close_code()
        for _ in range(8):
            peer.send_text("z" * MiB)
        peer.send_close(code)
        return code

    server = misbehaving_server(script)
    process = start_connect(server.url, stdin=subprocess.DEVNULL)
    # Longer than the deadline of the closing handshake would be wasteful here.
    time.sleep(1)
    assert process.stdout.read() == (b"z" * MiB + b"\n") * 8
    assert end(process) == (0, "")


def test_closed_pipe(start_connect, misbehaving_server):
    """As behind `head -1`: noticed at once, not with the next message."""

    def script(peer):
        peer.upgrade()
        peer.send_text("one")
        return peer.answer_close()

    server = misbehaving_server(script)
    process = start_connect(server.url)
    assert process.stdout.read(4) == b"one\n"
    process.stdout.close()
    assert end(process, deadline_s=3) == (0, "")
    assert server.result() == 1000


# The end


def test_messages_that_come_during_the_closing(connect_command, misbehaving_server):
    def script(peer):
        peer.upgrade()
        assert peer.message() == "question"
        code = peer.close_code()
        peer.send_text("answer")
        peer.send_frame(wire.PING, b"x")
        peer.send_text("postscript")
        peer.send_close(code)
        return code, bytes(peer.buffer)

    server = misbehaving_server(script)
    done = connect_command(server.url, input=b"question")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"answer\npostscript\n", "")
    assert server.result() == (1000, b"")


def test_input_that_nobody_takes(start_connect, misbehaving_server):
    """The server closes in order, and there was more to be sent."""

    def script(peer):
        peer.upgrade()
        peer.send_close(1000)
        return peer.close_code()

    server = misbehaving_server(script)
    read, write = os.pipe()
    with open(read, "rb") as lines, open(write, "wb") as more:
        more.write(b"x" * 60_000 + b"\n")
        more.flush()
        process = start_connect(server.url, "--handshake-timeout", "3s", stdin=lines)
        status, complaints = end(process)
    # Whether it was still sent is a race.
    assert (status, complaints) in [(0, ""), (1, "sluice: not sent: 1 line\n")]


def test_stdin_on_a_server_that_refuses(connect_command, misbehaving_server):
    def script(peer):
        peer.request()
        peer.respond("HTTP/1.1 404 Not Found")

    server = misbehaving_server(script)
    done = connect_command(server.url, input=b"one\ntwo\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"sluice: {server.url}: the server refused: 404 Not Found"


@pytest.mark.parametrize(
    "number, status",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "HUP"],
)
def test_signals(start_connect, misbehaving_server, number, status):
    """The connection is closed in order."""

    def script(peer):
        peer.upgrade()
        peer.send_text("open")
        code = peer.close_code()
        peer.send_text("while closing")
        peer.send_close(code)
        return code

    server = misbehaving_server(script)
    process = start_connect(server.url)
    assert process.stdout.read(5) == b"open\n"
    process.send_signal(number)
    assert end(process) == (status, "")
    assert process.stdout.read() == b"while closing\n"
    assert server.result() == 1000


def test_second_signal(start_connect, misbehaving_server):
    """A server that doesn't answer the close is not waited for twice."""
    closing = threading.Event()

    def script(peer):
        peer.upgrade()
        peer.send_text("open")
        peer.close_code()
        closing.set()
        peer.read_to_end()

    server = misbehaving_server(script)
    process = start_connect(server.url)
    assert process.stdout.read(5) == b"open\n"
    process.send_signal(signal.SIGTERM)
    assert closing.wait(5)
    process.send_signal(signal.SIGINT)
    assert end(process, deadline_s=3) == (130, "")


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_signal_before_it_is_open(start_connect, misbehaving_server, scheme):
    asked = threading.Event()

    def script(peer):
        peer.socket.recv(1)
        asked.set()
        peer.read_to_end()

    server = misbehaving_server(script)
    process = start_connect(f"{scheme}://{server.authority}/")
    assert asked.wait(5)
    process.send_signal(signal.SIGINT)
    assert end(process, deadline_s=3) == (130, "")


# Usage


def test_help(connect_command):
    done = connect_command("--help")
    assert done.returncode == 0
    for status in ("0  closed", "1  no WebSocket", "2  the connection", "64  wrong", "130  inter"):
        assert status in done.stdout.decode()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "Missing expected argument '<url>'"),
        (["http://a/#b"], "a WebSocket URL has no fragment; write %23 for '#'"),
        (["ftp://a/"], "the scheme 'ftp' is none of ws, wss and ws+unix"),
        (["ws:///x"], "the host is missing"),
        (["ws://a:0/"], "'0' is not a port from 1 to 65535"),
        (["ws://a/", "--ping", "0s"], "--ping is over 0."),
        (["ws://a/", "--handshake-timeout", "0s"], "--handshake-timeout is over 0."),
        (["ws://a/", "--wait", "soon"], "The value 'soon' is invalid for '--wait <time>'"),
        (["ws://a/", "--header", "x"], "--header 'x': a field is 'NAME: VALUE'."),
        (["ws://a/", "--header", "Host: b"], "--header: the handshake writes the field Host itself."),
        (["ws://a/", "--header", "a b: c"], "--header 'a b: c': "),
        (["ws://a/", "--header", "a: b\r\nc: d"], "--header 'a: b\r\nc: d': "),
        (["ws://a/", "--cookie", "x"], "--cookie 'x': a cookie is NAME=VALUE."),
        (["ws://a/", "--cookie", "x=a;b"], "--cookie: the cookie 'x' has characters"),
        (["ws://a/", "--origin", ""], "--origin: the origin is empty, or has control characters."),
        (["ws://a/", "-s", "a b"], "--subprotocol: the subprotocol 'a b' is not a token"),
        (["ws://a/", "-s", "a", "-s", "a"], "--subprotocol: the subprotocol 'a' is not a token"),
        (["ws://a/", "--protocol-version", "7"], "The value '7' is invalid for"),
        (["wss://a/", "--ca", "/none"], "sluice: CA file /none: there is no such file\n"),
        (["wss://a/", "--ca", "/dev/null"], "sluice: CA file /dev/null: is empty\n"),
        (["wss://a/", "--certificate", "/none"], "certificate file /none: there is no such file\n"),
        (["wss://a/", "--key", "/none"], "--key needs --certificate FILE."),
        (["wss://a/", "--insecure", "--ca", "x"], "--insecure trusts anyone: leave out --ca."),
        (
            ["ws://u:p@a/", "-H", "authorization: x"],
            "Give a user in the URL or --header Authorization, not both.",
        ),
    ],
)
def test_wrong_usage(connect_command, arguments, message):
    done = connect_command(*arguments)
    assert message in done.stderr
    assert done.returncode == 64
    assert done.stdout == b""
