"""`sluice connect`: what real servers see of its handshake, and who it connects to."""

import asyncio
import base64
import json
import socket
import threading

import aiohttp
import certificates
import pytest
import sluice
import websockets.sync.server
from aiohttp import web

FLAGS = (
    *("--header", "X-Room: größe"),
    *("-H", "Authorization: Bearer token"),
    *("--origin", "https://chat.example"),
    *("--cookie", "session=abc", "--cookie", "theme=dark"),
    *("--subprotocol", "v2", "-s", "v1"),
)


# What is asked for


def test_request(connect_command, misbehaving_server):
    """Byte by byte, but for the key."""

    def script(peer):
        request = peer.upgrade("Sec-WebSocket-Protocol: v1")
        peer.answer_close()
        return request, peer.key

    server = misbehaving_server(script)
    done = connect_command(server.url + "a b/ü?q=1&r=%20", *FLAGS)
    assert (done.returncode, done.stderr) == (0, "")
    request, key = server.result()
    assert len(base64.b64decode(key)) == 16
    assert request == [
        "GET /a%20b/%C3%BC?q=1&r=%20 HTTP/1.1",
        f"Host: {server.authority}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
        "Origin: https://chat.example",
        "Sec-WebSocket-Protocol: v2, v1",
        "Cookie: session=abc; theme=dark",
        "X-Room: größe",
        "Authorization: Bearer token",
    ]


def test_keys_differ(connect_command, misbehaving_server):
    server = misbehaving_server(lambda peer: (peer.upgrade(), peer.answer_close(), peer.key)[2])
    assert len({connect_command(server.url) and server.result() for _ in range(5)}) == 5


def test_version_8(connect_command, misbehaving_server):
    server = misbehaving_server(lambda peer: (peer.upgrade(), peer.answer_close())[0])
    done = connect_command(server.url, "--protocol-version", "8", "-o", "https://a.example")
    assert (done.returncode, done.stderr) == (0, "")
    request = server.result()
    assert "Sec-WebSocket-Version: 8" in request
    assert "Sec-WebSocket-Origin: https://a.example" in request
    assert not any(line.startswith("Origin:") for line in request)


@pytest.mark.parametrize(
    "user, credentials",
    [
        ("anna:secret@", b"anna:secret"),
        ("anna:s%40c%3Aret@", b"anna:s@c:ret"),
        ("j%C3%BCrgen:@", "jürgen:".encode()),
    ],
)
def test_user_in_the_url(connect_command, misbehaving_server, user, credentials):
    def script(peer):
        request = peer.upgrade()
        peer.send_close(4001)
        peer.close_code()
        return request

    server = misbehaving_server(script)
    done = connect_command(server.url.replace("://", f"://{user}"), "--wait", "5s")
    request = server.result()
    assert f"Authorization: Basic {base64.b64encode(credentials).decode()}" in request
    assert f"Host: {server.authority}" in request
    # No password is told to who looks over the shoulder.
    assert done.stderr == f"sluice: {server.url}: closed by the server: 4001\n"


# By real servers


def test_websockets(connect_command):
    """The python websockets library, with Basic authentication."""
    seen = []

    def handler(connection):
        seen.append(connection)
        connection.send(connection.recv())

    auth = websockets.sync.server.basic_auth(credentials=("anna", "secret"))
    with websockets.sync.server.serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=["v1", "v2"],
        origins=["https://chat.example"],
        process_request=auth,
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        url = f"ws://127.0.0.1:{port}/path"
        flags = ("-o", "https://chat.example", "-s", "v2", "-s", "v1", "--cookie", "a=b")
        with_user = url.replace("://", "://anna:secret@")
        done = connect_command(with_user, *flags, "-v", "--wait", "9s", input=b"hello\n")
        assert (done.returncode, done.stdout) == (0, b"hello\n")
        assert f"connected to {url}, subprotocol v1\n" in done.stderr
        assert "  Sec-WebSocket-Protocol: v1\n" in done.stderr
        assert seen[0].request.headers["Cookie"] == "a=b"
        assert seen[0].subprotocol == "v1"

        done = connect_command(url, *flags)
        assert done.returncode == 1
        assert done.stderr.startswith(
            f"sluice: {url}: the server wants authentication (401): Basic realm="
        )
        done = connect_command(with_user, "-o", "https://evil.example")
        assert done.returncode == 1
        assert done.stderr.startswith(
            f"sluice: {url}: the server refused: 403 Forbidden: Failed to open a WebSocket "
            "connection: invalid Origin header: https://evil.example"
        )
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("version", ["13", "8"])
def test_node(connect_command, node, version):
    process = node("server.js", start=True)
    port = int(process.stdout.readline())
    url = f"ws://127.0.0.1:{port}/path?q=1"
    done = connect_command(url, *FLAGS, "--protocol-version", version, "--binary", input=b"hi\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\n", "")
    seen = json.loads(process.stdout.readline())
    assert seen["url"] == "/path?q=1"
    headers = seen["headers"]
    assert headers["origin" if version == "13" else "sec-websocket-origin"] == "https://chat.example"
    assert headers["cookie"] == "session=abc; theme=dark"
    assert headers["authorization"] == "Bearer token"
    assert headers["sec-websocket-protocol"] in ("v2,v1", "v2, v1")
    assert headers["x-room"].encode("latin-1").decode() == "größe"
    assert json.loads(process.stdout.readline()) == {"code": 1000}


