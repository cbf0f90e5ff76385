"""The caller's signature: the string both sides sign, and the forms old clients use.

Rule and its sources: reference `protocol.md` 1.1-1.4 (the product's data plane as re-implemented
by its vendor). One request may be signed in four ways that the product accepts; `candidates`
gives the strings in the order they are tried, the documented one first.
"""

import base64
import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers, decode_form_text, decode_path, is_form

KEY = "X-Ca-Key"
SIGNATURE = "X-Ca-Signature"
SIGNATURE_METHOD = "X-Ca-Signature-Method"
SIGNATURE_HEADERS = "X-Ca-Signature-Headers"
SIGNED_CONTENT_TYPE = "X-Ca-Signed-Content-Type"
TIMESTAMP = "X-Ca-Timestamp"
NONCE = "X-Ca-Nonce"
STAGE = "X-Ca-Stage"

WINDOW_MS = 15 * 60 * 1000
"""How far `X-Ca-Timestamp` may be from the gateway's clock, and how long a nonce is kept."""


@dataclass(frozen=True, slots=True)
class SignableRequest:
    """What of a request is signed. `path` and `query` are as on the wire (no `?`); `body` is
    read only when Content-Type says that it is a form."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = b""


def sign(secret: str, text: str, method: SignatureMethod = SignatureMethod.HMAC_SHA256) -> str:
    """Base64 of the HMAC over the UTF-8 bytes of `text`; surrogate escapes become their bytes."""
    mac = _keyed(secret, method).copy()
    mac.update(text.encode("utf-8", "surrogateescape"))
    return b2a_base64(mac.digest(), newline=False).decode("ascii")


@lru_cache(maxsize=4096)
def _keyed(secret: str, method: SignatureMethod) -> hmac.HMAC:
    """The HMAC that has read its key, to be copied: a third of the cost of a new one."""
    return hmac.new(secret.encode("utf-8"), digestmod=method.value.removeprefix("Hmac").lower())


def content_md5(body: bytes) -> str:
    """Base64 of the raw MD5 of a body, as `Content-MD5` carries it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")


def signed_header_names(headers: Headers) -> list[str]:
    """Names in `X-Ca-Signature-Headers` as spelled there, trimmed, sorted by code point."""
    listed = headers.first(SIGNATURE_HEADERS) or ""
    return sorted([name for item in listed.split(",") if (name := item.strip())])


def string_to_sign(request: SignableRequest) -> str:
    """The string of the documented rule: candidate 1, and the one a refusal shows."""
    return next(candidates(request))


def candidates(request: SignableRequest) -> Iterator[str]:
    """The strings a client may have signed, without repeats, most likely first.

    1 the documented rule; 2 the same with the path as on the wire; 3 the documented path with
    `k=` kept for empty values and `+` left as it is; 4 both.
    """
    front = _front(request)
    decoded = decode_path(request.path)
    paths = [request.path]
    if decoded is not None and decoded != request.path:
        paths.insert(0, decoded)
    form = ""
    if request.body and is_form(request.headers.first("Content-Type") or ""):
        form = request.body.decode("utf-8", "surrogateescape")
    seen: set[str] = set()
    for resource in (_documented_parameters, _historical_parameters):
        parameters = resource(request.query, form)
        for path in paths:
            text = front + path + parameters
            if text not in seen:
                seen.add(text)
                yield text


def _front(request: SignableRequest) -> str:
    """Everything before the path: method, the four fixed fields, the listed headers."""
    headers = request.headers
    content_type = headers.first(SIGNED_CONTENT_TYPE)
    if content_type is None:
        content_type = headers.first("Content-Type") or ""
    first = headers.first
    listed = [f"{name}:{first(name) or ''}\n" for name in signed_header_names(headers)]
    return (
        f"{request.method.upper()}\n{first('Accept') or ''}\n{first('Content-MD5') or ''}\n"
        f"{content_type}\n{first('Date') or ''}\n{''.join(listed)}"
    )


def _documented_parameters(query: str, form: str) -> str:
    """Decoded, first value, query before form, sorted; an empty value leaves its name alone."""
    return _join(_first_values(query, form, _decode), keep_equals=False)


def _historical_parameters(query: str, form: str) -> str:
    """The older form: `k=` for an empty value, and `+` not read as a space."""
    return _join(_first_values(query, form, _decode_keeping_plus), keep_equals=True)


def _first_values(query: str, form: str, decode: Callable[[str], str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in (*_query_items(query, decode), *_form_items(form, decode)):
        values.setdefault(name, value)
    return values


def _query_items(query: str, decode: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if name:
            yield decode(name), decode(value)


def _form_items(form: str, decode: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """As a query, but a bare name is kept exactly as received (protocol 1.2)."""
    for item in form.split("&"):
        name, equals, value = item.partition("=")
        if not name:
            continue
        yield (decode(name), decode(value)) if equals else (name, "")


def _decode(raw: str) -> str:
    """Bytes that are not UTF-8 are signed as they are: two of them must not sign alike."""
    return decode_form_text(raw, errors="surrogateescape")


def _decode_keeping_plus(raw: str) -> str:
    return _decode(raw.replace("+", "%2B"))


def _join(values: dict[str, str], *, keep_equals: bool) -> str:
    if not values:
        return ""
    return "?" + "&".join(
        f"{name}={value}" if value or keep_equals else name
        for name, value in sorted(values.items())
    )


def signing_headers(
    request: SignableRequest,
    *,
    key: str,
    secret: str,
    timestamp_ms: int,
    nonce: str,
    method: SignatureMethod = SignatureMethod.HMAC_SHA256,
) -> list[tuple[str, str]]:
    """The headers that sign `request` for the app `key`: what a client adds to it.

    Content-MD5 is added for a body that is not a form; every `X-Ca-*` header is signed.
    """
    added = [(KEY, key), (TIMESTAMP, str(timestamp_ms)), (NONCE, nonce)]
    added.append((SIGNATURE_METHOD, method.value))
    is_document = request.body and not is_form(request.headers.first("Content-Type") or "")
    if is_document and "Content-MD5" not in request.headers:
        added.append(("Content-MD5", content_md5(request.body)))
    names = _signed_names([*request.headers.fields, *added])
    added.append((SIGNATURE_HEADERS, ",".join(names)))
    signable = SignableRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=Headers([*request.headers.fields, *added]),
        body=request.body,
    )
    added.append((SIGNATURE, sign(secret, string_to_sign(signable), method)))
    return added


def _signed_names(fields: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({name for name, _ in fields if name.lower().startswith("x-ca-")})
