"""Each limit counts what it ends, and nothing else does."""

import contextlib

import pytest
from abuse import counters
from wire import BINARY, CONTINUATION, PING, TEXT, Connection, Ended, frame

# What is counted always: that connections came, upgraded, and what they sent.
TOTALS = {"connections", "websockets", "messages"}


def request(*lines, target="/"):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            client.request("GET", target, *lines)
            client.response()
            assert client.at_end()

    return act


def handshake(*lines, target="/echo"):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            assert client.upgrade(target, *lines).status in (403, 404)

    return act


def frames(*sent):
    def act(server):
        with Connection(server, timeout_s=5) as client:
            assert client.upgrade("/echo").status == 101
            client.send(b"".join(sent))
            drain(client)

    return act


def drain(client):
    with contextlib.suppress(Ended):
        while True:
            client.frame()


def silent_handshake(server):
    with Connection(server, timeout_s=5) as client:
        client.send(b"GET / HT")
        assert client.response().status == 408


def no_pong(server):
    with Connection(server, timeout_s=5) as client:
        assert client.upgrade("/echo").status == 101
        assert client.frame().opcode == PING
        drain(client)


def one_too_many(server):
    with Connection(server) as first:
        assert first.upgrade("/echo").status == 101
        with Connection(server, timeout_s=5) as second:
            assert second.response().status in (429, 503)


CASES = {
    "oversized head": (["--max-head-size", "256"], request("X: " + "a" * 300), "oversized_request"),
    "too many fields": (["--max-header-fields", "2"], request("A: 1", "B: 2"), "oversized_request"),
    "malformed request": ([], request("no colon"), "protocol_violation"),
    "oversized message": (
        *(["--max-message-size", "10"], frames(frame(BINARY, bytes(11)))),
        "oversized_message",
    ),
    "too many fragments": (
        ["--max-fragments", "2"],
        frames(frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)),
        "too_many_fragments",
    ),
    "flood of messages": (
        *(["--max-messages-per-second", "3"], frames(frame(TEXT, b"x") * 8)),
        "too_many_messages",
    ),
    "flood of pings": (
        *(["--max-control-frames-per-second", "3"], frames(frame(PING) * 8)),
        "too_many_control_frames",
    ),
    "reserved bit": ([], frames(frame(TEXT, b"x", rsv=1)), "protocol_violation"),
    "page of another origin": ([], handshake("Origin: https://b.example"), "origin_refused"),
    "no such endpoint": ([], handshake(target="/nothing"), "handshake_refused"),
    "slow request": (["--handshake-timeout", "200ms"], silent_handshake, "request_timeout"),
    "no pong": (
        *(["--ping-interval", "100ms", "--pong-timeout", "100ms"], no_pong),
        "pong_timeout",
    ),
    "all places taken": (
        *(["--max-connections", "1"], one_too_many),
        "too_many_connections",
    ),
    "an address's places taken": (
        *(["--max-connections-per-address", "1"], one_too_many),
        "too_many_of_address",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_limit_ends_is_counted(start_server, name):
    flags, act, counter = CASES[name]
    server = start_server(*flags)
    act(server)
    counted = counters(server)
    assert counted.pop(counter) == 1
    assert not {name: count for name, count in counted.items() if count and name not in TOTALS}


def test_failed_tls_is_counted(start_server, self_signed):
    server = start_server("--tls-certificate", str(self_signed))
    with Connection(server, timeout_s=5) as client:
        client.send(b"\x80\x80garbage")
        assert client.at_end()
    assert counters(server)["tls_error"] == 1
