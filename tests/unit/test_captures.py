"""Curl lines, HAR files, mitmproxy's flows and other captures, read as the requests that went over
the wire."""

import contextlib
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from apigateway.captures import CaptureError, read_capture, signed_request
from apigateway.commands.request import SignedCall
from apigateway.signature import SignableRequest
from apigateway.wire import Headers

FORM = "application/x-www-form-urlencoded"


def curl(line: str) -> SignableRequest:
    found = read_capture(line.encode("utf-8", "surrogateescape"))
    assert len(found) == 1
    return found[0]


def fields(request: SignableRequest) -> dict[str, str]:
    return dict(request.headers.fields)


def har(*requests: dict[str, Any]) -> bytes:
    entries = [
        {"request": {"method": "GET", "url": "https://h.test/a?b=1", "headers": [], **request}}
        for request in requests
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def header_list(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def problem(content: bytes) -> str:
    with pytest.raises(CaptureError) as caught:
        read_capture(content)
    return str(caught.value)


# --- curl


def test_a_bare_line_is_a_get_with_the_accept_that_curl_adds() -> None:
    request = curl("curl http://h.test/a%20b?c=d#top")
    assert (request.method, request.path, request.query) == ("GET", "/a%20b", "c=d")
    assert (request.headers.fields, request.body) == ((("Accept", "*/*"),), b"")


def test_a_url_without_scheme_or_path_is_read_as_curl_does() -> None:
    request = curl("curl h.test:8080?x=1")
    assert (request.path, request.query) == ("/", "x=1")


def test_data_makes_a_post_of_a_form_unless_the_line_says_otherwise() -> None:
    request = curl("curl http://h.test/ -d a=1 --data 'b=2&c'")
    assert (request.method, request.body) == ("POST", b"a=1&b=2&c")
    assert fields(request)["Content-Type"] == FORM
    request = curl("curl -X PUT -H 'Content-Type: text/plain' -d a http://h.test/")
    assert (request.method, fields(request)["Content-Type"]) == ("PUT", "text/plain")


def test_a_field_can_be_taken_away_or_be_empty() -> None:
    request = curl("curl -H Accept: -H 'X-Empty;' -H 'X-A:  b ' http://h.test/")
    assert request.headers.fields == (("X-Empty", ""), ("X-A", "b"))
    assert fields(curl("curl -d x -H 'Content-Type:' -H 'accept: a/b' http://h.test/")) == {
        "accept": "a/b"
    }


@pytest.mark.parametrize(
    ("words", "method"),
    [
        ("-I", "HEAD"),
        ("--head", "HEAD"),
        ("-sSXDELETE", "DELETE"),
        ("-sSX DELETE", "DELETE"),
        ("--request PATCH", "PATCH"),
        ("-G -d a=b", "GET"),
        ("-X POST -G -d a=b", "POST"),
        ("--data-raw ''", "POST"),
        ("--json '{}'", "POST"),
        ("-F a=b", "POST"),
    ],
)
def test_the_method_is_the_one_that_curl_would_send(words: str, method: str) -> None:
    assert curl(f"curl {words} http://h.test/").method == method


def test_get_moves_the_data_to_the_query() -> None:
    request = curl("curl -G http://h.test/?a=1 -d b=2 --data-urlencode 'c=x y&中'")
    assert (request.query, request.body) == ("a=1&b=2&c=x+y%26%E4%B8%AD", b"")
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("given", "body"),
    [("a=b c", b"a=b+c"), ("b c", b"b+c"), ("=b=c", b"b%3Dc"), ("a=~-._/", b"a=~-._%2F")],
)
def test_data_is_url_encoded_as_curl_does_it(given: str, body: bytes) -> None:
    assert curl(f"curl --data-urlencode '{given}' http://h.test/").body == body


def test_json_sets_type_and_accept() -> None:
    request = curl("""curl --json '{"a": 1}' http://h.test/""")
    assert fields(request) == {"Accept": "application/json", "Content-Type": "application/json"}
    assert request.body == b'{"a": 1}'
    assert curl("curl --json '[1,' --json '2]' http://h.test/").body == b"[1,2]"


def test_values_of_other_options_are_no_url() -> None:
    request = curl(
        "curl -o /dev/null -w '%{http_code}' -u me:pw -x proxy:3128 -m5 --max-time 3 --retry 2 "
        "--connect-to ::127.0.0.1:8080 --resolve h.test:80:127.0.0.1 "
        "--cacert ca.pem -sSkL --http2 --compressed http://h.test/here"
    )
    assert (request.method, request.path) == ("GET", "/here")


def test_what_the_answer_is_piped_to_is_left_out() -> None:
    for end in ("| jq .a", "> out.json", "; echo done", "&& echo done", "2>/dev/null"):
        request = curl(f"curl http://h.test/a?b=1 {end}")
        assert (request.path, request.query) == ("/a", "b=1")


def test_an_address_may_hold_an_ampersand_that_was_not_quoted() -> None:
    assert curl("curl http://h.test/a?b=1&c=2").query == "b=1&c=2"


def test_several_lines_are_several_requests() -> None:
    text = b"curl 'http://h.test/a' \\\n  -H 'A: 1' ;\ncurl 'http://h.test/b' --compressed &\n"
    assert [request.path for request in read_capture(text)] == ["/a", "/b"]


def test_chromes_copy_as_curl_is_read() -> None:
    request = curl(
        "curl 'https://api.test/notes?q=%E4%B8%AD' \\\n"
        "  -X 'PUT' \\\n"
        "  -H 'accept: application/json' \\\n"
        "  -H 'accept-language: de,en;q=0.9' \\\n"
        "  -H 'content-type: application/json; charset=UTF-8' \\\n"
        "  -b 'session=1; theme=dark' \\\n"
        "  -H $'x-ca-note: it\\'s \\u4e2d\\u0021' \\\n"
        '  --data-raw $\'{"text":"it\\\'s \\ud83d\\ude00\\\\n"}\' \\\n'
        "  --compressed \\\n"
        "  --insecure"
    )
    assert (request.method, request.path, request.query) == ("PUT", "/notes", "q=%E4%B8%AD")
    assert fields(request) == {
        "accept": "application/json",
        "accept-language": "de,en;q=0.9",
        "content-type": "application/json; charset=UTF-8",
        "Cookie": "session=1; theme=dark",
        "x-ca-note": "it's 中!",
    }
    assert request.body == '{"text":"it\'s 😀\\n"}'.encode()


def test_firefoxs_copy_as_curl_is_read() -> None:
    request = curl(
        "curl 'https://api.test/reports' --compressed -X POST -H 'User-Agent: Mozilla/5.0' "
        "-H 'Accept: */*' -H 'Accept-Encoding: gzip, deflate, br' "
        "-H 'Content-Type: application/x-www-form-urlencoded' -H 'X-Ca-Key: 1' "
        "--data-raw 'city=hangzhou&note=a+b'"
    )
    assert (request.method, request.body) == ("POST", b"city=hangzhou&note=a+b")
    assert fields(request)["X-Ca-Key"] == "1"


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        (r"""'a\b"c$d'""", r"""a\b"c$d"""),
        (r'''"a\"b\\c\$d\e"''', r"""a"b\c$d\e"""),
        (r"""'it'"'"'s'""", "it's"),
        (r"""'it'\''s'""", "it's"),
        (r"""$'\x41\102\t\n\e\\\'\"\u4e2d\U0001F600\xe4\xb8\xad\q'""", "AB\t\n\x1b\\'\"中😀中q"),
        ("'two\\\nlines'", "two\\\nlines"),
        ("$HOME", "$HOME"),
        ("plain\\ text", "plain text"),
        ("''", ""),
    ],
)
def test_words_are_unquoted_as_a_shell_does(quoted: str, value: str) -> None:
    assert curl(f"curl http://h.test/ --data-raw {quoted}").body == value.encode()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("curl", "the curl line has no URL"),
        ("curl -H", "the curl line has no URL"),
        ("curl -X POST", "the curl line has no URL"),
        (
            "curl 'http://h.test/",
            "the curl line cannot be read: the ' at character 6 has no other end",
        ),
        ("curl http://[::1/", "'http://[::1/' cannot have been sent: Invalid IPv6 URL"),
        (
            "curl -d @body.json http://h.test/",
            "the curl line takes its body from a file (--data @body.json): write the body in its "
            "place, or capture the request with mitmdump -w",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_said(line: str, message: str) -> None:
    assert problem(line.encode()) == message


@pytest.mark.parametrize("words", ["--data-binary @-", "--data-urlencode a@f", "-T f", "--json @f"])
def test_a_body_that_is_not_in_the_line_is_not_made_up(words: str) -> None:
    assert "takes its body from a file" in problem(f"curl {words} http://h.test/".encode())


def test_data_raw_and_a_url_encoded_value_may_hold_an_at_sign() -> None:
    assert curl("curl --data-raw @a http://h.test/").body == b"@a"
    assert curl("curl --data-urlencode a=b@c http://h.test/").body == b"a=b%40c"


def test_bytes_that_are_not_utf8_stay() -> None:
    assert read_capture(b"curl http://h.test/ --data-raw '\xff\xfe'")[0].body == b"\xff\xfe"


names = st.text("abcXYZ-", min_size=1, max_size=8).map("X-".__add__)
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
    target=st.text("ab%20/?&=+~:;,@!$*()", max_size=20),
    values=st.lists(st.tuples(names, printable.map(str.strip)), max_size=4),
    body=st.binary(max_size=30).filter(lambda raw: b"\0" not in raw),
)
@example("POST", "", [("X-A", "'\\\"")], b"two\\\nlines '\\' $'x'")
def test_a_line_that_sign_prints_reads_back_to_the_same_request(
    method: str, target: str, values: list[tuple[str, str]], body: bytes
) -> None:
    body = b"" if method == "HEAD" else body  # curl itself takes no line with both
    sent = [("Accept", "a/b"), ("Content-Type", "text/plain"), *values]
    call = SignedCall(method, f"http://h.test/{target}", tuple(sent), body)
    path, _, query = f"/{target}".partition("?")
    request = curl(call.curl)
    assert (request.method, request.path, request.query) == (method, path, query)
    assert request.headers.fields == tuple(sent)
    assert request.body == body


