"""Who calls: an app proven by its signature or AppCode, the holder of an id_token, both, or
nobody on an anonymous API.

Rule: reference protocol 1.1-1.4 and 6. A nonce goes on only after the signature and the token
verified, so that nobody can burn an app's nonces without its secret. It is spent by the stages
behind: by Throttling with the charge, in one step, or by Authorization when it refuses.
"""

import hmac

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Identified
from apigateway.id_tokens.reading import verified_token
from apigateway.id_tokens.verification import Claims
from apigateway.model.api import AppCodeUse, Auth, SignatureMethod
from apigateway.model.app import App
from apigateway.ports import NonceClaim
from apigateway.protocol.wire import APP_CODE_PARAMETER, Headers, is_form, parse_query
from apigateway.signatures.caller import (
    KEY,
    NONCE,
    SIGNATURE,
    SIGNATURE_METHOD,
    TIMESTAMP,
    WINDOW_MS,
    SignableRequest,
    candidates,
    content_md5,
    sign,
    signed_header_names,
    string_to_sign,
)

LONGEST_NONCE = 256


def app_code_of(headers: Headers) -> str | None:
    """The code of `Authorization: APPCODE <code>` (the scheme in any case), or None."""
    scheme, _, code = (headers.first("Authorization") or "").strip().partition(" ")
    return code.strip() if scheme.upper() == "APPCODE" else None


def app_code_in_query(query: str) -> str | None:
    """The first `AppCode` of a query (the name in any case), or None."""
    for name, value in parse_query(query):
        if name.lower() == APP_CODE_PARAMETER:
            return value
    return None


def refuse_repeated(headers: Headers) -> None:
    """A listed field is signed by its first value, so it must not have a second one.

    Otherwise a backend that reads the last value would act on what was never signed.
    """
    if not headers.repeated:
        return
    for name in signed_header_names(headers):
        if name.lower() in headers.repeated:
            raise Refusal(
                Fault.INVALID_HEADER, "it is signed", name=name[:100], reason="is repeated"
            )


def timestamp_of(headers: Headers, now_ms: int) -> int | None:
    """`X-Ca-Timestamp` in milliseconds, or None when absent (the IoT client sends only Date).

    Raises:
        Refusal: INVALID_TIMESTAMP, TIMESTAMP_EXPIRED (15 minutes either way).
    """
    text = headers.first(TIMESTAMP)
    if text is None:
        return None
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refusal(Fault.INVALID_TIMESTAMP, "not a number", reason="is not milliseconds")
    sent_ms = int(text)
    if abs(now_ms - sent_ms) > WINDOW_MS:
        raise Refusal(Fault.TIMESTAMP_EXPIRED, f"{now_ms - sent_ms} ms from the gateway's clock")
    return sent_ms


def nonce_of(headers: Headers, auth: Auth) -> str | None:
    nonce = headers.first(NONCE)
    if not nonce:
        if auth.force_nonce:
            raise Refusal(Fault.NONCE_REQUIRED, "the API asks for one")
        return None
    if len(nonce) > LONGEST_NONCE:
        raise Refusal(
            Fault.INVALID_HEADER,
            f"{len(nonce)} characters",
            name=NONCE,
            reason=f"is longer than {LONGEST_NONCE}",
        )
    if auth.force_nonce and NONCE.lower() not in map(str.lower, signed_header_names(headers)):
        raise Refusal(
            Fault.INVALID_HEADER,
            "the API asks for a nonce, and one that is not signed could be replaced",
            name=NONCE,
            reason="is not signed",
        )
    return nonce


def signature_method_of(headers: Headers, auth: Auth) -> SignatureMethod:
    """HmacSHA256 when absent. Refuses what the API does not allow."""
    text = headers.first(SIGNATURE_METHOD) or SignatureMethod.HMAC_SHA256.value
    for method in auth.signature_methods:
        if text.strip().lower() == method.value.lower():
            return method
    raise Refusal(
        Fault.INVALID_HEADER,
        f"the API allows {', '.join(sorted(auth.signature_methods))}",
        name=SIGNATURE_METHOD,
        reason="is not allowed by the API",
    )


