"""Connections that come and go in great numbers, in every abusive way: nothing may
be left of them.

SLUICE_CHURN is how many there are of each kind, as in `make soak-connects`."""

import contextlib
import os
import socket
import ssl

import pytest
import sluice
from abuse import (
    KIB,
    MIB,
    Honest,
    counters,
    descriptor_count,
    handshake,
    memory_bytes,
    reset,
    tcp,
    trusting,
    wait_until,
)
from wire import BINARY, TEXT, close_payload, frame

COUNT = int(os.environ.get("SLUICE_CHURN", "3000"))
# Of kinds that take a TLS handshake.
DEAR_COUNT = COUNT // 10
PROXY = "127.0.0.5"
# Some dozens are there at a time, more at one time than at another; a TLS handshake
# takes some 50 KiB meanwhile.
GROWTH_MAX = 1 * MIB
TLS_GROWTH_MAX = 6 * MIB

UPGRADE = handshake("/channels/churn")
VIOLATION = UPGRADE + frame(TEXT, b"before", mask=b"abcd") + b"\x83\x80abcd"
UNFINISHED = UPGRADE + frame(BINARY, bytes(5000), mask=b"abcd", length=100_000)


def sent(data, end, answered=False):
    """Connects, sends that, perhaps waits for something to come, and ends."""

    def once(server, index, source, _number, _context):
        client = tcp(server, source, index)
        with contextlib.suppress(ConnectionError):
            if data:
                client.send(data)
            if answered:
                client.recv(KIB)
        end(client)

    return once


def closed(client):
    client.close()


def half_open(client):
    """The server's answer is to be the end of it."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(KIB):
            pass
    client.close()


def tls(ending):
    def once(server, index, source, _number, context):
        client = tcp(server, source, index)
        with contextlib.suppress(ConnectionError):
            client = context.wrap_socket(client, server_hostname="localhost")
            ending(client)
        client.close()

    return once


def upgraded_and_gone(client):
    client.send(handshake())
    client.recv(KIB)
    reset(client)


def hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def channel_of_its_own(server, index, source, number, _context):
    """A name that never comes again."""
    client = tcp(server, source, index)
    client.send(handshake(f"/channels/{number}"))
    client.recv(KIB)
    reset(client)


PLAIN, TLS = 0, 1
# By name: the listener (plain or TLS), how many, where from, and what is done.
KINDS = {
    "connect and close": (PLAIN, COUNT, None, sent(b"", closed)),
    "connect and reset": (PLAIN, COUNT, None, sent(b"", reset)),
    "half a head": (PLAIN, COUNT, None, sent(UPGRADE[:60], closed)),
    "half a head, reset": (PLAIN, COUNT, None, sent(UPGRADE[:60], reset)),
    "half a body": (
        PLAIN, COUNT, None,
        sent(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nabc", closed),
    ),
    "bad head": (PLAIN, COUNT, None, sent(b"garbage\r\n\r\n", half_open)),
    "bad head, reset": (PLAIN, COUNT, None, sent(b"garbage\r\n\r\n", reset)),
    "head over the limit": (
        PLAIN, COUNT, None, sent(UPGRADE[:-2] + b"X: " + b"x" * 9000, half_open),
    ),
    "upgrade and reset": (PLAIN, COUNT, None, sent(UPGRADE, reset, answered=True)),
    "upgrade and close": (PLAIN, COUNT, None, sent(UPGRADE, closed, answered=True)),
    "upgrade and reset at once": (PLAIN, COUNT, None, sent(UPGRADE, reset)),
    "upgrade and violation": (PLAIN, COUNT, None, sent(VIOLATION, half_open)),
    "upgrade, violation, reset": (PLAIN, COUNT, None, sent(VIOLATION, reset, answered=True)),
    "unfinished message": (PLAIN, COUNT, None, sent(UNFINISHED, reset, answered=True)),
    "channel of its own": (PLAIN, COUNT, None, channel_of_its_own),
    "bad close code": (
        PLAIN, COUNT, None,
        sent(UPGRADE + frame(8, close_payload(999), mask=b"abcd"), half_open),
    ),
    "PROXY garbage": (PLAIN, COUNT, PROXY, sent(b"PROXY TCP4 garbage\r\n", half_open)),
    "half a PROXY header": (PLAIN, COUNT, PROXY, sent(b"\r\n\r\n\0\r\nQUIT", reset)),
    "PROXY header and reset": (
        PLAIN, COUNT, PROXY, sent(b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n" + UPGRADE, reset),
    ),
    "TLS garbage": (TLS, COUNT, None, sent(b"\x16\x03\x01\x00\x05garbage", half_open)),
    "TLS garbage, reset": (TLS, COUNT, None, sent(os.urandom(300), reset)),
    "plain HTTP to TLS": (TLS, COUNT, None, sent(UPGRADE, half_open)),
    "half a hello": (TLS, COUNT, None, sent(hello()[:100], closed)),
    "half a TLS handshake": (TLS, DEAR_COUNT, None, sent(hello(), reset, answered=True)),
    "TLS and gone": (TLS, DEAR_COUNT, None, tls(reset)),
    "TLS, upgraded and gone": (TLS, DEAR_COUNT, None, tls(upgraded_and_gone)),
}  # fmt: skip


@pytest.fixture(scope="module")
def churned(self_signed):
    server = sluice.Server(
        "--tls-certificate", str(self_signed), "--trusted-proxy", PROXY, "--proxy-protocol",
        "--max-connections-per-address", "5000", "--close-timeout", "2s",
        listen=("plain:127.0.0.1:0", "127.0.0.1:0"),
    )  # fmt: skip
    with Honest(server, source="127.0.0.2"):
        # Those of the honest client's second connection come and go.
        yield server, min(descriptor_count(server) for _ in range(1000))
    counted = counters(server)
    assert counted["accept_failure"] == 0
    assert counted["forced"] == 0
    server.stop()


def churn(server, kind, count, context):
    index, _, source, once = kind
    # In step with the server, so that only so many are there at a time.
    pace = tcp(server, "127.0.0.4")
    pace.sendall(handshake())
    pace.recv(KIB)
    for number in range(count):
        once(server, index, source or f"127.0.2.{number % 200}", number, context)
        if number % 50 == 49:
            pace.sendall(frame(TEXT, b"x", mask=b"abcd"))
            pace.recv(KIB)
    pace.close()


@pytest.mark.timeout(30 + COUNT // 100)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_nothing_is_left(churned, self_signed, kind):
    server, idle = churned
    context = trusting(self_signed)
    count = kind[1]

    def is_idle():
        return descriptor_count(server) <= idle

    churn(server, kind, max(200, count // 5), context)
    assert wait_until(is_idle, 10, every_s=0.001)
    before = memory_bytes(server)
    churn(server, kind, count, context)
    assert wait_until(is_idle, 10, every_s=0.001), descriptor_count(server) - idle
    growth = memory_bytes(server) - before
    print(f"{count}: grown by {growth // KIB} KiB")
    assert growth < (TLS_GROWTH_MAX if kind[0] == TLS else GROWTH_MAX)
