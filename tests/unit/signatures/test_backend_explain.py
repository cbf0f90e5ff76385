"""Why the gateway's signature does not verify: with debug mode every difference, without it the
usual ones."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.protocol.wire import Headers, parse_query
from apigateway.signatures.backend import one_line, received_string
from apigateway.signatures.backend_explain import BackendExplanation, explain_backend
from apigateway.signatures.caller import SignableRequest, content_md5, sign
from apigateway.signatures.caller_explain import first_difference

NAME, SECRET = "DemoKey1", "DemoSecret1"
KEYS = ((NAME, SECRET),)
LIST = "X-Ca-Proxy-Signature-Headers"
KEY = "X-Ca-Proxy-Signature-Secret-Key"
SIGNATURE = "X-Ca-Proxy-Signature"
SHOWN = "X-Ca-Proxy-Signature-String-To-Sign"
FORM = "application/x-www-form-urlencoded"


def sent(
    method: str = "GET",
    path: str = "/v3/a",
    query: str = "",
    body: bytes = b"",
    *,
    debug: bool = False,
    secret: str = SECRET,
    **fields: str,
) -> SignableRequest:
    """What the gateway sends; the headers of the definition are listed."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    listed = [name for name in named if name != "Content-Type"]
    headers = {**named, KEY: NAME, LIST: ",".join([*listed, KEY])}
    if method in ("POST", "PUT") and body and FORM not in named.get("Content-Type", ""):
        headers["Content-MD5"] = content_md5(body)
    text = received_string(SignableRequest(method, path, query, Headers(headers.items()), body))
    headers[SIGNATURE] = headers["X-Ca-Signature"] = sign(secret, text)
    if debug:
        headers[SHOWN] = one_line(text)
    return SignableRequest(method, path, query, Headers(headers.items()), body)


def received(request: SignableRequest, **changes: Any) -> SignableRequest:
    """The same, changed on its way; a header that is None is taken away."""
    fields = changes.pop("fields", {})
    kept = [(name, fields.get(name, value)) for name, value in request.headers.fields]
    added = [field for field in fields.items() if field[0] not in dict(kept)]
    headers = Headers((name, value) for name, value in [*kept, *added] if value is not None)
    return replace(request, headers=headers, **changes)


def explained(request: SignableRequest, **options: Any) -> BackendExplanation:
    return explain_backend(request, options.pop("keys", KEYS), **options)


def test_a_good_signature_verifies_with_the_key_that_is_named() -> None:
    text = f"GET\n\nx-a:1\n{KEY.lower()}:{NAME}\n/v3/a?q=中"
    found = explained(sent(query="q=%E4%B8%AD", X_A="1"))
    assert found == BackendExplanation(True, NAME, 1, text, text, None, (), ())


def test_of_two_keys_and_of_two_secrets_the_one_that_verified_is_said() -> None:
    keys = (("Other", "x"), (NAME, "old"), (NAME, SECRET))
    found = explained(sent(), keys=keys)
    assert (found.verified, found.key, found.key_number) == (True, NAME, 3)


def test_a_missing_signature_is_the_only_cause() -> None:
    bare = received(sent(), fields={SIGNATURE: None, "X-Ca-Signature": None})
    found = explained(bare)
    assert (found.verified, found.key, found.gateway_string) == (False, None, None)
    assert found.causes == (
        "there is no X-Ca-Proxy-Signature: no signature key is bound to the API, the call did not "
        "come through the gateway, or something on the way took it",
    )


def test_a_key_that_nobody_knows_is_named_with_those_that_are_known() -> None:
    other = received(sent(), fields={KEY: "Other"})
    assert explained(other).causes == ("the key Other is unknown; known: DemoKey1",)
    assert explained(other, keys=()).causes == ("the key Other is unknown; known: none",)
    unnamed = received(sent(), fields={KEY: None})
    assert explained(unnamed).causes == (f"there is no {KEY}, which names the key",)


def test_a_signature_of_another_key_than_the_one_named_is_said() -> None:
    keys = ((NAME, "x"), ("DemoKey2", SECRET))
    found = explained(sent(), keys=keys)
    assert found.causes == ("the signature is that of the key DemoKey2, but DemoKey1 is named",)
    assert found.first_difference is None


