"""Behind proxies: whose address counts, by X-Forwarded-For, Forwarded and the PROXY
protocol; HAProxy itself; and who must not be believed."""

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import time

import pytest
import sluice
from abuse import Connection, Honest, handshake, is_cut, tcp, trusting, wait_until
from wire import Ended

PROXY = "127.0.0.5"
CLIENT = "203.0.113.7"
LIMIT = ("--max-connections-per-address", "2")
TRUSTED = ("--trusted-proxy", PROXY)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client=CLIENT, family="TCP4", server="192.0.2.1", ports="40000 443"):
    return f"PROXY {family} {client} {server} {ports}\r\n".encode()


def v2(client=CLIENT, command=0x21, entries=b"", transport=1):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    server = "2001:db8::1" if ":" in client else "192.0.2.1"
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, server)
    block = addresses + struct.pack("!HH", 40000, 443) + entries
    kind = (0x20 if ":" in client else 0x10) | transport
    return SIGNATURE + struct.pack("!BBH", command, kind, len(block)) + block


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def status(client, *lines):
    """The status of a handshake; None if the connection ends without one."""
    try:
        client.send(handshake("/echo", *lines))
        return client.response().status
    except (ConnectionError, ssl.SSLError, Ended):
        return None


def outcomes(dial, server, count, *lines, **options):
    """How so many handshakes end, all kept open."""
    statuses = []
    for _ in range(count):
        try:
            statuses.append(status(dial(server, **options), *lines))
        except (ConnectionError, ssl.SSLError):
            statuses.append(None)
    return statuses


# Forwarded, X-Forwarded-For


@pytest.mark.parametrize(
    "line",
    [
        f"X-Forwarded-For: {CLIENT}",
        f"X-Forwarded-For: {CLIENT}:1234",
        f"X-Forwarded-For: 198.51.100.1, {CLIENT}",
        f"X-Forwarded-For: garbage, {CLIENT}",
        f"X-Forwarded-For: {CLIENT}, {PROXY}",
        "X-Forwarded-For: 2001:db8::7",
        f"Forwarded: for={CLIENT}",
        f'Forwarded: for="{CLIENT}:1234";proto=https',
        'Forwarded: for="[2001:db8::7]:99"',
        f"Forwarded: for=198.51.100.1, for={CLIENT};by={PROXY}",
    ],
)
def test_the_client_that_a_trusted_proxy_tells_is_counted(start_server, dial, line):
    field = line.partition(":")[0]
    server = start_server(*TRUSTED, *LIMIT, "--forwarded-field", field.lower())
    with Honest(server, source="127.0.0.2"):
        assert outcomes(dial, server, 4, line, source=PROXY) == [101, 101, 429, 429]
        # Another client of the same proxy has its own limit.
        other = f"{field}: {'for=' if field == 'Forwarded' else ''}203.0.113.8"
        assert outcomes(dial, server, 3, other, source=PROXY) == [101, 101, 429]
        # And so has one that comes without a proxy.
        assert outcomes(dial, server, 3, source="127.0.0.9") == [101, 101, 429]


def test_the_field_that_is_not_the_proxys_is_ignored(start_server, dial):
    """A proxy hands on the other one as its client sent it: nobody hides behind it."""
    server = start_server(*TRUSTED, *LIMIT)
    with Honest(server, source="127.0.0.2"):
        statuses = [
            outcomes(
                *(dial, server, 1, f"Forwarded: for=198.51.100.{number}"),
                f"X-Forwarded-For: {CLIENT}",
                source=PROXY,
            )[0]
            for number in range(4)
        ]
        assert statuses == [101, 101, 429, 429]


