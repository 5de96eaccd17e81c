"""Flags, environment variables and the configuration file, with the real program."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import sluice
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as ws_connect

DOCUMENT = sluice.ROOT / "docs/configuration.md"


def run(*arguments, environment=None, directory=None):
    """A command that ends by itself: exit status, standard output, standard error."""
    done = subprocess.run(
        [sluice.BINARY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10,
        cwd=directory,
        env={**sluice.ENVIRONMENT, **(environment or {})},
    )
    assert not sluice.CRASH.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def write(tmp_path):
    """write(TEXT): the path of a configuration file."""

    def write_file(text, name="sluice.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def refuses(server, size):
    with ws_connect(f"{server.ws}/echo", max_size=None) as client:
        client.send(b"x" * (size + 1))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd.code == 1009
    with ws_connect(f"{server.ws}/echo", max_size=None) as client:
        client.send(b"x" * size)
        assert len(client.recv(timeout=5)) == size


def test_every_source_sets_a_limit(start_server, write):
    file = write('max-message-size = "1KiB"\nlisten = ["127.0.0.1:9"]\n')
    variables = {"SLUICE_CONFIG": str(file), "SLUICE_MAX_MESSAGE_SIZE": "2KiB"}
    # --listen, which all of these have, replaces the list of the file.
    refuses(start_server("--config", str(file)), 1024)
    refuses(start_server(environment=variables), 2048)
    refuses(start_server("--max-message-size=3KiB", environment=variables), 3072)


def test_listens_where_the_file_says(start_server, write, tmp_path):
    path = tmp_path / "sluice.sock"
    file = write(f'listen = ["127.0.0.1:0", "unix:{path}"]\n')
    server = start_server("--config", str(file), listen=())
    assert len(server.addresses) == 2
    assert server.addresses[1] == f"unix:{path}"


def test_mistakes_of_all_sources_are_told_together(write):
    file = write("\nmax-conections = 5\nping-interval = 25\n")
    status, output, errors = run(
        *("serve", "--config", file, "--max-fragments", "0", "--lisen=127.0.0.1:0"),
        environment={"SLUICE_ORIGIN": "https://a.example,b", "SLUICE_BINARY": "x"},
    )
    assert (status, output) == (64, "")
    assert errors.splitlines() == [
        "sluice: --max-fragments: '0' is out of range; it can be 1 to 1048576",
        "sluice: --lisen: unknown flag; did you mean --listen?",
        "sluice: SLUICE_BINARY: unknown variable; unset it; 'sluice serve --help' lists the options",
        "sluice: SLUICE_ORIGIN: 'b' is not an origin; origins are scheme, host and port, as in "
        "https://chat.example.org or http://localhost:3000, or * for all",
        f"sluice: {file}:2:1: unknown key 'max-conections'; did you mean 'max-connections'?",
        f"sluice: {file}:3:17: a whole number where a string is wanted; as in "
        'ping-interval = "1.5s"',
    ]


@pytest.mark.parametrize(
    "name, words",
    [("none.toml", "No such file or directory"), (".", "Is a directory"), ("large", "1MiB")],
)
def test_a_file_that_cannot_be_read(tmp_path, name, words):
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"#")
    path = tmp_path / name
    status, output, errors = run("serve", "--config", path)
    assert (status, output) == (64, "")
    assert errors.startswith(f"sluice: --config: cannot read '{path}': ")
    assert words in errors


# config check


def test_check_finds_nothing_in_a_good_file(write, self_signed):
    file = write(f'tls-certificate = ["{self_signed}"]\n')
    # Mistakes of the environment are not the file's.
    status, output, errors = run("config", "check", file, environment={"SLUICE_X": "1"})
    assert (status, output, errors) == (0, f"{file}: no mistakes\n", "")


def test_check_finds_all_mistakes(write, self_signed, tmp_path):
    wrong = write("notes", "notes.txt")
    status, output, errors = run(
        *("config", "check", write("max-fragments = 0\n[tls]\na = 1\nb = 2\n")),
    )
    assert (status, output) == (1, "")
    file = tmp_path / "sluice.toml"
    assert errors.splitlines() == [
        f"sluice: {file}:1:17: '0' is out of range; it can be 1 to 1048576",
        f"sluice: {file}:2:2: there is no table 'tls'; all options stand at the top, without "
        "[tls], and have the names of the flags",
    ]
    write("proxy-protocol = true\ntls-min-version = '1.3'\ntls-client-ca = 'a.pem'\n")
    status, output, errors = run("config", "check", file)
    assert (status, output) == (1, "")
    assert errors.splitlines() == [
        f"sluice: {file}:3:17: TLS needs a certificate; set tls-certificate too",
        f"sluice: {file}:1:18: the header is believed from nobody; set trusted-proxy too",
    ]
    # Each file, and not just the first that is wrong.
    write(
        f'tls-certificate = ["{wrong}", "{self_signed}", "{self_signed}"]\n'
        f'tls-key = ["{wrong}", "{wrong}", "{self_signed}"]\n'
        f'tls-client-ca = "{tmp_path}/none.pem"\n'
    )
    status, output, errors = run("config", "check", file)
    assert (status, output) == (1, "")
    assert [line.partition(": is not")[0] for line in errors.splitlines()] == [
        f"sluice: {file}:1:19: certificate file {wrong}",
        f"sluice: {file}:2:11: private key file {wrong}",
        f"sluice: {file}:3:17: client CA file {tmp_path}/none.pem: there is no such file",
    ]


def test_check_needs_a_file_that_is_there(tmp_path):
    status, output, errors = run("config", "check", tmp_path / "none.toml")
    assert (status, output) == (1, "")
    assert errors == f"sluice: cannot read '{tmp_path}/none.toml': No such file or directory\n"
    assert run("config", "check")[0] == 64


# config print


def test_print_is_a_file_that_sets_the_same(write):
    file = write('origin = ["https://a.example"]\nping-interval = "1m"\n')
    arguments = ("--config", file, "--max-message-size=65536", "--proxy-protocol=false")
    status, output, errors = run(
        "config", "print", *arguments, environment={"SLUICE_MAX_FRAGMENTS": "7"}
    )
    assert (status, errors) == (0, "")
    assert f'origin = ["https://a.example"]  # {file}:1:10\n' in output
    assert 'max-message-size = "64KiB"  # --max-message-size\n' in output
    assert "max-fragments = 7  # SLUICE_MAX_FRAGMENTS\n" in output
    assert 'close-timeout = "5s"  # default\n' in output
    again = write(output, "again.toml")
    assert run("config", "check", again)[0] == 0
    status, printed, _ = run("config", "print", "--config", again)
    assert tomllib.loads(printed) == tomllib.loads(output)


def test_print_as_json(write):
    file = write('ping-interval = "1m"\n')
    status, output, errors = run("config", "print", "--json", "--config", file)
    assert (status, errors) == (0, "")
    options = json.loads(output)
    assert options["ping-interval"] == {
        "value": "60s", "source": "file", "place": f"{file}:1:17", "live": True,
    }  # fmt: skip
    assert options["listen"]["value"] == ["127.0.0.1:8080"]
    assert options["max-connections"]["value"] is None
    assert options["config"]["value"] == str(file)


def test_print_refuses_what_serve_refuses():
    status, output, errors = run("config", "print", "--proxy-protocol", "--jsn")
    assert (status, output) == (64, "")
    assert errors == "sluice: --jsn: unknown flag; did you mean --json?\n"
    status, output, errors = run("config", "print", "--proxy-protocol")
    assert (status, output) == (64, "")
    assert errors.startswith("sluice: --proxy-protocol: the header is believed from nobody")


# Help


@pytest.mark.parametrize(
    "arguments", [("serve", "--help"), ("serve", "-h"), ("help", "serve"), ("config", "print", "-h")]
)
def test_help_has_every_option(arguments):
    status, output, errors = run(*arguments, environment={"COLUMNS": "80"})
    assert (status, errors) == (0, "")
    names = re.findall(r"`--([a-z-]+)[ `]", run("config", "reference")[1])
    assert len(set(names)) >= 30
    for name in names:
        assert f"\n  --{name}" in output
    assert max(map(len, output.splitlines())) <= 80


def test_help_wins_over_mistakes_and_the_version_is_there():
    assert run("serve", "--no-such-flag", "--help")[0] == 0
    assert run("serve", "--version")[1] == run("--version")[1] != ""
    # After this word there are no options.
    assert run("serve", "--", "--help")[0] == 64


def test_help_fits_the_terminal():
    _, narrow, _ = run("serve", "--help", environment={"COLUMNS": "60"})
    assert max(map(len, narrow.splitlines())) <= 76  # a table that cannot be wrapped
    _, wide, _ = run("serve", "--help", environment={"COLUMNS": "120"})
    assert len(wide.splitlines()) < len(narrow.splitlines())


def test_the_reference_is_current():
    text = DOCUMENT.read_text()
    generated = re.search(r"<!-- begin of what 'make docs' writes -->\n(.*)<!-- end", text, re.S)
    assert generated[1].strip() == run("config", "reference")[1].strip(), "run 'make docs'"


def test_the_file_of_the_documentation_is_good(tmp_path):
    text = DOCUMENT.read_text()
    examples = re.findall(r"```toml\n(.*?)```", text, re.S)
    assert examples
    for number, example in enumerate(examples):
        file = Path(tmp_path / f"{number}.toml")
        # The certificates are not there.
        file.write_text(re.sub(r"(?m)^tls-.*$", "", example))
        assert run("config", "check", file) == (0, f"{file}: no mistakes\n", "")
