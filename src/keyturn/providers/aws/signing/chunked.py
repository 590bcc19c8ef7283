"""aws-chunked bodies: decoded as they come, each chunk's signature verified before its bytes are given out.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html. The last byte of the body is
kept until everything has been verified, trailers included: whoever is sent the rest, and was told the length, never has a whole object
that is not what was signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import msgspec

from keyturn.providers.aws.signing import checksums, sigv4a
from keyturn.providers.aws.signing.values import ECDSA, MAC, Chunks, ChunkSigning, Refused, refuse
from keyturn.providers.aws.sigv4 import EMPTY_SHA256

LINE_BYTES_MAX: Final = 512
"""A chunk's head is a size and a signature, a trailer a name and a checksum: none comes near."""

SIGNED_CHUNK_BYTES_MAX: Final = 8 * 1024 * 1024
"""A signed chunk is held until it is verified. SDKs send 64 KB to 1 MB; 8 MB is the parts' usual size."""

TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;chunk-signature=([0-9a-f*]{1,144}))?\Z")
_TRAILER: Final = re.compile(rb"([a-z0-9-]{1,60}):[ ]?([!-~]{1,200})\Z")


class Trailers(msgspec.Struct, frozen=True):
    """The body has come to its end, whole and verified; what stood behind it, without the signature."""

    pairs: tuple[tuple[str, str], ...]


