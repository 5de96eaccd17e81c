"""Debian's `ws` for node, the library whose examples work here unchanged. The
clients are the scripts in node/."""

import pytest


@pytest.mark.parametrize("version", ["8", "13"])
def test_echo(server, node, version):
    node("echo.js", server.ws, version)


def test_broadcast(server, node):
    node("broadcast.js", server.ws)


def test_handshake(server, start_server, node):
    node("handshake.js", server.ws, start_server("--subprotocol", "chat.v1").ws)


def test_ping(start_server, node):
    node("ping.js", start_server("--ping-interval", "1s", "--pong-timeout", "1s").ws)


def test_close(server, start_server, node):
    node("close.js", server.ws, start_server("--max-message-size", "1KiB").ws)


@pytest.mark.parametrize("end, code", [("signal", 1012), ("kill", 1006)])
def test_the_server_s_end(start_server, node, end, code):
    server = start_server()
    client = node("wait.js", server.ws, start=True)
    assert client.stdout.readline() == "open\n"
    getattr(server, end)()
    output, _ = client.communicate(timeout=10)
    assert output == f"{code}\n"
