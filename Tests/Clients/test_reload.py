"""SIGHUP: what a running gateway follows, what waits for a restart, and that nobody is
disconnected for it."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import time
from typing import NamedTuple

import pytest
import sluice
from abuse import Connection as AnyConnection
from abuse import allow_open_files, is_cut, wait_until
from certificates import Authority, Pair
from websockets.asyncio.client import connect as ws_connect_async
from wire import (
    BINARY, CLOSE, CONTINUATION, PING, TEXT, Connection, Ended, close_payload, frame,
)  # fmt: skip

RELOADED = "configuration reloaded"
REFUSED = "configuration not reloaded, the old values stay"
BY_RESTART = "applied by restart"
CLIENT = "203.0.113.7"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "stranger")


@pytest.fixture
def configure(tmp_path):
    """configure({OPTION: VALUE}): writes the configuration file, as deployments do."""
    path = tmp_path / "sluice.toml"

    def write(options):
        copy = tmp_path / "sluice.toml.new"
        # JSON's strings, numbers and arrays are TOML's too.
        copy.write_text("".join(f"{name} = {json.dumps(v)}\n" for name, v in options.items()))
        copy.rename(path)
        return path

    return write


def reload(server, count=1):
    server.signal(signal.SIGHUP)
    return server.wait_for_log(RELOADED, count=count)[-1]


# Each option that is live


class Live(NamedTuple):
    before: object
    after: object
    observe: object
    """observe(CASE): what can be seen of the value."""
    was: object
    becomes: object
    also: dict = {}
    """Further options."""
    target: str = "/echo"
    """Of the WebSocket that is open across the reload."""


class Case:
    """What a look at a server needs. `open` is a WebSocket from before the reload; in the
    look before, one of its own."""

    def __init__(self, server, target="", authority=None, connects=False, is_before=False):
        self.server = server
        self.authority = authority
        self.is_before = is_before
        self.open = None
        if connects:
            self.open = Connection(server, timeout_s=5)
            assert self.open.upgrade(target).status == 101

    def close(self):
        if self.open:
            self.open.socket.close()


def close_code(*sent):
    """The code with which the server closes the open WebSocket after these frames; None if it
    answers a ping."""

    def observe(case):
        case.open.send(b"".join(sent) + frame(PING, b"done"))
        with contextlib.suppress(Ended):
            while True:
                received = case.open.frame()
                if received.opcode == CLOSE:
                    return received.close_code
                if received.payload == b"done":
                    return None

    return observe


def handshake(*lines, target="/echo", source=None, first=b""):
    """The response to an upgrade on a new connection."""

    def observe(case):
        with AnyConnection(case.server, source=source, first=first) as client:
            try:
                return client.upgrade(target, *lines)
            except (Ended, ConnectionError):
                return None

    return observe


def status(*lines, **options):
    def observe(case):
        response = handshake(*lines, **options)(case)
        return response and response.status

    return observe


def request_status(*lines):
    """Of a plain request, on a connection that has answered one before the reload."""

    def observe(case):
        case.open = case.open or kept_connection(case.server)
        case.open.request("GET", "/", *lines)
        return case.open.response().status

    return observe


def kept_connection(server):
    client = Connection(server, timeout_s=5)
    client.request("GET", "/")
    assert client.response().status == 200
    return client


def peer(*lines, source="127.0.0.5", first=b""):
    """Of the access line of a new connection."""

    def observe(case):
        count = len([line for line in case.server.log if line["message"] == "connection"])
        handshake(*lines, source=source, first=first)(case)
        return case.server.wait_for_log("connection", count=count + 1)[-1]["peer"]

    return observe


def place_for_a_second(case):
    """The status that a second connection of an address gets."""
    with AnyConnection(case.server, source="127.0.0.9") as first:
        with contextlib.suppress(Ended):
            first.upgrade("/echo")
        return second_status(case.server)


def place_beside_a_handshake(case):
    with AnyConnection(case.server, source="127.0.0.9", first=b"GET / HT"):
        return second_status(case.server)


def second_status(server):
    with AnyConnection(server, source="127.0.0.9") as second:
        with contextlib.suppress(ConnectionError):
            second.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            return second.response().status
        except (Ended, ConnectionError):
            return None


def slow_subscriber(case):
    """The code with which the open subscriber, which does not read, is closed."""
    with Connection(case.server) as publisher:
        assert publisher.upgrade("/channels/a").status == 101
        for _ in range(400):
            publisher.send(frame(BINARY, bytes(16384)))
        publisher.send(frame(PING, b"done"))
        while publisher.frame().payload != b"done":
            pass
    # The one from before the reload has not read what came in the first look either.
    with contextlib.suppress(Ended):
        for _ in range(400 if case.is_before else 800):
            received = case.open.frame()
            if received.opcode == CLOSE:
                return received.close_code
    return None


def large_unfinished_message(case):
    """Whether the open WebSocket may keep one."""
    case.open.send(frame(BINARY, bytes(1 << 21), fin=False) + frame(PING, b"done"))
    try:
        return case.open.frame().payload == b"done"
    except (Ended, ConnectionError):
        return False


def drops_a_slow_request(case):
    with AnyConnection(case.server, first=b"GET / HT") as client:
        return is_cut(client.socket, 1)


def drops_an_idle_connection(case):
    with kept_connection(case.server) as client:
        return is_cut(client.socket, 1)


def pings(case):
    case.open.socket.settimeout(1)
    try:
        return case.open.frame().opcode == PING
    except TimeoutError:
        return False


def drops_a_mute_client(case):
    with Connection(case.server, timeout_s=1) as client:
        assert client.upgrade("/echo").status == 101
        try:
            while True:
                client.frame()
        except TimeoutError:
            return False
        except Ended:
            return True


def cuts_who_does_not_close(case):
    """Whether the server gives up on a client that never closes its side."""
    case.open.send(frame(TEXT, b"x", rsv=1))
    case.open.frame_of(CLOSE)
    with contextlib.suppress(AssertionError):
        case.server.wait_for_log("connection", close_code=1002, deadline_s=1)
        return True
    return False


def certificate(case):
    with Connection(case.server, tls=case.authority.client(), server_name="localhost") as client:
        return client.socket.getpeercert(binary_form=True)


def let_in(version=None, certificate=None):
    """Whether a TLS client is served."""

    def observe(case):
        context = case.authority.client(version, certificate and certificate(case))
        try:
            with Connection(case.server, tls=context, server_name="localhost") as client:
                client.request("GET", "/")
                return client.response().status == 200
        except (ssl.SSLError, Ended, ConnectionError):
            return False

    return observe


def access_lines(case):
    """Whether there is one for a new connection."""
    mark = case.server.stderr
    with kept_connection(case.server):
        pass
    with contextlib.suppress(AssertionError):
        wait_until(lambda: len(case.server.stderr) > len(mark), 1)
    return "protocol" in case.server.stderr[len(mark) :]


def log_format(case):
    mark = len(case.server.stderr)
    with kept_connection(case.server):
        pass
    assert wait_until(lambda: "requests" in case.server.stderr[mark:], 5)
    return case.server.stderr[mark]


PROXY_LINE = f"PROXY TCP4 {CLIENT} 192.0.2.1 40000 443\r\n".encode()
X_FORWARDED_FOR = f"X-Forwarded-For: {CLIENT}"
ORIGIN = "Origin: https://chat.example.org"
OFFER = "Sec-WebSocket-Protocol: chat.v1"

LIVE = {
    "trusted-proxy": Live([], ["127.0.0.5"], peer(X_FORWARDED_FOR), "127.0.0.5", CLIENT),
    "forwarded-field": Live(
        *("x-forwarded-for", "forwarded", peer(f"Forwarded: for={CLIENT}"), "127.0.0.5", CLIENT),
        {"trusted-proxy": ["127.0.0.5"]},
    ),
    "proxy-protocol": Live(
        *(False, True, peer(first=PROXY_LINE), "127.0.0.5", CLIENT),
        {"trusted-proxy": ["127.0.0.5"]},
    ),
    "origin": Live([], ["https://chat.example.org"], status(ORIGIN), 403, 101),
    "subprotocol": Live(
        *([], ["chat.v1"]),
        lambda case: handshake(OFFER)(case).headers.get("sec-websocket-protocol"),
        *(None, "chat.v1"),
    ),
    "max-message-size": Live("1KiB", 10, close_code(frame(TEXT, b"x" * 11)), None, 1009),
    "max-fragments": Live(
        *(3, 2),
        close_code(frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)),
        *(None, 1008),
    ),
    "max-messages-per-second": Live(0, 2, close_code(frame(TEXT, b"x") * 9), None, 1008),
    "max-control-frames-per-second": Live(0, 2, close_code(frame(PING) * 9), None, 1008),
    "send-queue-limit": Live(
        *("64MiB", "64KiB", slow_subscriber, None, 1013), target="/channels/a"
    ),
    "memory-budget": Live(
        *("512MiB", "1MiB", large_unfinished_message, True, False, {"max-message-size": "8MiB"})
    ),
    "max-connections": Live(10, 1, status(), 101, 503),
    "max-connections-per-address": Live(2, 1, place_for_a_second, 200, 429),
    "max-handshakes-per-address": Live(2, 1, place_beside_a_handshake, 200, 429),
    "max-head-size": Live("8KiB", 256, request_status("A: " + "a" * 300), 200, 431),
    "max-header-fields": Live(64, 2, request_status("A: 1", "B: 2"), 200, 431),
    "handshake-timeout": Live("60s", "100ms", drops_a_slow_request, False, True),
    "keep-alive-timeout": Live("60s", "100ms", drops_an_idle_connection, False, True),
    "ping-interval": Live("0s", "200ms", pings, False, True),
    "pong-timeout": Live(
        *("60s", "200ms", drops_a_mute_client, False, True, {"ping-interval": "100ms"})
    ),
    "close-timeout": Live("60s", "200ms", cuts_who_does_not_close, False, True),
    "log-level": Live("notice", "info", access_lines, False, True),
    "log-format": Live("json", "logfmt", log_format, "{", "t"),
    "tls-certificate": Live("server", "successor", certificate, "server", "successor"),
    "tls-key": Live("server", "successor", certificate, "server", "successor"),
    "tls-min-version": Live("1.2", "1.3", let_in(ssl.TLSVersion.TLSv1_2), True, False),
    "tls-client-ca": Live(
        *("authority", "stranger"),
        let_in(certificate=lambda case: case.authority.issue("ours", usage="clientAuth")),
        *(True, False),
    ),
    "tls-require-client-certificate": Live(False, True, let_in(), True, False),
}
# Where a WebSocket that is open all the time would be in the way.
WITHOUT_WEBSOCKET = {
    "trusted-proxy", "forwarded-field", "proxy-protocol", "max-head-size", "max-header-fields",
    "log-level", "log-format",
}  # fmt: skip


def test_there_is_a_look_at_every_live_option():
    printed = subprocess.run(
        [sluice.BINARY, "config", "print", "--json"], capture_output=True, check=True, timeout=10,
        env=sluice.ENVIRONMENT,
    )  # fmt: skip
    options = json.loads(printed.stdout)
    assert {name for name, option in options.items() if option["live"]} == set(LIVE)


def values(name, which, live, deployed, authority, stranger):
    """The whole configuration, before or after the change."""
    value = live.before if which == "before" else live.after
    options = {**live.also}
    if name.startswith("tls-"):
        pairs = {"server": deployed[0], "successor": deployed[1]}
        own = pairs.get(value, deployed[0])
        certificate, key = own
        if name == "tls-key":
            # The same file for the certificate: only the key's name tells.
            certificate = deployed[2]
            certificate.write_bytes(own.certificate.read_bytes())
        options |= {"tls-certificate": [str(certificate)], "tls-key": [str(key)]}
        if name == "tls-client-ca":
            value = str({"authority": authority, "stranger": stranger}[value].file)
        if name == "tls-require-client-certificate":
            options["tls-client-ca"] = str(authority.file)
        if name in ("tls-certificate", "tls-key"):
            return options
    return {**options, name: value}


@pytest.mark.parametrize("name", LIVE)
def test_a_live_option_takes_effect(
    start_server, configure, authority, stranger, tmp_path, name
):
    live = LIVE[name]
    hosts = ["localhost", "127.0.0.1"]
    deployed = (
        *(authority.issue(each, hosts) for each in ("server", "successor")),
        tmp_path / "certificate.pem",
    ) if name.startswith("tls-") else None  # fmt: skip

    def write(which):
        return configure(values(name, which, live, deployed, authority, stranger))

    def expected(value):
        if value in ("server", "successor"):
            return deployed[value == "successor"].der
        return value

    server = start_server("--config", str(write("before")))
    connects = name not in WITHOUT_WEBSOCKET and deployed is None
    cases = [Case(server, live.target, authority, connects, before) for before in (True, False)]
    try:
        if name in ("max-head-size", "max-header-fields"):
            cases[1].open = kept_connection(server)
        assert live.observe(cases[0]) == expected(live.was)
        cases[0].close()
        write("after")
        if name == "log-format":
            server.signal(signal.SIGHUP)
            server.wait_for_stderr(f'message="{RELOADED}" changed=log-format\n')
        elif name == "tls-key":
            line = reload(server)
            assert line["changed"] == "tls-key"
        else:
            expected_change = "tls-certificate,tls-key" if name == "tls-certificate" else name
            assert reload(server)["changed"] == expected_change
        assert live.observe(cases[1]) == expected(live.becomes)
    finally:
        for case in cases:
            case.close()


# What is refused, and what waits


def echoes(client):
    client.send(frame(TEXT, b"still there"))
    return client.frame_of(TEXT).payload == b"still there"


def test_a_bad_file_changes_nothing(start_server, configure, connect_websocket):
    path = configure({"max-message-size": 100, "origin": ["https://chat.example.org"]})
    server = start_server("--config", str(path))
    client = connect_websocket(server)
    case = Case(server)
    path.write_text("max-message-size = 10\norigin = []\nmax-fragmets = 1\nping-interval = 5\n")
    server.signal(signal.SIGHUP)
    lines = server.wait_for_log(REFUSED, count=2, level="error")
    assert [line["error"] for line in lines] == [
        f"{path}:3:1: unknown key 'max-fragmets'; did you mean 'max-fragments'?",
        f"{path}:4:17: a whole number where a string is wanted; as in ping-interval = \"1.5s\"",
    ]
    # What options mean together.
    path.write_text("max-message-size = 10\nproxy-protocol = true\n")
    server.signal(signal.SIGHUP)
    error = server.wait_for_log(REFUSED, count=3)[-1]["error"]
    assert error.endswith("the header is believed from nobody; set trusted-proxy too")
    path.unlink()
    server.signal(signal.SIGHUP)
    error = server.wait_for_log(REFUSED, count=4)[-1]["error"]
    assert error == f"--config: cannot read '{path}': No such file or directory"
    client.send(frame(TEXT, b"x" * 100))
    assert len(client.frame_of(TEXT).payload) == 100
    assert status(ORIGIN)(case) == 101
    assert server.log[-1]["message"] in (REFUSED, "connection")
    # A good one is followed after all that.
    configure({"max-message-size": 10, "origin": ["https://chat.example.org"]})
    assert reload(server)["changed"] == "max-message-size"
    client.send(frame(TEXT, b"x" * 11))
    assert client.frame_of(CLOSE).close_code == 1009


def test_broken_certificates_refuse_all_of_it(start_server, configure, authority, tmp_path):
    pair = Pair(tmp_path / "a.pem", tmp_path / "a.key")
    pair.replace_by(authority.issue("first", ["localhost"]))
    options = {"tls-certificate": [str(pair.certificate)], "tls-key": [str(pair.key)]}
    server = start_server("--config", str(configure(options)), "--log-level", "debug")
    pair.key.write_text("nonsense")
    configure({**options, "max-message-size": 10})
    server.signal(signal.SIGHUP)
    assert str(pair.key) in server.wait_for_log(REFUSED)[0]["error"]
    with Connection(server, tls=authority.client(), server_name="localhost") as client:
        assert client.upgrade("/echo").status == 101
        assert echoes(client)
    second = authority.issue("second", ["localhost"])
    pair.replace_by(second)
    assert reload(server)["changed"] == "max-message-size"
    assert certificate(Case(server, authority=authority)) == second.der


def test_certificates_are_still_noticed_without_a_signal(
    start_server, configure, authority, tmp_path
):
    """Also those of a configuration that came with a reload."""
    pairs = [Pair(tmp_path / f"{n}.pem", tmp_path / f"{n}.key") for n in range(2)]
    for number, pair in enumerate(pairs):
        pair.replace_by(authority.issue(f"pair{number}", ["localhost"]))

    def options(pair):
        return {"tls-certificate": [str(pair.certificate)], "tls-key": [str(pair.key)]}

    server = start_server("--config", str(configure(options(pairs[0]))))
    configure(options(pairs[1]))
    reload(server)
    case = Case(server, authority=authority)
    assert certificate(case) == pairs[1].der
    renewed = authority.issue("renewed", ["localhost"])
    pairs[1].replace_by(renewed)
    assert wait_until(lambda: certificate(case) == renewed.der, 12)


def test_what_needs_a_restart_is_named(start_server, configure, authority, connect_websocket):
    listen = ["127.0.0.1:0"]
    path = configure({"listen": listen, "max-fragments": 5})
    server = start_server("--config", str(path), listen=())
    client = connect_websocket(server)
    pair = authority.issue("unused", ["localhost"])
    configure({
        "listen": ["127.0.0.1:0", "127.0.0.1:0"], "event-loop": "epoll", "max-fragments": 6,
        "tls-certificate": [str(pair.certificate)], "tls-key": [str(pair.key)],
        "tls-min-version": "1.3",
    })  # fmt: skip
    waiting = "listen,event-loop,tls-certificate,tls-key,tls-min-version"
    assert reload(server)["changed"] == "max-fragments"
    (line,) = server.wait_for_log(BY_RESTART, level="warning")
    assert line["options"] == waiting
    assert echoes(client)
    # It is still so the next time.
    assert "changed" not in reload(server, count=2)
    assert server.wait_for_log(BY_RESTART, count=2)[-1]["options"] == waiting
    configure({"listen": listen, "max-fragments": 6})
    assert "changed" not in reload(server, count=3)
    assert echoes(client)
    assert len(server.wait_for_log(BY_RESTART, count=2)) == 2


def test_flags_and_environment_go_before_the_file_again(start_server, configure):
    path = configure({"max-message-size": "1KiB", "max-fragments": 5, "max-header-fields": 50})
    server = start_server(
        *("--config", str(path), "--max-message-size", "2KiB"),
        environment={"SLUICE_MAX_FRAGMENTS": "7"},
    )
    configure({"max-message-size": "4KiB", "max-fragments": 9, "max-header-fields": 51})
    assert reload(server)["changed"] == "max-header-fields"


def test_without_a_file_nothing_changes(start_server):
    server = start_server("--max-fragments", "7")
    assert "changed" not in reload(server)


def test_values_are_not_in_the_log(start_server, configure):
    path = configure({"subprotocol": ["before"]})
    server = start_server("--config", str(path))
    configure({"subprotocol": ["afterwards"]})
    reload(server)
    assert "afterwards" not in server.stderr


@pytest.mark.timeout(40)
def test_a_file_that_blocks_holds_up_nobody(start_server, configure, connect_websocket, tmp_path):
    path = configure({"max-fragments": 5})
    server = start_server("--config", str(path))
    client = connect_websocket(server)
    path.unlink()
    os.mkfifo(path)
    for _ in range(3):
        server.signal(signal.SIGHUP)
        assert echoes(client)
    path_is_read = os.open(path, os.O_WRONLY)
    os.write(path_is_read, b"max-fragments = 6\n")
    os.close(path_is_read)
    assert server.wait_for_log(RELOADED)[0]["changed"] == "max-fragments"
    assert echoes(client)
    # The signals that came meanwhile make it read once more, for which nobody writes.
    client.send(frame(CLOSE, close_payload(1000)))
    client.frame_of(CLOSE)
    client.socket.close()
    server.signal()
    server.wait(deadline_s=3)


def test_lower_limits_end_no_connection(start_server, configure):
    path = configure({"max-connections": 10, "max-connections-per-address": 10})
    server = start_server("--config", str(path))
    clients = [Connection(server) for _ in range(5)]
    for client in clients:
        assert client.upgrade("/echo").status == 101
    configure({"max-connections": 2, "max-connections-per-address": 1})
    reload(server)
    assert status()(Case(server)) == 503
    for client in clients:
        assert echoes(client)
        client.socket.close()


# Under load


@pytest.mark.timeout(120)
async def test_reloads_under_load(start_server, configure):
    """200 connections go on exchanging messages through 20 reloads with changes."""
    allow_open_files(1000)
    connections, reloads = 200, 20

    def options(number):
        odd = number % 2
        return {
            "max-message-size": ["1MiB", "2MiB"][odd],
            "max-fragments": [100, 200][odd],
            "send-queue-limit": ["256KiB", "1MiB"][odd],
            "memory-budget": ["512MiB", "256MiB"][odd],
            "max-messages-per-second": [0, 100_000][odd],
            "max-connections": [500, 201][odd],
            "max-connections-per-address": [400, 10][odd],
            "ping-interval": ["25s", "50ms"][odd],
            "pong-timeout": ["10s", "20s"][odd],
            "close-timeout": ["5s", "6s"][odd],
            "keep-alive-timeout": ["60s", "1s"][odd],
            "origin": [[], ["https://a.example"]][odd],
            "subprotocol": [["a"], ["b"]][odd],
            "trusted-proxy": [[], ["127.0.0.0/8"]][odd],
            "log-level": ["info", "debug"][odd],
        }

    server = start_server("--config", str(configure(options(0))))
    counts = [0] * connections
    finished = False

    async def exchange(number, client):
        while not finished:
            text = f"{number}:{counts[number]}"
            await client.send(text)
            assert await client.recv() == text
            counts[number] += 1

    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(ws_connect_async(f"{server.ws}/echo", ping_interval=None))
            for _ in range(connections)
        ]
        tasks = [asyncio.create_task(exchange(*each)) for each in enumerate(clients)]
        for number in range(1, reloads + 1):
            before = list(counts)
            configure(options(number))
            server.signal(signal.SIGHUP)
            deadline = time.monotonic() + 20
            while not (
                len([l for l in server.log if l["message"] == RELOADED]) >= number
                and all(now >= then + 2 for now, then in zip(counts, before))
            ):
                assert time.monotonic() < deadline, server.stderr[-2000:]
                done = [task for task in tasks if task.done()]
                assert not done, [task.exception() for task in done][:3]
                await asyncio.sleep(0.01)
        finished = True
        await asyncio.gather(*tasks)
        assert not [line for line in server.log if line["message"] == "connection"]
    changed = [line["changed"] for line in server.log if line["message"] == RELOADED]
    assert len(changed) == reloads
    assert all(set(each.split(",")) == set(options(0)) for each in changed)
