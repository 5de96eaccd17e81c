"""Programs on a terminal: a pseudo-terminal, and a screen that shows what one would see."""

import errno
import fcntl
import os
import select
import struct
import subprocess
import termios
import time

import pyte
import sluice

DEADLINE_S = 10


class Terminal:
    """Runs a command on a terminal of its own, as the leader of its session.

    `streams`: the standard streams that are the terminal; the others are pipes."""

    def __init__(self, *command, columns=80, rows=24, streams=(0, 1, 2), **environment):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.output = b""
        self.control, self.device = os.openpty()
        self._set_size(columns, rows)
        self.modes = termios.tcgetattr(self.device)
        ends = [self.device if number in streams else subprocess.PIPE for number in range(3)]
        self.process = subprocess.Popen(
            command,
            stdin=ends[0],
            stdout=ends[1],
            stderr=ends[2],
            bufsize=0,
            env={**sluice.ENVIRONMENT, "TERM": "xterm-256color", "NO_COLOR": "", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(self.device, termios.TIOCSCTTY, 0),
        )

    def _set_size(self, columns, rows):
        fcntl.ioctl(self.control, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def type(self, text):
        os.write(self.control, text.encode() if isinstance(text, str) else text)

    def _read(self, timeout_s):
        if not select.select([self.control], [], [], timeout_s)[0]:
            return
        try:
            data = os.read(self.control, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return
        self.output += data
        self.stream.feed(data)

    @property
    def rows(self):
        """What is on the screen, without trailing blanks and empty rows at its end."""
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def wait_for(self, condition, deadline_s=DEADLINE_S):
        """Waits until the rows fulfil a condition, or end with these rows."""
        if isinstance(condition, list):
            wanted = condition
            condition = lambda rows: rows[-len(wanted) :] == wanted  # noqa: E731
        deadline = time.monotonic() + deadline_s
        while not self._fulfil(condition):
            assert time.monotonic() < deadline, "\n".join(["not on the screen:", *self.rows])
            self._read(0.05)
        return self.rows

    def _fulfil(self, condition):
        try:
            return condition(self.rows)
        except IndexError:
            return False

    @property
    def cursor(self):
        return self.screen.cursor.y, self.screen.cursor.x

    @property
    def is_restored(self):
        """Whether the terminal is as it was before: its modes, and bracketed paste."""
        return termios.tcgetattr(self.device) == self.modes and self.output.rfind(
            b"\x1b[?2004h"
        ) <= self.output.rfind(b"\x1b[?2004l")

    def end(self, deadline_s=DEADLINE_S):
        """Waits for the command's end; its exit status."""
        deadline = time.monotonic() + deadline_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "\n".join(["still running:", *self.rows])
            self._read(0.02)
        while select.select([self.control], [], [], 0)[0]:
            self._read(0)
        return self.process.returncode

    def hang_up(self):
        """Takes the terminal away, as when its window is closed; its exit status."""
        os.close(self.control)
        self.control = None
        return self.process.wait(DEADLINE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        os.close(self.device)
        if self.control is not None:
            os.close(self.control)
