"""`sluice connect` and servers that misbehave: each mistake has a message of its own, an
exit status, and, where the protocol is broken, a close code."""

import contextlib
import socket
import ssl
import time
from concurrent import futures

import certificates
import pytest
import wire

SWITCHING = "HTTP/1.1 101 Switching Protocols"
UPGRADE = "Upgrade: websocket"
CONNECTION = "Connection: Upgrade"
ACCEPT = "Sec-WebSocket-Accept: {accept}"
UPGRADING = (SWITCHING, UPGRADE, CONNECTION, ACCEPT)


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    """An authority, with a certificate for 127.0.0.1 and localhost."""
    authority = certificates.Authority(tmp_path_factory.mktemp("connect"), "authority")
    pair = authority.issue("server", ["127.0.0.1", "localhost"])
    return authority, pair


def server_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@pytest.fixture(params=["plain", "TLS"])
def transport(request, identity):
    """What the server speaks, and the client's flags for it."""
    if request.param == "plain":
        return None, ()
    authority, pair = identity
    return server_context(pair), ("--ca", str(authority.file))


def complaint(server, text):
    return f"sluice: {server.url}: {text}\n"


# The opening handshake

ANSWERS = {
    "wrong accept": (
        [*UPGRADING[:3], "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
        "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket",
    ),
    "no accept": (
        UPGRADING[:3],
        "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket",
    ),
    "accept twice": (
        [*UPGRADING, ACCEPT],
        "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket",
    ),
    "HTTP/1.0": (
        ["HTTP/1.0 101 Switching Protocols", *UPGRADING[1:]],
        "the server upgrades in another version of HTTP than 1.1",
    ),
    "HTTP/2.0": (
        ["HTTP/2.0 101 Switching Protocols", *UPGRADING[1:]],
        "the server's answer is not usable HTTP: HTTP version not supported",
    ),
    "200": (
        ["HTTP/1.1 200 OK", "Content-Length: 0"],
        "the server answered 200 OK instead of upgrading: this is no WebSocket",
    ),
    "no upgrade": (
        [SWITCHING, CONNECTION, ACCEPT],
        "the server's 101 doesn't upgrade to websocket",
    ),
    "another upgrade": (
        [SWITCHING, "Upgrade: h2c", CONNECTION, ACCEPT],
        "the server's 101 doesn't upgrade to websocket",
    ),
    "no connection": (
        [SWITCHING, UPGRADE, ACCEPT],
        "the server's 101 has no Connection: Upgrade",
    ),
    "a subprotocol": (
        [*UPGRADING, "Sec-WebSocket-Protocol: chat"],
        "the server chose the subprotocol 'chat', which was not asked for",
    ),
    "two subprotocols": (
        [*UPGRADING, "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"],
        "the server chose more than one subprotocol: 'a, b'",
    ),
    "an extension": (
        [*UPGRADING, "Sec-WebSocket-Extensions: permessage-deflate"],
        "the server chose the extension 'permessage-deflate', which was not asked for",
    ),
    "malformed extensions": (
        [*UPGRADING, "Sec-WebSocket-Extensions: a;;"],
        "the server's Sec-WebSocket-Extensions is malformed",
    ),
    "a redirect": (
        ["HTTP/1.1 302 Found", "Location: https://example.org/x", "Content-Length: 0"],
        "the server redirects (302 Found) to https://example.org/x; connect there",
    ),
    "a redirect to nowhere": (["HTTP/1.1 302 Found"], "the server refused: 302 Found"),
    "401": (
        ["HTTP/1.1 401 Unauthorized", 'WWW-Authenticate: Basic realm="chat"'],
        'the server wants authentication (401): Basic realm="chat"; '
        "give --header 'Authorization: …', or USER:PASSWORD@ in the URL",
    ),
    "401 without a challenge": (
        ["HTTP/1.1 401 Unauthorized"],
        "the server wants authentication (401); "
        "give --header 'Authorization: …', or USER:PASSWORD@ in the URL",
    ),
    "403": (["HTTP/1.1 403 Nope", "Content-Length: 0"], "the server refused: 403 Forbidden"),
    "403 with HTML": (
        ["HTTP/1.1 403 Nope", "Content-Type: text/html", "", "<html>"],
        "the server refused: 403 Forbidden",
    ),
    "403 with words": (
        [
            "HTTP/1.1 403 Forbidden",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Length: 20",
            "",
            "origin\x1b\x07not\r\nallowed",
        ],
        "the server refused: 403 Forbidden: origin\\u{1b}\\u{7}not allowed",
    ),
    "426": (
        ["HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 7, 8"],
        "the server doesn't speak this protocol version (426), but 7, 8; try --protocol-version 8",
    ),
    "426 without versions": (
        ["HTTP/1.1 426 Upgrade Required"],
        "the server refused: 426 Upgrade Required",
    ),
    "429": (
        ["HTTP/1.1 429 Too Many Requests", "Retry-After: 3"],
        "the server refused: 429 Too Many Requests; it asks to be tried again in 3 s",
    ),
    "503": (
        ["HTTP/1.1 503 Service Unavailable", "Retry-After: 120"],
        "the server refused: 503 Service Unavailable; it asks to be tried again in 120 s",
    ),
    "503 until a date": (
        ["HTTP/1.1 503 Service Unavailable", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"],
        "the server refused: 503 Service Unavailable",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(connect_command, misbehaving_server, transport, name):
    tls, flags = transport
    lines, message = ANSWERS[name]

    def script(peer):
        peer.request()
        peer.respond(*(line.format(accept=peer.accept) for line in lines))
        return peer.read_to_end()

    server = misbehaving_server(script, tls=tls)
    done = connect_command(server.url, *flags, input=b"never sent\n")
    assert done.stderr.startswith(complaint(server, message)), done.stderr
    assert done.returncode == 1
    assert done.stdout == b""
    assert server.result() == b"", "nothing is sent to a server that has not agreed"


def test_refusal_over_the_body_s_limit(connect_command, misbehaving_server):
    """A body in chunks that does not end is shown from its beginning, and not waited for."""

    def script(peer):
        peer.request()
        peer.respond(
            "HTTP/1.1 400 Bad Request", "Content-Type: text/plain", "Transfer-Encoding: chunked"
        )
        peer.send("4000\r\n" + "no " * 2000)
        return peer.read_to_end()

    server = misbehaving_server(script)
    done = connect_command(server.url)
    words = ("no " * 100)[:200] + "…"
    assert done.stderr == complaint(server, f"the server refused: 400 Bad Request: {words}")
    server.result()


@pytest.mark.parametrize("end", ["silence", "close", "reset"])
def test_refusal_cut_short(connect_command, misbehaving_server, end):
    def script(peer):
        peer.request()
        peer.respond(
            "HTTP/1.1 403 Forbidden", "Content-Type: text/plain", "Content-Length: 99", "", "no, "
        )
        if end == "silence":
            peer.read_to_end()
        elif end == "reset":
            time.sleep(0.1)
            peer.reset()

    server = misbehaving_server(script)
    done = connect_command(server.url, "--handshake-timeout", "500ms")
    assert done.stderr == complaint(server, "the server refused: 403 Forbidden: no,")
    assert done.returncode == 1
    server.result()


def send_and_wait(data):
    def script(peer):
        peer.request()
        peer.send(data)
        return peer.read_to_end()

    return script


STREAMS = {
    "an endless head of fields": (
        SWITCHING + "\r\n" + "A: b\r\n" * 5000,
        "the server's answer is not usable HTTP: too many header fields",
    ),
    "an endless field": (
        SWITCHING + "\r\nA: " + "b" * 100_000,
        "the server's answer is not usable HTTP: response head too long",
    ),
    "endless interim responses": (
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000,
        "the server sends one interim response after the other",
    ),
    "garbage": (
        b"\x00\x01\x02garbage\xff\r\n\r\n",
        "the server's answer is not usable HTTP: control character",
    ),
    "another protocol": (
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "the server's answer is not usable HTTP: malformed status line",
    ),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", "this port speaks TLS; use wss://"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_no_http(connect_command, misbehaving_server, name):
    data, message = STREAMS[name]
    server = misbehaving_server(send_and_wait(data))
    done = connect_command(server.url)
    assert done.stderr == complaint(server, message)
    assert done.returncode == 1
    server.result()


def test_interim_responses_are_skipped(connect_command, misbehaving_server):
    def script(peer):
        peer.request()
        peer.respond("HTTP/1.1 103 Early Hints", "Link: </a>")
        peer.respond(*(line.format(accept=peer.accept) for line in UPGRADING))
        peer.send_text("hello")
        return peer.answer_close()

    server = misbehaving_server(script)
    done = connect_command(server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", "")
    assert server.result() == 1000


# TLS, or not


@pytest.mark.parametrize(
    "banner",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"\x00\x00\x00\x05hello"],
    ids=["HTTP", "SSH", "binary"],
)
def test_tls_to_a_plain_port(connect_command, misbehaving_server, banner):
    def script(peer):
        peer.socket.recv(1)
        peer.send(banner)
        return peer.read_to_end()

    server = misbehaving_server(script)
    url = server.url.replace("ws://", "wss://")
    done = connect_command(url)
    assert done.stderr == f"sluice: {url}: this port doesn't speak TLS; use ws://\n"
    assert done.returncode == 1


def test_tls_to_a_gateway_s_plain_port(connect_command, server):
    url = server.ws.replace("ws://", "wss://") + "/echo"
    done = connect_command(url)
    assert done.stderr == f"sluice: {url}: this port doesn't speak TLS; use ws://\n"


def test_plain_to_a_gateway_s_tls_port(connect_command, start_server, identity):
    server = start_server(*identity[1].flags)
    url = server.ws.replace("wss://", "ws://") + "/echo"
    done = connect_command(url)
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: {url}: the server refused: 400 Bad Request: "
        "this port speaks TLS: use https:// or wss://\n"
    )


def test_plain_to_a_tls_port(connect_command, misbehaving_server, identity):
    server = misbehaving_server(lambda peer: None, tls=server_context(identity[1]))
    url = server.url.replace("wss://", "ws://")
    done = connect_command(url)
    assert done.returncode == 1
    # Python's ssl module ends such a connection without an alert.
    assert done.stderr.startswith(f"sluice: {url}: ")


def test_untrusted_certificate(connect_command, misbehaving_server, identity, tmp_path):
    other = certificates.Authority(tmp_path, "other")
    server = misbehaving_server(lambda peer: None, tls=server_context(identity[1]))
    for flags in ((), ("--ca", str(other.file))):
        done = connect_command(server.url, *flags)
        assert done.returncode == 1
        assert done.stderr == complaint(
            server,
            "TLS: certificate of the peer: unable to get local issuer certificate; give --ca "
            "FILE with the certificate that it is issued by, or --insecure to accept any",
        )


def test_self_signed_certificate(connect_command, misbehaving_server, self_signed):
    server = misbehaving_server(lambda peer: None, tls=server_context(
        certificates.Pair(self_signed, self_signed)))
    done = connect_command(server.url)
    assert done.returncode == 1
    assert done.stderr == complaint(
        server,
        "TLS: certificate of the peer: self-signed certificate; give --ca FILE with the "
        "certificate that it is issued by, or --insecure to accept any",
    )


@pytest.mark.parametrize(
    "host, name, reason",
    [("127.0.0.1", "127.0.0.2", "IP address"), ("localhost", "other.example", "hostname")],
)
def test_another_server_s_certificate(
    connect_command, misbehaving_server, tmp_path, host, name, reason
):
    authority = certificates.Authority(tmp_path, "authority")
    server = misbehaving_server(
        lambda peer: None, tls=server_context(authority.issue("server", [name]))
    )
    url = f"wss://{host}:{server.port}/"
    done = connect_command(url, "--ca", str(authority.file))
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: {url}: TLS: certificate of the peer: {reason} mismatch; connect by a name "
        "that it has, or give --insecure to accept any\n"
    )


def test_expired_certificate(connect_command, misbehaving_server, tmp_path):
    authority = certificates.Authority(tmp_path, "authority")
    server = misbehaving_server(
        lambda peer: None, tls=server_context(authority.issue("server", ["127.0.0.1"], days=-1))
    )
    done = connect_command(server.url, "--ca", str(authority.file))
    assert done.stderr == complaint(
        server,
        "TLS: certificate of the peer: certificate has expired; give --insecure to accept any",
    )


# Ends


def end_after(action, end):
    def script(peer):
        action(peer)
        if end == "reset":
            time.sleep(0.1)
            peer.reset()

    return script


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize(
    "action, place, status",
    [
        (lambda peer: peer.request(), "without an answer", 1),
        (
            lambda peer: (peer.request(), peer.send("HTTP/1.1 101 Swi")),
            "in the middle of its answer",
            1,
        ),
        (lambda peer: peer.upgrade(), None, 2),
        (lambda peer: (peer.upgrade(), peer.send(b"\x81\x05hel")), None, 2),
    ],
    ids=["before", "within", "after", "within a message"],
)
def test_early_ends(connect_command, misbehaving_server, action, place, status, end):
    server = misbehaving_server(end_after(action, end))
    done = connect_command(server.url, "--wait", "5s")
    if end == "close":
        message = (
            f"the server closed the connection {place}"
            if place
            else "the server ended the connection without a close frame"
        )
    else:
        where = f" {place}" if place else ""
        message = f"connection lost{where}: Connection reset by peer"
    assert done.stderr == complaint(server, message)
    assert done.returncode == status
    assert done.stdout == b""


def test_reset_in_the_tls_handshake(connect_command, misbehaving_server):
    def script(peer):
        peer.read(5)
        peer.reset()

    server = misbehaving_server(script)
    url = server.url.replace("ws://", "wss://")
    done = connect_command(url)
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: {url}: connection lost in the TLS handshake: Connection reset by peer\n"
    )


def test_nobody_there(connect_command, misbehaving_server):
    server = misbehaving_server(None, listen=False)
    done = connect_command(server.url)
    assert done.returncode == 1
    assert done.stderr == complaint(server, "cannot connect: Connection refused")


def test_unknown_host(connect_command):
    done = connect_command("ws://no-such-host.invalid/")
    assert done.returncode == 1
    assert done.stderr.startswith("sluice: ws://no-such-host.invalid/: no-such-host.invalid: ")


def test_no_unix_socket(connect_command, tmp_path):
    done = connect_command(f"ws+unix:{tmp_path}/none:/echo")
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: ws+unix:{tmp_path}/none:/echo: cannot connect: No such file or directory\n"
    )


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_silence(connect_command, misbehaving_server, scheme):
    server = misbehaving_server(lambda peer: peer.read_to_end())
    url = f"{scheme}://{server.authority}/"
    done = connect_command(url, "--handshake-timeout", "300ms", "--wait", "9s")
    assert done.returncode == 1
    assert done.stderr == f"sluice: {url}: the server did not answer in time\n"


def test_slow_head(connect_command, misbehaving_server):
    """The time is for the whole answer, however often something comes."""

    def script(peer):
        peer.request()
        with contextlib.suppress(OSError):
            while True:
                peer.send("HTTP/1.1 103 a\r\n"[:1])
                time.sleep(0.05)

    server = misbehaving_server(script)
    done = connect_command(server.url, "--handshake-timeout", "400ms")
    assert done.returncode == 1
    assert done.stderr == complaint(server, "the server did not answer in time")


def test_black_hole(connect_command, misbehaving_server):
    """A listener whose queue is full answers no SYN; the next address is tried."""
    deaf = socket.socket(socket.AF_INET6)
    server = misbehaving_server(lambda peer: (peer.upgrade(), peer.answer_close())[1])
    deaf.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    deaf.bind(("::1", server.port))
    deaf.listen(0)
    fillers = [socket.socket(socket.AF_INET6) for _ in range(4)]
    try:
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("::1", server.port))
        done = connect_command(
            f"ws://[::1]:{server.port}/", "--handshake-timeout", "300ms"
        )
        assert done.stderr == (
            f"sluice: ws://[::1]:{server.port}/: cannot connect: Connection timed out\n"
        )
        done = connect_command(
            f"ws://localhost:{server.port}/", "--handshake-timeout", "300ms"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert server.result() == 1000
    finally:
        for filler in [deaf, *fillers]:
            filler.close()


# Frames

TEXT, CLOSE, PING = wire.TEXT, wire.CLOSE, wire.PING


def raw(opcode, payload=b"", **options):
    return wire.frame(opcode, payload, mask=options.pop("mask", b""), **options)


FRAMES = {
    "masked": (raw(TEXT, b"hi", mask=b"abcd"), "frame from server masked", 1002),
    "reserved bit": (
        raw(TEXT, b"hi", rsv=4),
        "reserved bit set without a negotiated extension",
        1002,
    ),
    "reserved opcode": (raw(3, b"hi"), "reserved opcode", 1002),
    "reserved control opcode": (raw(11, b"hi"), "reserved opcode", 1002),
    "bad UTF-8": (raw(TEXT, b"\xc3("), "text is not valid UTF-8", 1007),
    "bad UTF-8 in a fragment": (
        raw(TEXT, b"gr\xc3", fin=False) + raw(0, b"("),
        "text is not valid UTF-8",
        1007,
    ),
    "cut off UTF-8": (raw(TEXT, b"gr\xc3"), "text is not valid UTF-8", 1007),
    "fragmented ping": (raw(PING, b"", fin=False), "fragmented control frame", 1002),
    "long ping": (raw(PING, bytes(126)), "control frame over 125 bytes", 1002),
    "continuation of nothing": (raw(0, b"hi"), "continuation without a message", 1002),
    "message in a message": (
        raw(TEXT, b"a", fin=False) + raw(TEXT, b"b"),
        "new message before the last one ended",
        1002,
    ),
    "long length": (b"\x81\x7e\x00\x05hello", "payload length not minimally encoded", 1002),
    "endless length": (
        b"\x82\x7f\xff" + bytes(7),
        "payload length with its highest bit set",
        1002,
    ),
    "close code 1005": (
        raw(CLOSE, wire.close_payload(1005)),
        "close code not allowed on the wire",
        1002,
    ),
    "close code 999": (
        raw(CLOSE, wire.close_payload(999)),
        "close code not allowed on the wire",
        1002,
    ),
    "half a close code": (raw(CLOSE, b"\x03"), "close payload of one byte", 1002),
    "bad reason": (raw(CLOSE, b"\x03\xe8\xff"), "text is not valid UTF-8", 1007),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(connect_command, misbehaving_server, transport, name):
    tls, flags = transport
    data, reason, code = FRAMES[name]

    def script(peer):
        peer.upgrade()
        peer.send(raw(TEXT, b"before") + data + raw(TEXT, b"after"))
        close = peer.frame()
        assert close.opcode == CLOSE, close
        # Nothing follows a close frame, and it is the client who ends the connection.
        return close.payload, peer.read_to_end()

    server = misbehaving_server(script, tls=tls)
    done = connect_command(server.url, "--wait", "9s", *flags)
    assert done.stderr == complaint(
        server, f"the server broke the protocol: {reason} (closed with {code})"
    )
    assert done.returncode == 2
    assert done.stdout == b"before\n"
    assert server.result() == (wire.close_payload(code, reason.encode()), b"")


@pytest.mark.parametrize("fragments", [1, 3])
def test_message_over_the_limit(connect_command, misbehaving_server, fragments):
    def script(peer):
        peer.upgrade()
        peer.send(raw(TEXT, b"x" * 1024))
        for index in range(fragments):
            last = index == fragments - 1
            payload = b"x" * (1026 // fragments)
            peer.send(raw(0 if index else TEXT, payload, fin=last))
        return peer.close_code(), peer.read_to_end()

    server = misbehaving_server(script)
    done = connect_command(server.url, "--wait", "9s", "--max-message-size", "1KiB")
    assert done.stderr == complaint(
        server,
        "over our limit: message too big (closed with 1009); --max-message-size takes larger ones",
    )
    assert done.returncode == 2
    assert done.stdout == b"x" * 1024 + b"\n"
    assert server.result() == (1009, b"")


CLOSES = {
    "no code": (b"", 0, ""),
    "1000": (wire.close_payload(1000, b"bye"), 0, ""),
    "1001": (wire.close_payload(1001), 0, ""),
    "1008": (wire.close_payload(1008, b"go"), 2, '1008 policy violation, "go"'),
    "1011": (
        wire.close_payload(1011, "größe\x1b[2J\nx".encode()),
        2,
        '1011 internal error, "größe\\u{1b}[2J\\u{a}x"',
    ),
    "4999": (wire.close_payload(4999), 2, "4999"),
}


@pytest.mark.parametrize("name", CLOSES)
def test_closes(connect_command, misbehaving_server, transport, name):
    tls, flags = transport
    payload, status, words = CLOSES[name]

    def script(peer):
        peer.upgrade()
        # What follows a close frame is nobody's business.
        peer.send(raw(TEXT, b"before") + raw(CLOSE, payload) + raw(TEXT, b"late") + b"\xff\xff")
        return peer.frame()

    server = misbehaving_server(script, tls=tls)
    done = connect_command(server.url, "--wait", "9s", *flags)
    assert done.stdout == b"before\n"
    assert done.returncode == status
    assert done.stderr == (complaint(server, f"closed by the server: {words}") if words else "")
    answer = server.result()
    assert (answer.opcode, answer.payload) == (CLOSE, payload[:2])


def silent_to_close(peer):
    peer.upgrade()
    code = peer.close_code()
    peer.read_to_end()
    return code


def slow_to_answer(peer):
    peer.upgrade()
    code = peer.close_code()
    for number in range(2):
        time.sleep(2.6)
        peer.send_text(f"late {number}")
    peer.send_close(code)
    return code


def no_fin(peer):
    peer.upgrade()
    code = peer.answer_close()
    peer.read_to_end()
    return code


# Of a server that does nothing it is 5 s; what one has still to say is waited for as long
# as it comes; and one that has said everything but does not end the connection changes
# nothing.
SLOW_CLOSES = [
    (silent_to_close, 2, b"", "the server did not answer our close frame in time"),
    (slow_to_answer, 0, b"late 0\nlate 1\n", ""),
    (no_fin, 0, b"", ""),
]


def test_close_deadline(connect_command, misbehaving_server):
    servers = [misbehaving_server(script) for script, *_ in SLOW_CLOSES]
    begun = time.monotonic()
    with futures.ThreadPoolExecutor() as pool:
        all_done = list(pool.map(lambda server: connect_command(server.url), servers))
    assert time.monotonic() - begun > 5
    for server, done, expected in zip(servers, all_done, SLOW_CLOSES, strict=True):
        _, status, output, words = expected
        assert done.stderr == (complaint(server, words) if words else "")
        assert (done.returncode, done.stdout) == (status, output)
        assert server.result() == 1000
