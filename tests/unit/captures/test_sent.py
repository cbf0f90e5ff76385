"""Method, URL, fields and body as the request they are."""

import pytest

from apigateway.captures.sent import NO_HOST, CaptureError, SentRequest, signable, to_bytes


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://me:pw@h.test:8443/a?b=1", ("/a", "b=1", "https", "h.test:8443")),
        ("h.test", ("/", "", "http", "h.test")),
        (f"{NO_HOST}/a%20b?", ("/a%20b", "", "", "")),
    ],
)
def test_a_url_is_split_into_what_is_signed_and_where_it_went(
    url: str, place: tuple[str, str, str, str]
) -> None:
    found = signable("GET", url, [("A", "1")], b"x")
    assert isinstance(found, SentRequest)
    assert (found.path, found.query, found.scheme, found.authority) == place
    assert (found.method, found.headers.fields, found.body) == ("GET", (("A", "1"),), b"x")


@pytest.mark.parametrize(("url", "query"), [("h.test/?a", "a&b=2"), ("h.test", "b=2")])
def test_more_of_a_query_stands_behind_that_of_the_url(url: str, query: str) -> None:
    assert signable("GET", url, [], b"", "b=2").query == query


@pytest.mark.parametrize(
    ("method", "url", "value"),
    [("GET", "http://[", ""), ("\ud800", "h.test", ""), ("GET", "h.test", "\ud800")],
)
def test_what_cannot_have_been_on_the_wire_is_refused(method: str, url: str, value: str) -> None:
    with pytest.raises(CaptureError, match="cannot have been sent"):
        signable(method, url, [("A", value)], b"")


def test_bytes_that_are_no_text_are_the_same_bytes_again() -> None:
    raw = b"a\xff\xe4\xb8\xad"
    assert to_bytes(raw.decode("utf-8", "surrogateescape")) == raw
