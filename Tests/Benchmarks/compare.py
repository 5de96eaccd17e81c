#!/usr/bin/env python3
"""What a message costs the server, beside another server doing the same.

    Tests/Benchmarks/compare.py                       # everything, beside node's ws
    Tests/Benchmarks/compare.py echo-20 broadcast     # some scenarios
    Tests/Benchmarks/compare.py --tls                 # over TLS
    Tests/Benchmarks/compare.py --against OTHER_SLUICE  # two builds of sluice
    Tests/Benchmarks/compare.py --check               # beside an independent load tool

The load comes from `sluice bench`, with the server pinned to one core and the client to
another. Both servers run for the whole scenario and are measured in turns, A B A B ...,
so that what else the machine does hits both; the ratio is taken within each round. Of
single numbers here only the ratios carry over to other machines.

"busy" is the server's CPU time over wall-clock time. Below 100 % the server sleeps and
wakes more often than under full load, which makes a message dearer. "client" is the CPU
time that `sluice bench` needed for a message. "waited" is how long the server was ready
to run while another program had its core: rounds with much of that are worth little; they
are repeated, at most as often again as --rounds says, and the least disturbed ones count.

--check measures each server in each round with load.c too, which shares no code with
`sluice bench`, and tells how far apart the two are: in the server's CPU time, in messages
per second, and in the median latency. Exit status 1 when a median is further apart than
10 %.

Needs Debian's nodejs and node-ws, unless --against is given; --check a C compiler.
"""
import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Optional

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WAITED_MAX = 5.0
AGREEMENT_MAX = 0.10


class Scenario(NamedTuple):
    title: str
    kind: str  # of `sluice bench`
    goal: Optional[float] = None  # at most; a ratio, for "idle" bytes of ours
    size: int = 20
    in_flight: int = 1
    connections: int = 64
    path: str = "/echo"

    @property
    def counts_bytes(self):
        return self.kind == "idle"


SCENARIOS = {
    "echo-20": Scenario("echo 20 B", "echo", 0.45),
    "echo-20x16": Scenario("echo 20 B, 16 in flight", "echo", 0.06, in_flight=16),
    "echo-1k": Scenario("echo 1 KiB", "echo", size=1024),
    "echo-16k": Scenario("echo 16 KiB", "echo", 0.25, size=16384),
    "broadcast": Scenario(
        "100 B to 500 subscribers", "broadcast", size=100, connections=500,
        path="/channels/compare"),
    "broadcast-x16": Scenario(
        "100 B to 500, batches of 16", "broadcast", 0.06, size=100, in_flight=16,
        connections=500, path="/channels/compare"),
    "connect": Scenario("connect and close", "connect"),
    "idle-echo": Scenario("idle connection", "idle", 512, connections=10_000),
    "idle-channel": Scenario(
        "idle connection, subscribed", "idle", 1024, connections=10_000, path="/channels/idle"),
}


class Failed(Exception):
    """A server or a load tool did not do what it is measured for."""


class Server:
    """A server, pinned to a core."""

    def __init__(self, name, command, core, environment=None):
        self.name = name
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        line = self.process.stdout.readline()
        if "://" not in line:
            raise Failed(f"{name} did not start: {line!r}")
        self.port = int(line.rsplit(":", 1)[1].strip().rstrip("/"))

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def run_tool(command, core):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def measure(server, scenario, options):
    """One measurement with `sluice bench`, which checks all that comes back."""
    scheme = "wss" if options.tls else "ws"
    command = [
        options.sluice, "bench", scenario.kind, "--json",
        "--server-pid", server.process.pid, "--duration", f"{options.seconds}s",
        "--connections", scenario.connections]
    if scenario.kind in ("echo", "broadcast"):
        command += ["--size", scenario.size, "--in-flight", scenario.in_flight,
                    "--warm-up", f"{options.seconds / 3:.3f}s"]
        command += ["--text"] if options.text else []
    if options.tls:
        command += ["--ca", options.certificate]
    command.append(f"{scheme}://127.0.0.1:{server.port}{scenario.path}")
    report = run_tool(list(map(str, command)), options.client_core)
    total = report["server"]["total"]
    if scenario.counts_bytes:
        return {"value": total["rss_bytes_per_connection"], "waited": 0, "report": report}
    latency = report["connections"].get("handshake_latency_us") or report["latency_us"]
    return {
        "value": total.get("cpu_us_per_message") or total["cpu_us_per_connection"],
        "per_second": report.get("messages_per_second")
        or report["connections"]["opened_per_second"],
        "latency": latency["p50"],
        "busy": total["busy_percent"],
        "client": report["client"].get("cpu_us_per_message"),
        "waited": total["waited_percent"],
        "report": report,
    }


