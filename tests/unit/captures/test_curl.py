"""Curl lines, read as the requests that went over the wire."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.captures.captured import FORM, fields, problem

from apigateway.captures.reading import read_capture
from apigateway.commands.request import SignedCall
from apigateway.signatures.caller import SignableRequest


def curl(line: str) -> SignableRequest:
    found = read_capture(line.encode("utf-8", "surrogateescape"))
    assert len(found) == 1
    return found[0]


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
