"""The HTTP side: curl, and by hand what curl doesn't send."""

import subprocess
import time

import pytest
from wire import Ended

VERSIONS = "13, 8"


@pytest.fixture
def curl(server):
    """curl(option, …, path=…) returns what curl prints."""

    def run(*options, paths=("/",)):
        command = ["curl", "--silent", "--show-error", "--max-time", "10", "--noproxy", "*"]
        done = subprocess.run(
            [*command, *options, *(server.http + path for path in paths)],
            capture_output=True,
            text=True,
            timeout=15,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def head_of(output):
    """Status and fields of what `curl --include` prints."""
    lines = output.partition("\n\n")[0].splitlines()
    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split(" ")[1]), {name.lower(): value for name, value in fields.items()}


# curl


def test_the_chat_page(curl):
    output = curl("--include").replace("\r\n", "\n")
    status, fields = head_of(output)
    page = output.partition("\n\n")[2]
    assert status == 200
    assert fields["content-type"].startswith("text/html")
    assert int(fields["content-length"]) == len(page.encode())
    for element in ("messages", "composer", "message", "status"):
        assert f'id="{element}"' in page or f"id={element}" in page


def test_head_has_the_fields_of_get_and_no_body(curl):
    status, fields = head_of(curl("--head"))
    got = head_of(curl("--include"))[1]
    assert status == 200
    for name in ("content-type", "content-length"):
        assert fields[name] == got[name]


def test_query_of_the_page_is_ignored(curl):
    assert curl("--output", "/dev/null", "-w", "%{http_code}", paths=["/?a=b"]) == "200"


@pytest.mark.parametrize("first", ["/", "/nowhere", "/echo"])
def test_keeps_the_connection(curl, first):
    counts = curl(
        "-w", "\n%{num_connects}\n", "--head", "--output", "/dev/null", paths=[first]
    ) + curl("-w", "%{num_connects}\n", "-o", "/dev/null", "-o", "/dev/null", paths=[first, "/"])
    assert counts.split() == ["1", "1", "0"]


@pytest.mark.parametrize("path", ["/nowhere", "/index.html", "/echo/x", "/channels", "/%2e%2e/x"])
def test_404(curl, path):
    assert head_of(curl("--include", "--path-as-is", paths=[path]))[0] == 404


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/", "/echo", "/channels/a"])
def test_405(curl, method, path):
    status, fields = head_of(curl("--include", "--request", method, paths=[path]))
    assert status == 405
    allowed = {name.strip() for name in fields["allow"].split(",")}
    assert "GET" in allowed
    assert method not in allowed
    assert path != "/" or "HEAD" in allowed


@pytest.mark.parametrize("path", ["/echo", "/channels/a", "/channels/caf%C3%A9?echo=1"])
def test_426(curl, path):
    status, fields = head_of(curl("--include", paths=[path]))
    assert status == 426
    assert fields["upgrade"].lower() == "websocket"
    assert "upgrade" in fields["connection"].lower()
    assert fields["sec-websocket-version"] == VERSIONS


def test_http_1_0(curl):
    output = curl("--http1.0", "--include", "-w", "\n%{http_code}")
    assert output.endswith("\n200")


def test_post_with_a_length(curl):
    output = curl("--include", "--data", "x" * 100)
    assert head_of(output)[0] == 405


def test_post_in_chunks(curl):
    output = curl("--include", "--data", "x" * 100, "-H", "Transfer-Encoding: chunked")
    assert head_of(output)[0] == 405


def test_expect_100_continue_is_answered(curl):
    # curl would wait for 8 s before it sent the body unasked.
    output = curl(
        "--data", "x" * 100, "-H", "Expect: 100-continue", "--expect100-timeout", "8",
        "--output", "/dev/null", "-w", "%{http_code} %{time_total}",
    )  # fmt: skip
    status, seconds = output.split()
    assert status == "405"
    assert float(seconds) < 3


# By hand


def test_pipelined_requests_are_answered_in_order(server, connect):
    client = connect(server)
    client.send(
        b"".join(
            f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            for method, target in [
                ("GET", "/"),
                ("GET", "/nowhere"),
                ("HEAD", "/"),
                ("GET", "/echo"),
                ("DELETE", "/"),
                ("GET", "/"),
            ]
        )
    )
    statuses = [client.response(to_head=number == 2).status for number in range(6)]
    assert statuses == [200, 404, 200, 426, 405, 200]


