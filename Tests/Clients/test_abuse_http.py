"""Abuse of HTTP: header bombs, request smuggling, paths, origins. An honest client
is at work on the same server all the while."""

import re
import time

import pytest
import sluice
from abuse import KIB, MIB, Connection, Honest, MemoryWatch, handshake

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
HOST = b"Host: a\r\n"


@pytest.fixture(scope="module")
def attacked(module_server):
    """The file's server, with an honest client for the whole file."""
    with Honest(module_server):
        yield module_server


def statuses(data):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


def refusal(server, sent):
    """Sends it with another request behind; the status of the one response, which
    must say that the connection ends, and end it."""
    with Connection(server, timeout_s=3) as client:
        try:
            client.send(sent + NEXT)
        except ConnectionError:
            pass
        received = client.rest()
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert b"\r\nConnection: close\r\n" in received
    assert b"smuggled" not in received
    return statuses(received)[0]


# Header bombs


def head(size, fields=1):
    """A head of exactly so many bytes, in so many fields."""
    names = [b"X%d: " % number for number in range(fields - 1)]
    start = b"GET / HTTP/1.1\r\n" + HOST + b"".join(name + b"\r\n" for name in names[: fields - 2])
    last = b"Y: "
    return start + last + b"y" * (size - len(start) - len(last) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("size", [8 * KIB, 256, 3000, MIB])
def test_head_size_at_the_limit_and_one_past(start_server, server, dial, size):
    attacked = server if size == 8 * KIB else start_server("--max-head-size", str(size))
    with Honest(attacked):
        client = dial(attacked)
        assert len(head(size)) == size
        client.send(head(size))
        assert client.response().status == 200
        assert refusal(attacked, head(size + 1)) == 431
        # The request line alone, which has another status.
        line = b"GET /%s HTTP/1.1\r\n"
        fits = line % (b"x" * (size - len(line) + 2 - len(HOST) - 2)) + HOST + b"\r\n"
        assert len(fits) == size
        client = dial(attacked)
        client.send(fits)
        assert client.response().status == 404
        assert refusal(attacked, line % (b"x" * size) + HOST + b"\r\n") == 414


@pytest.mark.parametrize("count", [64, 1, 500])
def test_header_fields_at_the_limit_and_one_past(start_server, server, dial, count):
    flags = ("--max-header-fields", str(count), "--max-head-size", "64KiB")
    attacked = server if count == 64 else start_server(*flags)
    with Honest(attacked, arrivals=count > 4) if count > 4 else Quiet():
        for number, status in [(count, 200), (count + 1, 431)]:
            fields = HOST + b"".join(b"x%d:\r\n" % n for n in range(number - 1))
            sent = b"GET / HTTP/1.1\r\n" + fields + b"\r\n"
            if status == 431:
                assert refusal(attacked, sent) == 431
            else:
                client = dial(attacked)
                client.send(sent)
                assert client.response().status == 200


class Quiet:
    """In place of an honest client where its handshake would not fit."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize(
    "bomb, status",
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"a:\r\n" * (MIB // 4), 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 100 + b"c: " + b"c" * MIB, 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"c: " + b"c" * MIB, 431),
        (b"GET /" + b"a" * MIB, 414),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * (MIB // 5), 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Sec-WebSocket-Protocol: " + b"a, " * (MIB // 3), 431),
        (b"\r\n" * (MIB // 2), 400),
    ],
    ids=["tiny fields", "over both", "one field", "target", "cookies", "tokens", "empty lines"],
)
def test_header_bombs(attacked, bomb, status):
    """1 MiB is refused at the limit, not after it has all been read."""
    start = time.monotonic()
    with MemoryWatch(attacked) as memory:
        assert refusal(attacked, bomb) == status
        assert time.monotonic() - start < 1
        assert memory.growth < MIB


@pytest.mark.parametrize(
    "bomb, status",
    [
        # As much as the limits let through: what is done with it must be linear too.
        (lambda size: (b"x:" + b"y" * 96 + b"\r\n") * (size // 100), 200),
        (lambda size: b"Cookie: " + b"a=b; " * (size // 5) + b"\r\n", 200),
        (lambda size: b"Connection: " + b"a," * (size // 2) + b"\r\n", 200),
        (lambda size: b"Expect: " + b"100-continue," * (size // 13) + b"\r\n", 200),
        (lambda size: b"Forwarded: " + b"for=192.0.2.1," * (size // 14) + b"\r\n", 200),
    ],
    ids=["fields", "cookies", "connection", "expect", "forwarded"],
)
def test_heads_take_linear_time(module_limits_server, bomb, status):
    """Eight times the head may take about eight times as long, not 64 times."""
    server = module_limits_server

    def seconds(size):
        sent = b"GET / HTTP/1.1\r\n" + HOST + bomb(size) + b"\r\n"
        best = 1e9
        for _ in range(3):
            with Connection(server) as client:
                start = time.monotonic()
                client.send(sent)
                assert client.response().status == status
                best = min(best, time.monotonic() - start)
        return best

    with Honest(server):
        small, large = seconds(100 * KIB), seconds(800 * KIB)
    assert large < max(24 * small, 0.1), f"{small * 1000:.1f} ms, then {large * 1000:.1f} ms"


@pytest.fixture(scope="module")
def module_limits_server():
    server = sluice.Server("--max-head-size", "1MiB", "--max-header-fields", "10000")
    yield server
    server.stop()


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"])
@pytest.mark.parametrize(
    "value", [b" " * 8000, b"\t" * 8000, b"a" + b" " * 7990 + b"b", b"," * 8000]
)
def test_fields_that_slow_down_a_regular_expression(start_server, attacked, name, value):
    """CVE-2021-32640: white space in a handshake's field, in quadratic time (ws)."""
    server = start_server("--max-head-size", "512KiB")
    with Honest(server), Connection(server, timeout_s=3) as client:
        start = time.monotonic()
        request = handshake("/echo").removesuffix(b"\r\n")
        client.send(request + name.encode() + b": " + value * 60 + b"\r\n\r\n")
        assert client.response().status in (101, 400)
        assert time.monotonic() - start < 0.5


@pytest.mark.parametrize("count", [65, 2000])
def test_more_fields_than_the_limit_in_a_handshake(attacked, count):
    """CVE-2024-37890: a handshake with more fields than the server keeps lost its
    Upgrade field, and crashed it (ws)."""
    request = handshake("/echo").split(b"\r\n")
    request[2:2] = [b"%x:" % number for number in range(count)]
    assert refusal(attacked, b"\r\n".join(request)) == 431


# Request smuggling


def post(*fields, version=b"HTTP/1.1", body=b""):
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST / " + version + b"\r\n" + HOST + lines + b"\r\n" + body


def get(*lines, first=b"GET / HTTP/1.1", host=HOST):
    return first + b"\r\n" + host + b"".join(lines) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
CLTE = b"0\r\n\r\n"
SMUGGLING = {
    # Where does the body end?
    "CL.TE": post(b"Content-Length: 5", CHUNKED, body=CLTE),
    "TE.CL": post(CHUNKED, b"Content-Length: 5", body=CLTE),
    "CL.TE, length 0": post(b"Content-Length: 0", CHUNKED, body=CLTE),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
    "the same length twice": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "list of lengths": post(b"Content-Length: 5, 5", body=b"hello"),
    "length +": post(b"Content-Length: +5", body=b"hello"),
    "length -": post(b"Content-Length: -5", body=b"hello"),
    "length hexadecimal": post(b"Content-Length: 0x5", body=b"hello"),
    "length with an underscore": post(b"Content-Length: 1_0", body=b"hello"),
    "length with a space": post(b"Content-Length: 1 0", body=b"hello"),
    "length with a fraction": post(b"Content-Length: 5.0", body=b"hello"),
    "length empty": post(b"Content-Length:", body=b"hello"),
    "length of other digits": post("Content-Length: ٥".encode(), body=b"hello"),
    "length with a vertical tab": post(b"Content-Length: \x0b5", body=b"hello"),
    "length of 2^64 + 5": post(b"Content-Length: 18446744073709551621", body=b"hello"),
    "length of 2^32 + 5": post(b"Content-Length: 4294967301", body=b"hello"),
    "TE twice": post(CHUNKED, CHUNKED, body=CLTE),
    "TE identity first": post(b"Transfer-Encoding: identity", CHUNKED, body=CLTE),
    "TE identity": post(b"Transfer-Encoding: identity", body=CLTE),
    "TE xchunked": post(b"Transfer-Encoding: xchunked", body=CLTE),
    "TE chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=CLTE),
    "TE identity, chunked": post(b"Transfer-Encoding: identity, chunked", body=CLTE),
    "TE chunked, chunked": post(b"Transfer-Encoding: chunked, chunked", body=CLTE),
    "TE quoted": post(b'Transfer-Encoding: "chunked"', body=CLTE),
    "TE with a parameter": post(b"Transfer-Encoding: chunked;a=b", body=CLTE),
    "TE with a comma": post(b"Transfer-Encoding: chunked,", body=CLTE),
    "TE with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=CLTE),
    "TE with a NUL": post(b"Transfer-Encoding: chunked\0", body=CLTE),
    "TE with a no-break space": post(b"Transfer-Encoding: \xa0chunked", body=CLTE),
    "TE empty": post(b"Transfer-Encoding:", body=CLTE),
    "TE folded": post(b"Transfer-Encoding:\r\n chunked", body=CLTE),
    "TE, space before the colon": post(b"Transfer-Encoding : chunked", body=CLTE),
    "TE, tab before the colon": post(b"Transfer-Encoding\t: chunked", body=CLTE),
    "TE, space before the name": post(b" Transfer-Encoding: chunked", body=CLTE),
    "TE after a bare LF": post(b"X: y\nTransfer-Encoding: chunked", body=CLTE),
    "TE after a bare CR": post(b"X: y\rTransfer-Encoding: chunked", body=CLTE),
    "TE on HTTP/1.0": post(CHUNKED, version=b"HTTP/1.0", body=CLTE),
    "TE and length on HTTP/1.0": post(
        CHUNKED, b"Content-Length: 5", version=b"HTTP/1.0", body=CLTE
    ),
    "chunk size +": post(CHUNKED, body=b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk size 0x": post(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with a space": post(CHUNKED, body=b" 5\r\nhello\r\n0\r\n\r\n"),
    "chunk size empty": post(CHUNKED, body=b"\r\nhello\r\n0\r\n\r\n"),
    "chunk size of 2^64 + 5": post(CHUNKED, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk size, bare LF": post(CHUNKED, body=b"5\nhello\r\n0\r\n\r\n"),
    "chunk too long": post(CHUNKED, body=b"5\r\nhelloXX0\r\n\r\n"),
    "chunk ends in LF": post(CHUNKED, body=b"5\r\nhello\n0\r\n\r\n"),
    "chunk extension with LF": post(CHUNKED, body=b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "chunk extension with CR": post(CHUNKED, body=b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "trailer without a colon": post(CHUNKED, body=b"0\r\nX\r\n\r\n"),
    "trailer folded": post(CHUNKED, body=b"0\r\nX: y\r\n z\r\n\r\n"),
    # Where does the head end, and what does it say?
    "bare LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare LF in front": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare CR as the line end": b"GET / HTTP/1.1\rHost: a\r\r",
    "CR CR LF": b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "folded": get(b"X: a\r\n\tb\r\n"),
    "folded first field": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "space line": get(b" \r\n"),
    "NUL in a name": get(b"X\0: a\r\n"),
    "NUL in a value": get(b"X: \0\r\n"),
    "NUL in the target": get(first=b"GET /\0 HTTP/1.1"),
    "DEL in a value": get(b"X: \x7f\r\n"),
    "space before the colon": get(b"X : a\r\n"),
    "no colon": get(b"X\r\n"),
    "empty name": get(b": a\r\n"),
    "name not ASCII": get("Ä: a\r\n".encode()),
    "name in brackets": get(b"X[1]: a\r\n"),
    # Whose request is it?
    "no Host": get(host=b""),
    "two Hosts": get(b"Host: b\r\n"),
    "the same Host twice": get(HOST),
    "Host empty": get(host=b"Host:\r\n"),
    "Host with a path": get(host=b"Host: a/b\r\n"),
    "Host with a user": get(host=b"Host: user@a\r\n"),
    "Host with a comma": get(host=b"Host: a, b\r\n"),
    "Host with a space": get(host=b"Host: a b\r\n"),
    "Host with a bad port": get(host=b"Host: a:b\r\n"),
    "absolute target, no Host": get(first=b"GET http://a/ HTTP/1.1", host=b""),
    "absolute target, two Hosts": get(HOST, first=b"GET http://a/ HTTP/1.1"),
    "absolute target of another scheme": get(first=b"GET ftp://a/ HTTP/1.1"),
    "absolute target with a user": get(first=b"GET http://b@a/ HTTP/1.1"),
    "absolute target without a host": get(first=b"GET http:/// HTTP/1.1"),
    "absolute target with a backslash": get(first=b"GET http:\\\\a/ HTTP/1.1"),
    "target with a space": get(first=b"GET /a b HTTP/1.1"),
    "target with a tab": get(first=b"GET /\t HTTP/1.1"),
    "target with a fragment": get(first=b"GET /#a HTTP/1.1"),
    "target without a slash": get(first=b"GET a HTTP/1.1"),
    "target not ASCII": get(first="GET /ä HTTP/1.1".encode()),
    "asterisk": get(first=b"GET * HTTP/1.1"),
    "CONNECT without a port": get(first=b"CONNECT a HTTP/1.1"),
    # Which protocol is it?
    "HTTP/0.9": get(first=b"GET / HTTP/0.9"),
    "HTTP/1.2": get(first=b"GET / HTTP/1.2"),
    "HTTP/2.0": get(first=b"GET / HTTP/2.0"),
    "HTTP/1.10": get(first=b"GET / HTTP/1.10"),
    "HTTP/01.1": get(first=b"GET / HTTP/01.1"),
    "HTTP/1,1": get(first=b"GET / HTTP/1,1"),
    "http/1.1": get(first=b"GET / http/1.1"),
    "HTTP/ 1.1": get(first=b"GET / HTTP/ 1.1"),
    "XHTTP/1.1": get(first=b"GET / XHTTP/1.1"),
    "no version": get(first=b"GET /"),
    "a tab for a space": get(first=b"GET\t/\tHTTP/1.1"),
    "a space at the end": get(first=b"GET / HTTP/1.1 "),
    "a space in front": get(first=b" GET / HTTP/1.1"),
    "a method that is none": get(first=b"G(T / HTTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400),
    "PROXY protocol": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "PROXY protocol 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    # An upgrade that is refused: what follows was meant as WebSocket frames.
    "origin": handshake("/echo", "Origin: http://evil.example"),
    "two origins": handshake("/echo", "Origin: http://a", "Origin: http://a"),
    "version 12": handshake("/echo").replace(b"Version: 13", b"Version: 12"),
    "two versions": handshake("/echo", "Sec-WebSocket-Version: 13"),
    "two keys": handshake("/echo", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    "no key": handshake("/echo").replace(b"Sec-WebSocket-Key", b"X"),
    "no endpoint": handshake("/nowhere"),
    "no channel": handshake("/channels/%00"),
    "by POST": handshake("/echo").replace(b"GET", b"POST"),
    "with a body": handshake("/echo", "Content-Length: 5"),
    "with a chunked body": handshake("/echo", "Transfer-Encoding: chunked"),
    "on HTTP/1.0": handshake("/echo").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "without Connection: Upgrade": handshake("/echo").replace(b"n: Upgrade", b"n: keep-alive"),
}  # fmt: skip


@pytest.mark.parametrize("sent", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_nothing_behind_a_refused_request_is_read(attacked, sent):
    """One response, 4xx or 5xx, then the end: the request behind is not answered."""
    assert 400 <= refusal(attacked, sent) < 600


@pytest.mark.parametrize("sent", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_nor_when_it_comes_in_single_bytes(attacked, sent):
    with Connection(attacked, timeout_s=3) as client:
        # The system's own buffers may put some of them together again, at most.
        try:
            for byte in sent[:60]:
                client.send(bytes([byte]))
            client.send(sent[60:] + NEXT)
        except ConnectionError:
            pass
        received = client.rest()
    # It may have been cut before the end: an answer can be lost then, never added.
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert 400 <= statuses(received)[0] < 600


def test_an_upgrade_to_http_2_is_not_taken_up(attacked):
    sent = get(
        b"Connection: Upgrade, HTTP2-Settings\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    )
    with Connection(attacked, timeout_s=3) as client:
        client.send(sent + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        received = client.rest()
    assert b"HTTP/1.1 101" not in received
    # Answered as the request that it also is, or refused; the preface is refused.
    assert all(status == 200 or 400 <= status < 600 for status in statuses(received))
    assert statuses(received)[-1] >= 400
    assert b"\r\nConnection: close\r\n" in received


def test_after_an_upgrade_nothing_is_read_as_http(attacked):
    with Connection(attacked, timeout_s=3) as client:
        client.send(handshake("/echo") + NEXT)
        received = client.rest()
    # 'G' is a frame with reserved bits.
    assert statuses(received) == [101]
    assert b"\x03\xea" in received


@pytest.mark.parametrize("target", ["http://b/", "http://b:81/", "https://b/"])
def test_the_host_of_an_absolute_target_counts(attacked, target, dial):
    """RFC 9112, 3.2.2: the Host field is ignored then, for the origin as well."""
    client = dial(attacked)
    client.request("GET", target)
    assert client.response().status == 200
    echo = target + "echo"
    authority = target.split("/")[2]
    scheme = target.split(":")[0]
    for origin, status in [(f"{scheme}://{authority}", 101), ("http://a", 403)]:
        client = dial(attacked)
        client.send(handshake(echo, f"Origin: {origin}"))
        assert client.response().status == status


# Paths

PATHS = [
    "/..", "/../", "/../etc/passwd", "/../../../../etc/passwd", "/%2e%2e/etc/passwd",
    "/%2E%2E%2Fetc%2Fpasswd", "/..%2f..%2fetc/passwd", "/..;/etc/passwd", "//", "//etc/passwd",
    "///", "//a/", "/%00", "/%00.html", "/index.html%00", "/.", "/./", "/%2e", "/%2e/", "/%2f",
    "/\\", "/..\\..\\etc", "/%5c..%5c", "/%c0%ae%c0%ae/", "/%c0%af", "/%e0%80%ae/", "/%uff0e/",
    "/%252e%252e/", "/%252f", "/%", "/%zz", "/;/", "/%3f", "/%20", "/index.html", "/chat.html",
    "/Resources/chat.html", "/etc/passwd", "/proc/self/environ", "/echo/", "/echo/..", "/echo/../",
    "/echo/%2e%2e/", "/Echo", "/ech%6f", "/%65cho", "/echo%00", "/echo;a", "/channels/../",
    "/channels/a/..", "/channels/a/../..", "/channels", "/channels/", "/channels//a", "//echo",
    "/./echo", "/../echo", "/channels/./../echo", "/channels/%00", "/channels/%c0%ae",
    "/channels/%ff", "/channels/%e0%80%af", "/channels/%ed%a0%80", "/channels/a%0d%0ab",
    "/channels/%", "/channels/%1", "/channels/" + "a" * 256, "/channels/" + "%61" * 256,
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_are_none(attacked, path):
    with Connection(attacked, timeout_s=3) as client:
        client.request("GET", path, "Connection: close")
        received = client.rest()
    assert statuses(received)[0] in (400, 404, 426)
    assert b"<html" not in received.lower() and b"root:" not in received
    assert refusal(attacked, handshake(path)) in (400, 404)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2fb", "..%2f..%2fetc", "%2500", "%5c"])
def test_names_of_channels_are_no_paths(attacked, dial, name):
    """Decoded once, and a name of its own: neither another channel nor a file."""
    member = dial(attacked).websocket(f"/channels/{name}?echo=1")
    assert member.echoes()


# Origins


# With Host: chat.example.org; {0} is what stands for the allowed host.
TRICKY = [
    "null", "", "{0}", "//{0}", "http:{0}", "http:/{0}", "http:///{0}", "http://{0}/",
    "http://{0}/x", "http://{0}?x", "http://{0}#x", "http://{0}:81", "http://{0}:0080x",
    "http://{0}:", "http://{0}:65616", "http://{0}:-80", "http://{0}:+80", "http://{0}: 80",
    "http://{0}.evil.example", "http://evil{0}", "http://evil.{0}", "http://{0}evil",
    "http://{0}@evil.example", "http://evil.example@{0}", "http://user:password@{0}",
    "http://evil.example/{0}", "http://evil.example?{0}", "http://evil.example#{0}",
    "http://evil.example\\{0}", "http://evil.example\\@{0}", "http://{0}\\.evil.example",
    "http://{0}%00.evil.example", "http://{0}%2eevil.example", "http://{0}.", "http://.{0}",
    "http://*.example.org", "http://*", "*", "http://example.org", "http://org",
    "http://chat-example.org", "http://chatXexample.org", "http://chat.example.com",
    "http://chat.example.org.", "http://xn--chat.example.org", "http://chat.еxample.org",
    "http://chat.exampl\u00e9.org", "http://ｃhat.example.org", "http://chat。example.org",
    "http://\u212ahat.example.org", "ftp://{0}", "ws://{0}", "wss://{0}", "file://{0}", "file://",
    "javascript://{0}", "data:text/html,{0}", "blob:http://{0}", "chrome-extension://{0}",
    "http://[::1]", "http://[{0}]", "http://127.0.0.1", "http://localhost", "http://0",
    "http://{0} http://evil.example", "http://evil.example http://{0}", "http://{0},http://{0}",
    "http://{0}, http://evil.example", "http://{0}\thttp://evil.example", "http ://{0}",
    "http://{0} x", "'http://{0}'", '"http://{0}"', "<http://{0}>", "undefined", "None",
]  # fmt: skip


def answer_to_origin(server, *lines, version=13):
    with Connection(server, timeout_s=3) as client:
        request = handshake("/echo").replace(b"Host: a", b"Host: chat.example.org")
        request = request.replace(b"Version: 13", b"Version: %d" % version)
        fields = "".join(f"{line}\r\n" for line in lines).encode()
        client.send(request.removesuffix(b"\r\n") + fields + b"\r\n")
        return client.response().status


@pytest.fixture(scope="module")
def listing_server():
    server = sluice.Server("--origin", "http://chat.example.org")
    with Honest(server):
        yield server
    server.stop()


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_origins(attacked, listing_server, text):
    """Cross-site hijacking: neither by the default rule nor by a list."""
    origin = text.format("chat.example.org")
    for server in (attacked, listing_server):
        for field in ("Origin", "origin", "ORIGIN"):
            assert answer_to_origin(server, f"{field}: {origin}") in (400, 403)


@pytest.mark.parametrize(
    "version, lines",
    [
        (13, ["Origin: {good}", "Origin: {evil}"]),
        (13, ["Origin: {evil}", "Origin: {good}"]),
        (13, ["Origin: {evil}", "Sec-WebSocket-Origin: {good}"]),
        (13, ["Origin: {evil}", "X-Forwarded-Host: evil.example"]),
        (13, ["Origin: {evil}", "Forwarded: host=evil.example"]),
        (13, ["Origin: {evil}", "Referer: {good}/"]),
        (13, ["Origin:\t{evil}\t"]),
        (8, ["Origin: {evil}"]),
        (8, ["Sec-WebSocket-Origin: {evil}"]),
        (8, ["Sec-WebSocket-Origin: {good}", "Sec-WebSocket-Origin: {evil}"]),
        (8, ["Sec-WebSocket-Origin: {evil}", "Origin: {good}"]),
        (8, ["Sec-WebSocket-Origin: {evil}", "Sec-WebSocket-Origin: {good}"]),
    ],
)
def test_origins_in_several_fields(attacked, listing_server, version, lines):
    lines = [
        line.format(good="http://chat.example.org", evil="http://evil.example") for line in lines
    ]
    for server in (attacked, listing_server):
        assert answer_to_origin(server, *lines, version=version) in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://chat.example.org", "http://chat.example.org:80", "HTTP://Chat.Example.ORG"]
)
def test_the_right_origin(attacked, listing_server, origin):
    for server in (attacked, listing_server):
        assert answer_to_origin(server, f"Origin: {origin}") == 101
        assert answer_to_origin(server, f"Sec-WebSocket-Origin: {origin}", version=8) == 101
        assert answer_to_origin(server) == 101


def test_every_origin(start_server):
    server = start_server("--origin", "*")
    with Honest(server):
        for text in ("http://evil.example", "null", "https://chat.example.org"):
            assert answer_to_origin(server, f"Origin: {text}") == 101
        assert answer_to_origin(server, "Origin: http://a", "Origin: http://b") == 400
