"""`sluice bench`: every load against several servers, its report, and servers that are
wrong."""

import json
import os
import signal
import subprocess
import threading
import time
from concurrent import futures

import certificates
import pytest
import sluice
import websockets.sync.server
import wire
from terminal import Terminal

QUICK = ("--duration", "300ms")
WARM = ("--warm-up", "100ms")
# For several at a time.
LOADED = ("--duration", "1s")


def start_bench(*arguments, **options):
    return subprocess.Popen(
        [sluice.BINARY, "bench", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=sluice.ENVIRONMENT,
        **options,
    )


def finish(process, timeout_s=25):
    output, errors = process.communicate(timeout=timeout_s)
    assert not sluice.CRASH.search(errors), errors
    return process.returncode, output, errors


def bench(*arguments):
    """Runs `sluice bench … --json` to its end: exit status and report, checked."""
    status, output, errors = finish(start_bench(*arguments, "--json"))
    assert errors == "", errors
    return status, checked(json.loads(output))


def in_parallel(run, cases):
    """run(case) for all of them at a time."""
    with futures.ThreadPoolExecutor(len(cases)) as pool:
        for done in [pool.submit(run, case) for case in cases]:
            done.result()


# The report

NUMBER = (int, float)
LATENCY = {
    "count": int,
    "min": NUMBER,
    "mean": NUMBER,
    "p50": NUMBER,
    "p90": NUMBER,
    "p99": NUMBER,
    "p99.9": NUMBER,
    "p99.99": NUMBER,
    "max": NUMBER,
    "corrected_for_coordinated_omission": bool,
    "clamped_count": int,
}
ERRORS = (
    "wrong_content",
    "wrong_size",
    "wrong_kind",
    "duplicated",
    "out_of_order",
    "lost",
    "unsent",
)
# What every report has, and what some have.
REPORT = {
    "scenario": str,
    "url": str,
    "options": dict,
    "duration_s": NUMBER,
    "connections": dict,
    "errors": dict,
    "client": dict,
    "warnings": list,
}
SOMETIMES = {
    "messages": int,
    "messages_per_second": NUMBER,
    "bytes_per_second": NUMBER,
    "publications": int,
    "latency_us": dict,
    "server": dict,
}
SERVER_FIGURES = {"busy_percent", "waited_percent"}


def check_latency(latency):
    assert latency.keys() == LATENCY.keys()
    for key, kind in LATENCY.items():
        assert isinstance(latency[key], kind), key
    assert latency["count"] > 0
    # A percentile is at most 0.1 % too large.
    order = [latency[key] for key in ("p50", "p90", "p99", "p99.9", "p99.99")]
    assert order == sorted(order)
    assert 0 <= latency["min"] <= latency["mean"] <= latency["max"]
    assert order[-1] <= latency["max"] * 1.001 + 0.001


def checked(report):
    """The report, once its keys, their types and what follows from what are as they should be."""
    for key, kind in REPORT.items():
        assert isinstance(report[key], kind), key
    for key in report.keys() - REPORT.keys():
        assert isinstance(report[key], SOMETIMES[key]), key
    assert set(report["errors"]) == set(ERRORS)
    connections = report["connections"]
    assert {"opened", "failed", "lost", "causes"} <= connections.keys()
    causes = sum(cause["count"] for cause in connections["causes"])
    assert causes == connections["failed"] + connections["lost"]
    if "latency_us" in report:
        check_latency(report["latency_us"])
    if "handshake_latency_us" in connections:
        check_latency(connections["handshake_latency_us"])
    if "messages" in report:
        seconds = report["duration_s"]
        assert report["messages_per_second"] == pytest.approx(
            report["messages"] / seconds, rel=1e-3, abs=1e-3
        )
        assert report["bytes_per_second"] == pytest.approx(
            report["messages"] * report["options"]["size_bytes"] / seconds, rel=1e-3, abs=1
        )
    if "server" in report:
        for figures in (report["server"]["total"], *report["server"]["processes"]):
            assert SERVER_FIGURES <= figures.keys()
    return report


def assert_flawless(status, report):
    assert status == 0, report
    assert set(report["errors"].values()) == {0}
    assert report["connections"]["failed"] == report["connections"]["lost"] == 0


# Loads, and servers that are right


@pytest.fixture(params=["sluice", "node", "websockets"])
def any_server(request):
    """The base URL of a server with /echo and broadcasting /channels/…, and its pid."""
    if request.param == "sluice":
        server = request.getfixturevalue("server")
        yield server.ws, server.process.pid
    elif request.param == "node":
        process = request.getfixturevalue("node")(
            "../../Benchmarks/node_ws_server.js", start=True
        )
        line = process.stdout.readline()
        yield "ws" + line.split("http")[1].strip().rstrip("/"), process.pid
    else:
        with python_server() as url:
            yield url, os.getpid()


class python_server:
    """The python websockets library: /echo, and a channel for every other path."""

    def __enter__(self):
        self.channels = {}
        self.lock = threading.Lock()
        self.server = websockets.sync.server.serve(
            self.handle,
            "127.0.0.1",
            0,
            compression=None,
            max_size=None,
            process_request=self.subscribe,
        )
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}"

    def subscribe(self, connection, request):
        with self.lock:
            self.channels.setdefault(request.path, set()).add(connection)

    def handle(self, connection):
        if connection.request.path == "/echo":
            for message in connection:
                connection.send(message)
            return
        channel = self.channels[connection.request.path]
        for message in connection:
            with self.lock:
                others = [one for one in channel if one is not connection]
            for other in others:
                other.send(message)
        with self.lock:
            channel.discard(connection)

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join(5)