def test_the_place_of_a_proxied_client_is_given_back(start_server, dial):
    server = start_server(*TRUSTED, *LIMIT)
    line = f"X-Forwarded-For: {CLIENT}"
    with Honest(server, source="127.0.0.2"):
        for _ in range(5):
            clients = [dial(server, source=PROXY).websocket("/echo", line) for _ in range(2)]
            assert outcomes(dial, server, 1, line, source=PROXY) == [429]
            for client in clients:
                client.socket.close()

            def is_free():
                with Connection(server, source=PROXY) as probe:
                    return status(probe, line) == 101

            assert wait_until(is_free, 3)
            assert wait_until(is_free, 3)


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-Forwarded-For: {CLIENT}, 198.51.100.{{}}"],
        [f"X-Forwarded-For: {CLIENT}", "X-Forwarded-For: 198.51.100.{}"],
    ],
)
def test_what_the_client_puts_in_front_does_not_count(start_server, dial, lines):
    """The proxy's own entry is the last one: here it differs, and none is refused."""
    server = start_server(*TRUSTED, *LIMIT)
    with Honest(server, source="127.0.0.2"):
        for number in range(5):
            told = [line.replace("{}", str(number)) for line in lines]
            assert outcomes(dial, server, 1, *told, source=PROXY) == [101]
        # And the other way around: many in front of the same last one.
        statuses = [
            outcomes(dial, server, 1, f"X-Forwarded-For: 198.18.0.{n}, {CLIENT}", source=PROXY)[0]
            for n in range(4)
        ]
        assert statuses == [101, 101, 429, 429]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"])
def test_others_are_not_believed(start_server, dial, name):
    """Whoever is not trusted cannot get around the limit, nor use up another's."""
    server = start_server(*TRUSTED, *LIMIT)
    with Honest(server, source="127.0.0.2"):
        statuses = []
        for number in range(4):
            value = f"for=203.0.113.{number}" if name == "Forwarded" else f"203.0.113.{number}"
            client = dial(server, source="127.0.0.9")
            statuses.append(status(client, f"{name}: {value}"))
        assert statuses == [101, 101, 429, 429]
        victim = "for=127.0.0.10" if name == "Forwarded" else "127.0.0.10"
        outcomes(dial, server, 4, f"{name}: {victim}", source="127.0.0.11")
        assert outcomes(dial, server, 2, source="127.0.0.10") == [101, 101]


def test_networks(start_server, dial):
    server = start_server("--trusted-proxy", "127.0.4.0/30", "--trusted-proxy", "::1", *LIMIT)
    line = f"X-Forwarded-For: {CLIENT}"
    with Honest(server, source="127.0.0.2"):
        assert outcomes(dial, server, 1, line, source="127.0.4.0") == [101]
        assert outcomes(dial, server, 2, line, source="127.0.4.3") == [101, 429]
        assert outcomes(dial, server, 2, line, source="127.0.4.4") == [101, 101]


def test_unix_sockets_as_proxies(start_server, dial, tmp_path):
    path = f"unix:{tmp_path}/sluice.sock"
    server = start_server("--trusted-proxy", "unix", *LIMIT, listen=("127.0.0.1:0", path))
    line = f"X-Forwarded-For: {CLIENT}"
    with Honest(server, source="127.0.0.2"):
        assert outcomes(dial, server, 3, line, index=1) == [101, 101, 429]
        assert outcomes(dial, server, 3, line, source="127.0.0.9") == [101, 101, 429]


def test_unix_sockets_that_are_not_trusted(start_server, dial, tmp_path):
    path = f"unix:{tmp_path}/sluice.sock"
    server = start_server(*LIMIT, listen=("127.0.0.1:0", path))
    with Honest(server, source="127.0.0.2"):
        # Without an address there is nothing to count.
        assert outcomes(dial, server, 4, f"X-Forwarded-For: {CLIENT}", index=1) == [101] * 4


# The PROXY protocol

PROTOCOL = (*TRUSTED, "--proxy-protocol", *LIMIT)