@pytest.mark.parametrize(
    ("secret", "cause"),
    [
        (SECRET + "\n", "the gateway has the secret of DemoKey1 with a line feed at its end"),
        ("x", "no usual change gives this signature: the gateway has another secret for the key"),
    ],
)
def test_another_secret_is_told_from_a_changed_request(secret: str, cause: str) -> None:
    (found,) = explained(sent(secret=secret)).causes
    assert found.startswith(cause)
    (found,) = explained(sent(), keys=((NAME, SECRET + " "),)).causes
    assert found == "the gateway has the secret of DemoKey1 without the blanks at its ends"


# --- with and without debug mode


CHANGES: dict[str, tuple[SignableRequest, dict[str, Any], str]] = {
    "method": (
        sent("PUT", body=b"{}"),
        {"method": "POST"},
        "the method was changed: PUT was signed, POST was received",
    ),
    "body": (
        sent("POST", body=b"{}"),
        {"body": b"[]"},
        f"the body was changed: its MD5 is {content_md5(b'[]')}, "
        f"but Content-MD5 says {content_md5(b'{}')}",
    ),
    "line feed": (
        sent("POST", body=b"{}"),
        {"body": b"{}\n"},
        "a line feed was added at the end of the body",
    ),
    "spelling": (
        sent(X_A="1"),
        {"fields": {"X-A": None, "X_A": "1"}},
        "X-A was received as X_A",
    ),
    "empty": (
        sent(X_A=""),
        {"fields": {"X-A": None}},
        "X-A was sent empty and was not received",
    ),
    "appended": (
        sent(X_A="1"),
        {"fields": {"X-A": "1, 2"}},
        "something was put behind the value of X-A",
    ),
    "charset": (
        sent(X_A="中"),
        {"fields": {"X-A": "中".encode().decode("latin-1")}},
        "X-A was read as ISO-8859-1, not as UTF-8",
    ),
    "decoded path": (
        sent(path="/v3/a%20b"),
        {"path": "/v3/a b"},
        "the path was decoded on its way",
    ),
    "stripped": (
        sent(path="/v3/a"),
        {"path": "/a"},
        "a proxy took /v3 from the front of the path",
    ),
    "prefixed": (
        sent(path="/v3/a"),
        {"path": "/api/v3/a"},
        "a proxy put /api before the path",
    ),
    "encoded query": (
        sent(query="q=a%20b"),
        {"query": "q=a%2520b"},
        "the query was encoded again on its way",
    ),
    "plus": (
        sent(query="q=a%2Bb"),
        {"query": "q=a+b"},
        "%2B in the query became + on its way",
    ),
    "order": (
        sent(query="q=1&q=2"),
        {"query": "q=2&q=1"},
        "the values of a repeated name came in another order",
    ),
    "added": (
        sent(query="q=1"),
        {"query": "q=1&trace=2"},
        "the parameter trace was added",
    ),
}


