"""Where the token of a call stands."""

from collections.abc import Iterable
from typing import Any

import pytest
from unit.build import a_catalog, a_pass, an_api, parameter, refusal_of, serve
from unit.minted import CLAIMS, issuer, mint

from apigateway.errors import Fault
from apigateway.exchange import Admitted
from apigateway.id_tokens.reading import verified_token, without_scheme
from apigateway.id_tokens.verification import Claims
from apigateway.model.api import Auth, AuthType, Location, Mode
from apigateway.model.group import Environment
from apigateway.model.openid import TokenRules

Fields = Iterable[tuple[str, str]]

FORM = ("Content-Type", "application/x-www-form-urlencoded")
RULES = TokenRules(parameter="IdToken")


def call(location: Location = Location.QUERY, name: str = "IdToken", **changes: Any) -> Admitted:
    """A call of a service API whose token is declared there."""
    mode = changes.pop("mode", Mode.MAPPING)
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter=name))
    parameters = (parameter("first"), parameter(name, location))
    request = {"parameters": parameters, "mode": mode}
    served = serve(an_api(method="ANY", auth=auth, request=request))
    catalog = a_catalog(served, issuers=[issuer()])
    return a_pass(Admitted, served, catalog=catalog, **changes)


def found(*args: Any, **changes: Any) -> tuple[str, Claims]:
    return verified_token(call(*args, **changes))


def refused(fault: Fault, *args: Any, **changes: Any) -> str:
    refusal = refusal_of(lambda: found(*args, **changes), fault)
    return refusal.parts.get("reason", "")


def bearer(token: str, scheme: str = "Bearer ") -> tuple[str, str]:
    return "Authorization", scheme + token


TWO = "the call holds more than one"


# --- its places


def test_an_api_that_asks_for_no_token_reads_none() -> None:
    plain = a_pass(Admitted, serve(an_api()), headers=[bearer("not a token")])
    assert verified_token(plain) == ("", {})
    login = serve(an_api(auth=Auth(type=AuthType.APP_OPENID, openid=issuer())))
    assert verified_token(a_pass(Admitted, login, headers=[bearer("x")])) == ("", {})


def test_a_token_is_read_where_its_parameter_is_declared() -> None:
    token = mint()
    body = f"a=1&IdToken={token}".encode()
    assert found(query=f"a=1&IdToken={token}") == (token, CLAIMS)
    assert found(Location.HEADER, headers=[("idtoken", token)]) == (token, CLAIMS)
    assert found(Location.PATH, path_values={"IdToken": token}) == (token, CLAIMS)
    assert found(Location.BODY, headers=[FORM], body=body) == (token, CLAIMS)


def test_a_token_in_another_place_is_not_seen() -> None:
    token = mint()
    body = f"IdToken={token}".encode()
    everywhere: dict[str, Any] = {
        "headers": [("IdToken", token), FORM],
        "body": body,
        "path_values": {"IdToken": token},
    }
    refused(Fault.TOKEN_REQUIRED, **everywhere)
    refused(Fault.TOKEN_REQUIRED, Location.HEADER, query=f"IdToken={token}", body=body)
    refused(Fault.TOKEN_REQUIRED, query=f"idtoken={token}")


@pytest.mark.parametrize("location", Location)
@pytest.mark.parametrize(
    "scheme", ["Bearer ", "bearer ", "BEARER ", " Bearer   ", "Bearer\t", "Bearer \t "]
)
def test_a_bearer_token_is_read_wherever_the_parameter_stands(
    location: Location, scheme: str
) -> None:
    token = mint()
    assert found(location, headers=[bearer(token, scheme)]) == (token, CLAIMS)


@pytest.mark.parametrize("value", ["Bearer {}", "bearer {}", " {} ", "Bearer  {} ", "{}"])
def test_a_declared_token_may_have_its_scheme_before_it(value: str) -> None:
    token = mint()
    assert found(Location.HEADER, headers=[("IdToken", value.format(token))])[0] == token
    query = "IdToken=" + value.format(token).replace(" ", "+")
    assert found(query=query)[0] == token


def test_the_parameter_may_be_the_authorization_field_itself() -> None:
    token = mint()
    for value in (token, f"Bearer {token}"):
        headers = [("Authorization", value)]
        assert found(Location.HEADER, "Authorization", headers=headers) == (token, CLAIMS)
    basic = [("Authorization", "Basic YTpi")]
    refused(Fault.TOKEN_MALFORMED, Location.HEADER, "Authorization", headers=basic)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer  ")],
        [("Authorization", "")],
        [("Authorization", "APPCODE a.b.c")],
        [("Proxy-Authorization", "Bearer a.b.c")],
    ],
)
@pytest.mark.parametrize("query", ["", "IdToken", "IdToken=", "IdToken=+&IdToken=", "a=b"])
def test_without_a_token_one_is_required(fields: Fields, query: str) -> None:
    refusal = refusal_of(lambda: found(headers=fields, query=query), Fault.TOKEN_REQUIRED)
    assert refusal.detail == "neither IdToken nor a Bearer token"


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("a.b.c", "a.b.c"),
        ("Bearer a.b.c", "a.b.c"),
        ("bEARER\ta.b.c ", "a.b.c"),
        ("Bearer", "Bearer"),
        ("Bearer ", "Bearer"),
        ("Bearera.b.c", "Bearera.b.c"),
        ("Basic a.b.c", "Basic a.b.c"),
        ("Bearer Bearer a", "Bearer a"),
        ("", ""),
        (" ", ""),
    ],
)
def test_the_scheme_is_taken_off_once(value: str, token: str) -> None:
    assert without_scheme(value) == token


# --- more than one


