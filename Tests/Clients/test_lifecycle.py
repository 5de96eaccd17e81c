"""Listening, stopping, and what connected clients see of it."""

import signal
import socket
import stat
import time
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as ws_connect
from websockets.sync.client import unix_connect
from wire import CLOSE, PING, PONG, TEXT, Ended, close_payload, frame


def echoes(client, text="still there"):
    client.send(text)
    return client.recv(timeout=5) == text


def test_listens_on_several_addresses(start_server, tmp_path):
    path = tmp_path / "sluice.sock"
    server = start_server(listen=("127.0.0.1:0", "127.0.0.1:0", f"unix:{path}"))
    first, second, third = server.addresses
    assert first != second
    assert third == f"unix:{path}"
    for address in (first, second):
        with ws_connect("ws" + address.removeprefix("http") + "echo") as client:
            assert echoes(client)
    with unix_connect(str(path), "ws://localhost/echo") as client:
        assert echoes(client)
    with unix_connect(str(path), "ws://localhost/channels/a") as one:
        with ws_connect("ws" + second.removeprefix("http") + "channels/a") as other:
            one.send("across listeners")
            assert other.recv(timeout=5) == "across listeners"


def test_ipv6(start_server):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    server = start_server(listen=("[::1]:0",))
    assert server.http.startswith("http://[::1]:")
    with ws_connect(f"{server.ws}/echo", origin=server.http) as client:
        assert echoes(client)


def test_replaces_a_stale_unix_socket_and_removes_its_own(start_server, tmp_path):
    path = tmp_path / "sluice.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = start_server(listen=(f"unix:{path}",))
    assert stat.S_ISSOCK(path.stat().st_mode)
    with unix_connect(str(path), "ws://localhost/echo") as client:
        assert echoes(client)
    server.stop()
    assert not path.exists()


def test_listens_again_at_once_on_the_same_port(start_server):
    server = start_server()
    with ws_connect(f"{server.ws}/echo") as client:
        assert echoes(client)
        server.stop()
    again = start_server(listen=(server.authority,))
    assert again.authority == server.authority
    with ws_connect(f"{again.ws}/echo") as client:
        assert echoes(client)


def test_refuses_an_address_in_use(start_server, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(AssertionError, match=f"(?s)ended instead of listening.*{address}"):
            start_server(listen=(address,))
    path = tmp_path / "sluice.sock"
    server = start_server(listen=(f"unix:{path}",))
    with pytest.raises(AssertionError, match=f"(?s)ended instead of listening.*{path}"):
        start_server(listen=(f"unix:{path}",))
    with unix_connect(str(path), "ws://localhost/echo") as client:
        assert echoes(client)
    server.stop()


@pytest.mark.parametrize(
    "flags",
    [
        ("--max-message-size", "lots"),
        ("--ping-interval", "25"),
        ("--no-such-flag",),
        ("--listen", "127.0.0.1:99999"),
        ("--listen", "nonsense"),
    ],
    ids=" ".join,
)
def test_refuses_bad_flags(start_server, flags):
    with pytest.raises(AssertionError, match="(?s)ended instead of listening; stderr: .*" + flags[-1]):
        start_server(*flags)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_every_client_with_1012(start_server, number):
    server = start_server()
    targets = ["/echo", "/channels/a", "/channels/a", "/channels/b?echo=1"]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(ws_connect(server.ws + target))
            for target in targets
            for _ in range(5)
        ]
        server.signal(number)
        for client in clients:
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
            assert closed.value.rcvd.code == 1012
    # All clients answered: nothing is left to wait for.
    server.wait(deadline_s=3)


def test_exits_by_the_deadline_though_a_client_does_not_close(start_server, connect_websocket):
    server = start_server("--drain-deadline", "2s")
    mute = connect_websocket(server, "/echo")
    server.signal()
    assert mute.frame_of(CLOSE).close_code == 1012
    # Neither a close frame nor the end of the connection comes from this side.
    server.wait(deadline_s=2 + 1.5)


def test_exits_by_the_deadline_though_a_client_does_not_read(start_server, connect_websocket):
    server = start_server("--drain-deadline", "2s")
    stuck = connect_websocket(server, "/echo", receive_buffer=4096)
    stuck.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        while True:
            stuck.send(frame(TEXT, b"x" * 60000))
    server.signal()
    server.wait(deadline_s=2 + 1.5)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=["silent", "unfinished", "idle"],
)  # fmt: skip
def test_http_connections_do_not_hold_up_the_exit(start_server, connect, sent):
    server = start_server()
    client = connect(server)
    client.send(sent)
    if sent.endswith(b"\r\n\r\n"):
        assert client.response().status == 200
    else:
        # A later connection is served: this one has been accepted.
        with connect(server) as later:
            later.request("GET", "/", "Connection: close")
            assert later.response().status == 200
            assert later.at_end()
    server.signal()
    # At most the time that a request may take to come whole.
    client.socket.settimeout(5 + 1.5)
    with pytest.raises(Ended):
        client.read_until(b"\0")
    client.socket.close()
    server.wait(deadline_s=2)


def test_pings_an_idle_client_and_keeps_it_while_it_answers(start_server, connect_websocket):
    server = start_server("--ping-interval", "1s", "--pong-timeout", "3s")
    client = connect_websocket(server, "/channels/a")
    for _ in range(3):
        start = time.monotonic()
        ping = client.frame()
        assert ping.opcode == PING
        assert len(ping.payload) <= 125
        # Whenever it was silent for the interval, however long a pong may take.
        assert 0.5 < time.monotonic() - start < 2
        client.send(frame(PONG, ping.payload))
    client.send(frame(CLOSE, close_payload(1000)))
    assert client.frame_of(CLOSE).close_code == 1000


def test_drops_a_client_that_never_pongs(start_server, connect_websocket):
    server = start_server("--ping-interval", "1s", "--pong-timeout", "1s")
    client = connect_websocket(server, "/channels/a")
    start = time.monotonic()
    assert client.frame().opcode == PING
    with pytest.raises(Ended):
        while client.frame().opcode in (PING, CLOSE):
            pass
    assert 1.5 < time.monotonic() - start < 5


def test_a_killed_server_is_noticed(start_server):
    # Otherwise the tests of clean exits could not fail.
    server = start_server()
    server.process.kill()
    with pytest.raises(AssertionError, match="exit status -9"):
        server.stop()
