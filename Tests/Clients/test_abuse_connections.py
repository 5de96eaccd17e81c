"""Connections that are opened to be a burden: slow and half handshakes in great
numbers, plain and TLS, while honest clients are served."""

import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from abuse import (
    KIB,
    MIB,
    Honest,
    allow_open_files,
    descriptor_count,
    handshake,
    is_cut,
    memory_bytes,
    tcp,
    trusting,
    wait_until,
)

PENDING = 4000
DEADLINE_S = 1.5
FLAGS = ("--handshake-timeout", "1500ms", "--close-timeout", "1s")


def sources(count):
    """Addresses of this machine, each for at most 500 connections."""
    return [f"127.0.0.{10 + number // 500}" for number in range(count)]


def client_hello():
    """What a TLS client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def attack(server, opening, dribbled=b"", count=PENDING):
    """Opens connections that send `opening`, then `dribbled` byte by byte.

    Returns when all are cut: for each how long it lasted, and what the server's
    memory was when all were there."""
    sockets = []
    started = []
    lasted = []
    try:
        for source in sources(count):
            sockets.append(tcp(server, source))
            started.append(time.monotonic())
            if opening:
                sockets[-1].send(opening)
            sockets[-1].setblocking(False)
        assert time.monotonic() - started[0] < DEADLINE_S, "too slow to have all at once"
        assert wait_until(lambda: descriptor_count(server) > count, 1)
        memory = memory_bytes(server)
        position = 0
        left = dict(enumerate(sockets))
        while left:
            assert time.monotonic() - started[0] < 15, f"{len(left)} of {count} are still there"
            byte = dribbled[position : position + 1]
            position += 1
            for number, client in list(left.items()):
                try:
                    if byte:
                        client.send(byte)
                    ended = not client.recv(KIB)
                except BlockingIOError:
                    ended = False
                except OSError:
                    ended = True
                if ended:
                    lasted.append(time.monotonic() - started[number])
                    left.pop(number).close()
            # Whoever is cut last says when.
            time.sleep(0.02)
    finally:
        for client in sockets:
            client.close()
    return lasted, memory


SLOW = {
    "silent": (b"", b""),
    "half a head": (b"GET /echo HTTP/1.1\r\nHost: a\r\nX: ", b""),
    "dribbling": (b"GET /echo HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n" * 1000),
    "a body": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n", b"x" * 9000),
    "chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n" * 1000,
    ),
    "empty lines": (b"\r\n", b""),
}


@pytest.mark.parametrize("opening, dribbled", SLOW.values(), ids=SLOW.keys())
def test_slow_requests(start_server, opening, dribbled):
    """Slowloris: the deadline is absolute, and a pending connection is cheap."""
    allow_open_files(2 * PENDING)
    server = start_server(*FLAGS)
    with Honest(server) as honest:
        descriptors, before = descriptor_count(server), memory_bytes(server)
        lasted, memory = attack(server, opening, dribbled)
        assert len(lasted) == PENDING
        assert max(lasted) < DEADLINE_S + 1.5
        # Not before it is due, either, by more than the clock's grain.
        assert min(lasted) > DEADLINE_S - 0.2
        print(f"{(memory - before) / PENDING / KIB:.1f} KiB for each")
        assert memory - before <= PENDING * 4 * KIB
        # Those that arrive and go are counted too, hence not exactly.
        assert wait_until(lambda: abs(descriptor_count(server) - descriptors) <= 1, 5)
    assert len(honest.arrival_seconds) > 10


@pytest.mark.parametrize("kind", ["silent", "half a hello", "hello only", "dribbling hello"])
def test_slow_tls_handshakes(start_server, self_signed, kind):
    allow_open_files(2 * PENDING)
    server = start_server(*FLAGS, "--tls-certificate", str(self_signed))
    hello = client_hello()
    opening, dribbled = {
        "silent": (b"", b""),
        "half a hello": (hello[: len(hello) // 2], b""),
        "hello only": (hello, b""),
        "dribbling hello": (hello[:5], hello[5:-1]),
    }[kind]
    # A full answer to a hello is a signature and more.
    count = PENDING // 4 if kind == "hello only" else PENDING
    with Honest(server, tls=trusting(self_signed)) as honest:
        descriptors, before = descriptor_count(server), memory_bytes(server)
        lasted, memory = attack(server, opening, dribbled, count)
        assert len(lasted) == count
        assert max(lasted) < DEADLINE_S + 1.5
        print(f"{(memory - before) / count / KIB:.1f} KiB for each")
        # From the first byte on, OpenSSL has a buffer for a whole record.
        assert (memory - before) // count <= (16 if kind == "silent" else 80) * KIB
        assert wait_until(lambda: abs(descriptor_count(server) - descriptors) <= 1, 5)
    assert len(honest.arrival_seconds) > 10


def test_the_deadline_covers_tls_and_the_request_together(start_server, self_signed, dial):
    server = start_server(*FLAGS, "--tls-certificate", str(self_signed))
    with Honest(server, tls=trusting(self_signed)):
        start = time.monotonic()
        slow = dial(server)
        time.sleep(1)  # of the deadline, before TLS begins
        slow.socket = trusting(self_signed).wrap_socket(slow.socket, server_hostname="localhost")
        slow.send(b"GET /echo HTTP/1.1\r\n")
        assert is_cut(slow.socket, 5)
        assert DEADLINE_S - 0.2 < time.monotonic() - start < DEADLINE_S + 0.5


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_pending_handshakes_of_one_address_are_limited(start_server, self_signed, secure):
    """The flood's address gets no more; others are served, and it is again later."""
    flags = ["--handshake-timeout", "3s", "--max-handshakes-per-address", "100"]
    tls = None
    if secure:
        flags += ["--tls-certificate", str(self_signed)]
        tls = trusting(self_signed)
    server = start_server(*flags)
    with Honest(server, tls=tls, source="127.0.0.2") as honest:
        pending = [tcp(server, "127.0.0.9") for _ in range(100)]
        refused = [tcp(server, "127.0.0.9") for _ in range(100)]
        answers = 0
        for client in refused:
            client.settimeout(3)
            try:
                client.send(handshake())
                answers += b"HTTP/1.1 429 " in client.recv(KIB)
            except ConnectionError:
                pass
            assert is_cut(client, 3)
            client.close()
        assert answers == 0 if secure else 1 <= answers <= 100
        # A handshake that is done gives its place back.
        if not secure:
            pending[0].send(handshake())
            assert b" 101 " in pending[0].recv(KIB)
            with Honest(server, source="127.0.0.9", arrivals=False) as late:
                assert wait_until(lambda: len(late.seconds) > 3, 3)
        served = len(honest.arrival_seconds)
        assert wait_until(lambda: len(honest.arrival_seconds) > served + 3, 5)
        for client in pending:
            client.close()
        with Honest(server, tls=tls, source="127.0.0.9") as later:
            assert wait_until(lambda: len(later.arrival_seconds) > 3, 5)


