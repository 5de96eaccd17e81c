"""Abuse of the WebSocket protocol, and of TLS below it, beside an honest client."""

import contextlib
import socket
import struct
import time

import libssl
import pytest
from abuse import (
    KIB,
    MIB,
    Connection,
    Honest,
    MemoryWatch,
    descriptor_count,
    handshake,
    is_cut,
    memory_bytes,
    tcp,
    trusting,
    wait_until,
)
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Ended,
    close_payload,
    frame,
)

NO_MASK = bytes(4)


@pytest.fixture(scope="module")
def attacked(module_server):
    """The file's server, with an honest client for the whole file."""
    with Honest(module_server):
        yield module_server


def close_code(client):
    """The code of the close frame that comes, whatever comes before it."""
    while (message := client.frame()).opcode != CLOSE:
        pass
    return message.close_code


def send_what_is_taken(client, data):
    """Sends; the server may end the connection on the way."""
    with contextlib.suppress(ConnectionError):
        client.send(data)


# Malformed frames


def raw(first, second, rest=b""):
    return bytes([first, second]) + rest


def announced(opcode, length, bits=64, fin=True):
    first = (0x80 if fin else 0) | opcode
    if bits == 16:
        return raw(first, 0xFE, struct.pack("!H", length) + NO_MASK)
    return raw(first, 0xFF, struct.pack("!Q", length) + NO_MASK)


MALFORMED = {
    **{f"opcode {n}": (raw(0x80 | n, 0x80, NO_MASK), 1002) for n in (3, 4, 5, 6, 7)},
    **{f"opcode {n}": (raw(0x80 | n, 0x80, NO_MASK), 1002) for n in range(11, 16)},
    **{f"rsv {n}": (frame(TEXT, b"hello", rsv=n), 1002) for n in range(1, 8)},
    **{f"rsv {n} in a ping": (frame(PING, b"hello", rsv=n), 1002) for n in (1, 2, 4)},
    "rsv 1 in a continuation": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=4),
        1002,
    ),
    **{
        f"fragment of control frame {n}": (frame(n, b"", fin=False), 1002)
        for n in (CLOSE, PING, PONG)
    },
    **{
        f"control frame {n} of {size}": (raw(0x80 | n, 0xFE, struct.pack("!H", size)), 1002)
        for n in (CLOSE, PING, PONG)
        for size in (126, 65535)
    },
    "ping of 2^63 - 1": (announced(PING, (1 << 63) - 1), 1002),
    **{f"16 bits for {n}": (announced(BINARY, n, bits=16), 1002) for n in (0, 1, 125)},
    **{f"64 bits for {n}": (announced(BINARY, n), 1002) for n in (0, 125, 126, 65535)},
    **{
        f"length {n:#x}": (announced(BINARY, n), 1002)
        for n in (1 << 63, (1 << 63) + 5, (1 << 64) - 1, (1 << 64) - 14, 0xFFFFFFFF00000005)
    },
    **{
        f"length {n:#x}": (announced(BINARY, n), 1009)
        for n in ((1 << 63) - 1, (1 << 63) - 14, 1 << 62, 1 << 32, (1 << 32) + 5, 1 << 31, MIB + 1)
    },
    **{
        f"length {n:#x} of a fragment": (announced(TEXT, n, fin=False), 1009)
        for n in ((1 << 63) - 1, 1 << 32, MIB + 1)
    },
    **{
        f"length {n:#x} of a continuation": (
            frame(BINARY, b"hello", fin=False) + announced(CONTINUATION, n),
            1009,
        )
        for n in ((1 << 63) - 1, (1 << 63) - 6, (1 << 32) - 5, MIB, MIB - 4)
    },
    "unmasked": (frame(BINARY, b"hello", mask=b""), 1002),
    "unmasked close": (frame(CLOSE, close_payload(1000), mask=b""), 1002),
    "continuation of nothing": (frame(CONTINUATION, b""), 1002),
    "message within a message": (frame(BINARY, b"", fin=False) * 2, 1002),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1002),
    "zeros": (bytes(16), 1002),
    **{
        f"close code {n}": (frame(CLOSE, close_payload(n)), 1002)
        for n in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)
    },
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    **{
        f"text {text!r}": (frame(TEXT, text), 1007)
        for text in (
            b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
            b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
            b"\xfe", b"\xff", b"\xe2\x82", b"\xf0\x9f\x9a", b"a" * 1000 + b"\xc3",
            b"\xc3(" + b"a" * 1000,
        )
    },
    "text of a fragment": (frame(TEXT, b"\xff", fin=False), 1007),
    "text that is announced, and bad at once": (
        frame(TEXT, b"\xff", mask=NO_MASK, length=MIB),
        1007,
    ),
    "close reason": (frame(CLOSE, close_payload(1000, b"\xed\xa0\x80")), 1007),
}  # fmt: skip


