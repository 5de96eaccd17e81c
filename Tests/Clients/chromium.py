"""A headless Chromium, driven over the DevTools protocol."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from websockets.sync.client import connect as ws_connect

BINARY = shutil.which("chromium") or "/usr/bin/chromium"
START_DEADLINE_S = 20
CALL_DEADLINE_S = 10


class Chromium:
    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        directory = Path(self.directory.name)
        self.log = open(directory / "log", "w+b")
        self.process = subprocess.Popen(
            [
                BINARY,
                "--headless=new",
                "--no-sandbox",  # tests also run as root, and in containers
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--disable-sync",
                "--no-first-run",
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--password-store=basic",
                "--remote-debugging-port=0",
                f"--user-data-dir={directory / 'profile'}",
                "about:blank",
            ],
            env={**os.environ, "HOME": str(directory), "XDG_RUNTIME_DIR": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.numbers = itertools.count(1)
        self.exceptions = []
        try:
            self.devtools = ws_connect(self._url(), max_size=None, compression=None).__enter__()
        except BaseException:
            self._end()
            raise

    def _url(self):
        file = Path(self.directory.name) / "profile/DevToolsActivePort"
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            lines = file.read_text().split("\n") if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            assert self.process.poll() is None, f"chromium ended: {self._log()}"
            time.sleep(0.05)
        raise AssertionError(f"chromium did not start: {self._log()}")

    def _log(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]

    def call(self, method, session=None, /, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.devtools.send(json.dumps(message))
        while True:
            answer = json.loads(self.devtools.recv(timeout=CALL_DEADLINE_S))
            if answer.get("method") == "Runtime.exceptionThrown":
                self.exceptions.append(answer["params"]["exceptionDetails"])
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def open(self, url):
        """A page in a context of its own: nothing is shared with other pages."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        page = Page(self, target["targetId"])
        page.navigate(url)
        return page

    def close(self):
        try:
            self.call("Browser.close")
            self.devtools.__exit__(None, None, None)
        finally:
            self._end()

    def _end(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.log.close()
        self.directory.cleanup()


class Page:
    def __init__(self, browser, target):
        self.browser = browser
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        # Input goes to the page as if its window were in front.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def navigate(self, url):
        result = self.call("Page.navigate", url=url)
        assert "errorText" not in result, result

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, deadline_s=10):
        """Waits until a JavaScript expression is true."""
        deadline = time.monotonic() + deadline_s
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, (
                f"not within {deadline_s} s: {expression}\n{self.evaluate('document.body.outerHTML')}"
            )
            time.sleep(0.05)

    # Without the mouse: a page that moves while messages come in would be
    # clicked in the wrong place.
    def focus(self, selector):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")

    def click(self, selector):
        element = f"document.querySelector({json.dumps(selector)})"
        assert self.evaluate(f"{element}.checkVisibility() && !{element}.disabled"), selector
        self.evaluate(f"{element}.click()")

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press_enter(self):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)