def test_loads(any_server):
    """Those with messages at a time, then the others: node accepts nobody while it is busy
    enough with who is there."""
    url, pid = any_server

    def run(work):
        check, flags = work
        check(url, flags)

    in_parallel(
        run,
        [
            (check_echo, ("--text",)),
            (check_echo, ("--in-flight", 8, "--size", "1000")),
            (check_echo, ("--rate", 400, "--threads", 2)),
            (check_broadcast, ("--in-flight", 4)),
            (check_broadcast, ("--rate", 100, "--threads", 2, "--text")),
        ],
    )
    in_parallel(
        run,
        [
            (check_connect, ()),
            (check_connect, ("--rate", 100, "--threads", 2)),
            (check_idle, ("--server-pid", pid)),
        ],
    )


def check_echo(url, flags):
    status, report = bench("echo", *LOADED, *WARM, "-c", 8, *flags, url + "/echo")
    assert_flawless(status, report)
    options = report["options"]
    assert report["scenario"] == "echo"
    assert report["url"] == url + "/echo"
    assert report["connections"]["opened"] == options["connections"] == 8
    assert options["duration_s"] == 1
    assert options["warm_up_s"] == 0.1
    assert 0.99 < report["duration_s"]
    latency = report["latency_us"]
    if "--rate" in flags:
        assert options["rate_per_second"] == 400
        assert "in_flight" not in options
        assert options["threads"] == report["client"]["threads"] == 2
        assert 0 < report["messages"] <= 800
        assert latency["corrected_for_coordinated_omission"]
    else:
        assert options["in_flight"] == (8 if "--in-flight" in flags else 1)
        assert latency["count"] == report["messages"] > 0, report
        assert not latency["corrected_for_coordinated_omission"]
    assert options["kind"] == ("text" if "--text" in flags else "binary")
    assert options["size_bytes"] == (1000 if "--size" in flags else 20)


def check_broadcast(url, flags):
    channel = "rate" if "--rate" in flags else "closed"
    target = f"{url}/channels/{channel}"
    status, report = bench("broadcast", *LOADED, *WARM, "-c", 6, *flags, target)
    assert_flawless(status, report)
    # The publisher is one more.
    assert report["connections"]["opened"] == 7
    assert report["options"]["connections"] == 6
    assert report["options"]["publishers"] == 1
    if "--rate" in flags:
        assert 0 < report["publications"] <= 200
    else:
        assert report["latency_us"]["count"] == report["messages"] > 0
        # But for those that are under way at the beginning and the end.
        assert abs(report["messages"] - 6 * report["publications"]) <= 6 * 4


def check_connect(url, flags):
    status, report = bench("connect", *LOADED, *WARM, "-c", 4, *flags, url + "/echo")
    assert_flawless(status, report)
    connections = report["connections"]
    assert connections["opened"] > 0, report
    assert connections["opened_per_second"] == pytest.approx(
        connections["opened"] / report["duration_s"], rel=1e-3
    )
    latency = connections["handshake_latency_us"]
    assert latency["corrected_for_coordinated_omission"] == bool(flags)
    assert "messages" not in report
    assert "latency_us" not in report
    if flags:
        assert 0 < connections["opened"] <= 200, report
        assert not any("not reached: 0 " in warning for warning in report["warnings"])