def measure_independently(server, scenario, options):
    """The same with load.c."""
    report = run_tool(
        list(map(str, [
            options.load, scenario.kind, f"127.0.0.1:{server.port}", scenario.path,
            "--connections", scenario.connections, "--in-flight", scenario.in_flight,
            "--size", scenario.size, "--seconds", options.seconds,
            "--warm-up", options.seconds / 3, "--pid", server.process.pid])),
        options.client_core)
    return {
        "value": report["server_cpu_us_per_message"],
        "per_second": report["messages_per_second"],
        "latency": report["latency_us"]["p50"],
        "report": report,
    }


# --- Rounds and results -------------------------------------------------------


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def run_rounds(scenario, starts, options):
    """Rounds of measurements by server name."""
    with contextlib.ExitStack() as stack:
        def start(name):
            server = starts[name]()
            stack.callback(server.stop)
            return server

        # Memory that was used once is not given back: an idle server is a new one.
        servers = {} if scenario.counts_bytes else {name: start(name) for name in starts}
        for server in servers.values():
            measure(server, scenario, options)  # just-in-time compilation, growth of tables
        rounds = []
        while len(rounds) < 2 * options.rounds and (
                sum(map(is_quiet, rounds)) < options.rounds):
            measured = {}
            for name in starts:
                server = servers.get(name) or start(name)
                measured[name] = measure(server, scenario, options)
                if options.check:
                    measured[name]["independent"] = measure_independently(
                        server, scenario, options)
                if scenario.counts_bytes:
                    server.stop()
            rounds.append(measured)
            print(f"  round {len(rounds)}: " + "; ".join(
                f"{name} {m['value']:,.2f}" + ("" if scenario.counts_bytes else
                f" µs, busy {m['busy']:.0f}%, waited {m['waited']:.0f}%")
                for name, m in measured.items()), file=sys.stderr)
    counted = sorted(rounds, key=waited)[: options.rounds]
    if not all(map(is_quiet, counted)):
        print("  other programs have disturbed this", file=sys.stderr)
    return counted


def waited(measured):
    return max(m["waited"] for m in measured.values())


def is_quiet(measured):
    return waited(measured) <= WAITED_MAX


def summarize(scenario, rounds):
    ours, theirs = rounds[0]
    row = {
        "title": scenario.title,
        "unit": "bytes" if scenario.counts_bytes else "microseconds",
        "goal": scenario.goal,
        "ratio": quartiles([r[ours]["value"] / r[theirs]["value"] for r in rounds]),
        "waited": statistics.median(map(waited, rounds)),
        "servers": {},
        "rounds": rounds,
    }
    for name in rounds[0]:
        values = [r[name] for r in rounds]
        row["servers"][name] = {"quartiles": quartiles([v["value"] for v in values])}
        for key in ("per_second", "latency", "busy", "client"):
            if values[0].get(key) is not None:
                row["servers"][name][key] = statistics.median(v[key] for v in values)
    return row


def agreement(rounds):
    """How far apart the two tools are: medians over the rounds, by server and figure."""
    return {
        (name, key): statistics.median(
            r[name][key] / r[name]["independent"][key] - 1 for r in rounds)
        for name in rounds[0] for key in ("value", "per_second", "latency")}


# --- Printing -----------------------------------------------------------------


def pair(servers, key, pattern):
    return " / ".join(pattern.format(s[key]) if key in s else "" for s in servers)


def format_row(row):
    servers = row["servers"].values()
    unit = "{:,.0f} B" if row["unit"] == "bytes" else "{:.2f} µs"
    goal = ""
    if row["goal"]:
        goal = f"≤ {row['goal']} B" if row["unit"] == "bytes" else f"≤ {row['goal']}"
    low, median, high = row["ratio"]
    cells = [row["title"], *(unit.format(s["quartiles"][1]) for s in servers),
             f"{median:.3f}", f"{low:.3f} to {high:.3f}", goal]
    if row["unit"] == "bytes":
        return cells + ["", "", "", ""]
    return cells + [
        pair(servers, "per_second", "{:,.0f}"), pair(servers, "busy", "{:.0f}%"),
        pair(servers, "client", "{:.2f}"), f"{row['waited']:.0f}%"]