@pytest.fixture(scope="module")
def protocol_server():
    server = sluice.Server(*PROTOCOL, "--handshake-timeout", "2s")
    with Honest(server, source="127.0.0.2"):
        yield server
    server.stop()


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "header",
    [v1(), v1("2001:db8::7", "TCP6", "2001:db8::1"), v2(), v2("2001:db8::7"),
     v2(entries=b"\x04\x00\x05hello\x20\x00\x00")],
    ids=["v1", "v1 IPv6", "v2", "v2 IPv6", "v2 with entries"],
)  # fmt: skip
def test_proxy_protocol(start_server, self_signed, dial, header, secure, step):
    flags = ("--tls-certificate", str(self_signed)) if secure else ()
    tls = trusting(self_signed) if secure else None
    server = start_server(*PROTOCOL, *flags)
    with Honest(server, source="127.0.0.2", tls=tls, arrivals=False):
        statuses = []
        for _ in range(3):
            client = dial(server, source=PROXY)
            for start in range(0, len(header), step or len(header)):
                client.send(header[start : start + (step or len(header))])
            if tls:
                try:
                    client.socket = tls.wrap_socket(client.socket, server_hostname="localhost")
                except (ConnectionError, ssl.SSLError):
                    statuses.append(None)
                    continue
            statuses.append(status(client))
        # Over the limit it is closed: there are no words below TLS.
        assert statuses == [101, 101, None]
        # Another client behind the same proxy.
        assert outcomes(dial, server, 1, source=PROXY, tls=tls, first=v1("203.0.113.9")) == [101]


def test_header_and_handshake_in_one_piece(protocol_server, dial):
    for header in (v1("203.0.113.20"), v2("203.0.113.20")):
        client = dial(protocol_server, source=PROXY)
        client.send(header + handshake())
        assert client.response().status == 101
        assert client.echoes()


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN a b c\r\n",
                                    SIGNATURE + b"\x21\x00\x00\x00",
                                    SIGNATURE + b"\x20\x11\x00\x0c" + bytes(12)])  # fmt: skip
def test_connections_of_the_proxy_itself(protocol_server, dial, header):
    """Health checks: they are counted for nobody."""
    assert outcomes(dial, protocol_server, 5, source=PROXY, first=header) == [101] * 5