@pytest.mark.parametrize("debug", [False, True], ids=["tried", "debug"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_usual_change_is_named_and_both_strings_are_known(name: str, debug: bool) -> None:
    good, changes, cause = CHANGES[name]
    signed = received_string(good)
    if debug:
        good = received(good, fields={SHOWN: one_line(signed)})
    found = explained(received(good, **changes), prefixes=("/v3",))
    assert not found.verified
    assert found.causes == (cause,)
    assert found.gateway_string == signed
    assert found.string != signed
    assert found.first_difference == first_difference(found.string, signed)


def test_what_proxies_do_with_names_and_order_alone_is_no_change() -> None:
    good = sent("POST", query="b=2&a=1&e=", body=b"c=3", Content_Type=FORM, X_A="1")
    lower = Headers((name.lower(), value) for name, value in good.headers.fields)
    found = explained(replace(good, query="a=%31&e&b=2", headers=lower))
    assert found.verified
    assert found.notes == (
        "X-A, X-Ca-Proxy-Signature-Secret-Key came as x-a, x-ca-proxy-signature-secret-key: a "
        "backend that looks names up exactly as they are listed, as the vendor's demo does, does "
        "not find them",
    )


def test_two_changes_in_two_parts_are_both_named() -> None:
    good = sent("POST", path="/v3/a%20b", body=b"{}", X_A="1")
    changed = received(good, method="PUT", path="/v3/a b", fields={"X-A": "1,2"})
    assert explained(changed).causes == (
        "the method was changed: POST was signed, PUT was received",
        "something was put behind the value of X-A",
        "the path was decoded on its way",
    )


def test_what_cannot_be_found_out_is_left_open_and_says_what_is_missing() -> None:
    lost = received(sent(X_A="1", X_B="2"), fields={"X-A": None})
    found = explained(lost)
    assert found.gateway_string is None
    assert found.causes[0] == "X-A is listed but was not received: it is skipped"
    assert found.causes[1].startswith("no usual change gives this signature")
    assert "X-Ca-Request-Mode: debug" in found.causes[1]
    assert found.notes == ()


# --- what only debug mode tells


@pytest.mark.parametrize(
    ("good", "changes", "causes"),
    [
        (
            sent(X_A="1", X_B="2", debug=True),
            {"fields": {"X-A": "9", "X-B": None}},
            (
                "X-A was changed: '1' was signed, '9' was received",
                "X-B was not received; the gateway signed '2'",
            ),
        ),
        (
            sent(X_A="1", debug=True),
            {"fields": {LIST: f"X-A,X-B,{KEY}", "X-B": "2"}},
            ("X-B was received, but the gateway did not sign it",),
        ),
        (
            sent("POST", body=b"{}", debug=True),
            {"body": b"[]", "fields": {"Content-MD5": None}},
            (
                f"the body was changed: its MD5 is {content_md5(b'[]')}, "
                f"{content_md5(b'{}')} was signed",
            ),
        ),
        (
            sent(debug=True),
            {"method": "TRACE"},
            ("the method was changed: GET was signed, TRACE was received",),
        ),
        (
            sent(path="/v3/a", debug=True),
            {"path": "/v4/a"},
            ("the path was changed: /v3/a was signed, /v4/a was received",),
        ),
        (
            sent(query="a=1&b=2&c=3", debug=True),
            {"query": "a=9&d=4&c=3"},
            (
                "the parameter a was changed: '1' was signed, '9' was received",
                "the parameter b was not received",
                "the parameter d was added",
            ),
        ),
        (
            sent(query="q=1", debug=True),
            {"query": ""},
            ("the parameter q was not received",),
        ),
        (
            sent(query=urlencode([(f"q{n}", "1") for n in range(9)]), debug=True),
            {"query": ""},
            (
                *(f"the parameter q{n} was not received" for n in range(4)),
                "5 more parameters differ",
            ),
        ),
    ],
)
def test_every_difference_of_debug_mode_is_said_in_words(
    good: SignableRequest, changes: dict[str, Any], causes: tuple[str, ...]
) -> None:
    found = explained(received(good, **changes))
    assert found.causes == causes
    assert found.gateway_string == received_string(good)


def test_equal_strings_leave_the_secret() -> None:
    found = explained(sent(X_A="1", debug=True, secret="another"))
    assert found.causes == (
        "both strings are the same: the gateway has another secret for the key DemoKey1",
    )
    assert (found.gateway_string, found.first_difference) == (found.string, None)


def test_a_change_and_another_secret_are_both_said() -> None:
    good = sent(X_A="1", debug=True, secret="another")
    found = explained(received(good, path="/b"))
    assert found.causes == (
        "the path was changed: /v3/a was signed, /b was received",
        "the gateway's string, as shown, gives another signature: "
        "it has another secret for DemoKey1",
    )
    assert found.gateway_string == received_string(good)


def test_the_string_is_shown_for_an_unknown_key_as_well() -> None:
    good = received(sent(debug=True), fields={KEY: "Other"})
    found = explained(good)
    assert found.causes[0] == "the key Other is unknown; known: DemoKey1"
    assert found.causes[1] == f"{KEY} was changed: 'DemoKey1' was signed, 'Other' was received"


def test_a_bar_a_control_character_and_a_blank_at_the_end_are_no_change() -> None:
    for query in ("q=a%7Cb|/c", "q=%0D%0A%00", "q=1&r=%20%20"):
        good = sent(query=query, X_A="1|x-b:2|/3", X_B="|", debug=True)
        line = (good.headers.first(SHOWN) or "").strip()
        other = received(good, fields={SHOWN: line})
        assert explained(other).verified
        found = explained(other, keys=((NAME, "x"),))
        assert found.causes[0].startswith("both strings are the same")


def test_a_bar_in_a_value_is_not_taken_for_a_line_feed() -> None:
    good = sent(query="q=a|b&r=%20", X_A="1|2", X_B="|", debug=True)
    line = (good.headers.first(SHOWN) or "").strip()
    found = explained(received(good, path="/b", fields={SHOWN: line}))
    assert found.gateway_string == received_string(good)
    assert found.causes == ("the path was changed: /v3/a was signed, /b was received",)


@pytest.mark.parametrize("line", ["x", "GET|", "GET||nothing", "||", "GET||x-a:1"])
def test_a_line_of_debug_mode_that_is_none_does_not_hide_the_cause(line: str) -> None:
    good = sent(path="/v3/a%20b", X_A="1")
    found = explained(received(good, path="/v3/a b", fields={SHOWN: line}))
    assert found.causes == ("the path was decoded on its way",)
    found = explained(received(good, path="/c", fields={SHOWN: line}))
    assert found.causes[0] == "the gateway's string has other parts than the request"
    assert found.gateway_string is not None


# --- notes


def test_what_the_signature_does_not_cover_is_noted() -> None:
    md5 = content_md5(b"{}")
    found = explained(received(sent("PATCH", body=b"[]"), fields={"Content-MD5": md5}))
    assert found.verified
    assert found.notes == (
        "Content-MD5 is not the body's, and the signature does not cover the body of a PATCH by it",
    )
    unreadable = sent("POST", body=b"a=\xff", Content_Type=f"{FORM}; charset=utf-8")
    assert explained(unreadable).notes == (
        "the form cannot be read in its charset: the signature does not cover its fields",
    )
    missing = received(sent(), fields={LIST: f"{KEY},X-Gone"})
    assert explained(missing).notes == ("X-Gone is listed but was not received: it is skipped",)


def test_a_listed_header_that_was_received_twice_is_noted() -> None:
    good = sent(X_A="1")
    twice = replace(good, headers=Headers([*good.headers.fields, ("x-a", "2")]))
    assert explained(twice).notes == (
        "X-A was received twice, and the gateway sends it once: a backend may take the other value",
    )


def test_a_callers_own_signature_is_recognized() -> None:
    headers = Headers([("X-Ca-Key", "1"), ("X-Ca-Signature", "x")])
    found = explained(SignableRequest("GET", "/", "", headers))
    assert found.causes == (f"there is no {KEY}, which names the key",)
    assert found.notes == (
        "X-Ca-Key is a caller's: `apigateway sign --explain` explains a caller's signature",
    )


# --- anything


texts = st.text("ab%2F|?&=+/:中é\n\r \x00\udcff{}", max_size=8)


@settings(deadline=None, max_examples=200)
@given(
    method=st.sampled_from(["GET", "POST", "x"]),
    path=texts.map("/".__add__),
    query=texts,
    body=st.binary(max_size=6),
    fields=st.lists(
        st.tuples(
            st.sampled_from([LIST, KEY, SIGNATURE, SHOWN, "X-A", "x_a", "Content-MD5", "{}"])
            | st.just("Content-Type"),
            texts | st.sampled_from([NAME, f"X-A,{{}},{KEY}", "GET||x-a:1|/", FORM]),
        ),
        max_size=7,
    ),
)
def test_no_request_makes_the_explanation_raise(
    method: str, path: str, query: str, body: bytes, fields: list[tuple[str, str]]
) -> None:
    request = SignableRequest(method, path, query, Headers(fields), body)
    found = explain_backend(request, KEYS, prefixes=("/v3",))
    assert found.verified or found.causes
    assert SECRET not in repr(found)


@settings(deadline=None, max_examples=150)
@given(query=texts, other=texts, value=texts, path=texts)
def test_debug_mode_shows_the_gateways_string_of_any_request(
    query: str, other: str, value: str, path: str
) -> None:
    value = "".join(c for c in value if c.isprintable()).strip()
    query = urlencode(parse_query("".join(c for c in query if c >= " ")))
    good = sent(query=query, X_A=value, debug=True)
    line = (good.headers.first(SHOWN) or "").strip(" \t")
    changed = received(good, query=other, path="/" + path, fields={SHOWN: line})
    found = explained(changed)
    if not found.verified and received_string(changed) != received_string(good):
        assert found.causes
        if "|/" not in value and not received_string(good).endswith(" "):
            assert found.gateway_string == received_string(good)
