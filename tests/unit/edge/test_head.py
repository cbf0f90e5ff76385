import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apigateway.edge.head import check_unfinished, outline, read_head, too_large
from apigateway.errors import Fault, Refusal

GET = b"GET /a?b HTTP/1.1\r\nHost: a.localhost"


def test_a_head_is_read_as_it_came() -> None:
    head = read_head(GET + b"\r\nX-A:  b \r\nx-a: c\r\nContent-Length: 7")
    assert (head.method, head.target, head.version) == (b"GET", b"/a?b", b"HTTP/1.1")
    assert head.fields[1:3] == ((b"X-A", b"b"), (b"x-a", b"c"))
    assert head.body_bytes == 7


def test_the_length_of_the_body_is_known_or_chunked() -> None:
    assert read_head(GET).body_bytes == 0
    assert read_head(GET + b"\r\nTransfer-Encoding: CHUNKED").body_bytes is None


def test_http_1_0_needs_no_host() -> None:
    assert read_head(b"GET / HTTP/1.0").fields == ()


def test_an_unfinished_head_may_end_in_half_a_line_break() -> None:
    check_unfinished(bytearray(b"GET / HTTP/1.1\r"), 0, 100)
    with pytest.raises(Refusal):
        check_unfinished(bytearray(b"GET / HTTP/1.1\rX"), 15, 100)


def test_a_bare_lf_is_found_where_it_comes() -> None:
    received = bytearray(b"GET / HTTP/1.1\r")
    check_unfinished(received, 0, 100)
    received += b"\nX: a\n"
    with pytest.raises(Refusal):
        check_unfinished(received, 15, 100)


def test_what_is_too_large_is_the_line_or_the_fields() -> None:
    assert too_large(b"GET /" + b"a" * 20, 10).fault is Fault.URL_TOO_LARGE
    assert too_large(b"GET / HTTP/1.1\r\n" + b"a" * 20, 20).fault is Fault.HEAD_TOO_LARGE


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_a_refusal(raw: bytes) -> None:
    for text in (raw, GET + b"\r\n" + raw, b"GET " + raw + b" HTTP/1.1\r\nHost: a"):
        with contextlib.suppress(Refusal):
            read_head(text)
        shown = outline(text)
        assert shown.method.isascii()
        assert shown.target.startswith(b"/")


@given(st.sampled_from(b"\x00\x01\x0b\x0c\r\n\x7f"), st.integers(min_value=0))
def test_a_control_character_anywhere_is_refused(byte: int, at: int) -> None:
    at %= len(GET) + 1
    with pytest.raises(Refusal):
        read_head(GET[:at] + bytes([byte]) + GET[at:])
