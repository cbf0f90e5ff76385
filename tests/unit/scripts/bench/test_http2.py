"""scripts/bench/http2.py: a server's own library reads what is written here, and the reverse."""

import pytest
from hpack import Decoder, Encoder

from scripts.bench import http2

REQUEST = (
    b"GET /forecast/hangzhou?days=3 HTTP/1.1\r\nHost: api.localhost\r\nX-Long: "
    + b"v" * 300
    + b"\r\nConnection: close\r\n\r\n"
)


def test_a_header_block_is_what_a_decoder_reads_in_order_and_without_a_connections_fields() -> None:
    fields = Decoder().decode(http2.header_block(REQUEST))
    found = [(str(name), str(value)) for name, value in fields]
    assert found == [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.localhost"),
        (":path", "/forecast/hangzhou?days=3"),
        ("x-long", "v" * 300),
    ]


def test_a_header_block_leaves_no_state_in_the_decoder() -> None:
    decoder, block = Decoder(), http2.header_block(REQUEST)
    assert decoder.decode(block) == decoder.decode(block)
    assert not decoder.header_table.dynamic_entries


def test_a_request_with_a_body_is_refused() -> None:
    with pytest.raises(ValueError, match="body"):
        http2.header_block(b"POST / HTTP/1.1\r\nHost: a\r\n\r\nbody")


def test_frames_are_read_as_they_were_written_and_the_torn_one_waits() -> None:
    whole = http2.frame(http2.HEADERS, http2.END_HEADERS, 1, b"block")
    whole += http2.frame(http2.DATA, http2.END_STREAM, 1, b"body")
    torn = http2.frame(http2.PING, 0, 0, b"12345678")[:-1]
    frames = list(http2.frames_in(whole + torn))
    assert [(one.kind, one.flags, one.stream, one.payload) for one in frames] == [
        (http2.HEADERS, http2.END_HEADERS, 1, b"block"),
        (http2.DATA, http2.END_STREAM, 1, b"body"),
    ]
    assert http2.taken(frames) == len(whole)


@pytest.mark.parametrize(
    ("status", "success"), [("200", True), ("204", True), ("429", False), ("500", False)]
)
def test_success_is_seen_in_the_first_field(status: str, success: bool) -> None:
    encoder = Encoder()
    assert http2.is_success(encoder.encode([(":status", status), ("a", "b")])) is success
    encoder.header_table_size = 8192  # the next block begins with the new size
    assert http2.is_success(encoder.encode([(":status", status), ("a", "b")])) is success


def test_an_empty_block_is_no_success() -> None:
    assert not http2.is_success(b"")
    assert not http2.is_success(b"\x3f\xe1\x1f")
