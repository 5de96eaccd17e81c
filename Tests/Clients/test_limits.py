"""Limits on connections: in all, of an address, and that each is given back."""

import contextlib
import ssl

import pytest
from abuse import KIB, Connection, Honest, handshake, is_cut, reset, tcp, trusting, wait_until
from wire import CLOSE, TEXT, Ended, frame

CROWD = "127.0.0.9"


def answer(server, source, **options):
    """The status of a handshake from there; None if it is closed without one."""
    with contextlib.suppress(ConnectionError, ssl.SSLError, Ended):
        with Connection(server, source=source, timeout_s=3, **options) as client:
            client.send(handshake())
            return client.response().status
    return None


def test_connections_of_an_address_at_the_limit_and_one_past(start_server, dial):
    server = start_server("--max-connections-per-address", "5")
    with Honest(server):
        for source in (CROWD, "127.0.0.10"):
            members = [dial(server, source=source).websocket() for _ in range(5)]
            client = dial(server, source=source)
            client.send(handshake())
            response = client.response()
            assert response.status == 429
            assert response.headers["connection"] == "close"
            assert int(response.headers["retry-after"]) >= 1
            assert client.at_end()
            assert all(member.echoes() for member in members)


def leave_by_close_frame(client):
    client.send(frame(CLOSE))
    assert client.frame().opcode == CLOSE
    assert client.at_end()
    client.socket.close()


def leave_by_violation(client):
    client.send(b"garbage")
    assert client.frame().close_code == 1002
    client.socket.close()


def leave_by_violation_and_reset(client):
    client.send(b"garbage" * 100)
    reset(client.socket)


def leave_in_the_middle_of_a_message(client):
    client.send(frame(TEXT, b"hello", length=1000))
    client.socket.close()


def leave_by_bad_request(client):
    client.send(b"garbage\r\n\r\n")
    client.rest()
    client.socket.close()


def leave_by_refused_handshake(client):
    assert client.upgrade("/nowhere").status == 404
    client.socket.close()


def leave_by_reset_during_the_handshake(client):
    client.send(handshake()[:40])
    reset(client.socket)


WAYS = {
    "close frame": (True, leave_by_close_frame),
    "end of stream": (True, lambda client: client.socket.close()),
    "reset": (True, lambda client: reset(client.socket)),
    "violation": (True, leave_by_violation),
    "violation and reset": (True, leave_by_violation_and_reset),
    "mid-message": (True, leave_in_the_middle_of_a_message),
    "silent end": (False, lambda client: client.socket.close()),
    "silent reset": (False, lambda client: reset(client.socket)),
    "bad request": (False, leave_by_bad_request),
    "refused handshake": (False, leave_by_refused_handshake),
    "reset in the handshake": (False, leave_by_reset_during_the_handshake),
}


@pytest.mark.parametrize("upgraded, leave", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("limit", ["connections", "handshakes"])
def test_places_are_given_back(start_server, dial, upgraded, leave, limit):
    """However a connection ends, its address may have another."""
    server = start_server(f"--max-{limit}-per-address", "4")
    with Honest(server, source="127.0.0.2", arrivals=False):
        for _ in range(10):
            clients = [dial(server, source=CROWD) for _ in range(4)]
            if upgraded:
                for client in clients:
                    client.websocket()
            if limit == "connections" or not upgraded:
                assert answer(server, CROWD) == 429
            for client in clients:
                leave(client)
            assert wait_until(lambda: answer(server, CROWD) == 101, 3)
            # All four are free again: none was lost.
            later = []

            def fits(later=later):
                while len(later) < 4:
                    client = dial(server, source=CROWD)
                    client.send(handshake())
                    if client.response().status != 101:
                        client.socket.close()
                        return False
                    later.append(client)
                return True

            assert wait_until(fits, 3)
            for client in later:
                reset(client.socket)
            assert wait_until(lambda: answer(server, CROWD) == 101, 3)


def test_places_are_given_back_at_a_deadline(start_server):
    server = start_server(
        "--max-handshakes-per-address", "3", "--handshake-timeout", "500ms",
        "--close-timeout", "500ms",
    )  # fmt: skip
    with Honest(server, source="127.0.0.2"):
        for _ in range(2):
            clients = [tcp(server, CROWD) for _ in range(3)]
            assert answer(server, CROWD) in (429, None)
            assert all(is_cut(client, 3) for client in clients)
            assert wait_until(lambda: answer(server, CROWD) == 101, 3)
            for client in clients:
                client.close()


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\xff\xff", bytes(50), b"GET /"],
    ids=["record", "zeros", "http"],
)
def test_places_are_given_back_after_tls_errors(start_server, self_signed, garbage):
    tls = trusting(self_signed)
    server = start_server(
        "--tls-certificate", str(self_signed), "--max-connections-per-address", "3"
    )
    with Honest(server, tls=tls, source="127.0.0.2", arrivals=False):
        for _ in range(5):
            clients = [tcp(server, CROWD) for _ in range(3)]
            assert answer(server, CROWD, tls=tls) is None
            for client in clients:
                with contextlib.suppress(ConnectionError):
                    client.sendall(garbage)
                reset(client)
            assert wait_until(lambda: answer(server, CROWD, tls=tls) == 101, 3)


