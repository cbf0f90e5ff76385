"""Claims of a token on their way to the backend: their text, their place, and nothing forged."""

from typing import Any
from urllib.parse import unquote

import pytest
from unit.build import a_pass, an_api, parameter, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Outbound, Throttled
from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Body,
    BodyFormat,
    Location,
    Mode,
)
from apigateway.model.catalog import ServedApi
from apigateway.model.openid import TokenRules
from apigateway.protocol.multipart_body import boundary_of, read_parts
from apigateway.protocol.wire import parse_query
from apigateway.stages.mapping import Mapping
from apigateway.stages.validation import Validation

FORM = ("Content-Type", "application/x-www-form-urlencoded")
OUR_OWN = {"X-Ca-Request-Id", "X-Forwarded-For"}
PATH, QUERY, HEADER, BODY = Location.PATH, Location.QUERY, Location.HEADER, Location.BODY


def service(
    *claims: tuple[str, str, Location],
    mode: Mode = Mode.MAPPING,
    path: str = "/b",
    body: Body | None = None,
    parameters: Any = (),
) -> ServedApi:
    request: dict[str, Any] = {"mode": mode, "parameters": (parameter("t", HEADER), *parameters)}
    if body is not None:
        request["body"] = body
    return serve(
        an_api(
            method="ANY",
            backend_path=path,
            request=request,
            auth=Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t")),
            claims=tuple(
                BackendParameter(source=source, name=name, location=place)
                for source, name, place in claims
            ),
        )
    )


def sent(served: ServedApi, claims: dict[str, Any], **changes: Any) -> Outbound:
    """What the backend gets of a call whose token says `claims`."""
    call = a_pass(Throttled, served, token="a.b.c", claims=claims, **changes)
    return Mapping()(Validation()(call)).outbound


def fields(outbound: Outbound) -> list[tuple[str, str]]:
    """Header fields without the gateway's own and without the token's."""
    return [field for field in outbound.headers if field[0] not in OUR_OWN | {"t"}]


# --- text and place

KINDS: list[tuple[Any, str]] = [
    ("alice", "alice"),
    ("", ""),
    ("a b&c=d+e%41/?#", "a b&c=d+e%41/?#"),
    ("中é🌊", "中é🌊"),
    ("x" * 12_000, "x" * 12_000),
    (7, "7"),
    (1.5, "1.5"),
    (True, "true"),
    (["a", 1], '["a",1]'),
    ({"a": {"b": None}}, '{"a":{"b":null}}'),
]


@pytest.mark.parametrize(("claim", "text"), KINDS)
@pytest.mark.parametrize("mode", Mode)
def test_a_claim_of_every_type_reaches_the_query_the_header_and_the_form(
    mode: Mode, claim: Any, text: str
) -> None:
    served = service(("c", "q", QUERY), ("c", "X-C", HEADER), ("c", "f", BODY), mode=mode)
    outbound = sent(served, {"c": claim}, method="POST")
    assert outbound.query_pairs == parse_query(outbound.query) == (("q", text),)
    assert ("X-C", text) in outbound.headers
    assert outbound.form_pairs == parse_query(outbound.body.decode()) == (("f", text),)
    assert {"X-C"} <= set(outbound.defined)


@pytest.mark.parametrize(("claim", "text"), [kind for kind in KINDS if kind[0] != ""])
def test_a_claim_of_every_type_fills_a_segment_of_the_path(claim: Any, text: str) -> None:
    outbound = sent(service(("c", "user", PATH), path="/v3/[user]/end"), {"c": claim})
    first, second, segment, last = outbound.path.split("/")
    assert (first, second, last) == ("", "v3", "end")
    assert unquote(segment) == text


@pytest.mark.parametrize("place", [QUERY, HEADER, BODY])
@pytest.mark.parametrize("claims", [{}, {"other": 1}, {"c": None}])
def test_a_claim_that_the_token_lacks_is_not_sent(place: Location, claims: dict[str, Any]) -> None:
    outbound = sent(service(("c", "X-C", place)), claims, method="POST")
    assert (outbound.query, fields(outbound), outbound.body) == ("", [], b"")


def test_one_claim_may_go_to_several_names() -> None:
    served = service(("c", "a", QUERY), ("c", "b", QUERY), ("c", "X-C", HEADER))
    outbound = sent(served, {"c": "1"})
    assert outbound.query == "a=1&b=1"
    assert fields(outbound) == [("X-C", "1")]


