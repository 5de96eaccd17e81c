#!/usr/bin/env python3
"""What a message costs the server, beside another server doing the same.

    Tests/Benchmarks/compare.py                       # everything, beside node's ws
    Tests/Benchmarks/compare.py echo-20 broadcast     # some scenarios
    Tests/Benchmarks/compare.py --against OTHER_SLUICE  # two builds of sluice

Measured is the server's CPU time (user and system, all its threads and child
processes) per message, with the server pinned to one core and this client to
another. Both servers run for the whole scenario and are measured in turns, A B
A B ..., so that what else the machine does hits both; the ratio is taken within
each round. Of single numbers here only the ratios carry over to other machines.

Each measurement opens its own connections, exchanges messages for a while
unmeasured, waits until all is answered, and then measures. All frames are masked
with random keys; they are built beforehand, and what comes back is counted, not
parsed: a byte too many or too few ends the run with exit status 1. Payloads and
kinds are checked once per server before that.

"busy" is the server's CPU time over wall-clock time. Below 100 % the server
sleeps and wakes more often than under full load, which makes a message dearer.
How busy the client was is told for each round, and how long server and client
were ready to run while another program had their core ("waited"). Rounds with much
of that are worth little: they are repeated, at most as often again as --rounds says,
and the least disturbed ones count.

Needs Debian's nodejs and node-ws, unless --against is given.
"""
import argparse
import contextlib
import gc
import itertools
import json
import os
import resource
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Optional

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TEXT, BINARY = 1, 2
STALL_SECONDS = 10
WAITED_MAX = 0.05


class Scenario(NamedTuple):
    title: str
    kind: str  # "echo", "broadcast", "idle"
    goal: Optional[float]  # at most; a ratio, for "idle" bytes of ours
    size: int = 0
    batch: int = 1  # frames in one write, then their answers are awaited
    clients: int = 64  # connections that echo, or subscribers
    path: str = "/echo"


SCENARIOS = {
    "echo-20": Scenario("echo 20 B", "echo", 0.45, size=20),
    "echo-20x16": Scenario("echo 20 B, 16 in flight", "echo", 0.06, size=20, batch=16),
    "echo-1k": Scenario("echo 1 KiB", "echo", None, size=1024),
    "echo-16k": Scenario("echo 16 KiB", "echo", 0.25, size=16384),
    "broadcast": Scenario(
        "100 B to 500 subscribers", "broadcast", None, size=100, clients=500),
    "broadcast-x16": Scenario(
        "100 B to 500, batches of 16", "broadcast", 0.06, size=100, batch=16, clients=500),
    "idle-echo": Scenario("idle connection", "idle", 512),
    "idle-channel": Scenario(
        "idle connection, subscribed", "idle", 1024, path="/channels/idle"),
}


class WrongAnswer(Exception):
    """The server did not do what it is measured for."""


# --- Frames -------------------------------------------------------------------


def head(opcode, size, mask_bit):
    if size < 126:
        return struct.pack("!BB", 0x80 | opcode, mask_bit | size)
    if size < 1 << 16:
        return struct.pack("!BBH", 0x80 | opcode, mask_bit | 126, size)
    return struct.pack("!BBQ", 0x80 | opcode, mask_bit | 127, size)


def client_frame(opcode, payload):
    key = os.urandom(4)
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head(opcode, len(payload), 0x80) + key + masked.to_bytes(len(payload), "big")


def server_frame(opcode, payload):
    return head(opcode, len(payload), 0) + payload