def test_a_connection_over_the_limit_frees_nothing(start_server, dial):
    """Those that are refused are not counted, and their end isn't either."""
    server = start_server("--max-connections-per-address", "2")
    with Honest(server, source="127.0.0.2"):
        members = [dial(server, source=CROWD).websocket() for _ in range(2)]
        for _ in range(50):
            assert answer(server, CROWD) in (429, None)
        assert all(member.echoes() for member in members)
        members[0].socket.close()
        assert wait_until(lambda: answer(server, CROWD) == 101, 3)


def test_requests_on_one_connection_are_one_connection(start_server, dial):
    """A kept connection is in no handshake between its requests."""
    server = start_server("--max-handshakes-per-address", "1")
    with Honest(server, source="127.0.0.2"):
        kept = dial(server, source=CROWD)
        for _ in range(3):
            kept.request()
            assert kept.response().status == 200
            assert dial(server, source=CROWD).websocket().echoes()


def test_connections_in_all(start_server, dial):
    server = start_server("--max-connections", "10")
    with Honest(server, arrivals=False):
        members = [dial(server, source=CROWD).websocket() for _ in range(9)]
        for source in (CROWD, "127.0.0.2"):
            client = dial(server, source=source)
            client.send(handshake())
            response = client.response()
            assert response.status == 503
            assert response.headers["connection"] == "close"
            assert "retry-after" in response.headers
            assert client.at_end()
            client.socket.close()
        # A crowd that is refused gets an answer as far as that is cheap.
        crowd = [tcp(server, CROWD, timeout_s=3) for _ in range(200)]
        answers = 0
        for client in crowd:
            with contextlib.suppress(ConnectionError):
                answers += client.recv(KIB).startswith(b"HTTP/1.1 503 ")
            assert is_cut(client, 3)
            client.close()
        assert 1 <= answers <= 40
        assert all(member.echoes() for member in members)
        members[0].socket.close()
        assert wait_until(lambda: answer(server, "127.0.0.2") == 101, 3)


def test_those_that_are_refused_take_nobody_elses_place(start_server):
    """An address at its limit goes on connecting, and does not close what is
    refused: that must not use up the connections of all."""
    server = start_server("--max-connections-per-address", "5", "--max-connections", "20")
    with Honest(server, arrivals=False, source="127.0.0.2"):
        crowd = [tcp(server, CROWD) for _ in range(50)]
        try:
            assert wait_until(lambda: answer(server, "127.0.0.3") == 101, 1)
        finally:
            for client in crowd:
                client.close()


def test_a_flood_from_many_addresses_leaves_room_for_others(start_server):
    server = start_server("--max-connections-per-address", "5", "--max-connections", "500")
    with Honest(server, source="127.0.0.2"):
        crowd = [tcp(server, f"127.0.1.{n % 50}") for n in range(450)]
        assert answer(server, "127.0.0.3") == 101
        for client in crowd:
            client.close()
