"""Servers that play exact bytes, and tell what the client made of them."""

import base64
import contextlib
import hashlib
import queue
import socket
import ssl
import struct
import threading

import wire

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection):
        self.socket = connection
        self.buffer = bytearray()
        self.key = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def read(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(1 << 18)
            if not data:
                raise wire.Ended(f"with {bytes(self.buffer[:80])!r} unread")
            self.buffer += data
        data = bytes(memoryview(self.buffer)[:count])
        del self.buffer[:count]
        return data

    def read_to_end(self):
        """What is left, up to the client's FIN. A reset is an end like any other."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := self.socket.recv(1 << 18):
                self.buffer += data
        return bytes(self.buffer)

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # HTTP

    def request(self):
        """The lines of the client's handshake."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                raise wire.Ended(f"with {bytes(self.buffer[:80])!r} unread")
            self.buffer += data
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        lines = head.decode().split("\r\n")
        for line in lines:
            if line.lower().startswith("sec-websocket-key:"):
                self.key = line.partition(":")[2].strip().encode()
        return lines

    @property
    def accept(self):
        return base64.b64encode(hashlib.sha1(self.key + GUID).digest()).decode()

    def respond(self, *lines):
        self.send("\r\n".join([*lines, "", ""]))

    def upgrade(self, *lines):
        """Takes the handshake, and agrees."""
        request = self.request()
        self.respond(
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {self.accept}",
            *lines,
        )
        return request

    # WebSocket

    def send_frame(self, opcode, payload=b"", **options):
        self.send(wire.frame(opcode, payload, mask=options.pop("mask", b""), **options))

    def send_text(self, text):
        self.send_frame(wire.TEXT, text.encode())

    def send_close(self, code=1000, reason=b""):
        self.send_frame(wire.CLOSE, wire.close_payload(code, reason))

    def frame(self):
        """The client's next frame, which must be masked."""
        first, second = self.read(2)
        assert second & 0x80, "a client must mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        key = self.read(4)
        payload = wire.masked(self.read(length), key)
        return wire.Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7)

    def message(self):
        """The payload of the client's next frame, which must be a whole text message."""
        frame = self.frame()
        assert frame.opcode == wire.TEXT and frame.fin, frame
        return frame.payload.decode()

    def close_code(self):
        """Of the close frame that the client sends next."""
        return self.frame().close_code

    def answer_close(self):
        """Awaits the client's close frame, answers it, and ends the connection."""
        frame = self.frame()
        assert frame.opcode == wire.CLOSE, frame
        self.send_frame(wire.CLOSE, frame.payload)
        return frame.close_code


class Server:
    """Plays `script(peer)` on every connection, in a thread for each.

    With `tls`, an ssl.SSLContext, the script begins after its handshake."""

    def __init__(self, script, *, host="127.0.0.1", port=0, tls=None, timeout_s=10, listen=True):
        self.script = script
        self.tls = tls
        self.timeout_s = timeout_s
        self.results = queue.SimpleQueue()
        self.threads = []
        self.connections = []
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.host = f"[{host}]" if ":" in host else host
        self.port = self.listener.getsockname()[1]
        if listen:
            self.listener.listen(1024)
            self._start(self._accept)

    def _start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection):
        connection.settimeout(self.timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self.connections.append(connection)
            self.results.put(self.script(Peer(connection)))
        except Exception as error:
            self.results.put(error)
        finally:
            connection.close()

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://{self.authority}/"

    def result(self, deadline_s=10):
        """What the script returned for the next connection that it is done with."""
        result = self.results.get(timeout=deadline_s)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive(), "a script did not end"
