"""HTTP and WebSocket by hand over a blocking socket, for what client libraries
refuse to send, hide or repair."""

import os
import socket
import struct
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def masked(payload, key):
    if key == bytes(4) or not payload:
        return payload
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return mixed.to_bytes(len(payload), "big")


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=None, length=None):
    """A client's frame. `mask` is the key: None for a random one, b"" for an
    unmasked frame. `length` announces another length than the payload has."""
    if mask is None:
        mask = os.urandom(4)
    length = len(payload) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + mask + (masked(payload, mask) if mask else payload)


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    fin: bool
    rsv: int

    @property
    def close_code(self):
        assert self.opcode == CLOSE, self
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


class Response(NamedTuple):
    status: int
    headers: dict
    body: bytes


class Ended(Exception):
    """The server ended the connection in the middle of something."""


class Connection:
    """A TCP connection to the server. Every wait ends after `timeout_s`.

    With `tls`, an ssl.SSLContext, it speaks TLS; then an end without close_notify
    is an ssl.SSLEOFError, and only one with it is an end."""

    def __init__(
        self,
        server,
        timeout_s=10,
        receive_buffer=None,
        send_buffer=None,
        tls=None,
        server_name=None,
    ):
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        self.server = server
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout_s)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.socket.connect((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        if tls:
            tcp = self.socket
            try:
                self.socket = tls.wrap_socket(
                    tcp, server_hostname=server_name or server.host, suppress_ragged_eofs=False
                )
            except BaseException:
                tcp.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Ended(f"with {bytes(self.buffer[:80])!r} unread")
        self.buffer += data

    def read(self, count):
        while len(self.buffer) < count:
            self._receive()
        data = bytes(memoryview(self.buffer)[:count])
        del self.buffer[:count]
        return data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._receive()
        return self.read(self.buffer.index(mark) + len(mark))

    def at_end(self):
        """Waits for what comes next: True if it is the end of the connection."""
        if not self.buffer:
            try:
                self._receive()
            except Ended:
                return True
        return False

    # HTTP

    def request(self, method="GET", target="/", *lines, host=True, version="HTTP/1.1"):
        fields = [f"Host: {self.server.authority}"] if host else []
        head = "\r\n".join([f"{method} {target} {version}", *fields, *lines])
        self.send(head.encode() + b"\r\n\r\n")

    def response(self, to_head=False):
        """The next response, which has no body when it answers a HEAD."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        headers = {}
        for line in lines[1:]:
            name, separator, value = line.partition(":")
            assert separator and name == name.strip(), line
            headers[name.lower()] = value.strip()
        bodiless = to_head or int(status) < 200 or int(status) in (204, 304)
        body = b"" if bodiless else self.read(int(headers["content-length"]))
        return Response(int(status), headers, body)

    # WebSocket

    def upgrade(self, target="/echo", *lines, version=13, key="dGhlIHNhbXBsZSBub25jZQ=="):
        """Sends a handshake and returns the response."""
        fields = [] if key is None else [f"Sec-WebSocket-Key: {key}"]
        fields += [] if version is None else [f"Sec-WebSocket-Version: {version}"]
        self.request("GET", target, "Upgrade: websocket", "Connection: Upgrade", *fields, *lines)
        return self.response()

    def frame(self):
        first, second = self.read(2)
        assert not second & 0x80, "a server must not mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        return Frame(first & 0x0F, self.read(length), bool(first & 0x80), first >> 4 & 7)

    def frame_of(self, *opcodes):
        """The next frame of these opcodes, past the pings in between."""
        while True:
            frame = self.frame()
            if frame.opcode in opcodes:
                return frame
            assert frame.opcode == PING, frame