@pytest.mark.parametrize("sent, code", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_frames(attacked, dial, sent, code):
    """Each has its code, as soon as it can be seen: nothing more is waited for."""
    for cut in (False, True):
        client = dial(attacked, timeout_s=2).websocket()
        start = time.monotonic()
        if cut:
            for position in range(min(len(sent), 16)):
                send_what_is_taken(client, sent[position : position + 1])
            send_what_is_taken(client, sent[16:])
        else:
            send_what_is_taken(client, sent)
        assert client.frame().close_code == code
        assert time.monotonic() - start < 1
        # Its FIN follows the close frame, without one in return.
        assert client.at_end()


@pytest.mark.parametrize("length", [MIB, 1 << 31, (1 << 63) - 1])
def test_announced_lengths_take_no_memory(attacked, dial, length):
    """CVE-2016-10542: no limit on what a client may announce and send (ws)."""
    clients = [dial(attacked).websocket() for _ in range(300)]
    with MemoryWatch(attacked) as memory:
        for client in clients:
            client.send(announced(BINARY, length) + b"hello")
        if length > MIB:
            assert [close_code(client) for client in clients] == [1009] * len(clients)
        else:
            assert clients[0].socket.fileno() >= 0
            # Another client's round trip comes after them in the same loop.
            assert dial(attacked).websocket().echoes()
        assert memory.growth < 4 * MIB


def test_a_message_over_the_limit_is_not_taken_in(attacked, dial):
    """CVE-2016-10542, in fragments: the limit is on the whole message."""
    client = dial(attacked).websocket()
    with MemoryWatch(attacked) as memory:
        send_what_is_taken(client, frame(BINARY, bytes(64 * KIB), mask=NO_MASK, fin=False))
        for _ in range(200):
            send_what_is_taken(
                client, frame(CONTINUATION, bytes(64 * KIB), mask=NO_MASK, fin=False)
            )
        # What is sent on does not matter: the answer is there to be read.
        assert close_code(client) == 1009
        assert memory.growth < 8 * MIB


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, (1 << 64) - 5, (1 << 64) - 4096])
def test_negative_lengths(attacked, dial, length):
    """CVE-2020-13935: a length with its highest bit set kept a thread in an endless
    loop (Tomcat). Here it is refused, and costs no time."""
    clients = [dial(attacked).websocket() for _ in range(50)]
    before = cpu_seconds(attacked)
    for client in clients:
        client.send(announced(TEXT, length) + b"x" * 100)
    assert [close_code(client) for client in clients] == [1002] * len(clients)
    assert all(client.at_end() for client in clients)
    assert cpu_seconds(attacked) - before < 0.5


def cpu_seconds(server):
    with open(f"/proc/{server.worker_pid}/stat") as stat:
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("first", [1, 5, MIB])
@pytest.mark.parametrize("length", [(1 << 63) - 1, (1 << 63) - 5, (1 << 64) - 1, (1 << 64) - MIB])
def test_lengths_that_overflow_the_sum_of_fragments(attacked, dial, first, length):
    """CVE-2020-27813: what has come and what a further frame announces, added up,
    overflowed and passed the limit (gorilla/websocket)."""
    client = dial(attacked).websocket()
    client.send(frame(BINARY, bytes(first), fin=False) + announced(CONTINUATION, length))
    assert close_code(client) == (1002 if length >> 63 else 1009)
    assert client.at_end()


