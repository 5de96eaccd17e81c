"""`sluice connect` as a person sees it, on a terminal."""

import queue
import signal
from concurrent import futures

import pytest
import sluice
import wire
from terminal import Terminal


@pytest.fixture
def chats(misbehaving_server):
    """Connections as they come: each is a Peer after its handshake, and lives until
    it is put into `done`."""
    arrived = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        arrived.put(peer)
        peer.done = queue.SimpleQueue()
        peer.done.get(timeout=15)

    server = misbehaving_server(script)
    peers = []

    def take():
        peers.append(arrived.get(timeout=10))
        return peers[-1]

    take.url = server.url
    yield take
    while not arrived.empty():
        peers.append(arrived.get())
    for peer in peers:
        peer.done.put(None)


@pytest.fixture
def start_terminal():
    terminals = []

    def start(*arguments, **options):
        terminals.append(Terminal(sluice.BINARY, "connect", *arguments, **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def chat(start_terminal, chats):
    """A terminal with an open connection, and the server's end."""

    def start(*flags, **options):
        terminal = start_terminal(chats.url, *flags, **options)
        peer = chats()
        terminal.wait_for(lambda rows: rows and rows[-1] == ">")
        return terminal, peer

    return start


def test_a_conversation(chat):
    terminal, peer = chat()
    terminal.type("grüße 🚣\r")
    assert peer.message() == "grüße 🚣"
    terminal.wait_for(["> grüße 🚣", ">"])
    peer.send_text("hello")
    terminal.wait_for(["> grüße 🚣", "< hello", ">"])
    terminal.type("\r")
    assert peer.message() == ""
    assert terminal.wait_for(["< hello", ">", ">"])[0].startswith("connected to ws://")
    peer.send_frame(wire.BINARY, b"\x00\xff\x10")
    terminal.wait_for(["< 3 bytes: 00 ff 10", ">"])


def test_a_message_while_typing(chat):
    terminal, peer = chat()
    terminal.type("half a word\x1b[D\x1b[D\x1b[D\x1b[D")
    terminal.wait_for(["> half a word"])
    peer.send_text("first\nwith two lines")
    peer.send_text("second")
    terminal.wait_for(["< first", "with two lines", "< second", "> half a word"])
    assert terminal.cursor == (4, len("> half a "))
    terminal.type("sent ")
    terminal.wait_for(["> half a sent word"])
    terminal.type("\r")
    assert peer.message() == "half a sent word"


def test_history(chat):
    terminal, peer = chat()
    for line in ("one", "two"):
        terminal.type(line + "\r")
        assert peer.message() == line
    terminal.type("draft\x1b[A")
    terminal.wait_for(["> two"])
    terminal.type("\x1b[A")
    terminal.wait_for(["> two", "> one"])
    terminal.type("\x1b[B\x1b[B")
    terminal.wait_for(["> draft"])
    terminal.type("\x1b[A\x1b[A!\r")
    assert peer.message() == "one!"


def test_paste(chat):
    """Each pasted line is a message; the last stays to be edited."""
    terminal, peer = chat()
    terminal.type("\x1b[200~one\r\ntwo\nthr\x1b[201~ee")
    assert [peer.message(), peer.message()] == ["one", "two"]
    terminal.wait_for(["> one", "> two", "> three"])


@pytest.mark.parametrize("columns", [40, 20])
def test_resize(chat, columns):
    terminal, peer = chat()
    terminal.type("a line that is longer than what is left of the row")
    terminal.wait_for(["> a line that is longer than what is left of the row"])
    terminal.resize(columns, 24)
    terminal.wait_for(lambda rows: rows[-1].endswith("left of the row"))
    # The last column stays empty.
    terminal.wait_for(lambda rows: len(rows[-1]) == columns - 1)
    peer.send_text("hello")
    terminal.wait_for(lambda rows: rows[-2] == "< hello" and rows[-1].endswith("of the row"))
    terminal.resize(80, 24)
    terminal.wait_for(["> a line that is longer than what is left of the row"])
    terminal.type("\r")
    assert peer.message() == "a line that is longer than what is left of the row"


def test_harmless(chat):
    """A message can't move the cursor, set the title, or hide what was said."""
    terminal, peer = chat(columns=200)
    peer.send_text("\x1b[2J\x1b]0;title\x07\x9b1A\r\b\x7f\u202egnp.exe")
    shown = "< \\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{9b}1A\\u{d}\\u{8}\\u{7f}\\u{202e}gnp.exe"
    terminal.wait_for([shown, ">"])
    assert b"\x1b[2J" not in terminal.output
    peer.send_close(1008, "\x1b[2Jno\nsluice: fake".encode())
    assert peer.close_code() == 1008
    peer.done.put(None)
    assert terminal.end() == 2
    terminal.wait_for(lambda rows: rows[-1].endswith("\\u{1b}[2Jno\\u{a}sluice: fake\""))
    assert b"\x1b[2J" not in terminal.output


def test_colors(chat):
    terminal, peer = chat()
    peer.send_text("hello")
    terminal.wait_for(["< hello", ">"])
    assert b"\x1b[36m<\x1b[0m hello" in terminal.output
    terminal, peer = chat(NO_COLOR="1")
    peer.send_text("hello")
    terminal.wait_for(["< hello", ">"])
    assert b"m<" not in terminal.output


def test_pings(chat):
    terminal, peer = chat("--ping", "500ms")
    peer.send_frame(wire.PING, b"are you\nthere\x1b")
    peer.send_frame(wire.PONG, b"unasked")
    assert peer.frame().opcode == wire.PONG
    terminal.type("half")
    terminal.wait_for(['ping "are you\\u{a}there\\u{1b}", answered', 'pong "unasked"', "> half"])
    for _ in range(2):
        frame = peer.frame()
        assert frame.opcode == wire.PING
        peer.send_frame(wire.PONG, frame.payload)
    terminal.wait_for(
        lambda rows: all(row.startswith("pong after ") for row in rows[-3:-1])
        and rows[-1] == "> half"
    )


# The end


def ctrl_c(terminal, peer):
    terminal.type("draft\x03")
    assert peer.answer_close() == 1000


def ctrl_d(terminal, peer):
    terminal.type("\x04")
    assert peer.answer_close() == 1000


def send_signal(number):
    def end(terminal, peer):
        terminal.type("draft")
        terminal.wait_for(["> draft"])
        terminal.process.send_signal(number)
        assert peer.answer_close() == 1000

    return end


def server_closes(terminal, peer):
    peer.send_close(1000, b"bye")
    peer.close_code()


ENDS = {
    "Ctrl-C": (ctrl_c, 130, None),
    "Ctrl-D": (ctrl_d, 0, None),
    "SIGTERM": (send_signal(signal.SIGTERM), 143, None),
    "SIGINT": (send_signal(signal.SIGINT), 130, None),
    "SIGHUP": (send_signal(signal.SIGHUP), 129, None),
    "close": (server_closes, 0, 'closed by the server: 1000 normal closure, "bye"'),
    "loss": (
        lambda terminal, peer: None,
        2,
        "sluice: URL: the server ended the connection without a close frame",
    ),
    "violation": (
        lambda terminal, peer: peer.send(b"\xff\x00"),
        2,
        "sluice: URL: the server broke the protocol: reserved bit set without a negotiated "
        "extension (closed with 1002)",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(chat, chats, name):
    end, status, words = ENDS[name]
    terminal, peer = chat(columns=200)
    end(terminal, peer)
    peer.done.put(None)
    assert terminal.end() == status
    assert terminal.is_restored
    rows = terminal.rows
    assert rows[0] == f"connected to {chats.url}"
    # Nothing is left of the line that was being typed.
    assert rows[1:] == ([words.replace("URL", chats.url)] if words else [])
    assert terminal.cursor == (len(rows), 0)


def test_refused(start_terminal, misbehaving_server):
    server = misbehaving_server(None, listen=False)
    terminal = start_terminal(server.url)
    assert terminal.end() == 1
    assert terminal.rows == [f"sluice: {server.url}: cannot connect: Connection refused"]
    assert terminal.is_restored


def test_ctrl_c_before_it_is_open(start_terminal, misbehaving_server):
    server = misbehaving_server(lambda peer: (peer.request(), peer.read_to_end()))
    terminal = start_terminal(server.url)
    terminal.type("early")
    terminal.wait_for(["> early"])
    terminal.type("\x03")
    assert terminal.end() == 130
    assert terminal.is_restored


def test_ctrl_c_twice(chat):
    """The second does not wait for the server's close frame."""
    terminal, peer = chat()
    terminal.type("\x03")
    assert peer.close_code() == 1000
    terminal.type("\x03")
    assert terminal.end(deadline_s=3) == 130
    assert terminal.is_restored


def test_ctrl_c_after_ctrl_d(chat):
    """Ctrl-D with --wait goes on listening, and can be interrupted."""
    terminal, peer = chat("--wait", "1h")
    terminal.type("\x04")
    terminal.wait_for(lambda rows: rows and not rows[-1].startswith(">"))
    peer.send_text("still here")
    terminal.wait_for(["< still here"])
    terminal.type("x\x03")
    assert peer.answer_close() == 1000
    peer.done.put(None)
    assert terminal.end() == 130
    assert terminal.is_restored


def test_hang_up(chat):
    """The terminal's window is closed."""
    terminal, peer = chat()
    with futures.ThreadPoolExecutor() as pool:
        code = pool.submit(peer.answer_close)
        status = pool.submit(terminal.hang_up)
        assert code.result(10) == 1000
        peer.done.put(None)
        assert status.result(10) == 129


def test_suspend(chats):
    """Ctrl-Z gives the terminal to the shell as it was, and `fg` brings the line back."""
    terminal = Terminal("bash", "--norc", "--noprofile", "-i", PS1="$ ", HISTFILE="", rows=30)
    try:
        terminal.wait_for(["$"])
        terminal.type(f"{sluice.BINARY} connect {chats.url}\r")
        peer = chats()
        terminal.wait_for([">"])
        terminal.type("half")
        terminal.wait_for(["> half"])
        terminal.type("\x1a")
        terminal.wait_for(lambda rows: rows[-1] == "$" and any("Stopped" in row for row in rows))
        peer.send_text("meanwhile")
        terminal.type("stty -a | grep -c -w -e icanon -e 'isig'\r")
        terminal.wait_for(lambda rows: rows[-2:] == ["1", "$"])
        terminal.type("fg\r")
        terminal.wait_for(["< meanwhile", "> half"])
        terminal.type(" done\r")
        assert peer.message() == "half done"
        terminal.type("\x04")
        assert peer.answer_close() == 1000
        peer.done.put(None)
        terminal.wait_for(lambda rows: rows[-1] == "$")
        terminal.type("exit\r")
        assert terminal.end() == 0
    finally:
        terminal.close()


# Without all of it


def test_dumb_terminal(start_terminal, chats):
    """Lines as the terminal itself edits them, and no escape sequence."""
    terminal = start_terminal(chats.url, TERM="dumb")
    peer = chats()
    terminal.wait_for(lambda rows: rows)
    terminal.type("hello\r")
    assert peer.message() == "hello"
    peer.send_text("a\x1bb")
    terminal.wait_for(["hello", "< a\\u{1b}b"])
    terminal.type("\x04")
    assert peer.answer_close() == 1000
    peer.done.put(None)
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.output
    assert terminal.is_restored


def test_output_to_a_pipe(start_terminal, chats):
    terminal = start_terminal(chats.url, streams=(0, 2))
    peer = chats()
    terminal.type("hello\r")
    assert peer.message() == "hello"
    peer.send_text("a\x1bb")
    assert terminal.process.stdout.read(4) == b"a\x1bb\n"
    terminal.type("\x03")
    assert peer.answer_close() == 1000
    peer.done.put(None)
    assert terminal.end() == 130
    assert terminal.is_restored


def test_input_from_a_pipe(start_terminal, chats):
    terminal = start_terminal(chats.url, streams=(1, 2))
    peer = chats()
    terminal.process.stdin.write(b"hello\n")
    assert peer.message() == "hello"
    peer.send_text("world")
    terminal.wait_for(["< world"])
    terminal.process.stdin.close()
    assert peer.answer_close() == 1000
    peer.done.put(None)
    assert terminal.end() == 0


# When the connection is lost


def test_reconnect(start_terminal, chats):
    """What is typed meanwhile is sent once, when there is a connection again."""
    terminal = start_terminal(chats.url, "--reconnect", columns=120)
    peer = chats()
    terminal.wait_for([">"])
    terminal.type("dra")
    terminal.wait_for(["> dra"])
    peer.send_close(1012, b"restart; retry=600-700")
    assert peer.close_code() == 1012
    peer.done.put(None)
    terminal.wait_for(
        lambda rows: rows[-2].startswith(
            'closed by the server: 1012 service restart, "restart; retry=600-700"; '
            "connecting again in 0.6 s"
        )
        and rows[-1] == "> dra"
    )
    terminal.type("ft\r")
    terminal.wait_for(["> draft", "not connected; it is sent once we are", ">"])
    peer = chats()
    assert peer.message() == "draft"
    terminal.type("next\r")
    assert peer.message() == "next"
    terminal.type("\x04")
    assert peer.answer_close() == 1000
    peer.done.put(None)
    assert terminal.end() == 0


def test_ctrl_c_between_connections(start_terminal, misbehaving_server):
    server = misbehaving_server(None, listen=False)
    terminal = start_terminal(server.url, "--reconnect")
    terminal.wait_for(lambda rows: any("connecting again" in row for row in rows))
    terminal.type("\x03")
    assert terminal.end() == 130
    assert terminal.is_restored
