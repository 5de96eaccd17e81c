"""What no client library sends: answered with the right close code, and nothing
else on the server is affected."""

import socket

import pytest
from websockets.sync.client import connect as ws_connect
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Ended,
    close_payload,
    frame,
)

VIOLATIONS = {
    "unmasked": (frame(TEXT, b"hello", mask=b""), 1002),
    "unmasked empty": (frame(TEXT, mask=b""), 1002),
    "unmasked ping": (frame(PING, b"hello", mask=b""), 1002),
    "rsv1": (frame(TEXT, b"hello", rsv=4), 1002),
    "rsv2": (frame(TEXT, b"hello", rsv=2), 1002),
    "rsv3": (frame(TEXT, b"hello", rsv=1), 1002),
    "reserved data opcode": (frame(3, b"hello"), 1002),
    "reserved control opcode": (frame(11, b"hello"), 1002),
    "fragmented ping": (frame(PING, b"hello", fin=False), 1002),
    "long ping": (frame(PING, bytes(126)), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"hello"), 1002),
    "text within a message": (frame(TEXT, b"hel", fin=False) + frame(TEXT, b"lo"), 1002),
    "length over 63 bits": (frame(BINARY, length=1 << 63), 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close 999": (frame(CLOSE, close_payload(999)), 1002),
    "close 1005": (frame(CLOSE, close_payload(1005)), 1002),
    "close 1006": (frame(CLOSE, close_payload(1006)), 1002),
    "close 5000": (frame(CLOSE, close_payload(5000)), 1002),
    "close reason not UTF-8": (frame(CLOSE, close_payload(1000, b"\xff")), 1007),
    "length of 63 bits": (frame(BINARY, length=(1 << 63) - 1), 1009),
    "length announced only": (frame(BINARY, length=(1 << 20) + 1), 1009),
    "invalid UTF-8": (frame(TEXT, b"\xce\xba\xed\xa0\x80"), 1007),
    "overlong UTF-8": (frame(TEXT, b"\xc0\xaf"), 1007),
    "truncated UTF-8": (frame(TEXT, b"\xf0\x9f\x9a"), 1007),
    "invalid UTF-8, message unfinished": (frame(TEXT, b"ab\xff", fin=False), 1007),
    "invalid UTF-8 across fragments": (
        frame(TEXT, b"\xf0\x9f", fin=False) + frame(CONTINUATION, b"A"),
        1007,
    ),
}


@pytest.mark.parametrize("sent, code", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation(server, connect_websocket, sent, code):
    client = connect_websocket(server)
    client.send(frame(TEXT, b"before") + sent)
    first = client.frame()
    assert (first.opcode, first.payload) == (TEXT, b"before")
    assert client.frame().close_code == code
    finish(client, code)


def finish(client, code):
    """Answers the close frame; nothing but the end of the connection follows."""
    try:
        client.send(frame(CLOSE, close_payload(code)))
    except ConnectionError:
        pass
    assert client.at_end()


@pytest.mark.parametrize("sent, code", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation_in_a_channel(server, connect_websocket, sent, code):
    """What was sent before it reaches the others; the broken message doesn't."""
    listener = connect_websocket(server, "/channels/violation")
    client = connect_websocket(server, "/channels/violation")
    client.send(frame(TEXT, b"before") + sent)
    assert client.frame().close_code == code
    finish(client, code)
    sender = connect_websocket(server, "/channels/violation")
    sender.send(frame(TEXT, b"after"))
    assert [listener.frame().payload for _ in range(2)] == [b"before", b"after"]


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_frames_in_pieces(server, connect_websocket, step):
    client = connect_websocket(server)
    text = "grüße 🚣".encode()
    sent = (
        frame(TEXT, text[:3], fin=False)
        + frame(PING, b"ping")
        + frame(CONTINUATION, text[3:])
        + frame(BINARY, bytes(range(200)))
    )
    for start in range(0, len(sent), step):
        client.send(sent[start : start + step])
    received = [client.frame() for _ in range(3)]
    assert [(f.opcode, f.payload) for f in received] == [
        (0xA, b"ping"),
        (TEXT, text),
        (BINARY, bytes(range(200))),
    ]


def test_frames_sent_with_the_handshake(server, connect):
    client = connect(server)
    client.send(
        b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        + frame(TEXT, b"early")
    )
    response = client.response()
    assert response.status == 101
    assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert client.frame().payload == b"early"


def test_an_empty_close_is_answered(server, connect_websocket):
    client = connect_websocket(server)
    client.send(frame(CLOSE))
    assert client.frame().close_code in (None, 1000)
    assert client.at_end()


def test_nothing_is_answered_after_a_close(server, connect_websocket):
    client = connect_websocket(server)
    client.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, b"late") + frame(PING))
    assert client.frame().close_code == 1000
    assert client.at_end()


@pytest.mark.parametrize("end", [frame(CLOSE), b""], ids=["close", "end of stream"])
def test_what_was_sent_before_the_end_is_published(server, connect_websocket, end):
    listener = connect_websocket(server, "/channels/last-words")
    sender = connect_websocket(server, "/channels/last-words")
    sender.send(b"".join(frame(TEXT, b"%d" % n) for n in range(1000)) + end)
    sender.socket.shutdown(socket.SHUT_WR)
    assert [listener.frame().payload for _ in range(1000)] == [b"%d" % n for n in range(1000)]


def test_connections_cut_anywhere(server, connect):
    handshake = (
        b"GET /channels/cut HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    sent = handshake + frame(BINARY, b"x" * 200) + frame(CLOSE, close_payload(1000))
    for end in range(0, len(sent), 3):
        with connect(server) as client:
            client.send(sent[:end])
    with ws_connect(f"{server.ws}/echo") as client:
        client.send("hello")
        assert client.recv(timeout=5) == "hello"


def test_server_does_not_wait_for_ever_for_a_close(server, connect_websocket):
    client = connect_websocket(server)
    client.send(frame(3))
    assert client.frame().close_code == 1002
    client.socket.settimeout(8)
    with pytest.raises(Ended):
        client.read(1)
