"""The id_token of a call: where it stands in the request, and what it says.

Guide, "For the service APIs, you need to configure the parameter corresponding to the Token". The
token is read where that parameter is declared, with or without `Bearer ` before it, and in
`Authorization: Bearer ...`. Two different tokens in one call are refused: the backend might read
the one that was not verified.
"""

from collections.abc import Iterator

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted
from apigateway.id_tokens.verification import Claims, verified_claims
from apigateway.model.api import Api, Location
from apigateway.model.openid import TokenRules
from apigateway.outbound.names import folded
from apigateway.protocol.wire import FORM_MEDIA_TYPE, Pairs, form_fields, media_type, parse_query


def verified_token(call: Admitted) -> tuple[str, Claims]:
    """The token and its claims; "" and nothing where the API asks for no token.

    Raises:
        Refusal: TOKEN_REQUIRED, TOKEN_MALFORMED, TOKEN_INVALID, TOKEN_EXPIRED; for a token in a
            form also INVALID_CONTENT_TYPE, INVALID_BODY.
    """
    rules = call.served.api.auth.openid
    if not isinstance(rules, TokenRules):
        return "", {}
    found = given_tokens(call)
    if not found:
        raise Refusal(Fault.TOKEN_REQUIRED, f"neither {rules.parameter} nor a Bearer token")
    if len(found) > 1:
        reason = "the call holds more than one"
        raise Refusal(Fault.TOKEN_INVALID, f"{len(found)} different tokens", reason=reason)
    (token,) = found
    ring = call.catalog.key_rings[call.environment]
    return token, verified_claims(token, ring, rules, call.received_ms)


def given_tokens(call: Admitted) -> tuple[str, ...]:
    """Each token of the call once, verified or not; none where the API asks for none.

    Raises:
        Refusal: INVALID_CONTENT_TYPE, INVALID_BODY, of a token in a form.
    """
    rules = call.served.api.auth.openid
    if not isinstance(rules, TokenRules):
        return ()
    given = _given(call, call.served.api, rules.parameter)
    return tuple(dict.fromkeys(filter(None, map(without_scheme, given))))


def without_scheme(value: str) -> str:
    """`Bearer eyJ...` (the scheme in any case) -> `eyJ...`; a bare token as it is."""
    return value.split(None, 1)[1].strip() if _has_scheme(value) else value.strip()


def _has_scheme(value: str) -> bool:
    """Whether it is `Bearer` and more; any blank may stand between, as it may to a backend."""
    words = value.split(None, 1)
    return len(words) == 2 and words[0].lower() == "bearer"


def _given(call: Admitted, api: Api, name: str) -> Iterator[str]:
    """Every text of the call that may be its token."""
    for value in call.headers.all("Authorization"):
        if _has_scheme(value):
            yield value
    location = next(item.location for item in api.request.parameters if item.name == name)
    if location is Location.HEADER:  # in any spelling: in passthrough mode the backend gets each
        yield from (value for key, value in call.headers.fields if folded(key) == folded(name))
    elif location is Location.QUERY:
        yield from (value for key, value in parse_query(call.query) if key == name)
    elif location is Location.PATH:
        yield call.path_values.get(name, "")
    else:
        yield from (value for key, value in _form_of(call) if key == name)


def _form_of(call: Admitted) -> Pairs:
    """The fields of the body. One that a backend would not read as this form is refused, since
    in passthrough mode it goes on as it is, with a token in it that nobody saw."""
    if not call.body:
        return ()
    content_type = call.headers.first("Content-Type") or ""
    kind = media_type(content_type)
    if kind != FORM_MEDIA_TYPE or "Content-Encoding" in call.headers:
        detail = "the token is read from a form that is not compressed"
        raise Refusal(Fault.INVALID_CONTENT_TYPE, detail, reason=kind[:100])
    try:
        return form_fields(call.body, content_type)
    except LookupError:
        detail = reason = "unknown charset"
        raise Refusal(Fault.INVALID_CONTENT_TYPE, detail, reason=reason) from None
    except UnicodeDecodeError:
        detail = reason = "not of its charset"
        raise Refusal(Fault.INVALID_BODY, detail, reason=reason) from None
