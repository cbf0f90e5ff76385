"""Fields, paths, queries and forms as they are on the wire."""

import pytest

from apigateway.protocol.wire import (
    Headers,
    charset_of,
    decode_form_text,
    decode_path,
    first_values,
    host_name,
    is_form,
    is_multipart,
    is_token,
    media_type,
    parse_query,
)


def test_a_field_is_found_in_any_case_and_kept_as_spelled() -> None:
    headers = Headers([("X-Ca-Key", "1"), ("x-ca-key", "2"), ("Accept", "a")])
    assert headers.first("X-CA-KEY") == "1"
    assert list(headers.all("x-Ca-Key")) == ["1", "2"]
    assert headers.fields == (("X-Ca-Key", "1"), ("x-ca-key", "2"), ("Accept", "a"))
    assert "accept" in headers and "date" not in headers
    assert headers.first("Date") is None
    assert list(headers.all("Date")) == []


@pytest.mark.parametrize("text", ["GET", "X-Ca-Key", "a!#$%&'*+.^_`|~1"])
def test_a_token_is_made_of_token_characters(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "A B", "A:", "A\r\n", "é", "a\n"])
def test_anything_else_is_no_token(text: str) -> None:
    assert not is_token(text)


def test_a_media_type_is_lower_case_and_without_its_parameters() -> None:
    assert media_type(" Application/JSON ; charset=utf-8") == "application/json"
    assert media_type("") == ""


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        "text/plain, application/x-www-form-urlencoded",
    ],
)
def test_a_form_says_so_anywhere_in_content_type_in_any_case(content_type: str) -> None:
    assert is_form(content_type)


def test_multipart_and_json_are_no_forms() -> None:
    assert not is_form("multipart/form-data; boundary=x")
    assert not is_form("application/json")


@pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data ;boundary=x"])
def test_a_multipart_body_is_one_by_its_media_type(kind: str) -> None:
    assert is_multipart(kind)
    assert not is_multipart(f"text/plain; x={kind}")


def test_a_charset_is_one_of_the_web_and_utf8_unless_named() -> None:
    assert charset_of("text/plain") == "utf-8"
    assert charset_of('text/plain; Charset="GBK"') == "gbk"
    with pytest.raises(LookupError):
        charset_of("text/plain; charset=idna")


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/a/b", "/a/b"),
        ("/%E4%B8%AD", "/中"),
        ("/a%20b+c", "/a b+c"),
        ("/a%2Fb%2fc%5Cd%5ce", "/a%2Fb%2fc%5Cd%5ce"),
        ("/%25E4", "/%E4"),
        ("/%252F", "/%2F"),
        ("/%41%2F%42", "/A%2FB"),
    ],
)
def test_a_path_is_decoded_once_but_for_slashes_and_backslashes(raw: str, decoded: str) -> None:
    assert decode_path(raw) == decoded


@pytest.mark.parametrize("raw", ["/%", "/%4", "/%zz", "/%C0%AF", "/%FF", "/%E4%2F%B8"])
def test_a_path_with_a_broken_escape_or_no_utf8_has_no_decoded_form(raw: str) -> None:
    assert decode_path(raw) is None


def test_a_path_with_an_undecodable_byte_and_an_escape_has_no_decoded_form() -> None:
    raw = b"/\xff%20".decode("utf-8", "surrogateescape")
    assert decode_path(raw) is None


def test_form_text_reads_plus_as_a_space_and_an_escaped_plus_as_plus() -> None:
    assert decode_form_text("a+b%2Bc%20d") == "a b+c d"
    assert decode_form_text("%E4%B8%AD") == "中"


def test_broken_form_escapes_stay_visible() -> None:
    assert decode_form_text("100%") == "100%"
    assert decode_form_text("%zz%4") == "%zz%4"
    assert decode_form_text("%FF") == "\ufffd"


def test_form_text_with_an_undecodable_byte_and_an_escape_never_raises() -> None:
    raw = b"\xff%20".decode("utf-8", "surrogateescape")
    assert decode_form_text(raw).endswith(" ")


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", ()),
        ("a", (("a", ""),)),
        ("a=", (("a", ""),)),
        ("=x", ()),
        ("&&a=1&", (("a", "1"),)),
        ("a=1&a=2&b", (("a", "1"), ("a", "2"), ("b", ""))),
        ("a=b=c", (("a", "b=c"),)),
        ("a;b=1", (("a;b", "1"),)),
        ("na+me=v+w", (("na me", "v w"),)),
        ("%E4%B8%AD=%26", (("中", "&"),)),
    ],
)
def test_a_query_is_split_on_ampersands_and_the_first_equals_sign(
    raw: str, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert parse_query(raw) == pairs


def test_the_first_value_of_a_name_counts() -> None:
    assert first_values([("a", "1"), ("b", ""), ("a", "2")]) == {"a": "1", "b": ""}


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("API.Example.com:8080", "api.example.com"),
        ("api.example.com.", "api.example.com"),
        ("api.example.com.:80", "api.example.com"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_a_host_name_is_lower_case_without_port_and_final_dot(authority: str, host: str) -> None:
    assert host_name(authority) == host