# --- HAR


def test_a_har_of_chrome_is_read_without_its_pseudo_headers() -> None:
    content = har(
        {
            "method": "POST",
            "url": "https://api.test/reports?x=%E4%B8%AD",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": ":authority", "value": "api.test"},
                {"name": ":method", "value": "POST"},
                {"name": ":path", "value": "/reports?x=%E4%B8%AD"},
                {"name": ":scheme", "value": "https"},
                {"name": "content-type", "value": FORM},
                {"name": "x-ca-signature", "value": "c2ln"},
            ],
            "postData": {
                "mimeType": FORM,
                "text": "a=b%20c",
                "params": [{"name": "a", "value": "b%20c"}],
            },
        }
    )
    (request,) = read_capture(content)
    assert (request.method, request.path, request.query) == ("POST", "/reports", "x=%E4%B8%AD")
    assert request.headers.fields == (("content-type", FORM), ("x-ca-signature", "c2ln"))
    assert request.headers.first("X-Ca-Signature") == "c2ln"
    assert request.body == b"a=b%20c"


def test_fields_without_a_text_are_put_together_as_a_form() -> None:
    params = [{"name": "a", "value": "b c&中"}, {"name": "d"}, {"name": "e", "value": None}]
    content = har({"postData": {"mimeType": FORM, "params": params}})
    assert read_capture(content)[0].body == b"a=b+c%26%E4%B8%AD&d=&e="


