"""The websocket-client library: blocking, and with callbacks in a thread."""

import queue
import threading
from contextlib import ExitStack, closing

import pytest
import websocket


@pytest.fixture
def open_client(server):
    with ExitStack() as stack:

        def open_one(target, **options):
            client = websocket.create_connection(server.ws + target, timeout=5, **options)
            return stack.enter_context(closing(client))

        yield open_one


def test_echo(open_client):
    # It sends an Origin of its own: the same host.
    client = open_client("/echo")
    client.send("grüße 🚣")
    assert client.recv() == "grüße 🚣"
    client.send_binary(bytes(range(256)) * 4096)
    assert client.recv_data() == (websocket.ABNF.OPCODE_BINARY, bytes(range(256)) * 4096)
    client.send("")
    assert client.recv_data() == (websocket.ABNF.OPCODE_TEXT, b"")


def test_broadcast(open_client):
    sender, other = open_client("/channels/a"), open_client("/channels/a")
    loud = open_client("/channels/a?echo=1")
    sender.send("hello")
    assert other.recv() == "hello"
    assert loud.recv() == "hello"
    loud.send("to everyone")
    assert [client.recv() for client in (sender, other, loud)] == ["to everyone"] * 3


def test_ping_and_close(open_client):
    client = open_client("/echo")
    client.ping("are you there")
    opcode, frame = client.recv_data_frame(control_frame=True)
    assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"are you there")
    client.send_close(3002, b"bye")
    opcode, frame = client.recv_data_frame(control_frame=True)
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert frame.data[:2] == (3002).to_bytes(2, "big")


def test_foreign_origin(open_client):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        open_client("/echo", origin="https://evil.example")
    assert refused.value.status_code == 403


def test_no_origin(open_client):
    client = open_client("/echo", suppress_origin=True)
    client.send("hello")
    assert client.recv() == "hello"


def test_application_with_callbacks(start_server):
    """WebSocketApp with pings both ways, until the server goes away."""
    server = start_server("--ping-interval", "1s", "--pong-timeout", "1s")
    events = queue.SimpleQueue()
    application = websocket.WebSocketApp(
        f"{server.ws}/channels/a?echo=1",
        on_open=lambda app: app.send("hello"),
        on_message=lambda _, message: events.put(("message", message)),
        on_pong=lambda _, payload: events.put(("pong", payload)),
        on_close=lambda _, code, reason: events.put(("close", code)),
        on_error=lambda _, error: events.put(("error", error)),
    )
    thread = threading.Thread(
        target=application.run_forever,
        kwargs={"ping_interval": 0.5, "ping_timeout": 0.4, "ping_payload": "p"},
        daemon=True,
    )
    thread.start()
    try:
        assert events.get(timeout=5) == ("message", "hello")
        # Longer than ping interval and pong timeout of the server.
        for _ in range(5):
            assert events.get(timeout=5) == ("pong", b"p")
        server.signal()
        # It reports a close frame as an error first. One about a missing pong
        # would end with another code.
        while (event := events.get(timeout=5))[0] in ("pong", "error"):
            pass
        assert event == ("close", 1012)
    finally:
        application.close()
        thread.join(5)
    assert not thread.is_alive()
