"""The `websockets` library of Python, asyncio."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

MIB = 1 << 20


async def within(awaitable, seconds=5):
    async with asyncio.timeout(seconds):
        return await awaitable


async def closing(client):
    """The close frame that the server sends."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await within(client.recv())
    assert closed.value.rcvd is not None, "the connection ended without a close frame"
    return closed.value.rcvd


async def refusal(*arguments, **options):
    """The status of a refused handshake."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(*arguments, **options):
            pass
    return refused.value.response.status_code


@pytest.fixture
async def join(server):
    """join("channel?query") opens a connection to a channel for this test."""
    async with AsyncExitStack() as stack:

        async def open_one(target, base=server.ws, **options):
            return await stack.enter_async_context(
                connect(f"{base}/channels/{target}", **options)
            )

        yield open_one


# Echo


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("hello", id="text"),
        pytest.param("grüße 🚣 \u0000 \U0010ffff \ufeff", id="unicode"),
        pytest.param("", id="empty text"),
        pytest.param(b"", id="empty binary"),
        pytest.param(bytes(range(256)), id="binary"),
        *(pytest.param("a" * n, id=f"text {n}") for n in (125, 126, 65535, 65536, MIB)),
        pytest.param(bytes(range(256)) * (MIB // 256), id="binary 1 MiB"),
        pytest.param("€" * (MIB // 3), id="unicode 1 MiB"),
    ],
)
async def test_echo(server, message):
    async with connect(f"{server.ws}/echo", max_size=None) as client:
        await client.send(message)
        assert await within(client.recv()) == message


@pytest.mark.parametrize(
    "fragments",
    [
        ["one", "", "two", "three"],
        [b"one", b"\x00\xff", b""],
        ["x" * 1000] * 1000,
    ],
    ids=["text", "binary", "thousand"],
)
async def test_echo_of_a_fragmented_message(server, fragments):
    async with connect(f"{server.ws}/echo", max_size=None) as client:
        await client.send(fragments)
        assert await within(client.recv()) == fragments[0][:0].join(fragments)


async def test_echo_keeps_order_with_many_in_flight(server):
    async with connect(f"{server.ws}/echo") as client:

        async def send():
            for number in range(5000):
                await client.send(str(number))

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            for number in range(5000):
                assert await within(client.recv()) == str(number)


async def test_query_of_the_echo_is_ignored(server):
    async with connect(f"{server.ws}/echo?token=1&x=%20") as client:
        await client.send("hello")
        assert await within(client.recv()) == "hello"


# Ping and pong


async def test_answers_pings_with_their_payload(server):
    async with connect(f"{server.ws}/echo") as client:
        for payload in (b"", b"abc", bytes(125)):
            await within(await client.ping(payload))


async def test_answers_a_ping_within_a_fragmented_message(server):
    async with connect(f"{server.ws}/echo") as client:
        pongs = []

        async def fragments():
            yield "one "
            pongs.append(await client.ping())
            yield "two"

        await client.send(fragments())
        await within(pongs[0])
        assert await within(client.recv()) == "one two"


async def test_ignores_unsolicited_pongs(server):
    async with connect(f"{server.ws}/echo") as client:
        await client.pong(b"unasked")
        await client.send("hello")
        assert await within(client.recv()) == "hello"


# Closing


@pytest.mark.parametrize(
    "code, reason", [(1000, ""), (1001, "going"), (3000, "x" * 123), (4999, "tschüß")]
)
async def test_answers_a_close_with_its_code(server, code, reason):
    async with connect(f"{server.ws}/echo") as client:
        await within(client.close(code, reason))
        assert client.protocol.close_rcvd is not None
        assert client.close_code == code


async def test_answers_a_close_after_what_came_before(server):
    async with connect(f"{server.ws}/echo") as client:
        for number in range(100):
            await client.send(str(number))
        closed = asyncio.create_task(client.close())
        received = [message async for message in client]
        await within(closed)
        assert received == [str(number) for number in range(100)]


# Limits


async def test_closes_1009_over_the_message_size(start_server):
    server = start_server("--max-message-size", "64KiB")
    url = f"{server.ws}/echo"
    async with connect(url) as client:
        await client.send(b"x" * 65536)
        assert await within(client.recv()) == b"x" * 65536
        await client.send([b"x" * 32768, b"x" * 32768])
        assert await within(client.recv()) == b"x" * 65536
        await client.send(b"x" * 65537)
        assert (await closing(client)).code == 1009
    async with connect(url) as client:
        await client.send([b"x" * 32768, b"x" * 32768, b"x"])
        assert (await closing(client)).code == 1009


async def test_default_message_size_is_1_mib(server):
    async with connect(f"{server.ws}/echo") as client:
        await client.send(b"x" * (MIB + 1))
        assert (await closing(client)).code == 1009


async def test_closes_1008_over_the_number_of_fragments(start_server):
    server = start_server("--max-fragments", "16")
    async with connect(f"{server.ws}/echo") as client:
        # The library adds an empty final fragment, which counts too.
        await client.send(["x"] * 15)
        assert await within(client.recv()) == "x" * 15
        await client.send(["x"] * 16)
        assert (await closing(client)).code == 1008


# Subprotocols and origins


async def test_selects_a_subprotocol_that_both_know(start_server):
    server = start_server("--subprotocol", "chat.v1", "--subprotocol", "chat.v2")
    url = f"{server.ws}/echo"
    for offered, selected in [
        (["chat.v1"], "chat.v1"),
        (["unknown", "chat.v2"], "chat.v2"),
        (["CHAT.V1"], None),
        (["unknown"], None),
        (None, None),
    ]:
        async with connect(url, subprotocols=offered) as client:
            assert client.subprotocol == selected
            await client.send("hello")
            assert await within(client.recv()) == "hello"


async def test_selects_no_subprotocol_unless_configured(server):
    async with connect(f"{server.ws}/echo", subprotocols=["chat.v1"]) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize("target", ["/echo", "/channels/a"])
async def test_accepts_its_own_origin_only(server, target):
    url = server.ws + target
    for origin in (None, server.http):
        async with connect(url, origin=origin):
            pass
    for origin in (
        "https://evil.example",
        "null",
        f"http://{server.host}.evil.example:{server.port}",
        f"http://evil.example/{server.authority}",
        f"http://{server.authority}@evil.example",
    ):
        assert await refusal(url, origin=origin) == 403, origin


async def test_accepts_configured_origins(start_server):
    server = start_server("--origin", "https://app.example", "--origin", "https://b.example:8443")
    url = f"{server.ws}/echo"
    for origin in (None, "https://app.example", "https://b.example:8443"):
        async with connect(url, origin=origin):
            pass
    for origin in (
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://b.example",
    ):
        assert await refusal(url, origin=origin) == 403, origin


# Channels


async def test_reaches_everyone_else(join):
    sender, *others = [await join("everyone-else") for _ in range(5)]
    await sender.send("hello")
    await sender.send(b"\x00\x01")
    for other in others:
        assert await within(other.recv()) == "hello"
        assert await within(other.recv()) == b"\x00\x01"
    # The sender's own messages would come before this one.
    await others[0].send("marker")
    assert await within(sender.recv()) == "marker"


async def test_reaches_everyone_with_echo(join):
    members = [await join("everyone?echo=1") for _ in range(3)]
    for number, sender in enumerate(members):
        await sender.send(str(number))
        for member in members:
            assert await within(member.recv()) == str(number)


async def test_echo_is_each_member_s_own_choice(join):
    quiet = await join("mixed")
    loud = await join("mixed?echo=1")
    await quiet.send("from quiet")
    assert await within(loud.recv()) == "from quiet"
    await loud.send("from loud")
    assert await within(loud.recv()) == "from loud"
    assert await within(quiet.recv()) == "from loud"


async def test_channels_are_apart(join):
    here = [await join("apart-1") for _ in range(2)]
    there = [await join("apart-2") for _ in range(2)]
    await here[0].send("here")
    await there[0].send("there")
    assert await within(here[1].recv()) == "here"
    assert await within(there[1].recv()) == "there"


async def test_a_member_that_left_is_no_obstacle(join):
    sender, left, stays = [await join("leaving") for _ in range(3)]
    await left.close()
    await sender.send("hello")
    assert await within(stays.recv()) == "hello"
    left.transport.abort()
    aborted = await join("leaving")
    aborted.transport.abort()
    await sender.send("hello again")
    assert await within(stays.recv()) == "hello again"


async def test_a_fragmented_message_arrives_whole(join):
    sender, receiver = await join("fragments"), await join("fragments")
    await sender.send(["one ", "two ", "three"])
    assert await within(receiver.recv()) == "one two three"


async def test_everyone_sees_the_same_order(join):
    senders = [await join("order?echo=1") for _ in range(3)]
    listener = await join("order")
    count = 1000

    async def send(name, client):
        for number in range(count):
            await client.send(f"{name}:{number}")
            await asyncio.sleep(0)

    async def receive(client):
        return [await client.recv() for _ in range(count * len(senders))]

    async with asyncio.timeout(15):
        async with asyncio.TaskGroup() as group:
            for name, client in enumerate(senders):
                group.create_task(send(name, client))
            views = [group.create_task(receive(client)) for client in [*senders, listener]]
    orders = [view.result() for view in views]
    assert all(order == orders[0] for order in orders)
    for name in range(len(senders)):
        own = [message for message in orders[0] if message.startswith(f"{name}:")]
        assert own == [f"{name}:{number}" for number in range(count)]


async def test_many_members(join):
    members = [await join("many") for _ in range(200)]
    messages = [str(number) for number in range(20)]
    for message in messages:
        await members[0].send(message)
    for member in members[1:]:
        assert [await within(member.recv()) for _ in messages] == messages


@pytest.mark.parametrize(
    "one, other",
    [
        ("caf%C3%A9", "caf%c3%a9"),
        ("%61bc", "abc"),
        ("%F0%9F%9A%A3", "%f0%9f%9a%a3"),
        ("a%20b", "a%20b"),
        ("a%2Fb", "a%2fb"),
        ("a+b", "a%2Bb"),
        ("~a.b-c_d!$&'()*,;=:@", "%7Ea.b-c_d!$&'()*,;=:@"),
        ("x" * 255, "x" * 255),
        ("%C3%A9" * 127 + "x", "%C3%A9" * 127 + "x"),
    ],
)
async def test_names_of_one_channel(join, one, other):
    sender, receiver = await join(one), await join(other)
    await sender.send("hello")
    assert await within(receiver.recv()) == "hello"


@pytest.mark.parametrize(
    "one, other",
    [
        ("%2541", "A"),
        ("a+b", "a%20b"),
        ("Case", "case"),
        # The same letter, composed and decomposed: names are compared as bytes.
        ("%C3%A9", "e%CC%81"),
    ],
)
async def test_names_of_different_channels(join, one, other):
    sender, same, different = await join(one), await join(one), await join(other)
    await sender.send("not for the other")
    assert await within(same.recv()) == "not for the other"
    marker = await join(other)
    await marker.send("marker")
    assert await within(different.recv()) == "marker"


@pytest.mark.parametrize(
    "name",
    ["%00", "%0A", "a%1Fb", "%7F", "%C2%85", "%FF", "%C3", "%ED%A0%80", "%", "%4", "%zz", "x" * 256]
    + ["%C3%A9" * 128],
    ids=lambda name: name[:12],
)
async def test_invalid_channel_names(server, name):
    assert await refusal(f"{server.ws}/channels/{name}") == 400


# Unix sockets


async def test_unix_socket(start_server, tmp_path):
    path = str(tmp_path / "sluice.sock")
    start_server(listen=(f"unix:{path}",))
    async with unix_connect(path, "ws://localhost/channels/a") as one:
        async with unix_connect(path, "ws://localhost/channels/a") as other:
            await one.send("hello")
            assert await within(other.recv()) == "hello"
    async with unix_connect(path, "ws://localhost/echo", max_size=None) as client:
        await client.send(b"x" * MIB)
        assert await within(client.recv()) == b"x" * MIB
        await within(client.close())
        assert client.close_code == 1000