@pytest.mark.parametrize("size", [0, 1, 124, 125])
def test_pongs_hold_what_the_ping_held_and_nothing_else(attacked, dial, size):
    """CVE-2016-10518: a pong with memory that was not the ping's (ws)."""
    payload = bytes(range(100, 100 + size))
    client = dial(attacked).websocket()
    client.send(frame(PING, payload))
    pong = client.frame()
    assert (pong.opcode, pong.payload) == (PONG, payload)
    # Announced, but never sent: nothing comes.
    client.send(frame(PING, length=125))
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.read(1)
    client.socket.settimeout(5)
    client.send(bytes(124))
    with pytest.raises(TimeoutError):
        client.socket.settimeout(0.1)
        client.read(1)
    client.socket.settimeout(5)
    client.send(bytes(1))
    assert len(client.frame().payload) == 125


# Fragments


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "tiny"])
@pytest.mark.parametrize("target", ["/echo", "/channels/fragments"])
def test_a_million_fragments(attacked, dial, payload, target):
    """GHSA-96hv-2xvq-fx4p: memory for each of very many tiny fragments (ws)."""
    client = dial(attacked).websocket(target)
    one = frame(CONTINUATION, payload, fin=False, mask=NO_MASK)
    with MemoryWatch(attacked) as memory:
        send_what_is_taken(client, frame(TEXT, payload, fin=False))
        sent = 0
        try:
            while sent < 1_000_000:
                client.send(one * 10_000)
                sent += 10_000
        except ConnectionError:
            pass
        assert close_code(client) == 1008
        assert memory.growth < 2 * MIB


def test_fragments_at_the_limit_and_one_past(start_server, dial):
    server = start_server("--max-fragments", "5")
    with Honest(server):
        for count, code in [(5, None), (6, 1008)]:
            client = dial(server).websocket()
            middle = frame(CONTINUATION, b"x", fin=False) * (count - 2)
            client.send(frame(TEXT, b"x", fin=False) + middle + frame(CONTINUATION, b"x"))
            if code:
                assert close_code(client) == code
            else:
                assert client.frame().payload == b"x" * count


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_message_size_at_the_limit_and_one_past(start_server, dial, size):
    # The honest client's own messages are short.
    server = start_server("--max-message-size", str(max(size, 16)))
    size = max(size, 16)
    with Honest(server):
        for pieces in (1, 2, size):
            if pieces > 4096:
                continue
            cuts = [size * n // pieces for n in range(pieces + 1)]
            sent = b"".join(
                frame(
                    BINARY if n == 0 else CONTINUATION, b"x" * (cuts[n + 1] - cuts[n]),
                    fin=n == pieces - 1,
                )
                for n in range(pieces)
            )  # fmt: skip
            client = dial(server).websocket()
            client.send(sent)
            assert client.frame().payload == b"x" * size
            # The same behind a first fragment of one byte.
            first = 0x80 if pieces == 1 else 0x00
            client = dial(server).websocket()
            client.send(frame(BINARY, b"y", fin=False) + bytes([first]) + sent[1:])
            assert close_code(client) == 1009


# Compression


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "x-webkit-deflate-frame",
        "permessage-bzip2, permessage-deflate",
        "mux; max-channels=4; flow-control, permessage-deflate",
    ],
)
def test_compressed_frames_only_with_an_extension_that_was_agreed(attacked, dial, offer):
    """Whatever is not in the response is not in use: RSV1 is refused then."""
    client = dial(attacked)
    response = client.upgrade("/echo", f"Sec-WebSocket-Extensions: {offer}")
    assert response.status == 101
    if "permessage-deflate" in response.headers.get("sec-websocket-extensions", ""):
        client.send(frame(TEXT, b"\xff\xff\xff", rsv=2))
    else:
        client.send(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4))
    assert close_code(client) == 1002


@pytest.mark.parametrize(
    "offer", ["permessage-deflate;", "=", "a b", "a; b=c d", 'a; b="c', "a; b=" + "\x7f", "a;=b"]
)
def test_malformed_extension_offers(attacked, dial, offer):
    client = dial(attacked)
    assert client.upgrade("/echo", f"Sec-WebSocket-Extensions: {offer}").status == 400
    assert client.at_end()


# Floods


