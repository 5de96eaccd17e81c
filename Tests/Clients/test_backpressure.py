"""Clients that send or are sent more than is read."""

import select
import time

import pytest
from websockets.sync.client import connect as ws_connect
from wire import BINARY, CLOSE, frame

KIB, MIB = 1 << 10, 1 << 20


def numbered(number, size=64 * KIB):
    """A message that no other has a part of."""
    return number.to_bytes(8, "big") * (size // 8)


def send_until_blocked(client, data, blocked_s=0.5):
    """Sends until nothing more is taken for a while; how much was taken."""
    sent = 0
    client.socket.setblocking(False)
    while sent < len(data):
        _, writable, _ = select.select([], [client.socket], [], blocked_s)
        if not writable:
            break
        sent += client.socket.send(data[sent : sent + MIB])
    return sent


@pytest.mark.timeout(60)
def test_echo_stops_reading_from_a_client_that_does_not_read(server, connect_websocket):
    count = 1024
    with ws_connect(f"{server.ws}/echo") as bystander:
        client = connect_websocket(server, receive_buffer=64 * KIB, send_buffer=64 * KIB)
        before = server.peak_memory_bytes()
        data = memoryview(b"".join(frame(BINARY, numbered(n), mask=bytes(4)) for n in range(count)))
        sent = send_until_blocked(client, data)
        assert sent < len(data) // 2, "the server went on reading"
        assert server.peak_memory_bytes() - before < 16 * MIB

        bystander.send("meanwhile")
        assert bystander.recv(timeout=5) == "meanwhile"

        # Now read, and send the rest: all comes back, in order.
        received = 0
        deadline = time.monotonic() + 40
        while received < count:
            readable, writable, _ = select.select(
                [client.socket],
                [client.socket] if sent < len(data) else [],
                [],
                max(0, deadline - time.monotonic()),
            )
            assert readable or writable, f"stuck after {received} messages of {count}"
            if writable:
                sent += client.socket.send(data[sent : sent + MIB])
            if readable:
                client._receive()
            while received < count and len(client.buffer) >= 10 + 64 * KIB:
                message = client.frame()
                assert (message.opcode, message.fin) == (BINARY, True)
                assert message.payload == numbered(received)
                received += 1
        assert sent == len(data)
        assert not client.buffer
        assert server.peak_memory_bytes() - before < 16 * MIB


@pytest.mark.timeout(60)
def test_a_slow_member_is_closed_1013_and_others_get_everything(server, connect_websocket):
    count = 512
    slow = connect_websocket(server, "/channels/slow", receive_buffer=4 * KIB)
    before = server.peak_memory_bytes()
    with (
        ws_connect(f"{server.ws}/channels/slow") as sender,
        ws_connect(f"{server.ws}/channels/slow") as good,
    ):
        for number in range(count):
            sender.send(numbered(number))
            assert good.recv(timeout=5) == numbered(number)
    assert server.peak_memory_bytes() - before < 16 * MIB

    # What the slow one got is the beginning, without a gap, then the reason.
    received = 0
    while (message := slow.frame()).opcode == BINARY:
        assert message.payload == numbered(received)
        received += 1
    assert message.opcode == CLOSE
    assert message.close_code == 1013
    assert 0 < received < count
    slow.send(frame(CLOSE, message.payload))
    assert slow.at_end()


def test_the_send_queue_limit_is_a_flag(start_server, connect_websocket):
    # Twice what the kernel buffers, and far below the limit.
    count = 256
    server = start_server("--send-queue-limit", "64MiB")
    slow = connect_websocket(server, "/channels/slow", receive_buffer=4 * KIB)
    with (
        ws_connect(f"{server.ws}/channels/slow") as sender,
        ws_connect(f"{server.ws}/channels/slow") as good,
    ):
        for number in range(count):
            sender.send(numbered(number))
            assert good.recv(timeout=5) == numbered(number)
    for number in range(count):
        assert slow.frame().payload == numbered(number)
    slow.send(frame(CLOSE, b"\x03\xe8"))
    assert slow.frame().close_code == 1000


def test_a_burst_to_a_member_that_reads_is_no_reason_to_close(server):
    # More than the queue limit in one go, by a reader that is merely not first.
    with (
        ws_connect(f"{server.ws}/channels/burst", max_queue=None) as member,
        ws_connect(f"{server.ws}/channels/burst") as sender,
    ):
        for number in range(2000):
            sender.send(numbered(number, 64))
        for number in range(2000):
            assert member.recv(timeout=5) == numbered(number, 64)
