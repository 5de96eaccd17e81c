"""aiohttp's client."""

import asyncio

import aiohttp
import pytest
from wire import PING, Ended


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(trust_env=False) as session:
        yield session


async def test_echo(server, session):
    async with session.ws_connect(f"{server.http}/echo", max_msg_size=0) as client:
        await client.send_str("grüße 🚣")
        assert await client.receive_str(timeout=5) == "grüße 🚣"
        await client.send_bytes(bytes(range(256)) * 4096)
        assert await client.receive_bytes(timeout=5) == bytes(range(256)) * 4096
        await client.send_json({"a": [1, None]})
        assert await client.receive_json(timeout=5) == {"a": [1, None]}
        await client.close(code=3001, message=b"bye")
        assert client.close_code == 3001


async def test_broadcast(server, session):
    url = f"{server.http}/channels/caf%C3%A9"
    async with (
        session.ws_connect(url) as sender,
        session.ws_connect(url) as other,
        session.ws_connect(f"{url}?echo=1") as loud,
    ):
        await sender.send_str("hello")
        assert await other.receive_str(timeout=5) == "hello"
        assert await loud.receive_str(timeout=5) == "hello"
        await loud.send_bytes(b"\0\1")
        assert await loud.receive_bytes(timeout=5) == b"\0\1"
        # Its own message didn't come back to the sender.
        assert await sender.receive_bytes(timeout=5) == b"\0\1"


async def test_page_and_websocket_with_one_session(server, session):
    async with session.get(f"{server.http}/") as response:
        assert response.status == 200
        assert "<!doctype html" in (await response.text()).lower()
    async with session.ws_connect(f"{server.http}/echo") as client:
        await client.send_str("hello")
        assert await client.receive_str(timeout=5) == "hello"


async def test_foreign_origin(server, session):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{server.http}/echo", origin="https://evil.example")
    assert refused.value.status == 403


async def test_subprotocol(start_server, session):
    server = start_server("--subprotocol", "chat.v1")
    offered = ("unknown", "chat.v1")
    async with session.ws_connect(f"{server.http}/echo", protocols=offered) as client:
        assert client.protocol == "chat.v1"


async def test_its_heartbeat_is_answered(server, session):
    async with session.ws_connect(f"{server.http}/channels/heartbeat", heartbeat=0.2) as client:
        # An unanswered ping would end the connection after 0.1 s.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.receive()
        assert not client.closed


async def test_its_pongs_keep_it_connected(start_server, session, connect_websocket):
    server = start_server("--ping-interval", "1s", "--pong-timeout", "1s")
    async with session.ws_connect(f"{server.http}/channels/a?echo=1") as client:
        reading = asyncio.create_task(client.receive_str(timeout=10))
        await asyncio.to_thread(wait_until_a_mute_client_is_dropped, connect_websocket, server)
        assert not reading.done()
        await client.send_str("still here")
        assert await reading == "still here"


def wait_until_a_mute_client_is_dropped(connect_websocket, server):
    mute = connect_websocket(server)
    assert mute.frame().opcode == PING
    with pytest.raises(Ended):
        while True:
            mute.frame()


async def test_server_stops(start_server, session):
    server = start_server()
    async with session.ws_connect(f"{server.http}/channels/a") as client:
        server.signal()
        message = await client.receive(timeout=5)
        assert message.type == aiohttp.WSMsgType.CLOSE
        assert message.data == 1012