def test_connections_that_come_faster_than_they_are_accepted(start_server):
    """Full accept queues, half of them reset before they are looked at."""
    server = start_server()
    with Honest(server):
        for _ in range(20):
            crowd = [tcp(server, f"127.0.0.{20 + n % 50}") for n in range(200)]
            for number, client in enumerate(crowd):
                if number % 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()


# slowhttptest


@pytest.mark.skipif(not shutil.which("slowhttptest"), reason="slowhttptest is not installed")
@pytest.mark.parametrize(
    "mode",
    [
        ["-H", "-i", "1", "-x", "24"],
        ["-B", "-i", "1", "-s", "8192", "-x", "10"],
        ["-R", "-a", "10", "-b", "3000"],
        ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "10"],
    ],
    ids=["slow head", "slow body", "range", "slow read"],
)
def test_slowhttptest(start_server, mode):
    server = start_server(*FLAGS, "--keep-alive-timeout", "2s")
    with Honest(server):
        done = subprocess.run(
            ["slowhttptest", *mode, "-c", "1000", "-r", "1000", "-l", "3", "-p", "1",
             "-u", server.http + "/"],
            capture_output=True, text=True, timeout=25,
        )  # fmt: skip
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        availability = re.findall(r"service available:\s+(\w+)", output)
        assert availability and set(availability) == {"YES"}, output
    assert memory_bytes(server) < 100 * MIB
