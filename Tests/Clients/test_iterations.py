"""What comes within one iteration of the server's loop. The server is stopped
while the input arrives, so that it finds all of it at once, in that order."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import time

import pytest

from wire import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame

UPGRADE = (
    b"GET /channels/a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextlib.contextmanager
def stopped(server):
    """The server does nothing meanwhile."""
    os.kill(server.worker_pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 5
        while state(server) != "T":
            assert time.monotonic() < deadline
        yield
    finally:
        os.kill(server.worker_pid, signal.SIGCONT)


def state(server):
    with open(f"/proc/{server.worker_pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


class RawTLS:
    """A TLS client whose records can be looked at and made up."""

    def __init__(self, address, certificate):
        context = ssl.create_default_context(cafile=certificate)
        self.received, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.received, self.to_send, server_hostname="localhost")
        self.socket = socket.create_connection(address, timeout=5)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.received.write(self.socket.recv(65536))
        self.flush()

    def flush(self):
        self.socket.sendall(self.to_send.read())

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def shut(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def read_until(self, mark):
        plain = b""
        while mark not in plain:
            try:
                plain += self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.received.write(self.socket.recv(65536))
        return plain

    def rest(self):
        """All plaintext and all records until the server ends the connection."""
        plain, records = b"", b""
        while True:
            data = self.socket.recv(65536)
            if not data:
                return plain, records
            records += data
            self.received.write(data)
            with contextlib.suppress(ssl.SSLError):
                while more := self.tls.read(65536):
                    plain += more


@pytest.fixture
def tls_server(start_server, self_signed):
    return start_server(
        *("--tls-certificate", str(self_signed)),
        listen=("127.0.0.1:0", "plain:127.0.0.1:0"),
    )


def test_a_message_before_a_close_frame_comes_before_the_answer(server, connect_websocket):
    leaver = connect_websocket(server, "/channels/a")
    sender = connect_websocket(server, "/channels/a")
    with stopped(server):
        sender.send(frame(TEXT, b"first"))
        leaver.send(frame(CLOSE, close_payload(1000)))
    assert leaver.frame().payload == b"first"
    assert leaver.frame().close_code == 1000
    assert leaver.at_end()


def test_a_message_before_the_end_of_the_stream_is_delivered(server, connect_websocket):
    leaver = connect_websocket(server, "/channels/a")
    sender = connect_websocket(server, "/channels/a")
    with stopped(server):
        sender.send(frame(TEXT, b"first"))
        leaver.socket.shutdown(socket.SHUT_WR)
    assert leaver.frame().payload == b"first"
    assert leaver.at_end()


@pytest.mark.parametrize("end", ["close frame", "close_notify"])
def test_a_message_before_the_end_is_delivered_over_tls(
    tls_server, self_signed, connect_websocket, end
):
    leaver = RawTLS((tls_server.host, tls_server.port), self_signed)
    leaver.send(UPGRADE)
    leaver.read_until(b"\r\n\r\n")
    sender = connect_websocket(tls_server.tcp[1], "/channels/a")
    with stopped(tls_server):
        sender.send(frame(TEXT, b"first"))
        if end == "close frame":
            leaver.send(frame(CLOSE, close_payload(1000)))
        else:
            leaver.shut()
    plain, _ = leaver.rest()
    answer = b"\x88\x02" + close_payload(1000) if end == "close frame" else b""
    assert plain == b"\x81\x05first" + answer


def test_a_broken_tls_session_lets_nothing_out_in_the_clear(
    tls_server, self_signed, connect_websocket
):
    victim = RawTLS((tls_server.host, tls_server.port), self_signed)
    victim.send(UPGRADE)
    victim.read_until(b"\r\n\r\n")
    sender = connect_websocket(tls_server.tcp[1], "/channels/a")
    with stopped(tls_server):
        sender.send(frame(TEXT, b"TOP-SECRET"))
        # A record of application data that nobody can have encrypted.
        victim.socket.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    _, records = victim.rest()
    assert records
    assert b"TOP-SECRET" not in records
    # Nothing but whole TLS records.
    while records:
        kind, version, length = struct.unpack("!BHH", records[:5])
        assert kind in (20, 21, 22, 23) and version == 0x0303
        assert len(records) >= 5 + length
        records = records[5 + length :]


def test_a_subscriber_that_is_cut_off_gets_no_reply_of_another(start_server, connect_websocket):
    """A ping, and messages enough to end a subscriber's queue, in one receive."""
    server = start_server("--send-queue-limit", "1KiB")
    slow = connect_websocket(server, "/channels/a", receive_buffer=4096)
    sender = connect_websocket(server, "/channels/a")
    pongs = 0
    with stopped(server):
        sender.send(frame(PING, b"secret") + frame(BINARY, bytes(70_000)))
    for _ in range(40):
        assert sender.frame_of(PONG).payload == b"secret"
        pongs += 1
        sender.send(frame(PING, b"secret") + frame(BINARY, bytes(70_000)))
    received = []
    while True:
        received.append(slow.frame())
        if received[-1].opcode == CLOSE:
            break
    assert received[-1].close_code == 1013
    assert {each.opcode for each in received[:-1]} <= {BINARY}
    assert pongs == 40