def refuse_wrong_md5(call: Admitted) -> None:
    """Content-MD5, where given for a body that is not a form, is the body's own."""
    given = call.headers.first("Content-MD5")
    if not given or is_form(call.headers.first("Content-Type") or ""):
        return
    if not call.body:
        raise Refusal(Fault.INVALID_CONTENT_MD5, "there is no body", reason="the body is empty")
    if given.strip() != content_md5(call.body):
        raise Refusal(Fault.INVALID_CONTENT_MD5, "not the body's", reason="does not match the body")


def verify(call: Admitted, app: App, method: SignatureMethod) -> int:
    """The number of the candidate string (from 1) that the signature was made of.

    Raises:
        Refusal: INVALID_SIGNATURE with the documented string, line feeds as `#`.
    """
    request = SignableRequest(call.method, call.path, call.query, call.headers, call.body)
    given = (call.headers.first(SIGNATURE) or "").strip().encode("utf-8", "surrogateescape")
    secret = app.secret.reveal()
    for number, text in enumerate(candidates(request), 1):
        if hmac.compare_digest(given, sign(secret, text, method).encode("ascii")):
            return number
    documented = string_to_sign(request)
    raise Refusal(
        Fault.INVALID_SIGNATURE,
        f"app {app.name}, {method}",
        evidence=documented,
        string_to_sign=documented.replace("\n", "#"),
    )


def app_of_code(call: Admitted, auth: Auth) -> App:
    """The app whose AppCode the call holds.

    Raises:
        Refusal: HEADER_REQUIRED, CREDENTIALS_REQUIRED, INVALID_APP_CODE.
    """
    if auth.app_code is AppCodeUse.DISABLED:
        raise Refusal(Fault.HEADER_REQUIRED, "no AppKey", name=KEY)
    code = app_code_of(call.headers)
    if code is None and auth.app_code is AppCodeUse.HEADER_OR_QUERY:
        code = app_code_in_query(call.query)
    if code is None:
        raise Refusal(Fault.CREDENTIALS_REQUIRED, "neither AppKey nor AppCode")
    app = call.catalog.apps_by_code.get(code)
    if app is None:
        raise Refusal(Fault.INVALID_APP_CODE, "no app has this AppCode", reason="not exists")
    return app


class Authentication:
    """Admitted -> Identified."""

    def __call__(self, call: Admitted) -> Identified:
        auth = call.served.api.auth
        if not auth.type.asks_for_app:
            return _identified(call, None, "", *verified_token(call))
        headers = call.headers
        refuse_repeated(headers)
        key = headers.first(KEY)
        if key is None:
            return _identified(call, app_of_code(call, auth), "AppCode", *verified_token(call))
        app = call.catalog.apps.get(key)
        if app is None:
            raise Refusal(Fault.INVALID_APP_KEY, "no app has this AppKey")
        if not headers.first(SIGNATURE):
            raise Refusal(Fault.EMPTY_SIGNATURE, "no signature")
        method = signature_method_of(headers, auth)
        sent_ms = timestamp_of(headers, call.received_ms)
        nonce = nonce_of(headers, auth)
        refuse_wrong_md5(call)
        candidate = verify(call, app, method)
        token, claims = verified_token(call)
        claim = None
        if nonce is not None:
            # A timestamp ahead of our clock stays valid longer; so does its nonce.
            ahead_ms = max(0, sent_ms - call.received_ms) if sent_ms is not None else 0
            # The last millisecond of the window counts.
            claim = NonceClaim(key, nonce, WINDOW_MS + ahead_ms + 1)
        return _identified(call, app, f"{method}, string {candidate}", token, claims, claim)


def _identified(
    call: Admitted,
    app: App | None,
    proof: str,
    token: str,
    claims: Claims,
    nonce: NonceClaim | None = None,
) -> Identified:
    if token:
        proof = f"{proof}, id_token" if proof else "id_token"
    return Identified.after(
        call, app=app, proof=proof or "anonymous", token=token, claims=claims, nonce=nonce
    )