def random_payload(opcode, size):
    if opcode == BINARY:
        return os.urandom(size)
    return os.urandom((size + 1) // 2).hex()[:size].encode()


def build_batches(opcode, scenario):
    """Different writes to choose from, each of `scenario.batch` frames."""
    return [
        b"".join(
            client_frame(opcode, random_payload(opcode, scenario.size))
            for _ in range(scenario.batch))
        for _ in range(64)
    ]


# --- Servers ------------------------------------------------------------------


def waiting_seconds(pid):
    """How long the process's threads were ready to run, and did not."""
    return 1e-9 * sum(
        int((task / "schedstat").read_text().split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir())


class Server:
    """A server's processes, pinned to a core."""

    def __init__(self, name, command, core, environment=None):
        self.name = name
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise WrongAnswer(f"{name} did not start: {line!r}")
        self.port = int(line.rsplit(":", 1)[1].strip().rstrip("/"))

    def process_ids(self):
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def cpu_seconds(self):
        # The CPU-time clock of a process, as clock_getcpuclockid(3) has it: all
        # threads, also those that have ended.
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.process_ids())

    def resident_bytes(self):
        total = 0
        for pid in self.process_ids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def connect(self, path):
        """A WebSocket, as a blocking socket."""
        connection = socket.create_connection(("127.0.0.1", self.port), STALL_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        response = b""
        while not response.endswith(b"\r\n\r\n"):
            piece = connection.recv(4096)
            if not piece:
                raise WrongAnswer(f"{self.name}: the handshake failed: {response!r}")
            response += piece
        # The accept key for that very key, RFC 6455 section 1.3.
        if not response.startswith(b"HTTP/1.1 101 ") or (
                b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" not in response):
            raise WrongAnswer(f"{self.name}: the handshake failed: {response!r}")
        return connection


def expect(connection, expected, what):
    received = b""
    while len(received) < len(expected):
        piece = connection.recv(len(expected) - len(received))
        if not piece:
            break
        received += piece
    if received != expected:
        raise WrongAnswer(f"{what}: expected {expected[:40]!r}..., got {received[:40]!r}...")


def check(server):
    """That the server echoes and broadcasts, before it is timed."""
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(server.connect("/echo"))
        members = [
            stack.enter_context(server.connect("/channels/check")) for _ in range(3)]
        for opcode in (TEXT, BINARY):
            for size in (0, 20, 125, 126, 1024, 16384):
                payload = random_payload(opcode, size)
                for _ in range(3):
                    echo.sendall(client_frame(opcode, payload))
                    expect(echo, server_frame(opcode, payload), f"{server.name}: echo")
                members[0].sendall(client_frame(opcode, payload))
                for member in members[1:]:
                    expect(member, server_frame(opcode, payload), f"{server.name}: broadcast")
        members[0].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            raise WrongAnswer(f"{server.name}: the sender got {members[0].recv(99)!r}")


# --- Load ---------------------------------------------------------------------


class Load:
    """Non-blocking connections whose received bytes are counted."""

    def __init__(self, server, connections, batches):
        self.server = server
        self.connections = connections
        self.batches = itertools.cycle(batches)
        self.write_bytes = len(batches[0])
        self.epoll = select.epoll()
        self.receivers = {}
        for connection in connections:
            connection.setblocking(False)
            self.epoll.register(connection, select.EPOLLIN)
            self.receivers[connection.fileno()] = connection.recv_into
        self.buffer = bytearray(1 << 20)

    def poll(self):
        events = self.epoll.poll(STALL_SECONDS)
        if not events:
            raise WrongAnswer(f"{self.server.name}: fewer bytes came back than should")
        return events

    def write(self, send):
        if send(next(self.batches)) != self.write_bytes:
            raise WrongAnswer(f"{self.server.name}: a socket buffer is full")

    def close(self):
        """All must have been read by now."""
        time.sleep(0.02)
        for connection in self.connections:
            with contextlib.suppress(BlockingIOError):
                raise WrongAnswer(
                    f"{self.server.name}: more came back than should: {connection.recv(99)!r}")
            # An RST leaves no port behind in TIME_WAIT.
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self.epoll.close()


class EchoLoad(Load):
    """Each connection writes a batch, awaits its echo, writes the next."""

    def __init__(self, server, scenario, batches):
        super().__init__(
            server, [server.connect("/echo") for _ in range(scenario.clients)], batches)
        self.messages_per_batch = scenario.batch
        self.reply_bytes = scenario.batch * len(server_frame(BINARY, bytes(scenario.size)))

    def run(self, seconds):
        """Returns the number of messages, all of them answered."""
        senders = {c.fileno(): c.send for c in self.connections}
        receivers, buffer = self.receivers, self.buffer
        missing = dict.fromkeys(senders, self.reply_bytes)
        for send in senders.values():
            self.write(send)
        sent = open_batches = len(senders)
        until = time.monotonic() + seconds
        while open_batches:
            goes_on = time.monotonic() < until
            for descriptor, _ in self.poll():
                count = receivers[descriptor](buffer)
                left = missing[descriptor] - count
                if left > 0 and count > 0:
                    missing[descriptor] = left
                elif left == 0 and goes_on:
                    missing[descriptor] = self.reply_bytes
                    self.write(senders[descriptor])
                    sent += 1
                elif left == 0:
                    missing[descriptor] = 0
                    open_batches -= 1
                else:
                    raise WrongAnswer(
                        f"{self.server.name}: {count} bytes came when"
                        f" {missing[descriptor]} were expected")
        return sent * self.messages_per_batch


class BroadcastLoad(Load):
    """A publisher writes a batch, and the next one when every subscriber has it."""

    def __init__(self, server, scenario, batches):
        subscribers = [
            server.connect("/channels/compare") for _ in range(scenario.clients)]
        self.publisher = server.connect("/channels/compare")
        super().__init__(server, [*subscribers, self.publisher], batches)
        self.subscribers = [s.fileno() for s in subscribers]
        self.deliveries_per_batch = scenario.batch * scenario.clients
        self.batch_bytes = scenario.batch * len(server_frame(BINARY, bytes(scenario.size)))

    def run(self, seconds):
        """Returns the number of deliveries."""
        receivers, buffer = self.receivers, self.buffer
        sent = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            missing = dict.fromkeys(self.subscribers, self.batch_bytes)
            self.write(self.publisher.send)
            sent += 1
            open_count = len(missing)
            while open_count:
                for descriptor, _ in self.poll():
                    count = receivers[descriptor](buffer)
                    # The publisher is not in `missing`: what it gets is wrong.
                    left = missing.get(descriptor, 0) - count
                    if left < 0 or count == 0:
                        raise WrongAnswer(f"{self.server.name}: wrong number of bytes")
                    missing[descriptor] = left
                    if left == 0:
                        open_count -= 1
        return sent * self.deliveries_per_batch


def measure_messages(server, scenario, batches, seconds):
    load = (EchoLoad if scenario.kind == "echo" else BroadcastLoad)(server, scenario, batches)
    load.run(seconds / 3)

    def clocks():
        return (server.cpu_seconds(), time.monotonic(), time.process_time(),
                sum(map(waiting_seconds, [os.getpid(), *server.process_ids()])))

    before = clocks()
    messages = load.run(seconds)
    cpu, wall, client, waited = (b - a for a, b in zip(before, clocks()))
    load.close()
    return {
        "value": cpu / messages * 1e6, "messages": messages, "busy": cpu / wall,
        "client_busy": client / wall, "waited": waited / wall}


def measure_idle(start, scenario, count):
    """In a process of its own: memory that was used once is not given back."""
    server = start()
    connections = []
    try:
        # What the first connections bring into memory belongs to none of them.
        connections += [server.connect(scenario.path) for _ in range(100)]
        time.sleep(0.5)
        before = server.resident_bytes()
        connections += [server.connect(scenario.path) for _ in range(count)]
        time.sleep(2)
        return {"value": (server.resident_bytes() - before) / count}
    finally:
        server.stop()
        for connection in connections:
            connection.close()


# --- Rounds and results -------------------------------------------------------


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def run_rounds(scenario, starts, options):
    """Measurements by server name, those of one round at the same index."""
    if scenario.kind == "idle":
        results = {name: [] for name in starts}
        for _ in range(options.idle_rounds):
            for name, start in starts.items():
                results[name].append(
                    measure_idle(start, scenario, options.idle_connections))
        return results
    batches = build_batches(TEXT if options.text else BINARY, scenario)
    with contextlib.ExitStack() as stack:
        servers = []
        for start in starts.values():
            servers.append(start())
            stack.callback(servers[-1].stop)
        for server in servers:
            check(server)
            # Just-in-time compilation, growth of tables and pools.
            measure_messages(server, scenario, batches, options.seconds)
        rounds = []
        while len(rounds) < 2 * options.rounds and (
                sum(map(is_quiet, rounds)) < options.rounds):
            rounds.append([
                measure_messages(server, scenario, batches, options.seconds)
                for server in servers])
            print(f"  round {len(rounds)}: " + "; ".join(
                f"{server.name} {m['value']:.2f} µs, busy {m['busy']:.0%},"
                f" client {m['client_busy']:.0%}, waited {m['waited']:.0%}"
                for server, m in zip(servers, rounds[-1])), file=sys.stderr)
    counted = sorted(rounds, key=waited)[: options.rounds]
    if not all(map(is_quiet, counted)):
        print("  other programs have disturbed this", file=sys.stderr)
    return dict(zip(starts, zip(*(r for r in rounds if r in counted))))


def waited(measurements):
    return max(m["waited"] for m in measurements)


def is_quiet(measurements):
    return waited(measurements) <= WAITED_MAX


def summarize(scenario, results):
    ours, theirs = results.values()
    row = {
        "title": scenario.title,
        "unit": "bytes" if scenario.kind == "idle" else "microseconds",
        "goal": scenario.goal,
        "ratio": quartiles([a["value"] / b["value"] for a, b in zip(ours, theirs)]),
        "servers": {},
    }
    if "waited" in ours[0]:
        row["waited"] = statistics.median(map(waited, zip(ours, theirs)))
    for name, values in results.items():
        row["servers"][name] = {
            "quartiles": quartiles([v["value"] for v in values]), "rounds": values}
        if "busy" in values[0]:
            row["servers"][name]["busy"] = statistics.median(v["busy"] for v in values)
    return row


def format_row(row):
    if row["unit"] == "bytes":
        costs = [f"{s['quartiles'][1]:,.0f} B" for s in row["servers"].values()]
        busy = ["", ""]
        goal = f"≤ {row['goal']} B" if row["goal"] else ""
    else:
        costs = [f"{s['quartiles'][1]:.2f} µs" for s in row["servers"].values()]
        busy = [" / ".join(f"{s['busy']:.0%}" for s in row["servers"].values()),
                f"{row['waited']:.0%}"]
        goal = f"≤ {row['goal']}" if row["goal"] else ""
    low, median, high = row["ratio"]
    return [row["title"], *costs, f"{median:.3f}", f"{low:.3f} to {high:.3f}", goal, *busy]


def print_table(names, rows):
    table = [
        ["", *names, "ratio", "quartiles", "goal", "busy", "waited"],
        *(format_row(row) for row in rows),
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*table)]
    table.insert(1, ["-" * width for width in widths])
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths))
        print("| " + " | ".join(padded) + " |")