def test_a_body_in_base64_is_decoded() -> None:
    assert read_capture(har({"postData": {"text": "/wA=", "encoding": "base64"}}))[0].body == (
        b"\xff\x00"
    )


def test_a_har_may_begin_with_a_byte_order_mark_and_have_several_requests() -> None:
    content = b"\xef\xbb\xbf" + har({"url": "http://h.test"}, {"url": "http://h.test/b?"})
    assert [request.path for request in read_capture(content)] == ["/", "/b"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{}",
        b'{"log": 1}',
        b'{"log": {"entries": null}}',
        b'{"log": {"entries": ["request"]}}',
        b'{"log": {"entries": [{"request": {"method": "GET", "url": "http://h.test"}}]}}',
        b"{" + b'"a":[' * 100_000,
        har({"url": 5, "headers": [1]}),
        har({"postData": {"text": "a", "encoding": "base64"}}),
        har({"postData": [1]}),
        har({"postData": {"params": [{}]}}),
        har({"postData": {"text": "\ud800"}}),
    ],
)
def test_json_that_is_no_har_is_said(content: bytes) -> None:
    assert problem(content).startswith("not a HAR: ")


@pytest.mark.parametrize(
    "request_",
    [{"url": "http://[x"}, {"url": "http://h.test/\ud800"}, {"headers": header_list(A="\ud800")}],
)
def test_a_har_of_what_cannot_be_sent_is_said(request_: dict[str, Any]) -> None:
    assert "cannot have been sent" in problem(har(request_))


# --- the demo backend