class _At(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    END = auto()


class Decoder:
    """Bytes in, decoded and verified bytes out. Total: any bytes are decoded or refused, and a refusal is final."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._at = _At.SIZE
        self._line = b""
        self._held: list[bytes] = []
        self._left = self._size = self._seen = self._given = 0
        self._given_signature, self._last = "", chunks.seed
        self._hash = hashlib.sha256()
        self._sums = {name: made for name in chunks.trailers if (made := checksums.running(name)) is not None}
        self._trailers: list[tuple[str, str]] = []
        self._last_byte = b""
        self._refused: Refused | None = None
        self._signed = chunks.signing is not ChunkSigning.NONE

    def __repr__(self) -> str:
        return f"<Decoder {self._at.name.lower()} {self._seen:,} of {self._chunks.decoded_bytes:,} bytes>"

    def feed(self, data: bytes) -> bytes | Refused:
        """What can be given out now."""
        if self._refused is not None:
            return self._refused
        out: list[bytes] = []
        view = memoryview(data)
        while view and self._refused is None:
            if self._at is _At.DATA:
                view = self._data(view, out)
            elif self._at is _At.END:
                self._refused = refuse("chunked", "there are bytes behind the end of the body")
            else:
                view = self._lines(view, out)
        return self._refused if self._refused is not None else self._hold_last(b"".join(out))

    def end(self) -> Trailers | Refused:
        """To be asked when the body has ended: whether it was whole."""
        if self._refused is not None:
            return self._refused
        if self._at is not _At.END:
            return refuse(
                "chunked", f"the body broke off after {self._seen:,} of {self._chunks.decoded_bytes:,} bytes"
            )
        return Trailers(tuple(self._trailers))

    def _hold_last(self, out: bytes) -> bytes:
        """All but the body's last byte, until everything is verified."""
        if out:
            self._given += len(out)
            if self._given == self._chunks.decoded_bytes and self._at is not _At.END:
                out, self._last_byte = out[:-1], out[-1:]
        if self._at is _At.END and self._last_byte:
            out, self._last_byte = out + self._last_byte, b""
        return out

    # --- a chunk's data ----------------------------------------------------------------------------------------------

    def _data(self, view: memoryview, out: list[bytes]) -> memoryview:
        piece = view[: self._left]
        for running in self._sums.values():
            running.update(piece)
        self._left -= len(piece)
        self._seen += len(piece)
        if self._signed:
            self._hash.update(piece)
            self._held.append(bytes(piece))
        else:
            out.append(bytes(piece))
        if self._left == 0:
            self._at = _At.DATA_END
            self._verify_chunk(out)
        return view[len(piece) :]

    def _verify_chunk(self, out: list[bytes]) -> None:
        if not self._signed:
            return
        digest = self._hash.hexdigest()
        self._refused = self._verified("PAYLOAD", f"{EMPTY_SHA256}\n{digest}", self._given_signature)
        if self._refused is None:
            out.extend(self._held)
        self._held, self._hash = [], hashlib.sha256()

    def _verified(self, kind: str, what: str, signature: str) -> Refused | None:
        """Whether the chain of signatures goes on with this one."""
        chunks = self._chunks
        algorithm = MAC if chunks.signing is ChunkSigning.MAC else ECDSA
        text = f"{algorithm}-{kind}\n{chunks.amz_date}\n{chunks.scope}\n{self._last}\n{what}"
        if chunks.signing is ChunkSigning.MAC:
            expected = hmac.digest(chunks.key, text.encode(), "sha256").hex()
            wrong = None if hmac.compare_digest(expected, signature) else _MISMATCH
        else:
            signature = signature.rstrip("*")  # padded to one length, which is no part of it
            wrong = sigv4a.holds(chunks.key, signature, text)
        self._last = signature
        return wrong

    # --- lines -------------------------------------------------------------------------------------------------------

    def _lines(self, view: memoryview, out: list[bytes]) -> memoryview:
        """Take up to the end of the line, and act on it once it is whole."""
        taken = bytes(view[: LINE_BYTES_MAX + 2 - len(self._line)])
        end = taken.find(b"\n")
        if end < 0:
            self._line += taken
            if len(self._line) >= LINE_BYTES_MAX + 2:
                self._refused = refuse("chunked", f"a line between chunks is over {LINE_BYTES_MAX} bytes")
            return view[len(taken) :]
        line, self._line = self._line + taken[: end + 1], b""
        if not line.endswith(b"\r\n"):
            self._refused = refuse("chunked", "a line between chunks does not end in CR and LF")
        else:
            self._refused = _ACTS[self._at](self, line[:-2], out)
        return view[end + 1 :]

    def _on_size(self, line: bytes, out: list[bytes]) -> Refused | None:
        found = _SIZE.match(line)
        if found is None or (found[2] is not None) != self._signed:
            return refuse(
                "chunked", "a chunk does not begin with a size" + (" and a signature" if self._signed else "")
            )
        size, self._given_signature = int(found[1], 16), (found[2] or b"").decode()
        if self._seen + size > self._chunks.decoded_bytes:
            return refuse(
                "chunked",
                f"the chunks hold more than the {self._chunks.decoded_bytes:,} bytes that were announced",
            )
        if self._signed and size > SIGNED_CHUNK_BYTES_MAX:
            return refuse(
                "chunked", f"a signed chunk is over {SIGNED_CHUNK_BYTES_MAX:,} bytes", "send smaller chunks"
            )
        if size:
            self._left, self._at = size, _At.DATA
            return None
        if self._seen != self._chunks.decoded_bytes:
            return refuse(
                "chunked", f"the chunks hold {self._seen:,} of {self._chunks.decoded_bytes:,} announced bytes"
            )
        self._at = _At.TRAILER
        self._verify_chunk(out)
        return self._refused

    def _on_data_end(self, line: bytes, out: list[bytes]) -> Refused | None:
        del out
        self._at = _At.SIZE
        return refuse("chunked", "a chunk is longer than it says") if line else None

    def _on_trailer(self, line: bytes, out: list[bytes]) -> Refused | None:
        del out
        if not line:
            return self._finish()
        found = _TRAILER.match(line)
        if found is None or len(self._trailers) > len(self._chunks.trailers):
            return refuse("trailer", "what stands behind the body is no announced trailer")
        name, value = found[1].decode(), found[2].decode()
        before = [known for known, _ in self._trailers]
        if name in before or TRAILER_SIGNATURE in before:
            return refuse("trailer", f"the trailer {name!r} stands twice, or behind its signature")
        if name not in self._chunks.trailers and not (
            name == TRAILER_SIGNATURE and self._chunks.signed_trailers
        ):
            return refuse("trailer", f"the trailer {name!r} was not announced")
        self._trailers.append((name, value))
        return None

    def _finish(self) -> Refused | None:
        given = dict(self._trailers)
        signature = given.pop(TRAILER_SIGNATURE, "")
        missing = [name for name in self._chunks.trailers if name not in given]
        if missing:
            return refuse("trailer", f"the trailer {missing[0]!r} was announced and did not come")
        for name, value in given.items():
            if len(value) != checksums.CHARS[name]:
                return refuse("trailer", f"the trailer {name!r} is no such checksum")
            wrong = checksums.agrees(self._sums[name], value) if name in self._sums else ""
            if wrong:
                return refuse("trailer", f"{name}: {wrong}")
        self._trailers = list(given.items())
        self._at = _At.END
        if not self._chunks.signed_trailers:
            return None
        text = "".join(f"{name}:{value}\n" for name, value in sorted(given.items()))
        return self._verified("TRAILER", hashlib.sha256(text.encode()).hexdigest(), signature)


_MISMATCH: Final = refuse(
    "signature", "a chunk's signature does not match", "the session may have ended: open a new one"
)

_ACTS: Final[dict[_At, Callable[[Decoder, bytes, list[bytes]], Refused | None]]] = {
    _At.SIZE: Decoder._on_size,  # noqa: SLF001  # a table of the class's own methods
    _At.DATA_END: Decoder._on_data_end,  # noqa: SLF001
    _At.TRAILER: Decoder._on_trailer,  # noqa: SLF001
}
