"""An upstream that answers in a stream of events, as slowly as a test wants it to."""

from __future__ import annotations

import binascii
import contextlib
import socket
import struct
import threading


def frame(kind: str, payload: bytes, *, exception: bool = False) -> bytes:
    """One message of an event stream (https://smithy.io/2.0/aws/amazon-eventstream.html)."""
    headers = b""
    said = "exception" if exception else "event"
    for name, value in ((f":{said}-type", kind), (":message-type", said)):
        headers += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack(">I", binascii.crc32(head))
    message = head + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


BREAKS = b"the connection breaks here"


class Slow:
    """An upstream that says what it is told to, piece by piece, when it is let."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.go = threading.Semaphore(0)
        self.heads: list[bytes] = []
        self.only = b""  # in the first line of what is answered so; everything else is not found
        self.length = False  # whether it says how long its answer is
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while heard := connection.recv(65_536):
                if self.only and self.only not in heard.partition(b"\r\n")[0]:
                    connection.sendall(
                        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
                    )
                    continue
                self.heads.append(heard)
                self._say(connection)

    def _say(self, connection: socket.socket) -> None:
        whole = sum(map(len, self.pieces))
        framing = b"content-length: %d" % whole if self.length else b"transfer-encoding: chunked"
        kind = b"application/vnd.amazon.eventstream"
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n" % (kind, framing))
        for piece in self.pieces:
            self.go.acquire()
            if piece == BREAKS:
                connection.shutdown(socket.SHUT_RDWR)
                return
            connection.sendall(piece if self.length else b"%x\r\n%s\r\n" % (len(piece), piece))
        if not self.length:
            connection.sendall(b"0\r\n\r\n")

    def close(self) -> None:
        self._server.close()