def test_a_claim_joins_the_fields_of_the_caller() -> None:
    served = service(("c", "user", BODY), mode=Mode.PASSTHROUGH)
    outbound = sent(served, {"c": "alice"}, method="POST", headers=[FORM], body=b"a=1&a=2")
    assert outbound.form_pairs == (("a", "1"), ("a", "2"), ("user", "alice"))


# --- hostile values

HOSTILE = [
    "../../admin",
    "..%2f..%2fadmin",
    "@127.0.0.1:22/",
    "@host",
    "//host/x",
    "http://host/",
    "a#b",
    "a?b=c&d=e",
    "a/b",
    "a\\b",
    "a;b",
    "%00",
    "%2e%2e",
    "a&user=root",
    "é\u2028中\u0085",
    " ",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_claim_stays_in_the_place_it_was_given(value: str) -> None:
    claims = (("c", "seg", PATH), ("c", "user", QUERY), ("c", "X-C", HEADER), ("c", "f", BODY))
    outbound = sent(service(*claims, path="/v3/[seg]/end"), {"c": value}, method="POST")
    parts = outbound.path.split("/")
    assert (parts[:2], parts[3:]) == (["", "v3"], ["end"])
    assert not set(parts[2]) & set("/?#\\ \t\r\n")
    assert unquote(parts[2]) == value
    assert parse_query(outbound.query) == (("user", value),)
    assert not set(outbound.target) & set(" #\r\n\t")
    assert outbound.target.isascii()
    assert parse_query(outbound.body.decode()) == (("f", value),)
    assert [found for found in fields(outbound) if found[0] == "X-C"] == [("X-C", value.strip(" "))]


@pytest.mark.parametrize("value", ["", ".", "..", "..;x", ";"])
def test_a_claim_that_is_no_segment_is_refused(value: str) -> None:
    served = service(("c", "seg", PATH), path="/v3/[seg]/end")
    refusal = refusal_of(lambda: sent(served, {"c": value}), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "seg", "reason": "cannot be a path segment"}


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "\x00", "a\x7f", "\x1b[2J", "\r"])
def test_a_claim_cannot_add_a_header(value: str) -> None:
    served = service(("c", "X-C", HEADER))
    refusal = refusal_of(lambda: sent(served, {"c": value}), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "X-C", "reason": "holds a control character"}
    outbound = sent(served, {"c": [value.replace("\x7f", "")]})  # JSON has its own escapes
    assert all(character.isprintable() for character in dict(outbound.headers)["X-C"])


@pytest.mark.parametrize("value", ["a\r\nb", "\x00", "a\x7f"])
def test_controls_in_queries_and_forms_are_escaped(value: str) -> None:
    outbound = sent(service(("c", "q", QUERY), ("c", "f", BODY)), {"c": value}, method="POST")
    assert parse_query(outbound.query) == (("q", value),)
    assert outbound.query.isprintable()
    assert outbound.body.decode().isprintable()


# --- nothing is forged