BAD_HEADERS = {
    "none": b"",
    "none, TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "lower case": v1().lower(),
    "LF only": v1().replace(b"\r\n", b"\n"),
    "two spaces": v1().replace(b"TCP4 ", b"TCP4  "),
    "a tab": v1().replace(b"TCP4 ", b"TCP4\t"),
    "another family": v1(family="TCP6"),
    "UDP4": v1(family="UDP4"),
    "IPv6 as TCP4": v1("2001:db8::7"),
    "a name": v1("localhost"),
    "leading zeros": v1("203.0.113.007"),
    "300": v1("203.0.113.300"),
    "port 65536": v1(ports="65536 443"),
    "port -1": v1(ports="-1 443"),
    "one port": v1(ports="1"),
    "three ports": v1(ports="1 2 3"),
    "too long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    "endless": b"PROXY UNKNOWN " + b"x" * 10_000,
    "version 3": v2(command=0x31),
    "version 1 in binary": v2(command=0x11),
    "command 2": v2(command=0x22),
    "family 4": v2().replace(b"\x21\x11", b"\x21\x41"),
    "transport 3": v2(transport=3),
    "truncated": SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
    "length over the limit": SIGNATURE + b"\x21\x11\xff\xff" + bytes(2000),
    "entry past the end": v2(entries=b"\x04\x00\x09hello"),
    "checksum": v2(entries=b"\x03\x00\x04\0\0\0\0"),
    "signature with an error": v2().replace(b"QUIT", b"QUIP"),
    "header in front of a header": v1() + v1(),
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_a_bad_header_ends_the_connection(protocol_server, header):
    """Without an answer, but for one that is good: then what follows is bad HTTP."""
    with Connection(protocol_server, source=PROXY, timeout_s=3) as client:
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            client.send(header + handshake())
        received = client.rest()
        if header == v1() * 2:
            assert received.startswith(b"HTTP/1.1 400 ")
        else:
            assert received == b""
        assert time.monotonic() - start < 1


def test_an_unfinished_header_ends_at_the_deadline(protocol_server, dial):
    parts = [b"", b"P", v1()[:-1], SIGNATURE[:3], SIGNATURE, v2()[:-1]]
    start = time.monotonic()
    clients = [dial(protocol_server, source=PROXY, timeout_s=5) for _ in parts]
    for client, part in zip(clients, parts, strict=True):
        client.send(part[:-1])
    # A byte later on does not prolong it.
    assert not is_cut(clients[0].socket, 1)
    for client, part in zip(clients, parts, strict=True):
        client.send(part[-1:])
    for client in clients:
        client.socket.settimeout(5)
        assert client.rest() == b""
    assert 1.5 < time.monotonic() - start < 3.5


def test_direct_connections_have_no_header(protocol_server, dial):
    """They need none; and one that they send is not believed, nor skipped."""
    assert outcomes(dial, protocol_server, 3, source="127.0.0.30") == [101, 101, 429]
    for header in (v1(), v2(), LOCAL):
        client = dial(protocol_server, source="127.0.0.31", first=header)
        client.send(handshake())
        received = client.rest()
        assert received.startswith(b"HTTP/1.1 400 ")
        assert received.count(b"HTTP/1.1 ") == 1
        client.socket.close()
    # None of it was counted for the address in the header.
    assert outcomes(dial, protocol_server, 2, source=PROXY, first=v1("203.0.113.40")) == [101, 101]


def test_headers_are_refused_where_the_protocol_is_off(start_server, dial):
    server = start_server(*TRUSTED, *LIMIT)
    with Honest(server, source="127.0.0.2"):
        for header in (v1(), v2(), LOCAL):
            client = dial(server, source=PROXY, first=header)
            client.send(handshake())
            assert client.rest().startswith(b"HTTP/1.1 400 ")


def test_fields_do_not_overrule_the_header(protocol_server, dial):
    line = "X-Forwarded-For: 198.51.100.77"
    statuses = outcomes(dial, protocol_server, 3, line, source=PROXY, first=v1("203.0.113.50"))
    assert statuses == [101, 101, None]


def test_a_flood_without_headers_from_the_proxy(start_server):
    """Cut at the deadline; the proxy's own clients are served."""
    server = start_server(*PROTOCOL, "--handshake-timeout", "1s")
    with Honest(server, source=PROXY, first=v1("203.0.113.60")) as honest:
        crowd = [tcp(server, PROXY) for _ in range(500)]
        for client in crowd:
            client.send(b"PROXY TCP4 ")
        start = time.monotonic()
        assert all(is_cut(client, 4) for client in crowd)
        assert time.monotonic() - start < 3
        for client in crowd:
            client.close()
    assert len(honest.seconds) > 20


# HAProxy


@pytest.fixture
def haproxy(tmp_path):
    """haproxy(backend line): its port in front of a server."""
    processes = []

    def start(server_line):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        file = tmp_path / "haproxy.cfg"
        file.write_text(
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n"
            f"listen sluice\n bind 127.0.0.1:{port}\n source {PROXY}\n {server_line}\n"
        )
        processes.append(
            subprocess.Popen(
                [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(file)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

        def is_up():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        assert wait_until(is_up, 5)
        return port

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


class Address:
    """Where to connect, in place of a server."""

    def __init__(self, port):
        self.addresses = [f"http://127.0.0.1:{port}/"]


@pytest.mark.skipif(
    not (shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")),
    reason="haproxy is not installed",
)
@pytest.mark.parametrize(
    "send", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"]
)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_haproxy(start_server, self_signed, dial, haproxy, send, secure):
    """With its health checks, which send LOCAL, and TLS that passes through."""
    flags = ("--tls-certificate", str(self_signed)) if secure else ()
    tls = trusting(self_signed) if secure else None
    server = start_server(*PROTOCOL, *flags)
    line = f"server one {server.addresses[0].split('/')[2]} {send} check inter 200ms"
    through = Address(haproxy(line))
    with Honest(through, source="127.0.0.2", tls=tls, arrivals=False) as honest:
        for source in ("127.0.0.9", "127.0.0.10"):
            statuses = outcomes(dial, through, 3, source=source, tls=tls)
            assert statuses == [101, 101, None]
        assert wait_until(lambda: len(honest.seconds) > 20, 5)