def check_idle(url, flags):
    status, report = bench("idle", *LOADED, "-c", 40, *flags, url + "/echo")
    assert_flawless(status, report)
    assert report["connections"]["opened"] == 40, report
    total = report["server"]["total"]
    assert total["rss_bytes_after"] >= 1 << 20
    assert "rss_bytes_per_connection" in total
    assert any("connections tell little about one" in warning for warning in report["warnings"])


def test_rate(server):
    """As many messages as the rate and the time make."""
    url = server.ws + "/echo"
    status, report = bench("echo", "-d", "500ms", *WARM, "-c", 8, "--rate", 1000, url)
    assert_flawless(status, report)
    # But for those that a busy machine has held up.
    assert 250 < report["messages"] < 600
    assert report["messages"] - 60 <= report["latency_us"]["count"] <= report["messages"] + 60


def test_thousands(server):
    process = start_bench(
        "idle", *QUICK, "-c", 4000, "--threads", 2, "--json", "--local-address", "127.0.0.2",
        "--local-address", "127.0.0.3", server.ws + "/echo",
    )  # fmt: skip
    status, output, errors = finish(process)
    if "raise its limit of open files" in errors:
        return
    assert_flawless(status, json.loads(output))
    assert json.loads(output)["connections"]["opened"] == 4000


def test_local_addresses(misbehaving_server):
    seen = []

    def script(peer):
        seen.append(peer.socket.getpeername()[0])
        peer.upgrade()
        peer.answer_close()

    server = misbehaving_server(script)
    local = ("--local-address", "127.0.0.8", "--local-address", "127.0.0.9")
    status, report = bench("idle", *QUICK, "-c", 6, *local, server.url)
    assert_flawless(status, report)
    assert sorted(seen[-6:]) == ["127.0.0.8"] * 3 + ["127.0.0.9"] * 3


def test_transports(start_server, tmp_path):
    authority = certificates.Authority(tmp_path, "authority")
    path = tmp_path / "socket"
    server = start_server(
        *authority.issue("server", ["127.0.0.1"]).flags, listen=("127.0.0.1:0", f"unix:{path}")
    )
    tls = ("--ca", authority.file, server.ws)

    def run(case):
        scenario, target, flags = case
        url = (*tls[:2], tls[2] + target)
        assert_flawless(*bench(scenario, *QUICK, "-c", 10, *flags, *url))
        unix = f"ws+unix:{path}:{target}"
        assert_flawless(*bench(scenario, *QUICK, "-c", 10, *flags, unix))

    in_parallel(
        run,
        [
            ("echo", "/echo", ("--in-flight", 16, "--size", "5000", *WARM)),
            ("broadcast", "/channels/a", ("--size", "5000", *WARM)),
            ("connect", "/echo", WARM),
            ("idle", "/echo", ()),
        ],
    )


def test_handshake_options(misbehaving_server):
    def script(peer):
        request = peer.upgrade("Sec-WebSocket-Protocol: v1")
        peer.answer_close()
        return request

    server = misbehaving_server(script)
    flags = ("-H", "X-Token: a", "--cookie", "a=b", "-s", "v1", "-o", "https://a.example")
    status, report = bench(
        "idle", *QUICK, "-c", 2, *flags, server.url.replace("://", "://anna:secret@")
    )
    assert_flawless(status, report)
    # The password is none of the report's business.
    assert report["url"] == server.url
    for _ in range(3):
        request = server.result()
        for line in (
            *("X-Token: a", "Cookie: a=b", "Sec-WebSocket-Protocol: v1"),
            *("Origin: https://a.example", "Authorization: Basic YW5uYTpzZWNyZXQ="),
        ):
            assert line in request


def test_sizes(server):
    def run(size):
        status, report = bench(
            "echo", "-d", "100ms", "--warm-up", "0s", "-c", 2, "--size", size, server.ws + "/echo"
        )
        assert_flawless(status, report)
        assert report["messages"] > 0

    in_parallel(run, [0, 7, 8, 125, 126, 65_535, 65_536, 1 << 20])


# The server's processes


