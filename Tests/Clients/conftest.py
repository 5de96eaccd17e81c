"""Fixtures: real servers, raw connections, Debian's node."""

import os
import signal
import subprocess
from pathlib import Path

import abuse
import fleet
import misbehaving
import pytest
import sluice
import wire

NODE = "/usr/bin/node" if os.access("/usr/bin/node", os.X_OK) else "node"
NODE_MODULES = "/usr/share/nodejs"


def _stop_all(servers):
    errors = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture
def start_server():
    """start_server("--flag", …, listen=(ADDRESS, …)): a server for this test."""
    servers = []

    def start(*flags, **options):
        server = sluice.Server(*flags, **options)
        servers.append(server)
        return server

    yield start
    _stop_all(servers)


@pytest.fixture
def start_fleet(tmp_path):
    """start_fleet("--flag", …, workers=2): a fleet.Fleet for this test."""
    fleets = []

    def start(*flags, **options):
        fleets.append(fleet.Fleet(tmp_path, *flags, **options))
        return fleets[-1]

    yield start
    for running in fleets:
        if running.running:
            # Whoever is left doesn't matter any more.
            running.signal(signal.SIGINT)
    _stop_all(fleets)


@pytest.fixture(scope="module")
def module_server():
    server = sluice.Server()
    yield server
    _stop_all([server])


@pytest.fixture
def server(module_server):
    """A server with default settings, shared by the tests of a file."""
    assert module_server.running, "the server ended in an earlier test"
    yield module_server
    assert module_server.running, f"the server ended: {module_server.stderr}"


@pytest.fixture
def connect():
    """connect(server): a wire.Connection that is closed after the test."""
    connections = []

    def open_one(*arguments, **options):
        connections.append(wire.Connection(*arguments, **options))
        return connections[-1]

    yield open_one
    for connection in connections:
        connection.socket.close()


@pytest.fixture
def connect_websocket(connect):
    """connect_websocket(server, "/echo"): a wire.Connection after its handshake."""

    def open_one(server, target="/echo", *lines, version=13, **options):
        connection = connect(server, **options)
        response = connection.upgrade(target, *lines, version=version)
        assert response.status == 101, response
        return connection

    return open_one


@pytest.fixture
def node():
    """node("script.js", argument, …) runs Tests/Clients/node/script.js with the
    `ws` of Debian and returns its output; start=True returns the process, and
    `authority` is a file with certificates to trust."""
    processes = []

    def run(script, *arguments, start=False, timeout_s=20, authority=None):
        trust = {"NODE_EXTRA_CA_CERTS": str(authority)} if authority else {}
        process = subprocess.Popen(
            [NODE, Path(__file__).parent / "node" / script, *arguments],
            env={**os.environ, "NODE_PATH": NODE_MODULES, "NODE_OPTIONS": "", **trust},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        if start:
            return process
        output, _ = process.communicate(timeout=timeout_s)
        assert process.returncode == 0, f"{script}: {output}"
        return output

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture
def dial():
    """dial(server, source="127.0.0.9", tls=…): an abuse.Connection that is closed
    after the test."""
    connections = []

    def open_one(*arguments, **options):
        connections.append(abuse.Connection(*arguments, **options))
        return connections[-1]

    yield open_one
    for connection in connections:
        connection.socket.close()


@pytest.fixture
def misbehaving_server():
    """misbehaving_server(script, …): a misbehaving.Server for this test."""
    servers = []

    def start(*arguments, **options):
        servers.append(misbehaving.Server(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect_command():
    """connect_command(url, "--flag", …, input=b"…"): runs `sluice connect` to its end,
    which gives its returncode, its stdout in bytes and its stderr as text."""

    def run(*arguments, input=b"", timeout_s=20, **options):
        done = subprocess.run(
            [sluice.BINARY, "connect", *arguments],
            input=input,
            capture_output=True,
            timeout=timeout_s,
            env=sluice.ENVIRONMENT,
            **options,
        )
        done.stderr = done.stderr.decode()
        assert not sluice.CRASH.search(done.stderr), done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory):
    """A PEM file with a certificate for localhost and its key."""
    return abuse.make_certificate(tmp_path_factory.mktemp("certificate"))
