"""TLS: versions, names, certificates of both sides, and that everything else is
as without it."""

import asyncio
import hashlib
import os
import re
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from contextlib import ExitStack, closing

import aiohttp
import pytest
import sluice
import websocket
from certificates import Authority, Pair, openssl
from websockets.asyncio.client import connect as ws_connect_async
from websockets.sync.client import connect as ws_connect
from websockets.sync.client import unix_connect
from wire import BINARY, CLOSE, PING, PONG, TEXT, Connection, Ended, close_payload, frame

KIB, MIB = 1 << 10, 1 << 20
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

both_versions = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])


# What the tests share


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("certificates"), "stranger")


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("server", ["localhost", "127.0.0.1"])


@pytest.fixture(scope="module")
def unix_path(tmp_path_factory):
    return tmp_path_factory.mktemp("sockets") / "sluice.sock"


@pytest.fixture(scope="module")
def module_server(certificate, unix_path):
    """Speaks TLS on the first of its listeners, and on no other."""
    server = sluice.Server(
        *certificate.flags, listen=("127.0.0.1:0", "plain:127.0.0.1:0", f"unix:{unix_path}")
    )
    yield server
    server.stop()


@pytest.fixture
def plain(server):
    """The address beside that doesn't speak TLS."""
    return server.tcp[1]


@pytest.fixture(scope="session")
def tls(authority):
    """A client that trusts the authority."""
    return authority.client()


@pytest.fixture
def s_client(authority):
    """s_client(server, option, …, send=TEXT) returns the exit status and all that
    `openssl s_client` prints. It goes on until the server closes."""

    def run(server, *options, send="", end="-ign_eof"):
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", server.authority, "-CAfile", authority.file),
                *("-verify_return_error", *([end] if end else []), *map(str, options)),
            ],
            input=send,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="latin-1",
            timeout=15,
        )
        return done.returncode, done.stdout

    return run


REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def still_serves(server, tls):
    with Connection(server, tls=tls) as client:
        client.request("GET", "/", "Connection: close")
        assert client.response().status == 200
        assert client.at_end()


def served(server, tls, server_name="localhost"):
    """The certificate that a new connection gets, in DER."""
    with Connection(server, tls=tls, server_name=server_name) as client:
        return client.socket.getpeercert(binary_form=True)


class Client(Connection):
    """A WebSocket over TLS, in one thread. The blocking client of websockets reads
    in another one than it writes in; in Python 3.11, what is written while a session
    ticket is read may be lost."""

    def __init__(self, server, target, tls, **options):
        super().__init__(server, tls=tls, **options)
        response = self.upgrade(target)
        assert response.status == 101, response

        self.is_open = True

    is_open = False

    def send(self, data):
        if not self.is_open:
            super().send(data)
        elif isinstance(data, str):
            super().send(frame(TEXT, data.encode()))
        else:
            super().send(frame(BINARY, data))

    def recv(self, timeout=10):
        self.socket.settimeout(timeout)
        message = self.frame()
        assert message.opcode in (TEXT, BINARY) and message.fin, message
        return message.payload.decode() if message.opcode == TEXT else message.payload


def echoes(client, text="still there"):
    client.send(text)
    return client.recv(timeout=5) == text


class Wire:
    """The client's end of a TLS connection, whose bytes go nowhere by themselves."""

    def __init__(self, tls, server_name="localhost"):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname=server_name)

    def handshake(self, tcp):
        """All of it, but for the client's last bytes, which are returned."""
        while True:
            try:
                self.tls.do_handshake()
                return self.outgoing.read()
            except ssl.SSLWantReadError:
                tcp.sendall(self.outgoing.read())
                data = tcp.recv(1 << 16)
                assert data, "closed in the handshake"
                self.incoming.write(data)

    def encrypt(self, data):
        for start in range(0, len(data), 16 * KIB):
            self.tls.write(data[start : start + 16 * KIB])
        return self.outgoing.read()

    def decrypt(self, data):
        """All that a server has sent until it closed, which it must have said."""
        self.incoming.write(data)
        plaintext = b""
        try:
            while part := self.tls.read(MIB):
                plaintext += part
        except ssl.SSLZeroReturnError:  # and this side had said so before
            pass
        return plaintext

    def close_notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()