def parse_options():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS) + "; default: all")
    parser.add_argument("--sluice", default=ROOT / ".build/release/sluice", metavar="BINARY")
    parser.add_argument("--sluice-arguments", default="", metavar="ARGUMENTS",
                        help="appended to `sluice serve --listen 127.0.0.1:0`")
    parser.add_argument("--against", metavar="BINARY", help="another sluice instead of node's ws")
    parser.add_argument("--node", default="/usr/bin/node", metavar="BINARY")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="per measurement")
    parser.add_argument("--idle-rounds", type=int, default=3)
    parser.add_argument("--idle-connections", type=int, default=10_000)
    parser.add_argument("--text", action="store_true", help="text messages (ASCII), not binary")
    parser.add_argument("--server-core", type=int)
    parser.add_argument("--client-core", type=int)
    parser.add_argument("--json", action="store_true", help="all rounds, as JSON")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error("no such scenario: " + ", ".join(sorted(unknown)))
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 and None in (options.server_core, options.client_core):
        parser.error("needs two cores")
    if options.server_core is None:
        options.server_core = cores[0]
    if options.client_core is None:
        options.client_core = next(c for c in cores if c != options.server_core)
    return options


def servers_to_start(options):
    arguments = ["serve", "--listen", "127.0.0.1:0", *options.sluice_arguments.split()]

    def sluice(name, binary):
        return lambda: Server(name, [binary, *arguments], options.server_core)

    starts = {"sluice": sluice("sluice", options.sluice)}
    if options.against:
        starts["other"] = sluice("other", options.against)
    else:
        starts["node-ws"] = lambda: Server(
            "node-ws", [options.node, HERE / "node_ws_server.js"], options.server_core,
            {"NODE_PATH": "/usr/share/nodejs"})
    return starts


def main():
    options = parse_options()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {options.client_core})
    gc.disable()
    starts = servers_to_start(options)
    rows = {}
    for key in options.scenarios or SCENARIOS:
        print(f"{SCENARIOS[key].title}:", file=sys.stderr)
        try:
            results = run_rounds(SCENARIOS[key], starts, options)
        except (WrongAnswer, OSError) as error:
            sys.exit(f"compare: {error}")
        rows[key] = summarize(SCENARIOS[key], results)
        if options.against:
            rows[key]["goal"] = None
    if options.json:
        json.dump(
            {
                "server_core": options.server_core,
                "client_core": options.client_core,
                "messages": "text" if options.text else "binary",
                "scenarios": rows,
            }, sys.stdout, indent=2)
        print()
        return
    print(
        f"Server CPU time per {'text' if options.text else 'binary'} message received"
        f" (of a broadcast: per delivery), and\nresident memory per connection; medians."
        f" Server on core {options.server_core}, client on core {options.client_core}.\n")
    print_table(list(starts), list(rows.values()))


if __name__ == "__main__":
    main()
