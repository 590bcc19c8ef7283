"""A verified aws-chunked body on its way out: plain where nothing stands behind it, framed anew where a checksum does.

The signatures inside were made with the agent's key and mean nothing to the service; a checksum the service verifies and stores itself.
"""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import checksums
from keyturn.providers.aws.signing.chunked import Decoder
from keyturn.providers.aws.signing.values import Chunks, Refused
from keyturn.providers.aws.wire import WireRequest

FRAME_BYTES: Final = 64 * 1024
"""The size of the chunks that leave: fixed, so that the length of the whole is known before it begins."""


def sent_bytes(chunks: Chunks) -> int:
    """How long the body is that leaves."""
    if not chunks.trailers:
        return chunks.decoded_bytes
    full, rest = divmod(chunks.decoded_bytes, FRAME_BYTES)
    framed = full * len(_frame(b"")) + full * (FRAME_BYTES + len(f"{FRAME_BYTES:x}") - 1)
    framed += rest + len(f"{rest:x}") + 4 if rest else 0
    return framed + 3 + sum(len(name) + 1 + checksums.CHARS[name] + 2 for name in chunks.trailers) + 2


def _frame(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def sent_request(request: WireRequest, chunks: Chunks) -> WireRequest:
    """The head that says so; `body` stays as it is."""
    trailing = bool(chunks.trailers)
    dropped = {"content-length", "transfer-encoding", "x-amz-content-sha256", "content-encoding"}
    if not trailing:
        dropped |= {"x-amz-decoded-content-length", "x-amz-trailer"}
    encodings = [
        coding.strip()
        for name, value in request.headers
        if name == "content-encoding"
        for coding in value.split(",")
        if trailing or coding.strip().lower() != "aws-chunked"
    ]
    if trailing and "aws-chunked" not in encodings:
        encodings.insert(0, "aws-chunked")
    headers = [pair for pair in request.headers if pair[0] not in dropped]
    headers += [("content-encoding", ",".join(encodings))] if encodings else []
    headers.append(("content-length", str(sent_bytes(chunks))))
    headers.append(("x-amz-content-sha256", sigv4.UNSIGNED_TRAILER if trailing else sigv4.UNSIGNED))
    return WireRequest(request.method, request.target, tuple(headers), request.body)


class Rechunker:
    """Bytes as they came in; bytes to be sent out. The last ones leave only when all has been verified."""

    def __init__(self, chunks: Chunks) -> None:
        self._decoder, self._trailing = Decoder(chunks), bool(chunks.trailers)
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes | Refused:
        decoded = self._decoder.feed(data)
        if isinstance(decoded, Refused) or not self._trailing:
            return decoded
        self._held += decoded
        whole = len(self._held) - len(self._held) % FRAME_BYTES
        frames = [_frame(bytes(self._held[at : at + FRAME_BYTES])) for at in range(0, whole, FRAME_BYTES)]
        del self._held[:whole]
        return b"".join(frames)

    def end(self) -> bytes | Refused:
        """What is left, and the trailers. Nothing may be sent behind it."""
        trailers = self._decoder.end()
        if isinstance(trailers, Refused):
            return trailers
        if not self._trailing:
            return b""
        last = _frame(bytes(self._held)) if self._held else b""
        lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.pairs)
        return last + b"0\r\n" + lines.encode() + b"\r\n"


def decode_whole(body: bytes, chunks: Chunks) -> bytes | Refused:
    """The decoded bytes of a body that has been read whole."""
    decoder = Decoder(chunks)
    decoded = decoder.feed(body)
    ended = decoder.end()
    return ended if isinstance(ended, Refused) else decoded