def test_one_token_in_two_places_is_one() -> None:
    token = mint()
    assert found(query=f"IdToken={token}", headers=[bearer(token)]) == (token, CLAIMS)
    assert found(query=f"IdToken={token}&IdToken=Bearer+{token}&IdToken=") == (token, CLAIMS)


def test_two_tokens_are_refused_even_when_both_are_good() -> None:
    first, second = mint(), mint(sub="bob")
    pair = (first, second)
    for one, other in (pair, pair[::-1], (first, "x"), ("x", first), (first, first.upper())):
        assert refused(Fault.TOKEN_INVALID, query=f"IdToken={one}&IdToken={other}") == TWO
        assert refused(Fault.TOKEN_INVALID, query=f"IdToken={one}", headers=[bearer(other)]) == TWO
        headers = [("IdToken", one), ("idTOKEN", other)]
        assert refused(Fault.TOKEN_INVALID, Location.HEADER, headers=headers) == TWO
        body = f"IdToken={one}&IdToken={other}".encode()
        assert refused(Fault.TOKEN_INVALID, Location.BODY, headers=[FORM], body=body) == TWO
        at_path: dict[str, Any] = {"path_values": {"IdToken": one}, "headers": [bearer(other)]}
        assert refused(Fault.TOKEN_INVALID, Location.PATH, **at_path) == TWO
        headers = [bearer(one), bearer(other)]
        assert refused(Fault.TOKEN_INVALID, headers=headers) == TWO


def test_a_name_written_with_escapes_is_the_same_name() -> None:
    token = mint()
    assert refused(Fault.TOKEN_INVALID, query=f"IdToken={token}&%49d%54oken=forged") == TWO


@pytest.mark.parametrize("spelling", ["X_Id_Token", "x-id_token", "X-ID-TOKEN"])
@pytest.mark.parametrize("mode", Mode)
def test_a_second_token_in_another_spelling_of_its_field_is_refused(
    mode: Mode, spelling: str
) -> None:
    """A backend may read `X_Id_Token` as `X-Id-Token`, and in passthrough mode it gets both."""
    token = mint()
    headers = [("X-Id-Token", token), (spelling, "forged")]
    at: tuple[Any, ...] = (Location.HEADER, "X-Id-Token")
    assert refused(Fault.TOKEN_INVALID, *at, headers=headers, mode=mode) == TWO
    assert found(*at, headers=[(spelling, token)], mode=mode)[0] == token


@pytest.mark.parametrize("blank", ["\t", "  ", " \t", "\u00a0"])
def test_a_second_token_behind_another_blank_is_refused(blank: str) -> None:
    headers = [("Authorization", f"Bearer{blank}forged")]
    assert refused(Fault.TOKEN_INVALID, query=f"IdToken={mint()}", headers=headers) == TWO


def test_two_tokens_in_one_value_are_none() -> None:
    token = mint()
    for between in (", ", ",", " ", ";", "; IdToken="):
        refused(Fault.TOKEN_MALFORMED, headers=[bearer(f"{token}{between}{token}")])


# --- its environment, and bodies that cannot be read


def test_a_key_holds_in_its_own_environment_only() -> None:
    token = mint()
    released = call(query=f"IdToken={token}")
    verified_token(released)
    for environment in (Environment.TEST, Environment.PRE):
        elsewhere = a_pass(
            Admitted,
            released.served,
            catalog=released.catalog,
            environment=environment,
            query=released.query,
        )
        refusal = refusal_of(lambda e=elsewhere: verified_token(e), Fault.TOKEN_INVALID)  # type: ignore[misc]
        assert refusal.parts == {"reason": "its key (kid) is not known"}


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        ("", b"IdToken=\xff", Fault.INVALID_BODY),
        ("; charset=utf-7", b"IdToken=a", Fault.INVALID_CONTENT_TYPE),
        ("; charset=nonsense", b"IdToken=a", Fault.INVALID_CONTENT_TYPE),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(kind: str, body: bytes, fault: Fault) -> None:
    refused(fault, Location.BODY, headers=[("Content-Type", FORM[1] + kind)], body=body)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Content-Type", "application/json")],
        [("Content-Type", "multipart/form-data; boundary=b")],
        [("Content-Type", f"multipart/form-data; boundary={FORM[1]}")],
        [("Content-Type", f"text/plain; {FORM[1]}")],
        [FORM, ("Content-Encoding", "gzip")],
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_a_token_of_a_form_cannot_hide_in_another_kind_of_body(mode: Mode, fields: Fields) -> None:
    """A good token beside it does not help: the backend might read what nobody verified."""
    body = f"IdToken={mint()}".encode()
    for headers in (fields, [*fields, bearer(mint())]):
        refused(Fault.INVALID_CONTENT_TYPE, Location.BODY, headers=headers, body=body, mode=mode)
    assert found(Location.BODY, headers=[*fields, bearer(mint())], mode=mode)


def test_a_body_is_not_looked_at_where_the_token_stands_elsewhere() -> None:
    json_body = [("Content-Type", "application/json"), ("Content-Encoding", "br")]
    assert found(query=f"IdToken={mint()}", headers=json_body, body=b"\xff")


def test_any_bytes_in_place_of_a_token_are_malformed() -> None:
    for value in ("%00", "%FF", "a.%0D%0A.b", "a%2Eb%2Ec%00", "%E4%B8%AD.a.b", "a..%20.b"):
        refused(Fault.TOKEN_MALFORMED, query=f"IdToken={value}")
    for text in ("\udcff.a.b", "中.a.b", "\x00"):
        refused(Fault.TOKEN_MALFORMED, Location.HEADER, headers=[("IdToken", text)])