async def test_aiohttp():
    seen = []

    async def handler(request):
        if request.path == "/closed":
            raise web.HTTPForbidden(text="members only")
        socket = web.WebSocketResponse(protocols=["v1"])
        await socket.prepare(request)
        seen.append((request.headers, request.cookies, socket.ws_protocol))
        async for message in socket:
            assert message.type == aiohttp.WSMsgType.TEXT
            await socket.send_str(message.data.upper())
        return socket

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}"

    async def connect(*arguments):
        process = await asyncio.create_subprocess_exec(
            *(sluice.BINARY, "connect", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate("grüße\n".encode())
        return process.returncode, output.decode(), errors.decode()

    assert await connect(f"{url}/", *FLAGS) == (0, "GRÜSSE\n", "")
    headers, cookies, subprotocol = seen[0]
    assert headers["Origin"] == "https://chat.example"
    assert dict(cookies) == {"session": "abc", "theme": "dark"}
    assert subprotocol == "v1"
    status, output, errors = await connect(f"{url}/closed")
    assert (status, output) == (1, "")
    assert errors.startswith(
        f"sluice: {url}/closed: the server refused: 403 Forbidden: members only\n"
    )
    await runner.cleanup()


# Whom it connects to


def test_localhost(connect_command, start_server):
    """Where the name has addresses of both families, the one that answers is taken."""
    last = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)[-1][4][0]
    server = start_server(listen=(f"[{last}]:0" if ":" in last else f"{last}:0",))
    for url in (f"ws://localhost:{server.port}/echo", f"localhost:{server.port}/echo"):
        done = connect_command(url, input=b"hello")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", "")


def test_ipv6(connect_command, start_server):
    server = start_server(listen=("[::1]:0",))
    assert server.ws.startswith("ws://[::1]:")
    done = connect_command(server.ws + "/echo", "-v", input=b"hello")
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    assert done.stderr.startswith(f"connected to {server.ws}/echo\n")


@pytest.mark.parametrize("form", ["ws+unix:{}:/echo", "ws+unix://{}:/echo"])
def test_unix_socket(connect_command, start_server, tmp_path, form):
    path = tmp_path / "socket"
    start_server(listen=(f"unix:{path}",))
    done = connect_command(form.format(path), input=b"hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", "")


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def server_pair(authority):
    return authority.issue("server", ["localhost", "127.0.0.1"])


def test_tls(connect_command, start_server, authority, server_pair):
    server = start_server(*server_pair.flags)
    for url in (server.ws, f"wss://localhost:{server.port}", server.http):
        done = connect_command(url + "/echo", "--ca", str(authority.file), "-v", input=b"hello")
        assert (done.returncode, done.stdout) == (0, b"hello\n")
        assert ", TLSv1.3, TLS_" in done.stderr
    done = connect_command(server.ws + "/echo", "--insecure", input=b"hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", "")
    # More than one record, and than one receive.
    data = b"x" * 900_000 + b"\n"
    done = connect_command(server.ws + "/echo", "--ca", str(authority.file), input=data * 5)
    assert (done.returncode, done.stdout, done.stderr) == (0, data * 5, "")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_client_certificate(
    connect_command, start_server, authority, server_pair, tmp_path, version
):
    server = start_server(
        *(*server_pair.flags, "--tls-min-version", version),
        *("--tls-client-ca", str(authority.file), "--tls-require-client-certificate"),
    )
    client = authority.issue("client", usage="clientAuth")
    both = tmp_path / "both.pem"
    both.write_bytes(client.certificate.read_bytes() + client.key.read_bytes())
    trust = (server.ws + "/echo", "--ca", str(authority.file))
    for flags in (
        ("--certificate", str(client.certificate), "--key", str(client.key)),
        ("--certificate", str(both)),
    ):
        done = connect_command(*trust, *flags, input=b"hello")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", "")

    done = connect_command(*trust)
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: {server.ws}/echo: TLS: the peer gave up: certificate required; "
        "the server may want another --certificate\n"
    )
    stranger = certificates.Authority(tmp_path, "stranger").issue("client", usage="clientAuth")
    done = connect_command(
        *trust, "--certificate", str(stranger.certificate), "--key", str(stranger.key)
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: {server.ws}/echo: TLS: the peer gave up: unknown CA; "
        "the server may want another --certificate\n"
    )
