"""Starting, watching and stopping a gateway."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / ".build/release/sluice").absolute()

# Variables that begin so are options of the gateway, or mistakes. Those of the tests are neither.
ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith("SLUICE_")}

START_DEADLINE_S = 10
# Above the default drain deadline of 9 s.
STOP_DEADLINE_S = 12

LISTENING = re.compile(r"sluice: listening on (\S+(?: \S+)*)\n")
CRASH = re.compile(r"Fatal error|Precondition failed|Program crashed|Sanitizer|💣|\*\*\* ")


class Address(NamedTuple):
    """Of a TCP listener."""

    http: str
    """The base of HTTP URLs, without a final slash; https:// when it speaks TLS."""

    @property
    def ws(self):
        return "ws" + self.http.removeprefix("http")

    @property
    def authority(self):
        return self.http.partition("://")[2]

    @property
    def host(self):
        return self.authority.rpartition(":")[0].strip("[]")

    @property
    def port(self):
        return int(self.authority.rpartition(":")[2])


class Server:
    """A `sluice serve` process. Stopping it checks that it ended as it should.

    `stderr` is a descriptor of the test's own for its standard error, which is then not
    looked at here."""

    def __init__(self, *flags, listen=("127.0.0.1:0",), environment=None, stderr=None):
        if not BINARY.exists():
            raise RuntimeError(f"{BINARY} is not there: run 'make build', or set SLUICE_BINARY")
        listeners = [word for address in listen for word in ("--listen", address)]
        self.directory = tempfile.TemporaryDirectory(prefix="sluice-")
        self.admin_socket = Path(self.directory.name, "admin.sock")
        # A test that isn't about draining doesn't wait for it.
        given = {str(flag).partition("=")[0] for flag in flags}
        defaults = []
        if not given & {"--admin-socket", "--config"}:
            defaults += ["--admin-socket", self.admin_socket]
        if not given & {"--drain-window", "--config"}:
            defaults += ["--drain-window", "0"]
        self.stderr_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [BINARY, "serve", *listeners, *defaults, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.stderr_file if stderr is None else stderr,
            bufsize=0,
            env={**ENVIRONMENT, **(environment or {})},
        )
        self.killed = False
        self.stopped = False
        try:
            self.addresses = self._read_listening_line().split(" ")
        except BaseException:
            self.kill()
            self.stop()
            raise

    def _read_listening_line(self):
        line = b""
        deadline = time.monotonic() + START_DEADLINE_S
        while not line.endswith(b"\n"):
            readable, _, _ = select.select(
                [self.process.stdout], [], [], max(0, deadline - time.monotonic())
            )
            assert readable, f"no line within {START_DEADLINE_S} s; stderr: {self.stderr}"
            byte = self.process.stdout.read(1)
            assert byte, f"ended instead of listening; stderr: {self.stderr}"
            line += byte
        match = LISTENING.fullmatch(line.decode())
        assert match, f"not the listening line: {line}"
        return match[1]

    # Addresses: those of the first TCP listener, unless all are asked for.

    @property
    def tcp(self):
        """The TCP listeners, in the order of --listen."""
        return [Address(a.rstrip("/")) for a in self.addresses if a.startswith("http")]

    @property
    def http(self):
        return self.tcp[0].http

    @property
    def ws(self):
        return self.tcp[0].ws

    @property
    def authority(self):
        return self.tcp[0].authority

    @property
    def host(self):
        return self.tcp[0].host

    @property
    def port(self):
        return self.tcp[0].port

    # State

    @property
    def stderr(self):
        size = os.fstat(self.stderr_file.fileno()).st_size
        return os.pread(self.stderr_file.fileno(), size, 0).decode(errors="replace")

    @property
    def log(self):
        """The whole lines so far, with --log-format json, which is what a file gets."""
        return [json.loads(line) for line in self.stderr.split("\n")[:-1]]

    def wait_for_log(self, message, count=1, deadline_s=5, **fields):
        """Waits for so many lines with this message and these fields; all of those."""
        deadline = time.monotonic() + deadline_s
        while True:
            lines = [
                line
                for line in self.log
                if line["message"] == message and line.items() >= fields.items()
            ]
            if len(lines) >= count:
                return lines
            assert time.monotonic() < deadline, f"no {message!r} with {fields}: {self.stderr}"
            time.sleep(0.01)

    @property
    def worker_pid(self):
        """The process that has the connections; of several workers, the first."""
        return self.worker_pids[0]

    @property
    def worker_pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    @property
    def running(self):
        return self.process.poll() is None

    def memory_bytes(self):
        """What is resident now, summed over the server's processes."""
        return self._memory("VmRSS")

    def peak_memory_bytes(self):
        """The most that was ever resident, summed over the server's processes."""
        return self._memory("VmHWM")

    def _memory(self, field):
        total = 0
        pids = [self.process.pid]
        while pids:
            pid = pids.pop()
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += children.read_text().split()
        return total

    def wait_for_stderr(self, text, count=1, deadline_s=5):
        """Waits until a text has come so often; what has been written so far."""
        deadline = time.monotonic() + deadline_s
        while (stderr := self.stderr).count(text) < count:
            assert self.running, f"the server ended; stderr: {stderr}"
            assert time.monotonic() < deadline, f"no {text!r} within {deadline_s} s: {stderr}"
            time.sleep(0.01)
        return stderr

    # The end

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop_all(self):
        """SIGSTOP to all of it; the coordinator first, which would replace a silent worker."""
        self.stopped_pids = [self.process.pid, *self.worker_pids]
        for pid in self.stopped_pids:
            os.kill(pid, signal.SIGSTOP)

    def continue_all(self):
        for pid in reversed(self.stopped_pids):
            os.kill(pid, signal.SIGCONT)

    def kill(self):
        """Ends it without any courtesy; stop() then has nothing to check."""
        self.killed = True
        workers = self.worker_pids if self.running else []
        self.process.kill()
        self.process.wait()
        # They would serve on for a while.
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait(self, deadline_s=STOP_DEADLINE_S):
        """Waits for its end, which must be a clean one."""
        try:
            self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still running {deadline_s} s after it was told to stop; stderr: {self.stderr}"
            ) from None
        assert self.process.returncode == 0, (
            f"exit status {self.process.returncode}; stderr: {self.stderr}"
        )

    def stop(self):
        if self.stopped:
            return
        self.stopped = True
        if self.running:
            self.signal()
        try:
            if not self.killed:
                self.wait()
                assert not CRASH.search(self.stderr), self.stderr
                assert self.process.stdout.read() == b"", "more than one line on stdout"
        finally:
            self.process.stdout.close()
            self.stderr_file.close()
            self.directory.cleanup()