SPELLINGS = ["X-User-Id", "x-user-id", "X_User_Id", "x_USER-id", "X-USER_ID"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mode", Mode)
def test_a_callers_own_copy_of_a_claims_header_is_dropped(mode: Mode, spelling: str) -> None:
    served = service(("userId", "X-User-Id", HEADER), mode=mode)
    forged = [(spelling, "root"), (spelling, "admin")]
    assert fields(sent(served, {"userId": "alice"}, headers=forged)) == [("X-User-Id", "alice")]


@pytest.mark.parametrize("claims", [{}, {"userId": None}])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mode", Mode)
def test_a_claim_that_is_missing_drops_the_callers_copy_all_the_same(
    mode: Mode, spelling: str, claims: dict[str, Any]
) -> None:
    served = service(("userId", "X-User-Id", HEADER), mode=mode)
    assert fields(sent(served, claims, headers=[(spelling, "root")])) == []


@pytest.mark.parametrize("claims", [{}, {"userId": "alice"}])
@pytest.mark.parametrize("mode", Mode)
def test_a_callers_own_copy_in_query_and_form_is_dropped(
    mode: Mode, claims: dict[str, Any]
) -> None:
    served = service(("userId", "user", QUERY), ("userId", "user", BODY), mode=mode)
    outbound = sent(
        served,
        claims,
        method="POST",
        query="user=root&%75ser=root&a=1&user",
        headers=[FORM],
        body=b"user=root&a=1&us%65r=root",
    )
    own = [("user", value) for value in claims.values()]
    left = [] if mode is Mode.MAPPING else [("a", "1")]
    assert list(outbound.query_pairs) == [*left, *own]
    assert parse_query(outbound.query) == outbound.query_pairs
    assert list(outbound.form_pairs) == [*left, *own]
    assert parse_query(outbound.body.decode()) == outbound.form_pairs


@pytest.mark.parametrize("mode", [Mode.PASSTHROUGH, Mode.MAPPING_PASSTHROUGH])
@pytest.mark.parametrize("claims", [{}, {"userId": "alice"}])
def test_a_field_cannot_be_forged_by_another_kind_of_body(
    mode: Mode, claims: dict[str, Any]
) -> None:
    served = service(("userId", "user", BODY), mode=mode)
    for kind in ("text/plain", "application/json", ""):
        headers = [("Content-Type", kind)] if kind else []
        refusal_of(
            lambda headers=headers: sent(  # type: ignore[misc]
                served, claims, method="POST", headers=headers, body=b"user=root"
            ),
            Fault.INVALID_CONTENT_TYPE,
        )


def test_a_connection_field_cannot_take_a_claim_away() -> None:
    served = service(("userId", "X-User-Id", HEADER), mode=Mode.PASSTHROUGH)
    outbound = sent(served, {"userId": "alice"}, headers=[("Connection", "X-User-Id")])
    assert fields(outbound) == [("X-User-Id", "alice")]


def test_a_declared_parameter_cannot_bring_a_claims_name() -> None:
    """The names of a definition are distinct; the caller's undeclared ones are dropped."""
    served = service(
        ("userId", "X-User-Id", HEADER), mode=Mode.MAPPING_PASSTHROUGH, parameters=(parameter("q"),)
    )
    outbound = sent(served, {}, query="q=1", headers=[("x_user_id", "root"), ("X-Other", "1")])
    assert fields(outbound) == [("X-Other", "1")]
    assert outbound.query == "q=1"


def test_a_stream_with_claims_elsewhere_passes_as_it_is() -> None:
    served = service(("c", "X-C", HEADER), ("c", "q", QUERY), body=Body(format=BodyFormat.STREAM))
    body = b'{"user": "anyone"}'
    outbound = sent(served, {"c": "1"}, method="POST", body=body)
    assert (outbound.body, outbound.query) == (body, "q=1")


def test_the_token_itself_goes_on_only_as_it_is_declared() -> None:
    bearer = [("Authorization", "Bearer a.b.c")]
    assert dict(sent(service(), {}, headers=bearer).headers)["t"] == "a.b.c"
    assert "Authorization" not in dict(sent(service(), {}, headers=bearer).headers)
    passed = sent(service(mode=Mode.MAPPING_PASSTHROUGH), {}, headers=bearer)
    assert dict(passed.headers)["Authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("claims", [{}, {"userId": "al\r\n--b--\r\nice"}])
def test_a_part_of_a_multipart_body_cannot_be_forged(mode: Mode, claims: dict[str, Any]) -> None:
    served = service(("userId", "user", BODY), mode=mode, body=Body(format=BodyFormat.MULTIPART))
    pairs = [("user", "root"), ("a", "1"), (" user", "root"), ("user", "admin")]
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode(), value.encode())
        for name, value in pairs
    )
    kind = [("Content-Type", "multipart/form-data; boundary=b")]
    outbound = sent(served, claims, method="POST", headers=kind, body=body + b"--b--\r\n")
    left = [] if mode is Mode.MAPPING else [("a", "1")]
    expected = [*left, *(("user", value) for value in claims.values())]
    assert_parts(outbound, expected)


def assert_parts(outbound: Outbound, expected: list[tuple[str, str]]) -> None:
    if not expected:
        assert outbound.body == b""
        return
    content_type = dict(outbound.headers)["Content-Type"]
    parts = read_parts(outbound.body, boundary_of(content_type))
    assert [(part.name, part.text) for part in parts] == expected
