"""Who called and how that was proved, and what lets the app call the API."""

import json
from collections.abc import Mapping
from typing import Any

from jwt.utils import base64url_decode

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Authorized, Identified, Received, Routed
from apigateway.id_tokens.reading import given_tokens
from apigateway.model.api import SignatureMethod
from apigateway.model.openid import TokenRules
from apigateway.protocol.matching import split_path
from apigateway.protocol.wire import APP_CODE_PARAMETER
from apigateway.signatures.caller import KEY, NONCE, SIGNATURE_METHOD, TIMESTAMP
from apigateway.stages.authentication import app_code_in_query, app_code_of
from apigateway.trail.arrival import Decided, released_elsewhere
from apigateway.trail.declared import Declared
from apigateway.trail.masking import first_texts, mask, shown

_LONGEST_KEY = 12
"""AppKeys are short numbers; what is none may be a secret in the wrong place."""


# --- Authentication


def authentication(call: Identified, declared: Declared) -> Decided:
    app, proof = call.app, call.proof
    found: Decided = {"asks_for": declared.asks_for, "proof": proof}
    if app is not None:
        found["app"] = app.name
        found["app_key"] = app.key
        method, by_signature, rest = proof.partition(", string ")
        if by_signature:
            found["method"] = method
            found["candidate"] = int(rest[0])  # one of four
    return found


def authentication_own(found: Decided, call: Identified, declared: Declared) -> None:
    if "candidate" in found:
        _add_freshness(found, call)
    elif call.app is not None:
        _add_app_code(found, call)
    if call.token:
        found["token"] = _token(call, call.token, call.claims)


def _add_freshness(found: Decided, call: Admitted) -> None:
    text = call.headers.first(TIMESTAMP)
    if text is not None:
        if not text.isdigit():
            text = text.strip()
        if text.isascii() and text.isdigit() and len(text) <= 18:
            found["timestamp_age_ms"] = call.received_ms - int(text)
        else:
            found["timestamp"] = shown(text, 100)
    nonce = call.headers.first(NONCE)
    if nonce:
        found["nonce"] = shown(nonce, 256)


def _add_app_code(found: Decided, call: Admitted) -> None:
    code, place = app_code_of(call.headers), "Authorization"
    if code is None and APP_CODE_PARAMETER in call.query.lower():
        code, place = app_code_in_query(call.query), "query"
    if code is not None:
        found["app_code"], found["app_code_from"] = mask(code), place


def _token(call: Admitted, token: str, claims: Mapping[str, Any]) -> Decided:
    rules = call.served.api.auth.openid
    found: Decided = {
        "parameter": rules.parameter if isinstance(rules, TokenRules) else "",
        "issuer": _text(claims.get("iss")),
        "key_id": _text(_part(token, 0).get("kid")),
        "claims": first_texts(sorted(claims)),
    }
    expires_s = claims.get("exp")
    if isinstance(expires_s, int | float) and abs(expires_s) < 1e15:
        found["expires_in_s"] = round(expires_s - call.received_ms / 1000)
    return found


def _text(value: Any) -> str | None:
    return None if value is None else shown(str(value))


def _part(token: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token; nothing where they cannot be read."""
    try:
        part = json.loads(base64url_decode(token.split(".", 2)[number]))
    except (ValueError, IndexError, RecursionError):
        return {}
    return part if isinstance(part, dict) else {}


def authentication_refused(call: Admitted, refusal: Refusal) -> Decided:
    auth, headers, fault = call.served.api.auth, call.headers, refusal.fault
    found: Decided = {"asks_for": str(auth.type)}
    key = headers.first(KEY) if auth.type.asks_for_app else None
    if key is not None:
        app = call.catalog.apps.get(key)
        if app is not None:
            found["app"], found["app_key"] = app.name, app.key
        else:
            short = key.isdigit() and len(key) <= _LONGEST_KEY
            found["app"], found["app_key"] = None, shown(key) if short else mask(key)
        found["method"] = shown(headers.first(SIGNATURE_METHOD) or SignatureMethod.HMAC_SHA256, 100)
        _add_freshness(found, call)
    elif auth.type.asks_for_app:
        found["app_code_use"] = str(auth.app_code)
        _add_app_code(found, call)
    if fault in (Fault.INVALID_HEADER, Fault.HEADER_REQUIRED):
        found["header"] = shown(refusal.parts["name"])
        found["rule"] = shown(refusal.parts.get("reason", "is required"))
    if refusal.parts.get("name") == SIGNATURE_METHOD:
        found["methods"] = sorted(map(str, auth.signature_methods))
    if isinstance(auth.openid, TokenRules):
        found["token_parameter"] = auth.openid.parameter
        found["tokens"] = [
            {**_token(call, token, _part(token, 1)), "verified": False}
            for token in tokens_of(call)[:2]
        ]
    return found


def tokens_of(call: Admitted) -> tuple[str, ...]:
    """Every token of a call, verified or not; none of a form that cannot be read."""
    try:
        return given_tokens(call)
    except Refusal:
        return ()


def secrets_of(state: Received | None) -> list[str]:
    """What the gateway knows by value of the secrets that a call could hold."""
    if state is None:
        return []
    found = []
    key = state.headers.first(KEY)
    app = state.app if isinstance(state, Identified) else None
    if app is None and key is not None:
        app = state.catalog.apps.get(key)
    if app is not None:
        found.append(app.secret.reveal())
        if app.code is not None:
            found.append(app.code.reveal())
    if isinstance(state, Routed) and (signing_key := state.served.signature_key) is not None:
        found.append(signing_key.secret.reveal())
    if isinstance(state, Identified):
        if state.token:
            found.append(state.token)
    elif isinstance(state, Admitted) and state.served.api.auth.type.has_openid:
        found.extend(tokens_of(state))
    return found


# --- Authorization


def authorization(call: Authorized, declared: Declared) -> Decided:
    return {"authorized_by": call.authorized_by}


def authorization_refused(call: Identified, refusal: Refusal) -> Decided:
    """Also where the app does have a grant: in another environment, mostly."""
    app = call.app
    if app is None or refusal.fault is not Fault.UNAUTHORIZED:
        return {}
    elsewhere = released_elsewhere(
        call.catalog, call.bound, call.environment, call.method, split_path(call.path)
    )
    return {
        "app": app.name,
        "api": call.served.api.name,
        "environment": str(call.environment),
        "granted_in": [str(other) for other, served in elsewhere if app.id in served.granted],
    }