def test_many_pipelined_requests(server, connect):
    client = connect(server)
    count = 500
    client.send(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" * count)
    assert [client.response().status for _ in range(count)] == [404] * count


def test_a_request_in_single_bytes(server, connect):
    client = connect(server)
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n":
        client.send(bytes([byte]))
    assert client.response().status == 200


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "fields, body",
    [
        ("Content-Length: {length}", SMUGGLED),
        ("Content-Length: {length}", b"x" * 100_000),
        (
            "Transfer-Encoding: chunked",
            b"%x\r\n%s\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
        ),
    ],
    ids=["length", "long", "chunked"],
)
@pytest.mark.parametrize("target, status", [("/", 405), ("/nowhere", 404)])
def test_a_body_is_never_taken_for_a_request(server, connect, target, status, fields, body):
    client = connect(server)
    head = f"POST {target} HTTP/1.1\r\nHost: a\r\n{fields.format(length=len(body))}\r\n\r\n"
    try:
        client.send(head.encode() + body + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    except ConnectionError:
        pass
    response = client.response()
    assert response.status == status
    # Either the body is skipped, or the connection ends.
    if response.headers.get("connection", "").lower() == "close":
        assert client.at_end()
    else:
        assert client.response().status == 200


@pytest.mark.parametrize("version, fields", [("HTTP/1.0", []), ("HTTP/1.1", ["Connection: close"])])
def test_ends_the_connection_when_asked(server, connect, version, fields):
    client = connect(server)
    client.request("GET", "/", *fields, version=version)
    response = client.response()
    assert response.status == 200
    assert response.headers["connection"].lower() == "close"
    assert client.at_end()


BAD_REQUESTS = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version": b"GET / HTTP/1.x\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "control in the target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "length not a number": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_requests(server, connect, sent):
    client = connect(server)
    client.send(sent + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    response = client.response()
    assert response.status == 400
    assert response.headers["connection"].lower() == "close"
    assert client.at_end()


@pytest.mark.parametrize("length", [1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) + 1, 10**30])
def test_lengths_over_every_limit(server, connect, length):
    client = connect(server)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nx" % length)
    response = client.response()
    assert response.status in (400, 405, 413)
    assert response.headers["connection"].lower() == "close"
    assert client.at_end()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        # No end in sight: refused when the limit is reached, not at a deadline.
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000,
    ],
    ids=["field", "target", "many fields", "endless"],
)
def test_heads_over_the_limit(server, connect, sent):
    client = connect(server, timeout_s=3)
    client.send(sent)
    response = client.response()
    assert response.status in (400, 414, 431)
    assert response.headers["connection"].lower() == "close"
    assert client.at_end()


# Handshakes


@pytest.mark.parametrize("version", [13, 8])
@pytest.mark.parametrize("target", ["/echo", "/channels/a"])
def test_handshake(server, connect, target, version):
    response = connect(server).upgrade(target, version=version)
    assert response.status == 101
    assert response.headers["upgrade"].lower() == "websocket"
    assert response.headers["connection"].lower() == "upgrade"
    # The example of RFC 6455, section 1.3.
    assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("version", [0, 7, 9, 14, 113])
def test_handshake_of_another_version(server, connect, version):
    response = connect(server).upgrade(version=version)
    assert response.status == 426
    assert response.headers["sec-websocket-version"] == VERSIONS


@pytest.mark.parametrize(
    "options",
    [
        {"key": None},
        {"key": ""},
        {"key": "short"},
        {"key": "dGhlIHNhbXBsZSBub25jZQ="},
        {"key": "dGhlIHNhbXBsZSBub25jZSE="},
        {"key": "!GhlIHNhbXBsZSBub25jZQ=="},
    ],
    ids=str,
)
def test_handshake_without_a_proper_key(server, connect, options):
    assert connect(server).upgrade(**options).status == 400


def test_handshake_by_post(server, connect):
    client = connect(server)
    client.request(
        "POST", "/echo", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    )  # fmt: skip
    assert client.response().status in (400, 405)


def test_handshake_elsewhere(server, connect):
    assert connect(server).upgrade("/nowhere").status == 404


def test_handshake_after_other_requests_on_the_connection(server, connect_websocket, connect):
    client = connect(server)
    for _ in range(3):
        client.request()
        assert client.response().status == 200
    assert client.upgrade("/echo").status == 101


# Deadlines


@pytest.mark.parametrize("dribble", [False, True], ids=["silent", "dribbling"])
def test_a_slow_request_is_dropped(server, connect, dribble):
    """Five seconds for a whole head: single bytes don't prolong it."""
    client = connect(server, timeout_s=0.25 if dribble else 10)
    start = time.monotonic()
    client.send(b"GET /echo HTTP/1.1\r\nX: ")
    while time.monotonic() - start < 10:
        try:
            if dribble:
                client.send(b"x")
            client.read_until(b"\0")
        except TimeoutError:
            continue
        except (Ended, ConnectionError):
            break
    assert 3 < time.monotonic() - start < 8