def test_server_with_children(start_server):
    """A supervisor, and the gateway as its child."""
    command = f"{sluice.BINARY} serve --listen 127.0.0.1:0; true"
    process = subprocess.Popen(
        ["sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=sluice.ENVIRONMENT,
        start_new_session=True,
    )
    try:
        port = process.stdout.readline().rstrip("/\n").rpartition(":")[2]
        status, report = bench(
            "echo", *QUICK, *WARM, "-c", 16, "--in-flight", 8, "--server-pid", process.pid,
            f"ws://127.0.0.1:{port}/echo",
        )  # fmt: skip
        assert_flawless(status, report)
        server = report["server"]
        if server["children_listed"]:
            assert [one["name"] for one in server["processes"]] == ["sh", "sluice", "sluice"]
            shell, coordinator, worker = server["processes"]
            assert worker["busy_percent"] > coordinator["busy_percent"]
            total = server["total"]
            assert total["busy_percent"] == pytest.approx(
                sum(one["busy_percent"] for one in (shell, coordinator, worker)), abs=0.1
            )
            cpu_us = total["cpu_us_per_message"] * report["messages"]
            assert cpu_us / report["duration_s"] / 1e4 == pytest.approx(
                total["busy_percent"], rel=0.05
            )
        else:
            assert len(server["processes"]) == 1
            assert any("doesn't tell a process's children" in w for w in report["warnings"])
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        process.stdout.close()


def test_no_such_process(server):
    ended = subprocess.Popen(["true"])
    ended.wait()
    status, output, errors = finish(
        start_bench("echo", *QUICK, "--server-pid", ended.pid, server.ws + "/echo")
    )
    assert (status, output) == (1, "")
    assert f"--server-pid {ended.pid}: there is no such process" in errors


# Servers that are wrong


class Wrong:
    """Echoes, but for what `spoil(number, payload)` makes of some: what is sent instead, as
    frames. Counts those that it has spoilt."""

    def __init__(self, spoil):
        self.spoil = spoil
        self.spoilt = 0
        self.lock = threading.Lock()

    def __call__(self, peer):
        peer.upgrade()
        number = 0
        while (frame := peer.frame()).opcode != wire.CLOSE:
            number += 1
            instead = self.spoil(number, frame.payload)
            if instead is None:
                peer.send_frame(frame.opcode, frame.payload)
            else:
                with self.lock:
                    self.spoilt += 1
                peer.send(b"".join(wire.frame(*one, mask=b"") for one in instead))
        peer.send_frame(wire.CLOSE, frame.payload)


def every(count, instead):
    return lambda number, payload: instead(payload) if number % count == 0 else None


BINARY, TEXT = wire.BINARY, wire.TEXT

WRONG = {
    # name: what becomes of a message, the flags, and the count that tells of it
    "loses": (every(3, lambda payload: []), ("--in-flight", 2), "lost"),
    "loses at a rate": (every(3, lambda payload: []), ("--rate", 200), "lost"),
    "duplicates": (
        every(3, lambda payload: [(BINARY, payload)] * 2),
        ("--in-flight", 2),
        "duplicated",
    ),
    "duplicates small ones": (
        every(1, lambda payload: [(BINARY, payload)] * 2),
        ("--size", 4),
        "duplicated",
    ),
    "corrupts": (
        every(3, lambda payload: [(BINARY, payload[:-1] + bytes([payload[-1] ^ 1]))]),
        (),
        "wrong_content",
    ),
    "corrupts small ones": (
        every(3, lambda payload: [(BINARY, bytes([payload[0] ^ 0x20]) + payload[1:])]),
        ("--size", 3),
        "wrong_content",
    ),
    "truncates": (every(3, lambda payload: [(BINARY, payload[:-1])]), (), "wrong_size"),
    "lengthens": (every(3, lambda payload: [(BINARY, payload + b"x")]), (), "wrong_size"),
    "makes text of it": (every(3, lambda payload: [(TEXT, payload)]), (), "wrong_kind"),
    "mixes connections up": (
        every(3, lambda payload: [(BINARY, payload[:8] + payload[9:] + b"0")]),
        (),
        "wrong_content",
    ),
}


def check_wrong_echoes(misbehaving_server):
    """Each kind of mistake is told by its name, and counted exactly."""

    def run(name):
        spoil, flags, key = WRONG[name]
        wrong = Wrong(spoil)
        server = misbehaving_server(wrong)
        status, report = bench("echo", *QUICK, *WARM, "-c", 4, *flags, server.url)
        assert status == 1, name
        errors = {key: count for key, count in report["errors"].items() if count}
        if "--size" in flags and key == "duplicated":
            # They have no number, and are told by there being too many in the end.
            assert errors.keys() == {key}, name
        else:
            assert errors == {key: wrong.spoilt}, name
        assert wrong.spoilt > 0, name
        assert report["connections"]["lost"] == report["connections"]["failed"] == 0, name

    return [lambda name=name: run(name) for name in WRONG]


def test_reordering(misbehaving_server):
    def script(peer):
        peer.upgrade()
        first, second = peer.frame(), None
        if first.opcode != wire.CLOSE:
            second = peer.frame()
            peer.send_frame(BINARY, second.payload)
            peer.send_frame(BINARY, first.payload)
            while (first := peer.frame()).opcode != wire.CLOSE:
                peer.send_frame(first.opcode, first.payload)
        peer.send_frame(wire.CLOSE, first.payload)

    server = misbehaving_server(script)
    status, report = bench("echo", *QUICK, *WARM, "-c", 4, "--in-flight", 2, server.url)
    assert status == 1
    assert {key: count for key, count in report["errors"].items() if count} == {"out_of_order": 4}


def test_unasked_messages(misbehaving_server):
    """A greeting, and a ticker: nothing is lost by them, and nothing is sent for them."""

    def script(peer):
        peer.upgrade()
        peer.send_text("welcome")
        while (frame := peer.frame()).opcode != wire.CLOSE:
            peer.send_text("tick")
            peer.send_frame(frame.opcode, frame.payload)
        peer.send_frame(wire.CLOSE, frame.payload)

    server = misbehaving_server(script)
    status, report = bench("echo", *QUICK, *WARM, "-c", 2, server.url)
    assert status == 1
    errors = {key: count for key, count in report["errors"].items() if count}
    assert errors.keys() == {"wrong_kind"}


def after(count, end):
    """Echoes so many messages, and ends the connection at the next."""

    def script(peer):
        peer.upgrade()
        for _ in range(count):
            frame = peer.frame()
            if frame.opcode == wire.CLOSE:
                peer.send_frame(wire.CLOSE, frame.payload)
                return
            peer.send_frame(frame.opcode, frame.payload)
        peer.frame()
        end(peer)

    return script


ENDS = {
    "closed by the server: 1011 internal error": lambda peer: (
        peer.send_close(1011),
        peer.frame(),
    ),
    "the server ended the connection without a close frame": lambda peer: None,
    "connection lost: Connection reset by peer": lambda peer: peer.reset(),
    "the server broke the protocol: reserved opcode (closed with 1002)": lambda peer: (
        peer.send(b"\x83\x00"),
        peer.read_to_end(),
    ),
}


@pytest.mark.parametrize("flags", [(), ("--rate", 400)], ids=["closed", "rate"])
def test_lost_connections(misbehaving_server, flags):
    in_parallel(lambda cause: check_lost_connections(misbehaving_server, cause, flags), list(ENDS))


def check_lost_connections(misbehaving_server, cause, flags):
    server = misbehaving_server(after(20, ENDS[cause]))
    status, report = bench("echo", *QUICK, *WARM, "-c", 4, *flags, server.url)
    assert status == 1
    connections = report["connections"]
    assert (connections["opened"], connections["failed"], connections["lost"]) == (4, 0, 4)
    assert connections["causes"] == [{"text": cause, "count": 4}]
    errors = {key: count for key, count in report["errors"].items() if count}
    if flags:
        assert errors["lost"] >= 4
        assert errors["unsent"] > 0
    else:
        assert errors == {"lost": 4}


def test_refused_connections(misbehaving_server):
    """One in two is refused; the run goes on with the others."""
    in_parallel(
        lambda scenario: check_refused_connections(misbehaving_server, scenario),
        ["echo", "idle", "broadcast", "connect"],
    )


def check_refused_connections(misbehaving_server, scenario):
    count = 0
    lock = threading.Lock()

    def script(peer):
        nonlocal count
        with lock:
            number = count
            count += 1
        if number % 2:
            peer.request()
            peer.respond("HTTP/1.1 503 Full", "Content-Type: text/plain", "", "\x1b[2Jfull")
            return
        right(peer)

    right = (Wrong if scenario == "echo" else WrongChannel)(lambda *_: None)
    server = misbehaving_server(script)
    process = start_bench(scenario, *QUICK, "-c", 4, "--json", server.url)
    status, output, errors = finish(process)
    assert (status, errors) == (1, "")
    connections = checked(json.loads(output))["connections"]
    assert connections["failed"] > 0
    assert [cause["text"] for cause in connections["causes"]] == [
        "the server refused: 503 Service Unavailable: \x1b[2Jfull"
    ]
    if scenario in ("echo", "idle"):
        assert (connections["opened"], connections["failed"]) == (2, 2)


def test_nobody_home(misbehaving_server):
    server = misbehaving_server(None, listen=False)
    for scenario in ("echo", "broadcast", "connect", "idle"):
        status, output, errors = finish(start_bench(scenario, server.url))
        assert (status, output) == (1, "")
        assert errors == f"sluice: {server.url}: cannot connect: Connection refused\n"


def test_all_but_the_first_are_refused(misbehaving_server):
    """The server answers the first question, and then resets everyone in the handshake."""
    first = threading.Lock()

    def script(peer):
        if first.acquire(blocking=False):
            peer.upgrade()
            peer.answer_close()
        else:
            peer.request()
            peer.reset()

    server = misbehaving_server(script)
    status, output, errors = finish(start_bench("echo", "-c", 3, server.url))
    assert (status, output) == (1, "")
    assert errors == (
        f"sluice: {server.url}: no connection could be opened: connection lost without an "
        "answer: Connection reset by peer (3)\n"
    )


class WrongChannel:
    """Passes messages on to all others, but for what `spoil(number, place, payload)` makes of
    some for some."""

    def __init__(self, spoil):
        self.spoil = spoil
        self.spoilt = 0
        self.peers = []
        self.lock = threading.Lock()

    def __call__(self, peer):
        peer.upgrade()
        with self.lock:
            self.peers.append(peer)
        number = 0
        while (frame := peer.frame()).opcode != wire.CLOSE:
            number += 1
            with self.lock:
                others = [one for one in self.peers if one is not peer]
                for place, other in enumerate(others):
                    instead = self.spoil(number, place, frame.payload)
                    if instead is None:
                        other.send_frame(frame.opcode, frame.payload)
                    else:
                        self.spoilt += 1
                        other.send(b"".join(wire.frame(*one, mask=b"") for one in instead))
        with self.lock:
            self.peers.remove(peer)
        peer.send_frame(wire.CLOSE, frame.payload)


def one_in(count, instead):
    """Every so many, for one of the subscribers."""
    return (
        lambda number, place, payload: instead(payload)
        if place == 1 and number % count == 0
        else None
    )


WRONG_CHANNELS = {
    "loses": (one_in(5, lambda payload: []), ("--rate", 50), "lost"),
    "loses in a closed loop": (one_in(5, lambda payload: []), (), "lost"),
    "duplicates": (one_in(5, lambda payload: [(BINARY, payload)] * 2), (), "duplicated"),
    "duplicates small ones": (
        one_in(1, lambda payload: [(BINARY, payload)] * 2),
        ("--size", 4, "--in-flight", 2),
        "duplicated",
    ),
    "corrupts": (
        one_in(5, lambda payload: [(BINARY, payload[:-1] + bytes([payload[-1] ^ 1]))]),
        ("--threads", 2),
        "wrong_content",
    ),
    "truncates": (one_in(5, lambda payload: [(BINARY, payload[1:])]), (), "wrong_size"),
    "makes text of it": (one_in(5, lambda payload: [(TEXT, payload)]), (), "wrong_kind"),
}


def check_wrong_broadcasts(misbehaving_server):
    def run(name):
        spoil, flags, key = WRONG_CHANNELS[name]
        wrong = WrongChannel(spoil)
        server = misbehaving_server(wrong)
        status, report = bench("broadcast", *QUICK, *WARM, "-c", 4, *flags, server.url)
        assert status == 1, name
        errors = {key: count for key, count in report["errors"].items() if count}
        assert errors == {key: wrong.spoilt}, name
        assert wrong.spoilt > 0, name

    def lose_publisher(flags):
        """Whoever sends the fifth message is cut off, and nobody gets it."""

        def spoil(number, place, payload):
            if number == 5:
                raise ConnectionAbortedError
            return None

        server = misbehaving_server(WrongChannel(spoil))
        status, report = bench("broadcast", *QUICK, *WARM, "-c", 4, *flags, server.url)
        assert status == 1
        assert report["connections"]["lost"] == 1
        assert report["connections"]["causes"][0]["text"] == (
            "the server ended the connection without a close frame"
        )
        assert report["errors"]["lost"] >= 4
        if flags:
            assert report["errors"]["unsent"] > 0

    return [
        *(lambda name=name: run(name) for name in WRONG_CHANNELS),
        lambda: lose_publisher(()),
        lambda: lose_publisher(("--rate", 100)),
    ]


def test_wrong_servers(misbehaving_server):
    """All of them at a time, because what is lost is waited for."""
    in_parallel(
        lambda check: check(),
        check_wrong_echoes(misbehaving_server) + check_wrong_broadcasts(misbehaving_server),
    )


# Latency


def test_coordinated_omission(misbehaving_server):
    """A server that stalls once for 500 ms: at a rate, every message that was due then tells
    of it; in a closed loop, the one that was under way."""

    def script(peer):
        peer.upgrade()
        begun = time.monotonic()
        stall_s = 0
        while (frame := peer.frame()).opcode != wire.CLOSE:
            if not stall_s and time.monotonic() - begun > 0.6:
                stall_begun = time.monotonic()
                time.sleep(0.5)
                stall_s = time.monotonic() - stall_begun
            peer.send_frame(frame.opcode, frame.payload)
        peer.send_frame(wire.CLOSE, frame.payload)
        return stall_s

    def run(*flags):
        server = misbehaving_server(script)
        status, report = bench(
            "echo", "-c", 1, *WARM, "--duration", "2s", *flags, server.url
        )
        assert_flawless(status, report)
        assert server.result() == 0  # of the attempt whether anybody is there
        return report["latency_us"], server.result() * 1e6

    with futures.ThreadPoolExecutor() as pool:
        at_a_rate, closed = pool.map(lambda flags: run(*flags), [("--rate", 200), ()])
    latency, stall_us = at_a_rate
    # 400 messages, of which 100 were due in those 500 ms: each waited for what was left.
    # One in a hundred waited for 480 ms or more, one in ten for 300.
    assert latency["max"] >= 0.97 * stall_us
    assert latency["p99"] >= 0.9 * stall_us
    assert latency["p90"] >= 0.5 * stall_us
    assert latency["p50"] < 0.5 * stall_us
    assert latency["corrected_for_coordinated_omission"]
    latency, stall_us = closed
    assert latency["max"] >= 0.97 * stall_us
    assert latency["p99"] < 0.5 * stall_us
    assert not latency["corrected_for_coordinated_omission"]


def test_a_rate_that_is_not_reached(misbehaving_server):
    def script(peer):
        peer.upgrade()
        while (frame := peer.frame()).opcode != wire.CLOSE:
            time.sleep(0.02)
            peer.send_frame(frame.opcode, frame.payload)
        peer.send_frame(wire.CLOSE, frame.payload)

    server = misbehaving_server(script)
    status, report = bench("echo", *QUICK, *WARM, "-c", 1, "--rate", 200, server.url)
    assert_flawless(status, report)
    assert any(warning.startswith("the rate was not reached: ") for warning in report["warnings"])


# For people


def test_text(server):
    status, output, errors = finish(
        start_bench(
            "echo", *QUICK, *WARM, "-c", 4, "--server-pid", server.process.pid, server.ws + "/echo"
        )
    )
    # Nothing moves where there is no terminal.
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == f"echo {server.ws}/echo"
    assert lines[1].startswith("4 connections, 1 thread, 20 B binary, 1 in flight, 3")
    for word in ("messages ", "latency ", "connections  4 opened, 0 failed, 0 lost", "server", "client"):
        assert any(line.startswith(word) for line in lines), word


def test_text_of_a_hostile_server(misbehaving_server):
    server = misbehaving_server(
        after(20, lambda peer: (peer.send_close(4000, b"\x1b[2Jbye"), peer.frame()))
    )
    status, output, errors = finish(start_bench("echo", *QUICK, *WARM, "-c", 2, server.url))
    assert (status, errors) == (1, "")
    assert '             2 × closed by the server: 4000, "\\u{1b}[2Jbye"' in output.splitlines()
    assert "errors       2 lost" in output.splitlines()
    assert "\x1b" not in output


def test_live_line(server):
    terminal = Terminal(
        sluice.BINARY, "bench", "echo", "-d", "1s", *WARM, "-c", "4", server.ws + "/echo",
        streams=(0, 2), columns=60,
    )  # fmt: skip
    try:
        terminal.wait_for(lambda rows: "measuring, 0 of 1 s" in rows[0] and "messages/s" in rows[0])
        assert terminal.end() == 0
        # It is gone when the report comes.
        assert terminal.rows == []
        assert terminal.process.stdout.read().decode().startswith("echo ws://")
    finally:
        terminal.close()


def test_interrupted(server):
    """The report is of the time until then."""
    terminal = Terminal(
        sluice.BINARY, "bench", "echo", "-d", "1h", *WARM, "-c", "4", "--json", server.ws + "/echo",
        streams=(0, 2),
    )  # fmt: skip
    try:
        terminal.wait_for(lambda rows: "measuring" in rows[0] and "messages/s" in rows[0])
        terminal.type("\x03")
        assert terminal.end() == 0
        report = checked(json.loads(terminal.process.stdout.read()))
        assert 0.1 < report["duration_s"] < 30
        assert report["messages"] > 0
        assert report["warnings"][-1] == (
            "it was interrupted; the figures are of the time until then"
        )
    finally:
        terminal.close()


@pytest.mark.parametrize("scenario", ["echo", "idle"])
def test_interrupted_before_it_began(misbehaving_server, scenario):
    """Connections are still being opened: there is nothing to report."""
    first = threading.Lock()
    asked = threading.Event()

    def script(peer):
        if first.acquire(blocking=False):
            peer.upgrade()
            peer.answer_close()
        else:
            peer.request()
            asked.set()
            peer.read_to_end()

    server = misbehaving_server(script)
    process = start_bench(scenario, "-c", 2, server.url)
    assert asked.wait(5)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (1, "", f"sluice: {server.url}: interrupted\n")


# Usage


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["echo", "--rate", "10", "--in-flight", "2", "ws://a/"],
            "Give --rate or --in-flight, not both: at a rate, messages are sent when they are due",
        ),
        (
            ["broadcast", "--rate", "10", "--in-flight", "2", "ws://a/"],
            "Give --rate or --in-flight, not both: ",
        ),
        (["echo", "--rate", "0", "ws://a/"], "--rate is 0.001 to 10000000 per second."),
        (["echo", "--rate", "nan", "ws://a/"], "--rate is 0.001 to 10000000 per second."),
        (["echo", "--in-flight", "0", "ws://a/"], "--in-flight is 1 to 65536."),
        (["echo", "-c", "0", "ws://a/"], "--connections is 1 to 1000000."),
        (["echo", "-c", "1000001", "ws://a/"], "--connections is 1 to 1000000."),
        (["echo", "-t", "0", "ws://a/"], "--threads is 1 to 256."),
        (["echo", "-d", "0s", "ws://a/"], "--duration is over 0."),
        (["echo", "--size", "65MiB", "ws://a/"], "--size is at most 64MiB."),
        (["echo", "--size", "-1", "ws://a/"], "--size"),
        (["echo", "--local-address", "x", "ws://a/"], "--local-address 'x': an IPv4 or IPv6"),
        (["echo", "--local-address", "127.0.0.1:80", "ws://a/"], "--local-address '127.0.0.1:80'"),
        (["connect", "--in-flight", "2", "ws://a/"], "Unknown option '--in-flight'"),
        (["idle", "--rate", "2", "ws://a/"], "Unknown option '--rate'"),
        (["echo", "-H", "x", "ws://a/"], "--header 'x': a field is 'NAME: VALUE'."),
        (["echo"], "Missing expected argument '<url>'"),
        (["echo", "ftp://a/"], "the scheme 'ftp' is none of ws, wss and ws+unix"),
        (["flood", "ws://a/"], "flood"),
    ],
)
def test_wrong_usage(arguments, message):
    status, output, errors = finish(start_bench(*arguments))
    assert message in errors
    assert (status, output) == (64, "")


def test_too_many_connections(server):
    process = subprocess.run(
        ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", sluice.BINARY, "bench", "idle", "-c", "99",
         server.ws + "/echo"],
        capture_output=True,
        text=True,
        timeout=10,
    )  # fmt: skip
    assert process.returncode == 64
    assert "--connections 99: this process may have 88; raise its limit of open files" in process.stderr


def test_help():
    for arguments in (["--help"], ["echo", "--help"], ["idle", "-h"]):
        status, output, errors = finish(start_bench(*arguments))
        assert (status, errors) == (0, "")
        assert output.startswith("OVERVIEW: ")
