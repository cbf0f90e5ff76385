"""Bodies by their type and coding."""

import gzip

import pytest
from mitmproxy.net import encoding
from unit.scrubbing.scrubs import texts

from apigateway.protocol.wire import Headers
from apigateway.scrubbing.bodies import scrubbed_body, unpacked_and
from apigateway.scrubbing.names import Names

FORM = "application/x-www-form-urlencoded"


def done(body: bytes, content_type: str = "", coding: str = "") -> bytes:
    fields = [("Content-Type", content_type)] if content_type else []
    fields += [("Content-Encoding", coding)] if coding else []
    return scrubbed_body(body, Headers(fields), texts(), Names())


def test_by_type() -> None:
    assert done(b"a=1&pwd=x1", FORM) == b"a=1&pwd=scrubbed:pwd"
    assert done(b"a=1&pwd=x1", "text/plain") == b"a=1&pwd=scrubbed:pwd"
    assert done(b'{"pwd": "x1"}', "application/json") == b'{"pwd": "scrubbed:pwd"}'
    assert done(b"", FORM) == b""


def test_parts() -> None:
    def body(pwd: bytes, document: bytes) -> bytes:
        return (
            b'--b\r\nContent-Disposition: form-data; name="pwd"\r\n\r\n' + pwd + b"\r\n"
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
            + document
            + b"\r\n--b--\r\n"
        )

    kind = "multipart/form-data; boundary=b"
    scrubbed = body(b"scrubbed:pwd", b'{"token": "scrubbed:token"}\xff')
    assert done(body(b"x1", b'{"token": "y1"}\xff'), kind) == scrubbed
    assert done(b'{"pwd": "x1"}', "multipart/form-data") == b'{"pwd": "scrubbed:pwd"}'


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "GZIP"])
def test_packed_ones(coding: str) -> None:
    raw = encoding.encode(b"pwd=x1", coding.lower())
    assert isinstance(raw, bytes)
    assert encoding.decode(done(raw, FORM, coding), coding.lower()) == b"pwd=scrubbed:pwd"


def test_what_does_not_change_is_not_packed_again() -> None:
    raw = gzip.compress(b"a=1", 9)
    assert done(raw, FORM, "gzip") == raw


def test_what_cannot_be_unpacked_is_changed_as_it_is() -> None:
    headers = Headers([("Content-Encoding", "gzip")])
    assert unpacked_and(b"no gzip", headers, bytes.upper) == b"NO GZIP"
    headers = Headers([("Content-Encoding", "compress")])
    assert unpacked_and(b"a", headers, bytes.upper) == b"A"