@pytest.fixture
def tcp():
    """tcp(server): a plain socket to a port that speaks TLS."""
    with ExitStack() as stack:

        def open_one(server):
            connection = socket.create_connection((server.host, server.port), timeout=10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return stack.enter_context(connection)

        yield open_one


def rest_of(connection):
    """What comes until the server ends the connection, in whatever way."""
    received = b""
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionError:
        pass
    return received


HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


# Handshakes


@pytest.mark.parametrize("flag, version", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions(server, s_client, flag, version):
    status, output = s_client(server, flag, "-verify_hostname", "localhost", send=REQUEST)
    assert status == 0, output
    assert f"New, {version}, Cipher is" in output
    assert "Verification: OK" in output
    assert "Compression: NONE" in output
    assert "HTTP/1.1 200 OK" in output
    assert "</html>" in output


@pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(server, s_client, flag):
    # At security level 0 it is the server that refuses, not this client.
    status, output = s_client(server, flag, "-cipher", "ALL:@SECLEVEL=0", send=REQUEST)
    assert status == 1, output
    assert "alert protocol version" in output


def test_the_oldest_version_is_a_flag(start_server, certificate, s_client):
    server = start_server(*certificate.flags, "--tls-min-version", "1.3")
    status, output = s_client(server, "-tls1_2", send=REQUEST)
    assert status == 1, output
    assert "alert protocol version" in output
    status, output = s_client(server, send=REQUEST)
    assert status == 0 and "New, TLSv1.3" in output, output


@pytest.mark.parametrize(
    "cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"]
)
def test_weak_ciphers_are_refused(server, s_client, cipher):
    status, output = s_client(server, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", send=REQUEST)
    assert status == 1, output
    assert "alert handshake failure" in output


@pytest.mark.parametrize("flag", ["-tls1_2", "-tls1_3"])
def test_resumption(start_server, certificate, s_client, tmp_path, flag):
    server = start_server(*certificate.flags)
    session = tmp_path / "session"
    status, output = s_client(server, flag, "-sess_out", session, send=REQUEST)
    assert status == 0 and "New, TLS" in output, output
    status, output = s_client(server, flag, "-sess_in", session, send=REQUEST)
    assert status == 0 and "Reused, TLS" in output, output
    assert "HTTP/1.1 200 OK" in output
    # A new certificate is no reason to forget everyone.
    server.signal(signal.SIGHUP)
    server.wait_for_stderr("certificates reloaded")
    status, output = s_client(server, flag, "-sess_in", session, send=REQUEST)
    assert status == 0 and "Reused, TLS" in output, output
    # Another server's tickets are worth nothing, and do no harm.
    status, output = s_client(
        start_server(*certificate.flags), flag, "-sess_in", session, send=REQUEST
    )
    assert status == 0 and "New, TLS" in output, output
    assert "HTTP/1.1 200 OK" in output


def test_renegotiation_is_refused(server, s_client, tls):
    status, output = s_client(server, "-tls1_2", send="R\n", end=None)
    assert status == 1, output
    assert "RENEGOTIATING" in output
    assert "no renegotiation" in output
    still_serves(server, tls)


def test_key_updates(server, authority):
    process = subprocess.Popen(
        [
            *("openssl", "s_client", "-connect", server.authority, "-CAfile", authority.file),
            *("-tls1_3", "-verify_return_error"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="latin-1",
    )
    with process:
        watchdog = threading.Timer(10, process.kill)
        watchdog.start()
        # One at a time: it takes a command from the beginning of what it reads.
        for _ in range(3):
            process.stdin.write("K\n")
            process.stdin.flush()
            for line in process.stdout:
                if "KEYUPDATE" in line:
                    break
        process.stdin.write(REQUEST)
        process.stdin.flush()
        output = process.stdout.read()
        watchdog.cancel()
    assert "HTTP/1.1 200 OK" in output and "</html>" in output, output


@pytest.mark.parametrize(
    "offer, answer",
    [
        ("http/1.1", "ALPN protocol: http/1.1"),
        ("h2,http/1.1", "ALPN protocol: http/1.1"),
        ("h3,h2,http/1.1,http/1.0", "ALPN protocol: http/1.1"),
        (None, "No ALPN negotiated"),
    ],
)
def test_application_protocol(server, s_client, offer, answer):
    status, output = s_client(server, *(["-alpn", offer] if offer else []), send=REQUEST)
    assert status == 0 and answer in output, output
    assert "HTTP/1.1 200 OK" in output


@pytest.mark.parametrize("flag", ["-tls1_2", "-tls1_3"])
def test_a_client_of_other_protocols_is_refused(server, s_client, flag):
    status, output = s_client(server, flag, "-alpn", "h2,spdy/3", send=REQUEST)
    assert status == 1, output
    assert "alert no application protocol" in output


@both_versions
@pytest.mark.parametrize("step", [1, 7])
def test_a_handshake_in_pieces(server, tcp, authority, version, step):
    connection, client = tcp(server), Wire(authority.client(version))

    class Pieces:
        recv = connection.recv

        @staticmethod
        def sendall(data):
            for start in range(0, len(data), step):
                connection.sendall(data[start : start + step])

    last = client.handshake(Pieces)
    Pieces.sendall(last + client.encrypt(REQUEST.encode()))
    response = client.decrypt(rest_of(connection))
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"</html>\n")


@both_versions
def test_frames_sent_with_the_last_of_the_handshake(server, tcp, authority, version):
    connection, client = tcp(server), Wire(authority.client(version))
    last = client.handshake(connection)
    early = [HANDSHAKE % b"/echo", *(frame(TEXT, b"%d" % n) for n in range(100)), frame(CLOSE)]
    connection.sendall(last + b"".join(map(client.encrypt, early)) + client.close_notify())
    received = client.decrypt(rest_of(connection))
    head, _, frames = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    replies = b"".join(frame(TEXT, b"%d" % n, mask=b"") for n in range(100))
    assert frames in (replies + b"\x88\x00", replies + b"\x88\x02\x03\xe8")


# Clients


def curl(*options):
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "10", "--noproxy", "*", *options],
        capture_output=True,
        text=True,
        timeout=15,
    )


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(server, authority, version):
    tls = ("--cacert", str(authority.file), f"--tlsv{version}", "--tls-max", version)
    done = curl(*tls, "--include", server.http)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/1.1 200 OK\n")
    assert done.stdout.endswith("</html>\n")
    # One connection for several requests.
    done = curl(*tls, "-o", "/dev/null", "-w", "%{num_connects} ", *[f"{server.http}/"] * 2)
    assert done.returncode == 0, done.stderr
    assert curl(*tls, "-w", "%{http_code}", f"{server.http}/nothing").stdout.endswith("404")


def test_curl_without_the_authority(server, tls):
    done = curl(server.http)
    assert done.returncode == 60, done
    still_serves(server, tls)


def test_plain_http_on_the_tls_port(server, connect):
    done = curl("-w", "%{http_code}", server.http.replace("https", "http"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "this port speaks TLS: use https:// or wss://\n400"
    client = connect(server)
    response = client.upgrade("/echo")
    assert response.status == 400
    assert b"wss://" in response.body
    assert client.at_end()


@both_versions
async def test_websockets(server, authority, version):
    tls = authority.client(version)
    async with ws_connect_async(f"{server.ws}/echo", ssl=tls) as client:
        protocol = client.transport.get_extra_info("ssl_object").version()
        assert protocol == {TLS12: "TLSv1.2", TLS13: "TLSv1.3"}[version]
        for message in ("grüße 🚣", "", os.urandom(MIB)):
            await client.send(message)
            assert await asyncio.wait_for(client.recv(), 10) == message
        await client.send(["frag", "men", "ted"])
        assert await asyncio.wait_for(client.recv(), 5) == "fragmented"
        await client.close(3001, "bye")
        assert client.close_code == 3001


async def test_aiohttp(server, tls):
    message = os.urandom(MIB)
    async with aiohttp.ClientSession(trust_env=False) as session:
        async with session.get(server.http, ssl=tls) as response:
            assert response.status == 200
        async with session.ws_connect(f"{server.http}/echo", ssl=tls, max_msg_size=0) as client:
            await client.send_bytes(message)
            assert await client.receive_bytes(timeout=10) == message
            await client.close(code=3001)
            assert client.close_code == 3001


def test_websocket_client(server, authority):
    options = {"sslopt": {"ca_certs": str(authority.file)}, "timeout": 10}
    with closing(websocket.create_connection(f"{server.ws}/echo", **options)) as client:
        client.send("grüße 🚣")
        assert client.recv() == "grüße 🚣"
        message = os.urandom(MIB)
        client.send_binary(message)
        assert client.recv() == message


@pytest.mark.parametrize("script, arguments", [("echo.js", ["13"]), ("broadcast.js", [])])
def test_node(server, node, authority, script, arguments):
    node(script, server.ws, *arguments, authority=authority.file)


def test_node_closes(server, start_server, certificate, node, authority):
    small = start_server(*certificate.flags, "--max-message-size", "1KiB")
    node("close.js", server.ws, small.ws, authority=authority.file)


@both_versions
def test_messages_of_all_sizes(server, connect_websocket, authority, version):
    """Around the size of a record, and of what the server reads at once."""
    client = connect_websocket(server, tls=authority.client(version))
    edges = [16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB]
    sizes = [edge + offset for edge in edges for offset in range(-24, 8)]
    for size in [0, 1, 2, 125, 126, *sizes]:
        message = hashlib.shake_128(b"%d" % size).digest(size)
        client.send(frame(BINARY, message))
        assert client.frame().payload == message, size


def test_pings_over_tls(start_server, certificate, connect_websocket, tls):
    server = start_server(*certificate.flags, "--ping-interval", "1s", "--pong-timeout", "1s")
    client = connect_websocket(server, "/channels/a", tls=tls)
    ping = client.frame()
    assert ping.opcode == PING
    client.send(frame(PONG, ping.payload))
    assert client.frame().opcode == PING
    with pytest.raises((Ended, ssl.SSLEOFError)):
        while client.frame().opcode in (PING, CLOSE):
            pass


# Beside TLS


def test_a_plain_listener_beside(server, plain, unix_path):
    assert [a.partition(":")[0] for a in server.addresses] == ["https", "http", "unix"]
    assert curl("-o", "/dev/null", "-w", "%{http_code}", plain.http).stdout == "200"
    with ws_connect(f"{plain.ws}/echo") as client:
        assert echoes(client)
    with unix_connect(str(unix_path), "ws://localhost/echo") as client:
        assert echoes(client)


def test_tls_on_a_plain_listener(server, plain, s_client):
    status, output = s_client(plain, send=REQUEST)
    assert status == 1, output
    with ws_connect(f"{plain.ws}/echo") as client:
        assert echoes(client)


def test_broadcast_between_plain_and_tls(server, plain, unix_path, authority):
    with ExitStack() as stack:
        enter = stack.enter_context
        members = [
            enter(Client(server, "/channels/mixed", authority.client(TLS12))),
            enter(Client(server, "/channels/mixed", authority.client(TLS13))),
            enter(ws_connect(f"{plain.ws}/channels/mixed")),
            enter(unix_connect(str(unix_path), "ws://localhost/channels/mixed")),
        ]
        large = os.urandom(512 * KIB)
        for number, sender in enumerate(members):
            for message in (f"from {number}", large):
                sender.send(message)
                for other in members:
                    if other is not sender:
                        assert other.recv(timeout=10) == message


@pytest.mark.timeout(60)
def test_a_broadcast_to_many(server, connect_websocket, tls):
    members = [connect_websocket(server, "/channels/many", tls=tls) for _ in range(50)]
    with Client(server, "/channels/many", tls) as sender:
        for number in range(200):
            sender.send(f"{number} " * 20)
        for member in members:
            for number in range(200):
                assert member.frame().payload == b"%d " % number * 20


# Names


@pytest.fixture(scope="module")
def named(authority):
    default = authority.issue("default", ["default.example", "127.0.0.1"])
    chat = authority.issue("chat", ["chat.example", "*.chat.example"])
    news = authority.issue("news", ["news.example", "news.chat.example"])
    server = sluice.Server(*default.flags, *chat.flags, *news.flags)
    yield server, {"default": default, "chat": chat, "news": news}
    server.stop()


@both_versions
@pytest.mark.parametrize(
    "name, expected",
    [
        ("default.example", "default"),
        ("chat.example", "chat"),
        ("CHAT.Example", "chat"),
        ("a.chat.example", "chat"),
        ("news.example", "news"),
        # An exact name before a wildcard, which stands for one label.
        ("news.chat.example", "news"),
        ("a.b.chat.example", "default"),
        ("unknown.example", "default"),
        ("localhost", "default"),
    ],
)
def test_the_server_name_selects_the_certificate(named, authority, version, name, expected):
    server, pairs = named
    tls = authority.client(version)
    tls.check_hostname = False
    assert served(server, tls, name) == pairs[expected].der


@both_versions
def test_without_a_server_name(named, authority, version):
    server, pairs = named
    # An address is not sent as a name.
    assert served(server, authority.client(version), "127.0.0.1") == pairs["default"].der


@both_versions
def test_a_selected_name_is_served_whole(named, authority, version):
    server, _ = named
    for name in ("chat.example", "news.example", "a.chat.example"):
        with Client(server, "/echo", authority.client(version), server_name=name) as client:
            assert echoes(client)


def test_a_chain_is_sent_whole(start_server, authority, tmp_path, tls):
    """Root, intermediate, server: the client knows only the root."""
    intermediate = Pair(tmp_path / "intermediate.pem", tmp_path / "intermediate.key")
    request = tmp_path / "intermediate.csr"
    openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
        *("-subj", "/CN=intermediate", "-addext", "basicConstraints=critical,CA:TRUE"),
        *("-keyout", intermediate.key, "-out", request),
    )
    openssl(
        *("x509", "-req", "-in", request, "-copy_extensions", "copy", "-days", "30"),
        *("-CA", authority.pair.certificate, "-CAkey", authority.pair.key),
        *("-out", intermediate.certificate),
    )
    key, request = tmp_path / "leaf.key", tmp_path / "leaf.csr"
    openssl(
        *("req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=leaf"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", request),
    )
    leaf = openssl(
        *("x509", "-req", "-in", request, "-copy_extensions", "copy", "-days", "30"),
        *("-CA", intermediate.certificate, "-CAkey", intermediate.key),
    )
    # Key, certificate and intermediate in one file.
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf + intermediate.certificate.read_text() + key.read_text())
    server = start_server("--tls-certificate", str(chain))
    assert served(server, tls) == ssl.PEM_cert_to_DER_cert(leaf)


# Certificates of clients


@pytest.fixture(scope="module")
def clients(authority, stranger):
    """By what is to be thought of them."""
    return {
        "good": authority.issue("good", usage="clientAuth"),
        "expired": authority.issue("late", usage="clientAuth", days=-1),
        "of a server": authority.issue("not-a-client", usage="serverAuth"),
        "of a stranger": stranger.issue("unknown", usage="clientAuth"),
        "none": None,
    }


@pytest.fixture(scope="module")
def requesting(authority, certificate):
    server = sluice.Server(*certificate.flags, "--tls-client-ca", str(authority.file))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def requiring(authority, certificate):
    server = sluice.Server(
        *(*certificate.flags, "--tls-client-ca", str(authority.file)),
        "--tls-require-client-certificate",
    )
    yield server
    server.stop()


def let_in(server, tls):
    """Whether a client is served; otherwise, the alert that it gets."""
    # With TLS 1.3, a client learns of it only after its handshake.
    try:
        with Connection(server, tls=tls) as client:
            response = client.upgrade("/echo")
            assert response.status == 101
            client.send(frame(TEXT, b"hello"))
            assert client.frame().payload == b"hello"
            return True
    except ssl.SSLEOFError:
        raise
    except ssl.SSLError as error:
        return error.reason.partition("_ALERT_")[2]


@both_versions
@pytest.mark.parametrize(
    "kind, expected",
    [
        ("good", True),
        ("none", True),
        ("expired", "CERTIFICATE_EXPIRED"),
        ("of a server", "UNSUPPORTED_CERTIFICATE"),
        ("of a stranger", "UNKNOWN_CA"),
    ],
)
def test_a_requested_client_certificate(requesting, authority, clients, version, kind, expected):
    assert let_in(requesting, authority.client(version, clients[kind])) == expected


@pytest.mark.parametrize(
    "version, kind, expected",
    [
        (TLS12, "good", True),
        (TLS13, "good", True),
        (TLS12, "none", "HANDSHAKE_FAILURE"),
        (TLS13, "none", "CERTIFICATE_REQUIRED"),
        (TLS12, "of a stranger", "UNKNOWN_CA"),
        (TLS13, "of a stranger", "UNKNOWN_CA"),
        (TLS13, "expired", "CERTIFICATE_EXPIRED"),
    ],
)
def test_a_required_client_certificate(requiring, authority, clients, version, kind, expected):
    assert let_in(requiring, authority.client(version, clients[kind])) == expected


@pytest.mark.parametrize("flag", ["-tls1_2", "-tls1_3"])
def test_resumption_with_a_client_certificate(requiring, clients, s_client, tmp_path, flag):
    session = tmp_path / "session"
    good = clients["good"]
    pair = ("-cert", good.certificate, "-key", good.key)
    status, output = s_client(requiring, flag, *pair, "-sess_out", session, send=REQUEST)
    assert status == 0 and "New, TLS" in output and "HTTP/1.1 200 OK" in output, output
    assert "Acceptable client certificate CA names" in output
    status, output = s_client(requiring, flag, *pair, "-sess_in", session, send=REQUEST)
    assert status == 0 and "Reused, TLS" in output and "HTTP/1.1 200 OK" in output, output


# The end


@both_versions
@pytest.mark.parametrize(
    "sent, code",
    [
        (frame(CLOSE, close_payload(1000)), 1000),
        (frame(TEXT, b"a", mask=b""), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, length=1 << 40), 1009),
    ],
    ids=["1000", "1002", "1007", "1009"],
)
def test_a_websocket_ends_with_close_notify(
    server, connect_websocket, authority, version, sent, code
):
    client = connect_websocket(server, tls=authority.client(version))
    client.send(sent)
    assert client.frame().close_code == code
    if code != 1000:
        client.send(frame(CLOSE, close_payload(code)))
    assert client.at_end()


@both_versions
@pytest.mark.parametrize(
    "request_, status",
    [
        (REQUEST.encode(), 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
    ],
)
def test_http_ends_with_close_notify(server, connect, authority, version, request_, status):
    client = connect(server, tls=authority.client(version))
    client.send(request_)
    assert client.response().status == status
    assert client.at_end()


def test_an_idle_connection_ends_with_close_notify(start_server, certificate, connect, tls):
    server = start_server(*certificate.flags, "--keep-alive-timeout", "200ms")
    client = connect(server, tls=tls)
    client.request("GET", "/")
    assert client.response().status == 200
    assert client.at_end()


@both_versions
def test_the_client_s_close_notify_is_answered(server, connect_websocket, authority, version):
    client = connect_websocket(server, "/channels/a", tls=authority.client(version))
    tcp = client.socket.unwrap()  # returns when the server's has come
    with closing(tcp):
        assert tcp.recv(1) == b""


def cut_off(tcp):
    """Ends a connection as a crash does."""
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tcp.close()


@both_versions
@pytest.mark.parametrize("end", [socket.socket.close, cut_off], ids=["FIN", "RST"])
def test_a_connection_cut_anywhere(server, tcp, connect_websocket, authority, version, end):
    tls = authority.client(version)
    listener = connect_websocket(server, "/channels/cut", tls=tls)
    message = frame(BINARY, b"x" * 50000)
    cuts = [0, 1, 4, 5, 6, 60, 200, 16 * KIB, 16 * KIB + 30, 40000, None]
    for cut in cuts:
        connection, client = tcp(server), Wire(tls)
        last = client.handshake(connection)
        connection.sendall(last + client.encrypt(HANDSHAKE % b"/channels/cut"))
        while not client.tls.pending():
            client.incoming.write(connection.recv(1 << 16))
            try:
                assert client.tls.read(12) == b"HTTP/1.1 101"
            except ssl.SSLWantReadError:
                pass
        connection.sendall(client.encrypt(message)[:cut])
        if cut is None and end is socket.socket.close:
            assert listener.frame().payload == b"x" * 50000
        end(connection)
    # Whoever else is there has not noticed: of a message in part nothing came.
    sender = connect_websocket(server, "/channels/cut", tls=tls)
    sender.send(frame(TEXT, b"after"))
    received = listener.frame()
    if received.opcode == BINARY:  # the whole one may have come before its reset
        assert received.payload == b"x" * 50000
        received = listener.frame()
    assert received.payload == b"after"


@both_versions
@pytest.mark.parametrize("end", ["close frame", "close_notify", "FIN"])
def test_what_was_sent_before_the_end_is_published(
    server, tcp, connect_websocket, authority, version, end
):
    tls = authority.client(version)
    listener = connect_websocket(server, "/channels/last-words", tls=tls)
    connection, client = tcp(server), Wire(tls)
    last = client.handshake(connection)
    sent = HANDSHAKE % b"/channels/last-words"
    sent += b"".join(frame(TEXT, b"%d" % n) for n in range(1000))
    if end == "close frame":
        sent += frame(CLOSE)
    data = last + client.encrypt(sent)
    if end != "FIN":
        data += client.close_notify()
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    assert [listener.frame().payload for _ in range(1000)] == [b"%d" % n for n in range(1000)]


def taken(connection, deadline_s=0.3):
    """Waits until the server has read all that was sent to it; whether it has."""
    # The server's end: local and remote port, state, what waits to be sent and read.
    ports = connection.getpeername()[1], connection.getsockname()[1]
    unread = re.compile(rb":%04X \w+:%04X \w+ \w+:(\w+)" % ports)
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        with open("/proc/net/tcp", "rb") as table:
            found = unread.search(table.read())
        assert found, "the connection is gone"
        if int(found[1], 16) == 0:
            return True
        time.sleep(0.001)
    return False


@pytest.mark.timeout(60)
@pytest.mark.parametrize("version", [None, TLS12, TLS13], ids=["plain", "1.2", "1.3"])
def test_what_was_sent_before_the_end_is_echoed(server, plain, tcp, authority, version):
    """With close_notify right behind the frame at which the server stops reading."""
    messages = [n.to_bytes(4, "big") * 256 for n in range(16 * KIB)]
    frames = [frame(BINARY, message) for message in messages]
    address = server if version else plain

    def begin():
        connection = tcp(address)
        if not version:
            connection.sendall(HANDSHAKE % b"/echo")
            return connection, None, lambda data: data
        client = Wire(authority.client(version))
        connection.sendall(client.handshake(connection) + client.encrypt(HANDSHAKE % b"/echo"))
        return connection, client, client.encrypt

    # How much it takes of a client that doesn't read.
    step = 32
    connection, _, encrypt = begin()
    limit = 0
    while taken(connection):
        assert limit < len(frames), "the server goes on reading"
        connection.sendall(encrypt(b"".join(frames[limit : limit + step])))
        limit += step
    connection.close()

    # The last of it in one piece, in which that amount is reached: it is known but
    # for a step.
    for end in (limit + 40, limit + 16, limit - 8, limit - 32):
        connection, client, encrypt = begin()
        start = end - 56
        for index in range(0, start, step):
            taken(connection)
            connection.sendall(encrypt(b"".join(frames[index : min(index + step, start)])))
        taken(connection)
        last = encrypt(b"".join(frames[start:end]))
        connection.sendall(last + (client.close_notify() if client else b""))
        connection.shutdown(socket.SHUT_WR)
        taken(connection)
        received = rest_of(connection)
        if client:
            received = client.decrypt(received)
        echoed = received.partition(b"\r\n\r\n")[2]
        expected = b"".join(frame(BINARY, message, mask=b"") for message in messages[:end])
        missing = len(expected) - len(echoed)
        assert missing == 0, f"{missing} bytes are missing of {len(expected)}"
        assert echoed == expected


# More than is read


def numbered(number, size=64 * KIB):
    return number.to_bytes(8, "big") * (size // 8)


def send_what_is_taken(client, data, sent):
    """As one record at a time; how much has been sent then."""
    try:
        while sent < len(data):
            sent += client.socket.send(data[sent : sent + 16 * KIB])
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        pass
    return sent


@pytest.mark.timeout(60)
@both_versions
def test_echo_stops_reading_from_a_client_that_does_not_read(
    server, connect_websocket, authority, version
):
    count = 1024
    tls = authority.client(version)
    with Client(server, "/echo", tls) as bystander:
        client = connect_websocket(
            server, receive_buffer=64 * KIB, send_buffer=64 * KIB, tls=tls
        )
        before = server.peak_memory_bytes()
        data = memoryview(b"".join(frame(BINARY, numbered(n), mask=bytes(4)) for n in range(count)))
        client.socket.setblocking(False)
        sent = 0
        while select.select([], [client.socket], [], 0.5)[1]:
            sent = send_what_is_taken(client, data, sent)
            assert sent < len(data) // 2, "the server went on reading"
        assert server.peak_memory_bytes() - before < 16 * MIB
        assert echoes(bystander)

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
                sent = send_what_is_taken(client, data, sent)
            if readable:
                try:
                    while True:
                        client._receive()
                except ssl.SSLWantReadError:
                    pass
            while received < count and len(client.buffer) >= 10 + 64 * KIB:
                message = client.frame()
                assert (message.opcode, message.fin) == (BINARY, True)
                assert message.payload == numbered(received)
                received += 1
        assert sent == len(data)
        assert not client.buffer
        assert server.peak_memory_bytes() - before < 16 * MIB


@pytest.mark.timeout(60)
@both_versions
def test_a_slow_member_is_closed_1013_and_others_get_everything(
    server, connect_websocket, authority, version
):
    count = 512
    tls = authority.client(version)
    slow = connect_websocket(server, "/channels/slow", receive_buffer=4 * KIB, tls=tls)
    before = server.peak_memory_bytes()
    with (
        Client(server, "/channels/slow", tls) as sender,
        Client(server, "/channels/slow", tls) as good,
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
    assert message.close_code == 1013
    assert 0 < received < count
    slow.send(frame(CLOSE, message.payload))
    assert slow.at_end()


# Stopping


@both_versions
def test_sigterm_closes_every_client_with_1012(start_server, certificate, authority, version):
    server = start_server(*certificate.flags)
    tls = authority.client(version)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(Client(server, target, tls))
            for target in ("/echo", "/channels/a", "/channels/a", "/channels/b?echo=1")
            for _ in range(5)
        ]
        idle = stack.enter_context(Connection(server, tls=tls))
        idle.request("GET", "/")
        assert idle.response().status == 200
        server.signal()
        for client in clients:
            assert client.frame().close_code == 1012
            Connection.send(client, frame(CLOSE, close_payload(1012)))
            assert client.at_end()
        assert idle.at_end()
    # All clients answered: nothing is left to wait for.
    server.wait(deadline_s=3)


@both_versions
def test_sigterm_ends_with_close_notify(
    start_server, certificate, connect_websocket, authority, version
):
    server = start_server(*certificate.flags)
    client = connect_websocket(server, tls=authority.client(version))
    server.signal()
    assert client.frame_of(CLOSE).close_code == 1012
    client.send(frame(CLOSE, close_payload(1012)))
    assert client.at_end()
    server.wait(deadline_s=3)


def test_sigterm_and_clients_that_do_not_play_along(
    start_server, certificate, connect_websocket, tcp, authority, tls
):
    server = start_server(*certificate.flags, "--drain-deadline", "2s")
    mute = connect_websocket(server, tls=tls)
    half, client = tcp(server), Wire(tls)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    half.sendall(client.outgoing.read())
    assert half.recv(1 << 16)  # waits for the rest of this client's handshake
    server.signal()
    assert mute.frame_of(CLOSE).close_code == 1012
    server.wait(deadline_s=2 + 1.5)


def test_node_sees_the_end(start_server, certificate, node, authority):
    server = start_server(*certificate.flags)
    client = node("wait.js", server.ws, start=True, authority=authority.file)
    assert client.stdout.readline() == "open\n"
    server.signal()
    output, _ = client.communicate(timeout=10)
    assert output == "1012\n"


# What is no TLS, or not all of it


def client_hello(tls):
    client = Wire(tls)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    return client.outgoing.read()


GARBAGE = {
    "zeros": bytes(1000),
    "noise": hashlib.shake_128(b"noise").digest(5000),
    "small letters": b"hello, is anybody there?\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "application data": b"\x17\x03\x03\x00\x10" + bytes(16),
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "a record too long": b"\x16\x03\x01\xff\xff" + bytes(0xFFFF),
    "an empty record": b"\x16\x03\x01\x00\x00" * 50,
    "a hello too long": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(16 * KIB - 4),
    "a hello of zeros": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(508),
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage(start_server, certificate, tcp, tls, sent):
    server = start_server(*certificate.flags, "--handshake-timeout", "1s")
    connection = tcp(server)
    start = time.monotonic()
    try:
        connection.sendall(sent)
    except ConnectionError:
        pass
    received = rest_of(connection)
    assert time.monotonic() - start < 1 + 1.5
    # An alert, a refusal in words of HTTP, or nothing: never a handshake.
    assert received[:1] in (b"", b"\x15", b"H"), received[:100]
    still_serves(server, tls)


def test_a_hello_with_any_byte_changed_does_no_harm(server, tcp, tls):
    hello = client_hello(tls)
    for position in range(0, len(hello), 5):
        changed = bytearray(hello)
        changed[position] ^= 0xFF
        connection = tcp(server)
        connection.sendall(changed)
        connection.shutdown(socket.SHUT_WR)
        rest_of(connection)
        connection.close()
    still_serves(server, tls)


def test_a_record_with_a_byte_changed_ends_the_connection(server, tcp, tls):
    connection, client = tcp(server), Wire(tls)
    last = client.handshake(connection)
    changed = bytearray(client.encrypt(REQUEST.encode()))
    changed[-1] ^= 1
    connection.sendall(last + changed)
    client.incoming.write(rest_of(connection))
    with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
        client.tls.read(1)
    still_serves(server, tls)


@both_versions
@pytest.mark.parametrize("kind", ["silent", "half", "hello", "no request", "half a request"])
def test_a_handshake_that_does_not_go_on(
    start_server, certificate, tcp, authority, version, kind
):
    server = start_server(*certificate.flags, "--handshake-timeout", "1s")
    tls = authority.client(version)
    connection, client = tcp(server), Wire(tls)
    start = time.monotonic()
    match kind:
        case "half":
            connection.sendall(client_hello(tls)[:100])
        case "hello":
            connection.sendall(client_hello(tls))
        case "no request":
            connection.sendall(client.handshake(connection))
        case "half a request":
            connection.sendall(client.handshake(connection) + client.encrypt(b"GET / HTTP/1.1\r\n"))
    received = rest_of(connection)
    assert 0.9 < time.monotonic() - start < 1 + 1.5
    if kind == "half a request":
        assert client.decrypt(received).startswith(b"HTTP/1.1 408 ")
    still_serves(server, tls)


def test_a_slow_handshake_has_no_more_time(start_server, certificate, tcp, tls):
    server = start_server(*certificate.flags, "--handshake-timeout", "1s")
    connection = tcp(server)
    hello = client_hello(tls)
    start = time.monotonic()
    with pytest.raises(ConnectionError):
        for byte in hello:
            connection.sendall(bytes([byte]))
            # A wait, and the end of the connection when it comes.
            if select.select([connection], [], [], 0.05)[0]:
                assert connection.recv(1) == b""
                raise ConnectionError
    assert 0.9 < time.monotonic() - start < 1 + 1.5
    still_serves(server, tls)


@pytest.mark.timeout(60)
def test_many_handshakes_at_once(server, tcp, tls):
    """Half of them never go on; the others are served all the same."""
    hello = client_hello(tls)
    for _ in range(200):
        tcp(server).sendall(hello)
    failures = []

    def work():
        try:
            for _ in range(20):
                still_serves(server, tls)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# New certificates


@pytest.fixture
def deployed(authority, certificate, tmp_path):
    """A copy of the certificate, to be replaced."""
    pair = Pair(tmp_path / "deployed.pem", tmp_path / "deployed.key")
    pair.replace_by(certificate)
    return pair


@pytest.fixture(scope="session")
def successors(authority):
    return [authority.issue(f"successor-{n}", ["localhost", "127.0.0.1"]) for n in range(3)]


def wait_until_served(server, tls, pair, deadline_s):
    """Until new connections get this certificate; how long it took."""
    start = time.monotonic()
    while served(server, tls) != pair.der:
        assert time.monotonic() - start < deadline_s, f"not served: {server.stderr}"
        time.sleep(0.02)
    return time.monotonic() - start


@pytest.mark.timeout(60)
@both_versions
def test_sighup_under_load(start_server, deployed, certificate, successors, authority, version):
    server = start_server(*deployed.flags)
    tls = authority.client(version)
    finished, failures, seen = threading.Event(), [], [set() for _ in range(3)]

    def load(certificates):
        while not finished.is_set():
            try:
                with Connection(server, tls=tls, server_name="localhost") as client:
                    certificates.add(client.socket.getpeercert(binary_form=True))
                    client.request("GET", "/", "Connection: close")
                    assert client.response().status == 200
                    assert client.at_end()
            except Exception as error:
                failures.append(repr(error))

    with ExitStack() as stack:
        old = [
            stack.enter_context(Client(server, "/channels/a?echo=1", tls))
            for _ in range(3)
        ]
        threads = [threading.Thread(target=load, args=(each,)) for each in seen]
        for thread in threads:
            thread.start()
        try:
            current = certificate
            for successor in successors:
                # Every thread has been served the current one before it goes.
                deadline = time.monotonic() + 10
                while not all(current.der in each for each in seen):
                    assert time.monotonic() < deadline, failures
                    time.sleep(0.01)
                deployed.replace_by(successor)
                server.signal(signal.SIGHUP)
                wait_until_served(server, tls, successor, deadline_s=3)
                assert served(server, tls) == successor.der
                for number, client in enumerate(old):
                    client.send(f"from {number}")
                    for other in old:
                        assert other.recv(timeout=5) == f"from {number}"
                current = successor
        finally:
            finished.set()
            for thread in threads:
                thread.join()
    assert failures == []
    expected = {pair.der for pair in (certificate, *successors)}
    assert set.union(*seen) <= expected
    server.wait_for_log("certificates reloaded")


def test_new_certificates_are_noticed(start_server, deployed, successors, tls):
    server = start_server(*deployed.flags)
    with Client(server, "/echo", tls) as client:
        deployed.replace_by(successors[0])
        # Looked at every five seconds.
        wait_until_served(server, tls, successors[0], deadline_s=7)
        assert echoes(client)
    server.wait_for_log("certificates reloaded")


@pytest.mark.parametrize(
    "broken",
    [
        lambda pair: pair.certificate.write_bytes(b""),
        lambda pair: pair.certificate.write_bytes(pair.certificate.read_bytes()[:300]),
        lambda pair: pair.certificate.unlink(),
        lambda pair: pair.key.write_text("nonsense\n"),
        lambda pair: pair.key.write_text(openssl("genpkey", "-algorithm", "ed25519")),
    ],
    ids=["empty", "truncated", "missing", "no key", "another key"],
)
def test_a_broken_certificate_is_not_taken(start_server, deployed, successors, tls, broken):
    server = start_server(*deployed.flags)
    old = served(server, tls)
    broken(deployed)
    server.signal(signal.SIGHUP)
    # One of the two is to blame, and its file is named.
    (line,) = server.wait_for_log("configuration not reloaded, the old values stay")
    assert str(deployed.certificate) in line["error"] or str(deployed.key) in line["error"]
    assert served(server, tls) == old
    with Client(server, "/echo", tls) as client:
        assert echoes(client)
        deployed.replace_by(successors[1])
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("certificates reloaded")
        assert served(server, tls) == successors[1].der
        assert echoes(client)


def test_a_repaired_certificate_is_noticed(start_server, deployed, successors, tls):
    """Broken and repaired without a signal."""
    server = start_server(*deployed.flags)
    deployed.certificate.write_text("nonsense\n")
    not_reloaded = "certificates not reloaded, the old ones stay"
    (line,) = server.wait_for_log(not_reloaded, deadline_s=7)
    assert str(deployed.certificate) in line["error"]
    deployed.replace_by(successors[2])
    server.wait_for_stderr("certificates reloaded", deadline_s=7)
    assert served(server, tls) == successors[2].der


def test_new_authorities_of_clients(start_server, certificate, authority, stranger, tmp_path):
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.file.read_bytes())
    server = start_server(
        *(*certificate.flags, "--tls-client-ca", str(trusted)), "--tls-require-client-certificate"
    )
    ours = authority.client(certificate=authority.issue("ours", usage="clientAuth"))
    theirs = authority.client(certificate=stranger.issue("theirs", usage="clientAuth"))
    assert (let_in(server, ours), let_in(server, theirs)) == (True, "UNKNOWN_CA")
    trusted.write_bytes(stranger.file.read_bytes())
    server.signal(signal.SIGHUP)
    server.wait_for_stderr("certificates reloaded")
    assert (let_in(server, ours), let_in(server, theirs)) == ("UNKNOWN_CA", True)


def test_sighup_without_tls_is_harmless(start_server):
    server = start_server()
    with ws_connect(f"{server.ws}/echo") as client:
        server.signal(signal.SIGHUP)
        assert echoes(client)
        assert echoes(client)


@pytest.mark.parametrize(
    "options, warning",
    [
        ({"hosts": ["localhost"], "days": -1}, r"expired \d+ hours ago; clients will refuse it"),
        ({"subject": "/O=a"}, r"names no host; clients that connect by name will refuse it"),
    ],
    ids=["expired", "names no host"],
)
def test_a_certificate_that_clients_refuse_is_warned_of(
    start_server, authority, options, warning
):
    pair = authority.issue("doubtful", **options)
    server = start_server(*pair.flags)
    (line,) = server.wait_for_log("clients may refuse a certificate", level="warning")
    expected = rf"certificate file {re.escape(str(pair.certificate))}: {warning}"
    assert re.fullmatch(expected, line["detail"])


# Files that are wrong


def run_to_its_end(*flags):
    """Of a server that cannot start: exit status and standard error."""
    done = subprocess.run(
        [sluice.BINARY, "serve", "--listen", "127.0.0.1:0", *map(str, flags)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10,
        env=sluice.ENVIRONMENT,
    )
    assert done.stdout == "", "it listens"
    assert not sluice.CRASH.search(done.stderr), done.stderr
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def wrong(tmp_path_factory, authority, certificate):
    """Files that are wrong, by what is wrong with them."""
    directory = tmp_path_factory.mktemp("wrong")
    pem, key = certificate

    def text(name, content):
        (directory / name).write_text(content)

    text("empty.pem", "")
    text("notes.txt", "The certificate is in the other directory.\n")
    (directory / "noise.pem").write_bytes(hashlib.shake_128(b"noise").digest(2000))
    text("damaged.pem", pem.read_text().replace("\n", "\n#", 3))
    text("cut.pem", pem.read_text()[:300])
    text("cut.key", key.read_text()[:80])
    text("large.pem", "# a comment\n" * (5 * MIB // 12))
    openssl("x509", "-in", pem, "-outform", "DER", "-out", directory / "certificate.der")
    openssl("pkey", "-in", key, "-outform", "DER", "-out", directory / "key.der")
    openssl(
        *("pkcs12", "-export", "-in", pem, "-inkey", key, "-passout", "pass:"),
        *("-out", directory / "both.p12"),
    )
    openssl(
        *("pkcs8", "-topk8", "-in", key, "-passout", "pass:secret"),
        *("-out", directory / "encrypted.key"),
    )
    openssl(
        *("ec", "-in", key, "-aes128", "-passout", "pass:secret"),
        *("-out", directory / "old-encrypted.key"),
    )
    other = authority.issue("other", ["localhost"])
    text("other.key", other.key.read_text())
    text("reversed.pem", authority.file.read_text() + pem.read_text())
    weak = authority.issue("weak", ["localhost"], key=("-newkey", "rsa:1024"))
    text("weak.pem", weak.certificate.read_text() + weak.key.read_text())
    sha1 = authority.issue("sha1", ["localhost"], digest="sha1")
    text("sha1.pem", sha1.certificate.read_text() + sha1.key.read_text())
    text("server.pem", pem.read_text())
    text("server.key", key.read_text())
    return directory


CERTIFICATE, KEY, CLIENT_CA = "certificate file", "private key file", "client CA file"
# The certificate, the key, which of them is to blame as what, and what is said.
WRONG_FILES = {
    "missing": ("none.pem", "server.key", 0, CERTIFICATE, "there is no such file"),
    "below a file": ("server.pem/a", "server.key", 0, CERTIFICATE, "there is no such file"),
    "directory": (".", "server.key", 0, CERTIFICATE, "is a directory; name the PEM file in it"),
    "empty": ("empty.pem", "server.key", 0, CERTIFICATE, "is empty"),
    "text": ("notes.txt", "server.key", 0, CERTIFICATE, "is not PEM: there is no"),
    "noise": ("noise.pem", "server.key", 0, CERTIFICATE, "is not PEM"),
    "damaged": ("damaged.pem", "server.key", 0, CERTIFICATE, "is damaged: "),
    "cut": ("cut.pem", "server.key", 0, CERTIFICATE, "is damaged: "),
    "large": ("large.pem", "server.key", 0, CERTIFICATE, "larger than 4 MiB; is it the right"),
    "DER": ("certificate.der", "server.key", 0, CERTIFICATE, "openssl x509 -inform DER -in"),
    "PKCS 12": ("both.p12", "server.key", 0, CERTIFICATE, "openssl pkcs12 -in"),
    "a key": ("server.key", "server.key", 0, CERTIFICATE, "holds no certificate"),
    "reversed": ("reversed.pem", "server.key", 0, CERTIFICATE, "own certificate must come first"),
    "RSA 1024": ("weak.pem", "weak.pem", 0, CERTIFICATE, "use RSA with 2048 bits or more"),
    "SHA-1": ("sha1.pem", "sha1.pem", 0, CERTIFICATE, "is refused as too weak"),
    "key missing": ("server.pem", "none.key", 1, KEY, "there is no such file"),
    "key a directory": ("server.pem", ".", 1, KEY, "is a directory; name the PEM file in it"),
    "key empty": ("server.pem", "empty.pem", 1, KEY, "is empty"),
    "key text": ("server.pem", "notes.txt", 1, KEY, "is not PEM"),
    "key cut": ("server.pem", "cut.key", 1, KEY, "is damaged: "),
    "key DER": ("server.pem", "key.der", 1, KEY, "openssl pkey -inform DER -in"),
    "key PKCS 12": ("server.pem", "both.p12", 1, KEY, "openssl pkcs12 -in"),
    "key encrypted": ("server.pem", "encrypted.key", 1, KEY, "decrypt it: openssl pkey -in"),
    "old encryption": ("server.pem", "old-encrypted.key", 1, KEY, "decrypt it: openssl pkey -in"),
    "key no key": ("server.pem", "server.pem", 1, KEY, "holds no private key"),
    "another key": ("server.pem", "other.key", 1, KEY, "the key does not belong to the certificate"),
    "no --tls-key": ("server.pem", None, 0, KEY, "holds no private key"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_wrong_file(wrong, case):
    *names, blamed, role, words = case
    files = [name and os.path.join(wrong, name) for name in names]
    flags = ["--tls-certificate", files[0], *(["--tls-key", files[1]] if files[1] else [])]
    status, stderr = run_to_its_end(*flags)
    assert status == 1, stderr
    assert f"{role} {files[blamed]}: " in stderr
    assert words in stderr


@pytest.mark.parametrize(
    "name, words",
    [
        ("none.pem", "there is no such file"),
        (".", "is a directory; name the PEM file in it"),
        ("empty.pem", "is empty"),
        ("notes.txt", "is not PEM"),
        ("certificate.der", "openssl x509 -inform DER -in"),
        ("server.key", "holds no certificate"),
        ("cut.pem", "is damaged: "),
    ],
)
def test_a_wrong_client_authority(wrong, certificate, name, words):
    file = os.path.join(wrong, name)
    status, stderr = run_to_its_end(*certificate.flags, "--tls-client-ca", file)
    assert status == 1, stderr
    assert f"{CLIENT_CA} {file}: " in stderr
    assert words in stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("index, role", [(0, CERTIFICATE), (1, KEY)])
def test_an_unreadable_file(deployed, index, role):
    deployed[index].chmod(0)
    status, stderr = run_to_its_end(*deployed.flags)
    assert status == 1, stderr
    assert f"{role} {deployed[index]}: permission denied; let the user" in stderr


def test_the_second_certificate_is_checked_too(wrong, certificate):
    status, stderr = run_to_its_end(
        *certificate.flags, *Pair(wrong / "server.pem", wrong / "other.key").flags
    )
    assert status == 1, stderr
    assert f"{KEY} {wrong / 'other.key'}: " in stderr
    assert str(wrong / "server.pem") in stderr


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--tls-key", "a.key"], "--tls-key: TLS needs a certificate"),
        (["--tls-client-ca", "a.pem"], "--tls-client-ca: TLS needs a certificate"),
        (
            ["--tls-require-client-certificate"],
            "--tls-require-client-certificate: TLS needs a certificate; set tls-certificate too",
        ),
        (
            ["--tls-certificate", "a.pem", "--tls-certificate", "b.pem", "--tls-key", "a.key"],
            "give one key for each certificate, or none",
        ),
        (
            ["--tls-certificate", "a.pem", "--tls-require-client-certificate"],
            "--tls-require-client-certificate: there is nothing to check clients' certificates by",
        ),
        (["--tls-certificate", "a.pem", "--tls-min-version", "1.1"], "it can be 1.2 or 1.3"),
    ],
)
def test_flags_that_do_not_fit(flags, words):
    status, stderr = run_to_its_end(*flags)
    assert status == 64, stderr
    assert words in stderr


# Memory


CONNECTIONS = 2000


@pytest.fixture
def many_descriptors():
    """Enough for both sides; the server inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the hard limit on open files is {hard}: it takes {wanted}")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(120)
@both_versions
def test_memory_of_idle_connections(
    many_descriptors, start_server, certificate, authority, version, record_property
):
    server = start_server(
        *certificate.flags, "--handshake-timeout", "60s", "--ping-interval", "0s"
    )
    tls = authority.client(version)
    with ExitStack() as stack:

        def open_one():
            client = stack.enter_context(Connection(server, tls=tls))
            assert client.upgrade("/echo").status == 101
            client.send(frame(TEXT, b"hello"))
            assert client.frame().payload == b"hello"
            return client

        # What is there once, whoever connects.
        for _ in range(20):
            open_one()
        before = server.memory_bytes()
        clients = [open_one() for _ in range(CONNECTIONS)]
        bytes_each = (server.memory_bytes() - before) / CONNECTIONS
        record_property("bytes_per_connection", round(bytes_each))
        print(f"{bytes_each / KIB:.1f} KiB per idle connection")
        assert bytes_each <= 16 * KIB
        for client in clients[:: CONNECTIONS // 20]:
            client.send(frame(TEXT, b"still there"))
            assert client.frame().payload == b"still there"
