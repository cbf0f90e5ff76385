import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apigateway.edge.chunks import MOST_TRAILER_BYTES, ChunkReader
from apigateway.errors import Fault, Refusal


def read(raw: bytes, most: int = 1000, step: int = 10**6) -> tuple[bytes, bytes, bool]:
    """The content, what is left, and whether it was whole."""
    reader, received, content = ChunkReader(most), bytearray(), b""
    for at in range(0, len(raw), step):
        received += raw[at : at + step]
        content += reader.read(received)
    return content, bytes(received), reader.done


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(min_value=1, max_value=50))
def test_chunks_are_joined_however_they_come(pieces: list[bytes], step: int) -> None:
    raw = b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert read(raw + b"GET", 10_000, step) == (b"".join(pieces), b"GET", True)


def test_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert read(b"a\r\n0123456789\r\n0\r\n\r\n", 10)[2]
    with pytest.raises(Refusal) as refused:
        read(b"a\r\n0123456789\r\n1\r\n", 10)
    assert refused.value.fault is Fault.BODY_TOO_LARGE


@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize(
    "raw",
    [
        b"5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n",
        b"1;a\r\nb\r\n0\r\n\r\n",
        b" 1\r\nb",
        b"1 \r\nb",
        b"1\nb",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\nb",
        b"00000000000000001\r\n",
        b"1\r\nb\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\na: b\n\r\n",
        b"0\r\na: \0\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * MOST_TRAILER_BYTES,
    ],
)
def test_another_spelling_is_refused(raw: bytes, step: int) -> None:
    with pytest.raises(Refusal) as refused:
        read(raw, step=step)
    assert refused.value.fault is Fault.INVALID_REQUEST


def test_a_trailer_is_checked_and_dropped() -> None:
    assert read(b"1\r\na\r\n0\r\nX-A: b\r\nX-B: c\r\n\r\nrest") == (b"a", b"rest", True)


@given(st.binary(max_size=100), st.integers(min_value=1, max_value=7))
def test_any_bytes_are_content_or_a_refusal(raw: bytes, step: int) -> None:
    with contextlib.suppress(Refusal):
        content, _, _ = read(raw, step=step)
        assert len(content) <= len(raw)