@pytest.mark.parametrize("opcode", [PING, PONG], ids=["ping", "pong"])
def test_control_frames_over_the_rate(start_server, dial, opcode):
    server = start_server("--max-control-frames-per-second", "20")
    with Honest(server):
        client = dial(server).websocket()
        # Whole seconds are counted, so twice as many can pass at their border.
        send_what_is_taken(client, frame(opcode, b"x") * 41)
        assert close_code(client) == 1008
        assert client.at_end()
        # And at a rate below it for longer than a second.
        client = dial(server).websocket()
        start = time.monotonic()
        for number in range(36):
            client.send(frame(opcode, b"%d" % number))
            if opcode == PING:
                assert client.frame().payload == b"%d" % number
            time.sleep(max(0, start + (number + 1) / 18 - time.monotonic()))
        assert client.echoes()


def test_control_frames_within_a_message_count_too(attacked, dial):
    client = dial(attacked).websocket()
    send_what_is_taken(client, frame(TEXT, b"a", fin=False) + frame(PING) * 202)
    assert close_code(client) == 1008


def test_a_ping_flood_without_reading(start_server, dial):
    """With no limit on the rate: pongs pile up to a limit, then reading stops."""
    server = start_server("--max-control-frames-per-second", "0", "--send-queue-limit", "64KiB")
    with Honest(server), MemoryWatch(server) as memory:
        clients = [dial(server, receive_buffer=4 * KIB).websocket() for _ in range(10)]
        flood = frame(PING, bytes(125), mask=NO_MASK) * 1000
        fill(clients, flood)
        # Blocked, not closed: the server reads on once they do.
        assert not any(is_broken(client.socket) for client in clients)
        assert memory.growth < 10 * MIB


def test_messages_over_the_rate(start_server, dial):
    server = start_server("--max-messages-per-second", "500")
    with Honest(server):
        for target in ("/echo", "/channels/rate"):
            client = dial(server).websocket(target)
            send_what_is_taken(client, frame(TEXT, b"") * 1001)
            assert close_code(client) == 1008
            assert client.at_end()
        # Fragments of a message are not messages.
        client = dial(server).websocket()
        middle = frame(CONTINUATION, b"") + frame(TEXT, b"", fin=False)
        client.send(
            frame(TEXT, b"", fin=False)
            + frame(CONTINUATION, b"", fin=False) * 2000
            + frame(CONTINUATION, b"x")
        )
        assert client.frame().payload == b"x"
        send_what_is_taken(client, frame(TEXT, b"", fin=False) + middle * 1001)
        assert close_code(client) == 1008


def test_a_flood_of_empty_messages(attacked, dial):
    """Not limited by default; each costs an answer that must be read."""
    client = dial(attacked, receive_buffer=4 * KIB).websocket()
    client.socket.settimeout(0.3)
    flood = frame(TEXT, b"", mask=NO_MASK) * 10_000
    with MemoryWatch(attacked) as memory:
        with pytest.raises(TimeoutError):
            for _ in range(5000):
                client.send(flood)
        assert memory.growth < 8 * MIB


def test_handshakes_that_are_pipelined(attacked, dial):
    """What follows the first handshake is frames, so one connection is one client."""
    client = dial(attacked)
    send_what_is_taken(client, handshake() * 1000)
    assert client.response().status == 101
    assert close_code(client) == 1002


def test_close_frames_again_and_again(attacked, dial):
    client = dial(attacked).websocket()
    send_what_is_taken(client, frame(CLOSE, close_payload(1000)) * 10_000)
    assert client.rest() == b"\x88\x02\x03\xe8"


