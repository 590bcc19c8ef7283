"""aws-chunked bodies: AWS's own examples, botocore's framing, ours on the way out; anything changed is refused before it was whole."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from io import BytesIO

import msgspec
import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import checksums, chunked, rechunk, sigv4a
from keyturn.providers.aws.signing.values import ECDSA, MAC, Chunks, ChunkSigning, Refused
from keyturn.providers.aws.wire import WireRequest

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""The secret of the examples in AWS's documentation."""
DATE, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
KEY = sigv4._signing_key(SECRET, "20130524", "us-east-1", "s3")  # what the door hands in


def framed(pieces: list[tuple[bytes, str]], last: bytes = b"\r\n") -> bytes:
    """Chunks with their signatures, the empty one among them; `last` stands behind that one's head."""
    made = b"".join(
        b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), name.encode(), data) for data, name in pieces[:-1]
    )
    return made + b"0;chunk-signature=%s\r\n" % pieces[-1][1].encode() + last


PUBLISHED = framed(
    [
        (b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (b"a" * 1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]
)
SIGNED = Chunks(
    ChunkSigning.MAC,
    66_560,
    seed="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    amz_date=DATE,
    scope=SCOPE,
    key=KEY,
)
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, "Example: PUT Object"."""


def decoded(body: bytes, chunks: Chunks, *, step: int = 1 << 20) -> bytes | Refused:
    """All of it, fed in pieces of `step` bytes."""
    decoder, out = chunked.Decoder(chunks), b""
    for at in range(0, len(body), step):
        got = decoder.feed(body[at : at + step])
        if isinstance(got, Refused):
            return got
        out += got
    ended = decoder.end()
    return ended if isinstance(ended, Refused) else out


@pytest.mark.parametrize("step", [1, 7, 1_000, 65_536, 1 << 20])
def test_awss_own_example_is_decoded(step: int) -> None:
    """66,560 bytes in three chunks, however the network cuts them."""
    assert decoded(PUBLISHED, SIGNED, step=step) == b"a" * 66_560


def test_awss_own_example_with_a_trailer_is_decoded() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html: the trailer's signature ends the chain."""
    body = framed(
        [
            (b"a" * 65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
            (b"a" * 1_024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
            (b"", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
        ],
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    )
    chunks = msgspec.structs.replace(
        SIGNED,
        seed="106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        trailers=("x-amz-checksum-crc32c",),
        signed_trailers="signed",
    )
    assert decoded(body, chunks) == b"a" * 66_560
    assert code(decoded(body.replace(b"sOO8/Q==", b"sOO8/A=="), chunks)) == "signature"


def code(found: bytes | Refused) -> str:
    return found.code if isinstance(found, Refused) else "decoded"


def test_each_chunk_is_verified_before_it_is_given_out() -> None:
    """Nothing of a changed chunk leaves, what came before it does."""
    decoder = chunked.Decoder(SIGNED)
    body = bytearray(PUBLISHED)
    at = body.index(b"400;chunk-signature") + 200
    body[at] ^= 1
    assert decoder.feed(bytes(body[: at - 150])) == b"a" * 65_536
    got = decoder.feed(bytes(body[at - 150 :]))
    assert isinstance(got, Refused)
    assert got.code == "signature"
    assert decoder.feed(b"x") is got
    assert decoder.end() is got


def test_the_last_byte_waits_until_all_is_verified() -> None:
    """Whoever was told the length never holds a whole object that was not what was signed."""
    decoder = chunked.Decoder(SIGNED)
    at = PUBLISHED.index(b"0;chunk-signature=b6c6")
    given = decoder.feed(PUBLISHED[:at])
    assert given == b"a" * 66_559
    assert isinstance(decoder.end(), Refused)
    assert decoder.feed(PUBLISHED[at:]) == b"a"
    assert isinstance(decoder.end(), chunked.Trailers)


def unsigned(body: bytes, *names: str) -> Chunks:
    return Chunks(ChunkSigning.NONE, len(body), names or ("x-amz-checksum-crc32",))


@pytest.mark.parametrize("size", [0, 1, 65_536, 200_000])
@pytest.mark.parametrize("chunk", [1_000, 1 << 20])
def test_what_botocore_sends_is_decoded_and_framed_anew(size: int, chunk: int) -> None:
    """Its own wrapper: no signatures, a CRC behind. What leaves is as long as was said, and is the same body with the same trailer."""
    body = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    sent = AwsChunkedWrapper(
        BytesIO(body), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=chunk
    ).read()
    chunks = unsigned(body)
    assert decoded(sent, chunks, step=999) == body
    again = rechunk.Rechunker(chunks)
    out = b""
    for at in range(0, len(sent), 10_000):
        got = again.feed(sent[at : at + 10_000])
        assert isinstance(got, bytes)
        out += got
    last = again.end()
    assert isinstance(last, bytes)
    out += last
    assert len(out) == rechunk.sent_bytes(chunks)
    assert decoded(out, chunks) == body
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
    assert out.endswith(b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n")


def test_a_body_without_trailers_leaves_plain() -> None:
    """With the length of what was decoded, and nothing that says it was ever in chunks."""
    headers = (
        ("host", "h"),
        ("content-encoding", "aws-chunked, gzip"),
        ("content-length", str(len(PUBLISHED))),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    )
    sent = rechunk.sent_request(WireRequest("PUT", "/b/k", headers, None), SIGNED)
    assert dict(sent.headers) == {
        "host": "h",
        "content-encoding": "gzip",
        "content-length": "66560",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    }


@pytest.mark.parametrize("name", sorted(checksums.CHARS))
def test_a_checksum_that_can_be_computed_here_is(name: str) -> None:
    """A wrong one is refused before the last byte has left; the others are the service's to verify."""
    made = checksums.running(name)
    wrong = base64.b64encode(b"\x01" * {8: 4, 12: 8, 24: 16, 28: 20, 44: 32, 88: 64}[checksums.CHARS[name]])
    body = b"3\r\nabc\r\n0\r\n" + name.encode() + b":" + wrong + b"\r\n\r\n"
    assert code(decoded(body, unsigned(b"abc", name))) == ("trailer" if made is not None else "decoded")


GOOD = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"

REFUSED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "chunked"),
    ("the end missing", GOOD[:-2], "chunked"),
    ("the last LF missing", GOOD[:-1], "chunked"),
    ("bytes behind the end", GOOD + b"x", "chunked"),
    ("a size that is none", b"+3" + GOOD[1:], "chunked"),
    ("a size with a prefix", b"0x3" + GOOD[1:], "chunked"),
    ("a size of many digits", b"0" * 17 + GOOD, "chunked"),
    ("a size that is endless", b"0" * 10_000, "chunked"),
    ("an extension", b"3;a=b" + GOOD[1:], "chunked"),
    ("a signature nobody asked for", b"3;chunk-signature=" + b"a" * 64 + GOOD[1:], "chunked"),
    ("a bare LF", GOOD.replace(b"3\r\n", b"3\n"), "chunked"),
    ("more than was announced", b"4\r\nabcd\r\n0\r\n\r\n", "chunked"),
    ("less than was announced", b"2\r\nab\r\n0\r\n\r\n", "chunked"),
    ("a chunk that is longer than it says", b"2\r\nabc\r\n", "chunked"),
    ("another byte", GOOD.replace(b"abc", b"abd"), "trailer"),
    ("no trailer", b"3\r\nabc\r\n0\r\n\r\n", "trailer"),
    ("another trailer", GOOD.replace(b"crc32:", b"crc32c:"), "trailer"),
    ("the trailer twice", GOOD.replace(b"0\r\nx", b"0\r\nx-amz-checksum-crc32:NSRBwg==\r\nx"), "trailer"),
    ("a trailer too short", GOOD.replace(b"NSRBwg==", b"NSRBwg"), "trailer"),
    ("a trailer that is a header", GOOD.replace(b"0\r\n", b"0\r\nx-amz-acl:public-read\r\n"), "trailer"),
    (
        "a trailer's signature that nobody asked for",
        GOOD.replace(b"0\r\n", b"0\r\nx-amz-trailer-signature:a\r\n"),
        "trailer",
    ),
]


def test_the_good_one_is_good() -> None:
    """Against which the table below is read."""
    assert decoded(GOOD, unsigned(b"abc"), step=1) == b"abc"


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize(("what", "body", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_anything_else_is_refused(what: str, body: bytes, expected: str, step: int) -> None:
    """By name, however it is cut."""
    assert code(decoded(body, unsigned(b"abc"), step=step)) == expected, what


def test_a_signed_chunk_is_held_only_so_far() -> None:
    """It cannot be given out before it is verified, so its size has a limit; the limit is looked at before a byte is held."""
    big = msgspec.structs.replace(SIGNED, decoded_bytes=1 << 30)
    head = b"%x;chunk-signature=%s\r\n" % (chunked.SIGNED_CHUNK_BYTES_MAX + 1, b"a" * 64)
    assert code(decoded(head, big)) == "chunked"


def test_chunks_signed_by_an_elliptic_curve_are_verified() -> None:
    """SigV4A: the signature is padded to one length, the chain goes on without the padding."""
    key = sigv4a._private("AKID", SECRET)  # signs as a client would
    scope = "20130524/s3/aws4_request"

    def sign(kind: str, before: str, *digests: str) -> str:
        text = "\n".join((f"{ECDSA}-{kind}", DATE, scope, before, *digests))
        return key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()

    empty = hashlib.sha256(b"").hexdigest()
    first = sign("PAYLOAD", "5eed", empty, hashlib.sha256(b"abc").hexdigest())
    last = sign("PAYLOAD", first, empty, empty)
    trailer = sign("TRAILER", last, hashlib.sha256(b"x-amz-checksum-crc32:NSRBwg==\n").hexdigest())
    behind = f"x-amz-checksum-crc32:NSRBwg==\r\nx-amz-trailer-signature:{trailer}\r\n\r\n"
    body = framed([(b"abc", first.ljust(144, "*")), (b"", last.ljust(144, "*"))], behind.encode())
    chunks = Chunks(
        ChunkSigning.ECDSA,
        3,
        ("x-amz-checksum-crc32",),
        "signed",
        "5eed",
        DATE,
        scope,
        sigv4a.public_point("AKID", SECRET),
    )
    assert decoded(body, chunks, step=5) == b"abc"
    assert code(decoded(body.replace(b"\nabc", b"\nabd"), chunks)) == "signature"


def small() -> tuple[bytes, Chunks]:
    """A signed body with a signed trailer, short enough to change every byte of."""

    def sign(kind: str, before: str, *digests: str) -> str:
        return hmac.digest(
            KEY, "\n".join((f"{MAC}-{kind}", DATE, SCOPE, before, *digests)).encode(), "sha256"
        ).hex()

    empty = hashlib.sha256(b"").hexdigest()
    first = sign("PAYLOAD", SIGNED.seed, empty, hashlib.sha256(b"abc").hexdigest())
    last = sign("PAYLOAD", first, empty, empty)
    trailer = sign("TRAILER", last, hashlib.sha256(b"x-amz-checksum-crc32:NSRBwg==\n").hexdigest())
    behind = f"x-amz-checksum-crc32:NSRBwg==\r\nx-amz-trailer-signature:{trailer}\r\n\r\n"
    body = framed([(b"abc", first), (b"", last)], behind.encode())
    return body, msgspec.structs.replace(
        SIGNED, decoded_bytes=3, trailers=("x-amz-checksum-crc32",), signed_trailers="signed"
    )


BODY, CHUNKS = small()


@pytest.mark.parametrize("at", range(len(BODY)))
def test_no_byte_can_be_changed(at: int) -> None:
    """Every single one, by one bit: in sizes, signatures, data, line ends and trailers."""
    assert decoded(BODY, CHUNKS) == b"abc"
    for bit in range(8):
        changed = bytearray(BODY)
        changed[at] ^= 1 << bit
        assert code(decoded(bytes(changed), CHUNKS)) in {"chunked", "signature", "trailer"}


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [
                    b"3\r\n",
                    b"abc\r\n",
                    b"0\r\n",
                    b"\r\n",
                    b"x-amz-checksum-crc32:NSRBwg==\r\n",
                    b";chunk-signature=",
                ]
            ),
        ),
        max_size=20,
    ),
    signed=st.booleans(),
)
def test_any_bytes_are_decoded_or_refused(pieces: list[bytes], signed: bool) -> None:  # drawn
    """Never an exception, never more than was announced, and the same however it is cut."""
    chunks = CHUNKS if signed else unsigned(b"abc")
    found = decoded(b"".join(pieces), chunks)
    assert isinstance(found, Refused) or found == b"abc"
    assert code(found) == code(decoded(b"".join(pieces), chunks, step=1))