def echo(**changes: Any) -> bytes:
    """What scripts/demo-backend.py answers."""
    answer = {
        "method": "POST",
        "path": "/v3/a%20b",
        "query": [["q", "a b&中"], ["q", ""]],
        "headers": [["Host", "h.test"], ["X-A", "中"]],
        "body": "a=1",
        "body_encoding": "text",
        "form": [["a", "1"]],
        "backend_signature": {"verified": True, "reason": "ok", "string_to_sign": ""},
    }
    return json.dumps({**answer, **changes}).encode()


def test_an_answer_of_the_demo_backend_is_the_request_that_it_received() -> None:
    (request,) = read_capture(echo())
    assert (request.method, request.path, request.body) == ("POST", "/v3/a%20b", b"a=1")
    assert request.query == "q=a+b%26%E4%B8%AD&q="
    assert request.headers.fields == (("Host", "h.test"), ("X-A", "中"))
    (request,) = read_capture(echo(body="/wA=", body_encoding="base64", query=[]))
    assert (request.query, request.body) == ("", b"\xff\x00")


@pytest.mark.parametrize(
    "changes",
    [{"headers": 1}, {"query": [[1]]}, {"body": "é", "body_encoding": "base64"}],
)
def test_an_answer_that_is_broken_is_said(changes: dict[str, Any]) -> None:
    assert problem(echo(**changes)).startswith("not an answer of the demo backend: ")


# --- the text of a request


def test_the_text_of_a_request_is_read_byte_for_byte() -> None:
    text = (
        b"PUT /v3/a%20b?q=+&r HTTP/1.1\r\nHost: h.test\r\nX-A:  a b \r\nx-empty:\r\n"
        b"X-Note: \xe4\xb8\xad\xff\r\n\r\n\xff\r\n\r\nbody\n"
    )
    (request,) = read_capture(text)
    assert (request.method, request.path, request.query) == ("PUT", "/v3/a%20b", "q=+&r")
    assert request.headers.fields == (
        ("Host", "h.test"),
        ("X-A", "a b"),
        ("x-empty", ""),
        ("X-Note", "中\udcff"),
    )
    assert request.body == b"\xff\r\n\r\nbody\n"


def test_a_text_that_was_written_by_hand_may_have_line_feeds_only() -> None:
    (request,) = read_capture(b"\nPOST / HTTP/1.0\nContent-Length: 2\n\n{}\n")
    assert (request.method, request.body) == ("POST", b"{}")
    (request,) = read_capture(b"GET /a HTTP/1.1")
    assert (request.path, request.headers.fields, request.body) == ("/a", (), b"")
    (request,) = read_capture(b"GET /a HTTP/1.1\nA: 1\n")
    assert request.headers.fields == (("A", "1"),)


@pytest.mark.parametrize("length", ["3", "x", "-1", "1" * 5000])
def test_a_length_that_is_not_that_of_the_body_leaves_it(length: str) -> None:
    text = f"POST / HTTP/1.1\nContent-Length: {length}\n\n{{}}"
    assert read_capture(text.encode())[0].body == b"{}"


def test_a_text_to_a_whole_address_is_read() -> None:
    (request,) = read_capture(b"GET http://h.test:80/a?b HTTP/1.1\n\n")
    assert (request.path, request.query) == ("/a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"GET / HTTP/1.1\nA: 1\nno field\n", "line 3 of the request is no header field"),
        (b"GET / HTTP/1.1\nA b: 1\n", "line 2 of the request is no header field"),
        (b"GET http://[ HTTP/1.1\n", "'http://[' cannot have been sent"),
        (
            b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n",
            "the body is in chunks: write it whole, with a Content-Length instead",
        ),
    ],
)
def test_a_text_that_cannot_be_read_is_said(text: bytes, message: str) -> None:
    assert problem(text).startswith(message)


# --- mitmproxy


def written(*flows: Any) -> bytes:
    file = BytesIO()
    writer = FlowWriter(file)
    for flow in flows:
        writer.add(flow)
    return file.getvalue()


def a_flow(**changes: Any) -> http.HTTPFlow:
    request = http.Request.make(
        "PUT",
        "http://h.test/a%20b?c=%E4%B8%AD",
        b"\xff\x00",
        http.Headers([(b"Host", b"h.test"), (b"X-Ca-Note", "中".encode()), (b"X-A", b"\xff")]),
    )
    flow = tflow.tflow(req=request)
    for name, value in changes.items():
        setattr(flow.request, name, value)
    return flow