# Subscribers that do not read


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_one_of_many_subscribers_stops_reading(start_server, self_signed, dial, secure):
    """It is closed with 1013 within 5 s, and holds what it may; all others get
    everything in order."""
    tls = trusting(self_signed) if secure else None
    flags = ["--tls-certificate", str(self_signed)] if secure else []
    server = start_server(*flags)
    with Honest(server, tls=tls):
        members = [dial(server, tls=tls).websocket("/channels/c") for _ in range(30)]
        slow = dial(server, tls=tls, receive_buffer=4 * KIB).websocket("/channels/c")
        sender = dial(server, tls=tls).websocket("/channels/c")
        count, size = 250, 32 * KIB
        with MemoryWatch(server) as memory:
            start = time.monotonic()
            for number in range(count):
                payload = number.to_bytes(4, "big") * (size // 4)
                sender.send(frame(BINARY, payload, mask=NO_MASK))
                for member in members:
                    message = member.frame()
                    assert (message.opcode, message.payload) == (BINARY, payload)
            took = time.monotonic() - start
            # Its queue, the batch, and the same of whoever was not the first to read.
            assert memory.growth < 8 * MIB
        received = 0
        while (message := slow.frame()).opcode == BINARY:
            assert message.payload == received.to_bytes(4, "big") * (size // 4)
            received += 1
        assert message.close_code == 1013
        # It was told when its queue was full, long before the end.
        assert 0 < received < count - 20
        assert took < 10
        slow.send(frame(CLOSE, message.payload))
        assert slow.at_end()


def test_a_slow_subscriber_that_never_reads_is_disconnected(start_server, dial):
    """Its close frame stands behind its queue: at the close timeout it is cut."""
    server = start_server("--close-timeout", "1s")
    with Honest(server, arrivals=False):
        descriptors = descriptor_count(server)
        stop_reading(server, dial, 1)
        # The sender has come, and the slow one is gone.
        assert wait_until(lambda: descriptor_count(server) == descriptors + 1, 5)


def test_nothing_is_left_in_the_kernel_for_those_that_are_disconnected(start_server, dial):
    """What is closed with data that is not taken stays with the kernel for minutes,
    beyond every limit, unless it is reset."""
    server = start_server("--close-timeout", "500ms")
    with Honest(server):
        slow = stop_reading(server, dial, 5)
        assert wait_until(lambda: all(is_broken(client.socket) for client in slow), 3)


def stop_reading(server, dial, count):
    """Subscribers that are sent more than can be queued for them."""
    slow = [dial(server, receive_buffer=4 * KIB).websocket("/channels/c") for _ in range(count)]
    sender = dial(server).websocket("/channels/c?echo=1")
    for _ in range(400):
        sender.send(frame(BINARY, bytes(32 * KIB), mask=NO_MASK))
        sender.frame()
    return slow


def is_broken(client):
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or (
        client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x01"
    )


def budget_server(start_server):
    server = start_server("--memory-budget", "16MiB")
    assert Connection(server).websocket().echoes()
    return server


def fill(clients, data):
    """Sends on all as much as is taken, until nothing is any more."""
    left = dict.fromkeys(clients, data)
    for client in clients:
        client.socket.setblocking(False)
    idle_since = time.monotonic()
    while left and time.monotonic() - idle_since < 0.5:
        for client in list(left):
            try:
                sent = client.socket.send(left[client])
            except BlockingIOError:
                continue
            except OSError:
                del left[client]
                continue
            idle_since = time.monotonic()
            # Whole frames, over and over.
            left[client] = left[client][sent:] or data


def test_the_memory_budget_holds_for_unread_replies(start_server, dial):
    """150 clients that may queue 256 KiB and a message each, and a budget of 16 MiB."""
    server = budget_server(start_server)
    with Honest(server), MemoryWatch(server) as memory:
        descriptors = descriptor_count(server)
        clients = [dial(server, receive_buffer=4 * KIB).websocket() for _ in range(150)]
        fill(clients, frame(BINARY, bytes(128 * KIB), mask=NO_MASK))
        print(f"grown by {memory.growth / MIB:.1f} MiB")
        # What comes in one iteration of the loop, at most 256 KiB of each, is on top.
        assert memory.growth < 16 * MIB + 40 * MIB
        left = descriptor_count(server) - descriptors
        assert 10 < left < 140


def test_the_memory_budget_holds_for_unread_publications(start_server, dial):
    """The same in channels of two: one that publishes, one that doesn't read."""
    server = budget_server(start_server)
    with Honest(server), MemoryWatch(server) as memory:
        senders = [dial(server).websocket(f"/channels/{n}?echo=1") for n in range(100)]
        descriptors = descriptor_count(server)
        for n in range(100):
            dial(server, receive_buffer=4 * KIB).websocket(f"/channels/{n}")
        payload = frame(BINARY, bytes(60 * KIB), mask=NO_MASK)
        for _ in range(12):
            for sender in senders:
                sender.send(payload)
            for sender in senders:
                sender.frame()
        print(f"grown by {memory.growth / MIB:.1f} MiB")
        assert memory.growth < 16 * MIB + 8 * MIB
        assert descriptor_count(server) - descriptors < 90


def test_those_that_hold_most_are_evicted(start_server, dial):
    """Unfinished messages: the large ones go, the small ones may be finished."""
    server = budget_server(start_server)
    with Honest(server), MemoryWatch(server) as memory:
        small = [dial(server).websocket() for _ in range(20)]
        for client in small:
            client.send(frame(BINARY, bytes(100 * KIB), mask=NO_MASK, fin=False))
        large = [dial(server).websocket() for _ in range(100)]
        for client in large:
            send_what_is_taken(client, frame(BINARY, bytes(1000 * KIB), mask=NO_MASK, fin=False))
        assert memory.growth < 16 * MIB + 8 * MIB
        for client in small:
            client.send(frame(CONTINUATION, b"x"))
            assert len(client.frame().payload) == 100 * KIB + 1
        evicted = sum(is_cut(client.socket, 0.01) for client in large)
        assert 80 <= evicted < 100


def test_the_memory_budget_holds_for_large_messages_that_are_nearly_read(start_server, dial):
    """1 MiB comes back, all but the last of it is read: what is left is little, and
    so must be the memory that it takes."""
    server = start_server("--memory-budget", "4MiB")
    size = MIB
    with Honest(server):
        before = memory_bytes(server)
        for _ in range(100):
            client = dial(server, receive_buffer=4 * KIB).websocket()
            client.send(frame(BINARY, bytes(size), mask=NO_MASK))
            left = size
            with contextlib.suppress(ConnectionError):
                while left > 130_000:
                    left -= len(client.socket.recv(min(64 * KIB, left - 130_000)))
        assert memory_bytes(server) - before < 4 * MIB + 8 * MIB


# TLS


def test_a_flood_of_key_updates(start_server, self_signed):
    """Each asks for an answer, and none of them is read."""
    server = start_server("--tls-certificate", str(self_signed))
    with Honest(server, tls=trusting(self_signed)), MemoryWatch(server) as memory:
        before = cpu_seconds(server)
        with libssl.Client(tcp(server, receive_buffer=4 * KIB)) as client:
            client.socket.sendall(client.encrypted(handshake()))
            assert b" 101 " in client.read()
            flood = b"".join(client.key_update() for _ in range(20_000))
            send_what_is_taken(Sender(client.socket), flood)
            assert is_cut(client.socket, 3)
        assert memory.growth < 4 * MIB
        assert cpu_seconds(server) - before < 2


class Sender:
    """A bare socket as send_what_is_taken wants it."""

    def __init__(self, client):
        self.send = client.sendall


def test_key_updates_with_data_between_them_are_fine(start_server, self_signed):
    server = start_server("--tls-certificate", str(self_signed))
    with Honest(server, tls=trusting(self_signed)):
        with libssl.Client(tcp(server)) as client:
            client.socket.sendall(client.encrypted(handshake()))
            assert b" 101 " in client.read()
            for number in range(20):
                message = frame(TEXT, b"%d" % number)
                client.socket.sendall(client.key_update() + client.encrypted(message))
                assert client.read().endswith(b"%d" % number)


def test_renegotiation_is_refused(start_server, self_signed):
    server = start_server("--tls-certificate", str(self_signed))
    with Honest(server, tls=trusting(self_signed)):
        for _ in range(20):
            with libssl.Client(tcp(server), libssl.TLS_1_2) as client:
                client.socket.sendall(client.encrypted(handshake()))
                assert b" 101 " in client.read()
                assert not client.renegotiates()


def test_garbage_after_the_tls_handshake(start_server, self_signed, dial):
    server = start_server("--tls-certificate", str(self_signed), "--close-timeout", "1s")
    with Honest(server, tls=trusting(self_signed)):
        for garbage in (b"\x17\x03\x03\x00\x20" + bytes(32), b"GET / HTTP/1.1\r\n\r\n", bytes(999)):
            client = dial(server, tls=trusting(self_signed)).websocket()
            bare = socket.socket(fileno=client.socket.detach())
            bare.settimeout(5)
            bare.sendall(garbage)
            assert is_cut(bare, 3)
            bare.close()


def test_frames_over_tls_keep_their_codes(start_server, self_signed, dial):
    server = start_server("--tls-certificate", str(self_signed))
    with Honest(server, tls=trusting(self_signed)):
        for sent, code in list(MALFORMED.values())[::7]:
            client = dial(server, tls=trusting(self_signed)).websocket()
            client.send(sent)
            assert client.frame().close_code == code
            with contextlib.suppress(Ended):
                client.read(1)
