"""A TLS client on the system's libssl, for what Python's ssl module has no call for:
KeyUpdate and renegotiation, without ever reading."""

import ctypes
import ctypes.util

KEY_UPDATE_REQUESTED = 1
_WANT_READ = 2
_BIO_CTRL_PENDING = 10
_SET_MAX_PROTO_VERSION = 124
TLS_1_2 = 0x303


def _load():
    library = ctypes.CDLL(ctypes.util.find_library("ssl"))
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    pointer, number = ctypes.c_void_p, ctypes.c_int
    for where, name, result, *arguments in [
        (library, "TLS_client_method", pointer),
        (library, "SSL_CTX_new", pointer, pointer),
        (library, "SSL_CTX_free", None, pointer),
        (library, "SSL_CTX_ctrl", ctypes.c_long, pointer, number, ctypes.c_long, pointer),
        (library, "SSL_new", pointer, pointer),
        (library, "SSL_free", None, pointer),
        (library, "SSL_set_bio", None, pointer, pointer, pointer),
        (library, "SSL_set_connect_state", None, pointer),
        (library, "SSL_do_handshake", number, pointer),
        (library, "SSL_get_error", number, pointer, number),
        (library, "SSL_key_update", number, pointer, number),
        (library, "SSL_renegotiate", number, pointer),
        (library, "SSL_write", number, pointer, ctypes.c_char_p, number),
        (library, "SSL_read", number, pointer, ctypes.c_char_p, number),
        (crypto, "BIO_new", pointer, pointer),
        (crypto, "BIO_s_mem", pointer),
        (crypto, "BIO_read", number, pointer, ctypes.c_char_p, number),
        (crypto, "BIO_write", number, pointer, ctypes.c_char_p, number),
        (crypto, "BIO_ctrl", ctypes.c_long, pointer, number, ctypes.c_long, pointer),
        (crypto, "ERR_clear_error", None),
    ]:
        function = getattr(where, name)
        function.restype = result
        function.argtypes = arguments
    return library, crypto


class Client:
    """TLS over a connected socket, whose handshake is done."""

    def __init__(self, socket, max_version=0):
        self.socket = socket
        self.ssl, self.crypto = _load()
        self.context = self.ssl.SSL_CTX_new(self.ssl.TLS_client_method())
        self.ssl.SSL_CTX_ctrl(self.context, _SET_MAX_PROTO_VERSION, max_version, None)
        self.session = self.ssl.SSL_new(self.context)
        self.incoming = self.crypto.BIO_new(self.crypto.BIO_s_mem())
        self.outgoing = self.crypto.BIO_new(self.crypto.BIO_s_mem())
        self.ssl.SSL_set_bio(self.session, self.incoming, self.outgoing)
        self.ssl.SSL_set_connect_state(self.session)
        self.handshake()

    def close(self):
        self.crypto.ERR_clear_error()
        self.ssl.SSL_free(self.session)
        self.ssl.SSL_CTX_free(self.context)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def handshake(self):
        """Goes on until it is done; False when it fails."""
        while True:
            self.crypto.ERR_clear_error()
            result = self.ssl.SSL_do_handshake(self.session)
            error = self.ssl.SSL_get_error(self.session, result)
            # The queue of errors is the thread's: Python's ssl would find them.
            self.crypto.ERR_clear_error()
            self.socket.sendall(self.taken())
            if result == 1:
                return True
            if error != _WANT_READ or not self.receive():
                return False

    def taken(self):
        """What is to be sent."""
        count = self.crypto.BIO_ctrl(self.outgoing, _BIO_CTRL_PENDING, 0, None)
        if count == 0:
            return b""
        buffer = ctypes.create_string_buffer(count)
        self.crypto.BIO_read(self.outgoing, buffer, count)
        return buffer.raw

    def receive(self):
        """Takes what has come; False at the end."""
        data = self.socket.recv(1 << 16)
        if data:
            self.crypto.BIO_write(self.incoming, data, len(data))
        return bool(data)

    def encrypted(self, data):
        self.ssl.SSL_write(self.session, data, len(data))
        return self.taken()

    def read(self):
        """Some plaintext; b"" at the end, however it came."""
        buffer = ctypes.create_string_buffer(1 << 16)
        while True:
            self.crypto.ERR_clear_error()
            count = self.ssl.SSL_read(self.session, buffer, len(buffer))
            if count > 0:
                return buffer.raw[:count]
            error = self.ssl.SSL_get_error(self.session, count)
            self.crypto.ERR_clear_error()
            if error != _WANT_READ or not self.receive():
                return b""

    def key_update(self):
        """The record of a KeyUpdate that asks for one in return."""
        assert self.ssl.SSL_key_update(self.session, KEY_UPDATE_REQUESTED) == 1
        assert self.ssl.SSL_do_handshake(self.session) == 1
        return self.taken()

    def renegotiates(self):
        assert self.ssl.SSL_renegotiate(self.session) == 1
        return self.handshake()
