"""Listing connections, and closing some of them, through the admin socket's commands."""

import json
import subprocess

import pytest
from sluice import BINARY, ENVIRONMENT
from wire import CLOSE


def command(server, *words):
    return subprocess.run(
        [BINARY, *words, "--admin-socket", server.admin_socket, "--json"],
        capture_output=True, text=True, timeout=10, env=ENVIRONMENT,
    )  # fmt: skip


def listed(server, *words):
    done = command(server, "connections", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def closed(server, *words):
    done = command(server, "disconnect", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["count"]


def test_an_id_is_never_another_connection_s(start_server, connect_websocket):
    server = start_server()
    first = connect_websocket(server, "/channels/a")
    (connection,) = listed(server)["connections"]
    assert connection["peer"] == "127.0.0.1"
    assert (connection["path"], connection["channel"]) == ("/channels/a", "a")
    assert closed(server, "--id", connection["id"], "--code", "4000") == 1
    assert first.frame_of(CLOSE).close_code == 4000
    first.socket.close()
    server.wait_for_log("connection")
    # The next one has its place in the worker's tables.
    connect_websocket(server, "/channels/a")
    assert closed(server, "--id", connection["id"]) == 0
    assert len(listed(server)["connections"]) == 1


@pytest.mark.parametrize("workers", [1, 3])
def test_all_in_a_channel_or_of_an_address(start_server, connect_websocket, workers):
    server = start_server("--workers", str(workers))
    clients = [connect_websocket(server, f"/channels/{name}") for name in "aabbb"]
    assert len(listed(server)["connections"]) == 5
    part = listed(server, "--limit", "2")
    assert (len(part["connections"]), part["more"]) == (2, True)
    assert closed(server, "--channel", "b") == 3
    for client in clients[2:]:
        assert client.frame_of(CLOSE).close_code == 1001
    assert closed(server, "--address", "127.0.0.1") == 2


def test_mistakes(start_server):
    server = start_server()
    for words in (["--id", "x"], ["--id", "1-2-3"], ["--channel", "a", "--code", "1005"]):
        done = command(server, "disconnect", *words)
        assert (done.returncode, bool(done.stderr)) == (1, True)