def print_table(table):
    widths = [max(len(cell) for cell in column) for column in zip(*table)]
    table.insert(1, ["-" * width for width in widths])
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths))
        print("| " + " | ".join(padded) + " |")


def print_agreement(rows):
    """True when everything agrees."""
    names = list(next(iter(rows.values()))["servers"])
    table = [["bench beside load.c", *(
        f"{name}: {what}" for name in names for what in ("CPU", "per second", "p50"))]]
    good = True
    for row in rows.values():
        apart = agreement(row["rounds"])
        table.append([row["title"], *(
            f"{apart[name, key]:+.1%}" for name in names
            for key in ("value", "per_second", "latency"))])
        good = good and all(abs(value) <= AGREEMENT_MAX for value in apart.values())
    print()
    print_table(table)
    return good


# --- Command line -------------------------------------------------------------


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
    parser.add_argument("--tls", action="store_true", help="with a self-signed certificate")
    parser.add_argument("--check", action="store_true", help="beside load.c too")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="per measurement")
    parser.add_argument("--text", action="store_true", help="text messages (ASCII), not binary")
    parser.add_argument("--server-core", type=int)
    parser.add_argument("--client-core", type=int)
    parser.add_argument("--json", action="store_true", help="all rounds, as JSON")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error("no such scenario: " + ", ".join(sorted(unknown)))
    if options.check and options.tls:
        parser.error("load.c speaks no TLS: --check without --tls")
    options.scenarios = options.scenarios or [
        key for key, scenario in SCENARIOS.items()
        if not (options.check and scenario.counts_bytes)]
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 and None in (options.server_core, options.client_core):
        parser.error("needs two cores")
    if options.server_core is None:
        options.server_core = cores[0]
    if options.client_core is None:
        options.client_core = next(c for c in cores if c != options.server_core)
    options.certificate = ROOT / ".cache/tls/certificate.pem"
    options.key = ROOT / ".cache/tls/key.pem"
    return options


def servers_to_start(options):
    arguments = ["serve", "--listen", "127.0.0.1:0", *options.sluice_arguments.split()]
    environment = {"NODE_PATH": "/usr/share/nodejs"}
    if options.tls:
        subprocess.run(
            [ROOT / "Tests/Support/certificate.sh", ROOT / ".cache/tls"], check=True)
        arguments += ["--tls-certificate", options.certificate, "--tls-key", options.key]
        environment |= {"TLS_CERTIFICATE": str(options.certificate), "TLS_KEY": str(options.key)}

    def sluice(name, binary):
        return lambda: Server(name, [binary, *arguments], options.server_core)

    starts = {"sluice": sluice("sluice", options.sluice)}
    if options.against:
        starts["other"] = sluice("other", options.against)
    else:
        starts["node-ws"] = lambda: Server(
            "node-ws", [options.node, HERE / "node_ws_server.js"], options.server_core,
            environment)
    return starts


def main():
    options = parse_options()
    starts = servers_to_start(options)
    rows = {}
    with tempfile.TemporaryDirectory() as directory:
        if options.check:
            options.load = Path(directory, "load")
            subprocess.run(
                ["cc", "-O2", "-o", options.load, HERE / "load.c"], check=True)
        for key in options.scenarios:
            print(f"{SCENARIOS[key].title}:", file=sys.stderr)
            try:
                rows[key] = summarize(
                    SCENARIOS[key], run_rounds(SCENARIOS[key], starts, options))
            except (Failed, OSError) as error:
                sys.exit(f"compare: {error}")
            if options.against:
                rows[key]["goal"] = None
    if options.json:
        json.dump({
            "server_core": options.server_core, "client_core": options.client_core,
            "messages": "text" if options.text else "binary", "tls": options.tls,
            "scenarios": rows}, sys.stdout, indent=2)
        print()
        return
    print(f"Server CPU time per {'text' if options.text else 'binary'} message received (of a"
          f" broadcast: per delivery; of\nconnect: per connection) and resident memory per"
          f" connection; medians{', over TLS' if options.tls else ''}. Server on core"
          f" {options.server_core}, client on core {options.client_core}.\n")
    print_table([
        ["", *starts, "ratio", "quartiles", "goal", "per second", "busy", "client µs", "waited"],
        *(format_row(row) for row in rows.values())])
    if options.check and not print_agreement(rows):
        sys.exit("compare: the tools are more than 10 % apart")


if __name__ == "__main__":
    main()
