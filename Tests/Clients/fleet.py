"""A gateway with several workers, its admin socket, and clients in great numbers that count
what happens to them while workers come and go."""

import errno
import heapq
import http.client
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import sluice
from abuse import allow_open_files, handshake
from wire import CLOSE, TEXT, close_payload, frame

SLOW_S = 0.1
SO_TIMESTAMPNS = 35
RETRY = re.compile(r"; retry=(\d+)-(\d+)$")


class AdminConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, or with a (host, port) over TCP."""

    def __init__(self, address, timeout_s=10):
        super().__init__("localhost", timeout=timeout_s)
        self.address = address

    def connect(self):
        is_path = not isinstance(self.address, tuple)
        self.sock = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.address) if is_path else self.address)


def ask(address, target, method="GET", **headers):
    """The status and the body of an answer, decoded if it is JSON."""
    connection = AdminConnection(address)
    try:
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.getheader("Content-Type") == "application/json":
        return response.status, json.loads(body)
    return response.status, body.decode()


def wait_for(condition, within_s=10, every_s=0.01):
    """What the condition gives, once that is true."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(every_s)
    return value


def overloaded():
    """Whether others keep this machine so busy that a delay proves nothing."""
    return os.getloadavg()[0] > os.cpu_count()


def exists(pid):
    """Whether the process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Processes that it has started and not reaped, zombies included."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Fleet(sluice.Server):
    """A gateway with an admin socket in this directory."""

    def __init__(self, directory, *flags, workers=2, **options):
        self.admin = Path(directory) / "admin.sock"
        super().__init__(
            "--workers", str(workers), "--admin-socket", str(self.admin), *flags, **options
        )
        wait_for(lambda: len(self.ready) == workers)

    def restart(self, slot=None):
        """As `sluice restart` does, without the time that its start takes."""
        code, operation = self.ask("/restart" + ("" if slot is None else f"?worker={slot}"), "POST")
        assert code == 202, operation
        return self.end_of(operation)

    def end_of(self, operation, within_s=15):
        """Waits until it is done."""

        def ended():
            now = self.ask(f"/operation?id={operation['id']}")[1]
            return now["state"] != "running" and now

        now = wait_for(ended, within_s)
        assert now["state"] == "done", now

    def ask(self, target, method="GET"):
        return ask(self.admin, target, method)

    @property
    def status(self):
        code, status = self.ask("/status")
        assert code == 200, status
        return status

    @property
    def ready(self):
        """Pids of the workers that are ready, by slot."""
        return {w["slot"]: w["pid"] for w in self.status["workers"] if w["state"] == "ready"}

    def replaced(self, slot, pid, within_s=10):
        """Waits for the successor of a worker; its pid."""
        return wait_for(lambda: (new := self.ready.get(slot)) != pid and new, within_s)

    def metrics(self):
        code, text = self.ask("/metrics")
        assert code == 200, text
        return parse_metrics(text)

    def command(self, *words, timeout_s=30):
        """Runs `sluice WORDS` against this gateway: the finished process."""
        return self.start_command(*words, timeout_s=timeout_s).finish()

    def start_command(self, *words, timeout_s=30):
        return Command([sluice.BINARY, *words, "--admin-socket", str(self.admin)], timeout_s)

    def kill_coordinator(self):
        """And leaves its workers to themselves."""
        self.killed = True
        self.process.kill()
        self.process.wait()


class Command:
    def __init__(self, words, timeout_s):
        self.timeout_s = timeout_s
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=sluice.ENVIRONMENT,
        )  # fmt: skip

    @property
    def running(self):
        return self.process.poll() is None

    def finish(self):
        try:
            self.stdout, self.stderr = self.process.communicate(timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        self.returncode = self.process.returncode
        return self


# Metrics

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(
    rf'({NAME})(\{{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\}})? (\d+(?:\.\d+)?)'
)


def parse_metrics(text):
    """The samples of the Prometheus text format 0.0.4, strictly: every family has HELP and
    TYPE, before its samples, which stand together; counters end with _total."""
    assert text.endswith("\n")
    samples, families, family, kind = {}, set(), None, None
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            _, _, family, text = line.split(" ", 3)
            assert re.fullmatch(NAME, family) and family not in families and text, line
            families.add(family)
            kind = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and kind in ("counter", "gauge"), line
            assert (kind == "counter") == family.endswith("_total"), line
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == family and kind, line
            key = match[1] + (match[2] or "")
            assert key not in samples, line
            samples[key] = float(match[3])
    return samples


# The storm


class Storm:
    """New connections at a steady rate, from a process of its own: each sends a request, reads
    the answer and goes. stop() tells what came of them."""

    def __init__(self, server, rate):
        self.process = subprocess.Popen(
            [sys.executable, __file__, server.host, str(server.port), str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "begun\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        output, _ = self.process.communicate("", timeout=30)
        return json.loads(output)


def storm(host, port, rate):
    epoll, pending = select.epoll(), {}
    counts = dict.fromkeys(("served", "refused", "reset", "ended", "lost", "slow"), 0)
    epoll.register(0, select.EPOLLIN)
    start = time.monotonic()
    begun, stopping, slowest = 0, None, 0
    # For how long this process itself was at work, or was not run although it was due.
    busy = 0
    seen = start

    def end(descriptor, how):
        nonlocal slowest
        client, since, busy_since = pending.pop(descriptor)
        took = time.monotonic() - since - (busy - busy_since)
        counts[how] += 1
        slowest = max(slowest, took)
        counts["slow"] += took > SLOW_S
        # With RST: TIME_WAIT would use up the ports.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    while not stopping or (pending and time.monotonic() < stopping + 5):
        due = (time.monotonic() - start) * rate
        # What was missed is made up for, within reason: this process too is paused at times.
        if due - begun > 50:
            begun = int(due) - 50
        while begun < due and not stopping:
            begun += 1
            client = socket.socket()
            client.setblocking(False)
            pending[client.fileno()] = client, time.monotonic(), busy
            code = client.connect_ex((host, port))
            if code in (0, errno.EINPROGRESS):
                epoll.register(client, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            else:
                end(client.fileno(), "refused")
        timeout = max(0, (begun + 1) / rate - time.monotonic() + start)
        events = epoll.poll(timeout)
        now = time.monotonic()
        busy += max(0, now - seen - timeout)
        seen = now
        for descriptor, mask in events:
            if descriptor == 0:
                epoll.unregister(0)
                stopping = time.monotonic()
                continue
            if descriptor not in pending:
                continue
            client = pending[descriptor][0]
            try:
                if mask & select.EPOLLIN:
                    end(descriptor, "served" if client.recv(4096) else "ended")
                elif mask & (select.EPOLLERR | select.EPOLLHUP):
                    code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    end(descriptor, "refused" if code == errno.ECONNREFUSED else "reset")
                else:
                    client.send(b"GET /storm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            except BlockingIOError:
                pass
            except OSError:
                end(descriptor, "reset")
    counts["lost"] = len(pending)
    print(json.dumps({**counts, "slowest_ms": round(slowest * 1000)}))


# The crowd


class Member:
    """One WebSocket of a crowd, and what became of it. It is sent short messages only.

    `opened_at` and `closed_at` are the kernel's, in seconds since 1970: when the response and
    the close frame had arrived."""

    __slots__ = (
        "asked", "buffer", "closed_at", "code", "end", "messages", "opened_at", "reason", "socket",
    )  # fmt: skip

    def __init__(self, client):
        self.socket = client
        self.buffer = b""
        self.asked = False
        self.messages = 0
        self.opened_at = self.closed_at = self.code = self.reason = self.end = None


class Crowd:
    """WebSockets in great numbers, without threads: things happen in step().

    Every close frame is answered. With `returns`, each comes back as the hint says."""

    def __init__(self, server, target="/echo", returns=False):
        self.address = (server.host, server.port)
        self.request = handshake(target)
        self.returns = returns
        self.epoll = select.epoll()
        self.members = {}
        self.gone = []
        self.due = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members.values():
            member.socket.close()
        self.epoll.close()

    def open(self, count, within_s=20):
        """So many more; some at a time, so that no queue is full."""
        allow_open_files(count + 1000)
        count += len(self.members)
        deadline = time.monotonic() + within_s
        while (made := len(self.members) + len(self.gone)) < count or self.opening:
            for _ in range(min(count - made, max(0, 200 - self.opening))):
                self.connect()
            self.step(0.01)
            assert time.monotonic() < deadline, f"{self.opening} of {made} are not open"
        assert not self.gone, f"{len(self.gone)} are gone: {self.gone[0].end}"
        return self

    @property
    def opening(self):
        return sum(member.opened_at is None for member in self.members.values())

    def connect(self):
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.members[client.fileno()] = Member(client)
        client.connect_ex(self.address)
        self.epoll.register(client, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def run(self, condition, within_s):
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s: {len(self.members)} left"
            self.step(0.01)

    def step(self, seconds):
        now = time.monotonic()
        while self.due and self.due[0] <= now:
            heapq.heappop(self.due)
            self.connect()
        for descriptor, mask in self.epoll.poll(seconds):
            member = self.members.get(descriptor)
            if not member:
                continue
            try:
                if not member.asked and mask & select.EPOLLOUT:
                    member.asked = True
                    member.socket.send(self.request)
                if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                    self.read(member)
            except OSError as error:
                self.end(member, errno.errorcode[error.errno])

    def read(self, member):
        while True:
            try:
                data, more, _, _ = member.socket.recvmsg(4096, 64)
            except BlockingIOError:
                return
            if not data:
                # In order when a close frame has come.
                return self.end(member, "clean" if member.code else "end")
            member.buffer += data
            # When it arrived, however late this process looks.
            arrived = struct.unpack("@ll", more[0][2]) if more else (time.time(), 0)
            arrived = arrived[0] + arrived[1] / 1e9
            if member.opened_at is None and b"\r\n\r\n" in member.buffer:
                head, _, member.buffer = member.buffer.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101 "):
                    return self.end(member, head.split(b"\r\n")[0].decode())
                member.opened_at = arrived
            while member.opened_at and member.code is None and len(member.buffer) >= 2:
                length = member.buffer[1]
                if len(member.buffer) < 2 + length:
                    break
                opcode, payload = member.buffer[0] & 0x0F, member.buffer[2 : 2 + length]
                member.buffer = member.buffer[2 + length :]
                if opcode == CLOSE:
                    self.closed(member, payload, arrived)
                elif opcode == TEXT:
                    member.messages += 1

    def closed(self, member, payload, arrived):
        member.code = struct.unpack("!H", payload[:2])[0] if payload else 1005
        member.reason = payload[2:].decode()
        member.closed_at = arrived
        member.socket.send(frame(CLOSE, close_payload(member.code), mask=b"abcd"))
        hint = RETRY.search(member.reason)
        if self.returns and hint:
            wait = random.uniform(int(hint[1]), int(hint[2])) / 1000
            heapq.heappush(self.due, time.monotonic() + wait)

    def end(self, member, how):
        del self.members[member.socket.fileno()]
        member.socket.close()
        member.end = how
        member.closed_at = member.closed_at or time.time()
        self.gone.append(member)


def most_within(times, span_s):
    """The most of these moments that lie within any such span."""
    times = sorted(times)
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] > span_s:
            first += 1
        most = max(most, last - first + 1)
    return most


if __name__ == "__main__":
    print("begun", flush=True)
    storm(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
