"""The start of a body, as text where it is one, without secrets."""

import base64
import gzip
from typing import Any

import pytest

from apigateway.protocol.multipart_body import Part, write_parts
from apigateway.protocol.wire import Headers
from apigateway.trail.bodies import LONGEST_BODY, shown_body


def body(
    content: bytes,
    content_type: str = "",
    *,
    hidden: frozenset[str] = frozenset(),
    secrets: tuple[str, ...] = (),
    encoding: str = "",
) -> dict[str, Any]:
    fields = [("content-type", content_type)] if content_type else []
    if encoding:
        fields.append(("Content-Encoding", encoding))
    return shown_body(content, Headers(fields), hidden, secrets)


def told(
    text: str, size: int, encoding: str = "text", *, truncated: bool = False
) -> dict[str, Any]:
    return {
        "body": text,
        "body_encoding": encoding,
        "truncated": truncated,
        "body_bytes": size,
    }


def test_no_body_is_no_text() -> None:
    assert body(b"") == told("", 0)


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ('{"a":"中","pwd":"x"}', "application/json", '{"a":"中","pwd":"…"}'),
        ('{"a":"b","pwd":"x"}', "text/plain", '{"a":"b","pwd":"…"}'),
        ("<pwd>x</pwd>", "text/xml", "<pwd>…</pwd>"),
        ("a=%7B&pwd=x", "application/x-www-form-urlencoded; charset=utf-8", "a=%7B&pwd=…"),
        ("{=1&pwd=x", "application/x-www-form-urlencoded", "{=1&pwd=…"),
        ("plain words", "", "plain words"),
    ],
)
def test_a_text_is_shown_without_its_secrets(content: str, content_type: str, text: str) -> None:
    raw = content.encode()
    assert body(raw, content_type) == told(text, len(raw))


def test_a_text_of_another_charset_is_read_in_it() -> None:
    raw = '{"a":"中","pwd":"x"}'.encode("gbk")
    assert body(raw, "application/json; charset=gbk") == told('{"a":"中","pwd":"…"}', len(raw))
    assert body(raw, "application/json; charset=idna")["body_encoding"] == "base64"


def test_what_is_no_text_is_base64() -> None:
    for raw in (b"\x00\x01", b"\xff\xfe\xfd", b"a\x00b"):
        assert body(raw) == told(base64.b64encode(raw).decode(), len(raw), "base64")


def test_bytes_with_a_secret_in_them_are_not_shown() -> None:
    raw = b"\x00an-app-secret"
    assert body(raw, secrets=("an-app-secret",)) == told("", len(raw), "binary", truncated=True)
    assert body(raw, secrets=("another-one",))["body_encoding"] == "base64"


def test_a_compressed_body_is_not_shown() -> None:
    raw = gzip.compress(b'{"pwd":"x"}')
    assert body(raw, encoding="GZIP") == told("", len(raw), "gzip", truncated=True)
    assert body(b"x", encoding="identity") == told("x", 1)


def test_a_long_body_is_cut_between_characters() -> None:
    whole = "中" * 2_000
    found = body(whole.encode())
    assert found == told("中" * (LONGEST_BODY // 3), 6_000, truncated=True)
    assert body(b"a" * LONGEST_BODY) == told("a" * LONGEST_BODY, LONGEST_BODY)
    raw = b"\xff" * 5_000
    cut = base64.b64encode(raw[:LONGEST_BODY]).decode()
    assert body(raw) == told(cut, 5_000, "base64", truncated=True)


def test_a_secret_is_masked_where_the_body_is_cut_in_it() -> None:
    start = '{"a":"' + "x" * (LONGEST_BODY - 40) + '","token":"'
    raw = (start + "0123456789" * 20 + '"}').encode()
    text = body(raw)["body"]
    assert text.startswith(start)
    assert text.removeprefix(start) == '0123…"'


BOUNDARY = "multipart/form-data; boundary=b-b"


def test_of_a_multipart_body_secrets_are_masked_and_files_told_by_their_size() -> None:
    parts = [
        Part("a", "中".encode()),
        Part("user_password", b"0123456789abcdef\r\nx"),
        Part("picture", b"\x00\xff\r\n\r\n\x01", filename="p.png", content_type="image/png"),
        Part("X-Odd", b"zzz"),
    ]
    raw = write_parts(parts, "b-b")
    found = body(raw, BOUNDARY, hidden=frozenset({"X-Odd"}))
    assert found["body_encoding"] == "text"
    shown = raw
    for content, in_its_place in (
        (b"0123456789abcdef\r\nx", "0123…"),
        (b"\x00\xff\r\n\r\n\x01", "(7 bytes)"),
        (b"zzz", "…"),
    ):
        shown = shown.replace(content, in_its_place.encode())
    assert found["body"].encode() == shown


def test_a_file_that_was_cut_is_told_so() -> None:
    raw = write_parts([Part("f", b"\x00" * 9_000, filename="f")], "b-b")
    text = body(raw, BOUNDARY)["body"]
    assert text.endswith(" bytes and more)")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition: form-data; name=token",
        b'content-disposition: form-data;name = "token"',
        b"Content-Disposition: form-data; name*=utf-8''tok%65n",
    ],
)
def test_a_part_is_named_in_several_ways(head: bytes) -> None:
    for line in (b"\r\n", b"\n"):
        raw = b"--b-b" + line + head + line + line + b"zzz\r\n--b-b--\r\n"
        assert "zzz" not in body(raw, BOUNDARY)["body"]


def test_parts_that_cannot_be_told_apart_are_not_shown() -> None:
    raw = b"--b-b\r\n"
    assert body(raw, "multipart/form-data") == told("", len(raw), "multipart", truncated=True)