def test_flows_that_mitmproxy_wrote_are_read_byte_for_byte() -> None:
    (request,) = read_capture(written(a_flow()))
    assert (request.method, request.path, request.query) == ("PUT", "/a%20b", "c=%E4%B8%AD")
    assert fields(request)["X-Ca-Note"] == "中"
    assert fields(request)["X-A"].encode("utf-8", "surrogateescape") == b"\xff"
    assert request.body == b"\xff\x00"


def test_flows_that_are_not_http_are_left_out() -> None:
    content = written(tflow.ttcpflow(), a_flow(), tflow.tdnsflow())
    assert [request.method for request in read_capture(content)] == ["PUT"]


def test_a_compressed_body_stays_as_it_was_sent() -> None:
    flow = a_flow()
    flow.request.headers["Content-Encoding"] = "gzip"
    flow.request.content = b"text"
    assert read_capture(written(flow))[0].body == flow.request.raw_content != b"text"


# --- anything


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_capture_is_said(content: bytes) -> None:
    assert problem(content) == "the capture is empty"


@pytest.mark.parametrize("content", [b"GET / HTTP/2\r\n", b"<html>", b"\x00", b"curling", b"[]"])
def test_what_is_none_of_these_is_said(content: bytes) -> None:
    assert problem(content) == (
        "neither a curl line, a HAR (JSON), an HTTP/1.1 request nor mitmproxy flows (.mitm)"
    )


@pytest.mark.parametrize("content", [b"0:}", b"7:4:type;0:}", b"5:hello;", b"0:]", b"0:~"])
def test_flows_that_are_broken_are_said(content: bytes) -> None:
    assert "mitmproxy flows (.mitm)" in problem(content)


def pieces() -> Iterator[bytes]:
    yield from (b"curl ", b"'", b'"', b"\\", b"$'", b"\n", b" -H ", b"-d", b"@", b"http://", b"[")
    yield from (b"{", b'"log":', b'"entries":', b"[]", b"}", b":", b",", b"0:}", b"3:abc;", b"\xff")
    yield from (b"\\u", b"\\ud83d", b"\\x", b"--data-urlencode ", b"--json ", b"&", b"|", b"\0")


anything = st.one_of(
    st.binary(max_size=60),
    st.lists(st.one_of(st.sampled_from(list(pieces())), st.binary(max_size=4)), max_size=12).map(
        b"".join
    ),
)


@settings(deadline=None, max_examples=300)
@given(
    start=st.sampled_from(
        [b"", b"curl ", b"curl http://h.test/ ", b"{", b"GET /", b"GET / HTTP/1.1\n"]
    ),
    rest=anything,
)
def test_no_bytes_raise_anything_but_a_capture_error(start: bytes, rest: bytes) -> None:
    try:
        found = read_capture(start + rest)
    except CaptureError:
        return
    for request in found:
        texts = (request.method, request.path, request.query, *fields(request).values())
        assert all(isinstance(text.encode("utf-8", "surrogateescape"), bytes) for text in texts)


@settings(deadline=None, max_examples=100)
@given(at=st.integers(0, 2000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_flow_file_raises_nothing_but_a_capture_error(
    at: int, byte: int, cut: bool
) -> None:
    content = bytearray(written(a_flow(), a_flow()))
    at %= len(content)
    content[at:] = b"" if cut else bytes([byte]) + content[at + 1 :]
    with contextlib.suppress(CaptureError):
        read_capture(bytes(content))


# --- which one


def request_of(path: str, *names: str) -> SignableRequest:
    return SignableRequest("GET", path, "", Headers((name, "x") for name in names))


def test_the_last_signed_request_is_the_one_meant() -> None:
    found = [
        request_of("/1", "x-ca-signature"),
        request_of("/2", "X-Ca-Signature"),
        request_of("/3"),
    ]
    assert signed_request(found, None).path == "/2"
    assert signed_request(found, 3).path == "/3"
    assert signed_request(found, 1).path == "/1"


@pytest.mark.parametrize("number", [0, -1, 2])
def test_a_number_that_is_not_there_is_said(number: int) -> None:
    with pytest.raises(CaptureError, match=f"^there is no request {number}, only 1$"):
        signed_request([request_of("/1")], number)


def test_a_capture_without_a_signature_is_said() -> None:
    with pytest.raises(CaptureError, match=r"^none of 2 requests has X-Ca-Signature$"):
        signed_request([request_of("/1"), request_of("/2")], None)
