"""What the tests of abusive clients share: connections from other addresses and
over TLS, an honest client that runs beside the abuse, and the server's resources."""

import contextlib
import os
import re
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import wire

KIB, MIB = 1 << 10, 1 << 20

HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)


def handshake(target="/echo", *lines):
    return HANDSHAKE % (target.encode(), b"".join(line.encode() + b"\r\n" for line in lines))


def allow_open_files(count):
    """Thousands of sockets at once need a higher soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count, f"needs a limit on open files of {count}: ulimit -Hn"
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


# Connections


def endpoint(server, index=0):
    """The family and address of one of the server's listeners."""
    address = server.addresses[index]
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    parts = urlsplit(address)
    family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
    return family, (parts.hostname, parts.port)


def tcp(server, source=None, index=0, timeout_s=10, receive_buffer=None):
    """A connected socket, bound to a loopback address `source` such as 127.0.0.9."""
    family, address = endpoint(server, index)
    client = socket.socket(family)
    try:
        client.settimeout(timeout_s)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            client.bind((source, 0))
        client.connect(address)
        if family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        client.close()
        raise
    return client


def reset(client):
    """Ends a connection with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def trusting(certificate):
    """A TLS context for clients that accepts this server certificate."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


def make_certificate(directory):
    """A self-signed certificate with its key, in one PEM file."""
    file, key = directory / "server.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-noenc", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(file)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    with file.open("a") as both:
        both.write(key.read_text())
    return file


class Connection(wire.Connection):
    """As wire.Connection; from a source address, to any listener, over TLS, or
    with bytes in front of everything (`first`)."""

    def __init__(
        self, server, *, source=None, index=0, tls=None, first=b"", timeout_s=10,
        receive_buffer=None,
    ):  # fmt: skip
        family, address = endpoint(server, index)
        host = "localhost" if family == socket.AF_UNIX else f"{address[0]}:{address[1]}"
        self.server = SimpleNamespace(authority=host)
        self.socket = tcp(server, source, index, timeout_s, receive_buffer)
        self.buffer = bytearray()
        try:
            if first:
                self.socket.sendall(first)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise

    def websocket(self, target="/echo", *lines):
        response = self.upgrade(target, *lines)
        assert response.status == 101, response
        return self

    def echoes(self, payload=b"hello"):
        """Whether a round trip works."""
        self.send(wire.frame(wire.TEXT, payload))
        frame = self.frame_of(wire.TEXT)
        return frame.payload == payload

    def rest(self):
        """Everything up to the end of the connection."""
        with contextlib.suppress(wire.Ended):
            while True:
                self._receive()
        data = bytes(self.buffer)
        self.buffer.clear()
        return data


def is_cut(client, within_s):
    """Whether the server ends the connection in time, whatever it says before."""
    deadline = time.monotonic() + within_s
    while (left := deadline - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            if not client.recv(1 << 16):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


# The honest client


class Honest:
    """An honest client at work while others misbehave: one connection with echo
    round trips all the time, and new ones that come, are served, and go.

    Leaving the context fails unless every single thing worked, in good time, and
    the first connection is still there."""

    SLOWEST_S = 1.0

    def __init__(self, server, arrivals=True, **options):
        self.server = server
        self.options = options
        self.arrivals = arrivals
        self.seconds = []
        self.arrival_seconds = []
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.connection = Connection(self.server, **self.options).websocket()
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        self.thread.join(20)
        try:
            if kind is None:
                self._check()
        finally:
            self.connection.socket.close()

    def _run(self):
        number = 0
        try:
            while not self.stopping.wait(0.01):
                start = time.monotonic()
                assert self.connection.echoes(b"%d" % number)
                self.seconds.append(time.monotonic() - start)
                number += 1
                if self.arrivals and number % 10 == 0:
                    start = time.monotonic()
                    with Connection(self.server, **self.options).websocket() as other:
                        assert other.echoes()
                    self.arrival_seconds.append(time.monotonic() - start)
        except BaseException as error:
            self.error = error

    def _check(self):
        assert not self.thread.is_alive(), "the honest client is stuck"
        if self.error:
            raise AssertionError(
                f"the honest client failed after {len(self.seconds)} round trips"
            ) from self.error
        assert self.connection.echoes(b"the last"), "the honest client lost its connection"
        for seconds in filter(None, (self.seconds, self.arrival_seconds)):
            p99 = sorted(seconds)[len(seconds) * 99 // 100]
            assert p99 < self.SLOWEST_S, f"p99 of the honest client: {p99:.3f} s"


# The server's resources


def memory_bytes(server):
    """What is resident now."""
    with open(f"/proc/{server.worker_pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * KIB


def descriptor_count(server):
    return len(os.listdir(f"/proc/{server.worker_pid}/fd"))


def wait_until(condition, within_s, every_s=0.02):
    """Whether it comes true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


class MemoryWatch:
    """The most that was resident in a while, sampled all the time."""

    def __init__(self, server):
        self.server = server
        self.before = self.most = memory_bytes(server)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(10)

    def _run(self):
        with contextlib.suppress(FileNotFoundError):
            while not self.stopping.wait(0.005):
                self.most = max(self.most, memory_bytes(self.server))

    @property
    def growth(self):
        return max(self.most, memory_bytes(self.server)) - self.before


def counters(server):
    """Ends the server; what it has counted, by name."""
    server.signal()
    server.wait()
    (line,) = server.wait_for_log("stopped")
    return {name: count for name, count in line.items() if isinstance(count, int)}
