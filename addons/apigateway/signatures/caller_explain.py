"""Why a signature does not verify: which string the client signed instead, and what made it so.

The client's string is not in the request, but its signature is: here the usual mistakes are
tried, alone and together, until a string gives that very signature. When one does, the client's
string is known to the byte; when none does, the secret or something rarer is wrong.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import decode_form_text, decode_path, is_form
from apigateway.signatures.caller import (
    SIGNATURE,
    SIGNATURE_HEADERS,
    SIGNATURE_METHOD,
    SIGNED_CONTENT_TYPE,
    TIMESTAMP,
    WINDOW_MS,
    SignableRequest,
    candidates,
    content_md5,
    sign,
    signed_header_names,
    string_to_sign,
)

MOST_TRIED = 128 * 1024 * 1024
"""Characters of all tried strings: with a large form not every combination can be tried."""

Variant = tuple[str, str]
"""(what the client did, "" for what the rule says; the text it then signed)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`candidate` is the number of the accepted string, from 1, or None. `client_string` is what
    the client signed where it could be found out. `first_difference` counts bytes from 0 in
    both strings. `causes` say why in words, most telling first; `notes` what else is off."""

    verified: bool
    candidate: int | None
    client_string: str | None
    server_string: str
    first_difference: int | None
    causes: tuple[str, ...]
    notes: tuple[str, ...]


def explain(request: SignableRequest, secret: str, *, now_ms: int | None = None) -> Explanation:
    """Judge the signature of a request as the gateway would, and find out what went wrong."""
    headers = request.headers
    given = (headers.first(SIGNATURE) or "").strip()
    server = string_to_sign(request)
    notes = tuple(_notes(request, now_ms))
    method = _method(headers.first(SIGNATURE_METHOD))
    for number, text in enumerate(candidates(request), 1):
        if sign(secret, text, method) == given:
            return Explanation(
                True, number, text, server, first_difference(text, server), (), notes
            )
    tried = 0
    for causes, text, used in _suspects(request, method) if given else ():
        tried += len(text)
        if tried > MOST_TRIED:
            break
        if sign(secret, text, used) == given:
            difference = first_difference(text, server)
            return Explanation(False, None, text, server, difference, causes, notes)
    for wrong, how in (
        (secret + "\n", "with a line feed at its end"),
        (secret.strip(), "without the blanks at its ends"),
    ):
        if wrong != secret and sign(wrong, server, method) == given:
            cause = f"the client used the AppSecret {how}"
            return Explanation(False, None, server, server, None, (cause,), notes)
    causes = (
        ("there is no X-Ca-Signature",)
        if not given
        else (
            "no usual mistake gives this signature: the AppSecret is another one, or the client "
            "signed something that did not arrive",
        )
    )
    return Explanation(False, None, None, server, None, causes, notes)


def first_difference(one: str, other: str) -> int | None:
    """The position of the first byte that differs, in UTF-8; None for equal texts."""
    a, b = (text.encode("utf-8", "surrogateescape") for text in (one, other))
    if a == b:
        return None
    return next(
        (at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _method(text: str | None) -> SignatureMethod:
    sha1 = (text or "").strip().lower() == SignatureMethod.HMAC_SHA1.lower()
    return SignatureMethod.HMAC_SHA1 if sha1 else SignatureMethod.HMAC_SHA256


def _notes(request: SignableRequest, now_ms: int | None) -> Iterator[str]:
    headers = request.headers
    if headers.first("X-Ca-Key") is None:
        yield "X-Ca-Key is missing"
    text = (headers.first(SIGNATURE_METHOD) or "").strip()
    if text and text.lower() not in (method.lower() for method in SignatureMethod):
        known = ", ".join(SignatureMethod)
        yield f"{SIGNATURE_METHOD} is none of {known}: the gateway refuses it"
    text = (headers.first(TIMESTAMP) or "").strip()
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        yield "X-Ca-Timestamp is not milliseconds: the gateway refuses it"
    elif text and now_ms is not None and abs(now_ms - int(text)) > WINDOW_MS:
        minutes = abs(now_ms - int(text)) / 60_000
        yield f"X-Ca-Timestamp is {minutes:.0f} minutes off; the gateway takes 15 (--now MS)"
    md5 = (headers.first("Content-MD5") or "").strip()
    is_document = not is_form(headers.first("Content-Type") or "")
    if md5 and is_document and md5 != content_md5(request.body):
        yield "Content-MD5 is not the body's: the body was changed after it was signed"


def _suspects(
    request: SignableRequest, method: SignatureMethod
) -> Iterator[tuple[tuple[str, ...], str, SignatureMethod]]:
    """Strings of usual mistakes with their causes, those with the fewest mistakes first."""
    other = next(one for one in SignatureMethod if one is not method)
    text = request.headers.first(SIGNATURE_METHOD)
    said = f"{SIGNATURE_METHOD} says {text}" if text else f"no {SIGNATURE_METHOD} means {method}"
    parts: list[list[Variant]] = [
        [("", request.method.upper())],
        _field(request, "Accept", ["", "*/*", "application/json"]),
        _md5s(request),
        _content_types(request),
        _field(request, "Date", [""]),
        _header_blocks(request),
        _paths(request),
        _parameters(request),
    ]
    combinations = sorted(
        itertools.product(*parts), key=lambda chosen: sum(bool(cause) for cause, _ in chosen)
    )
    for chosen in combinations:
        *lines, headers, path, parameters = (text for _, text in chosen)
        text = "\n".join(lines) + "\n" + headers + path + parameters
        causes = tuple(cause for cause, _ in chosen if cause)
        yield causes, text, method
        if len(causes) <= 1:
            yield (*causes, f"the client used {other}, but {said}"), text, other


def _field(request: SignableRequest, name: str, others: list[str]) -> list[Variant]:
    arrived = request.headers.first(name) or ""
    came = f"{name}: {arrived}" if arrived else f"no {name}"
    variants = [("", arrived)]
    for text in others:
        if text != arrived:
            signed = f"{name}: {text}" if text else f"no {name}"
            cause = f"the client signed {signed}, but {came} arrived"
            if name == "Accept" and arrived == "*/*":
                cause += " (the HTTP client added it after signing: set Accept yourself)"
            variants.append((cause, text))
    return variants


def _md5s(request: SignableRequest) -> list[Variant]:
    arrived = request.headers.first("Content-MD5") or ""
    computed = content_md5(request.body) if request.body else ""
    variants = [("", arrived)]
    if arrived:
        variants.append(("the client did not sign the Content-MD5 that it sent", ""))
    if computed and computed != arrived:
        variants.append(("the client signed a Content-MD5 that it did not send", computed))
    return variants


def _content_types(request: SignableRequest) -> list[Variant]:
    headers = request.headers
    arrived = headers.first("Content-Type") or ""
    ruled = headers.first(SIGNED_CONTENT_TYPE)
    signed = arrived if ruled is None else ruled
    bare = arrived.partition(";")[0].strip()
    others = ["", bare, "application/json"]
    if bare:
        others += [f"{bare}; charset=utf-8", f"{bare}; charset=UTF-8"]
    name = "Content-Type" if ruled is None else SIGNED_CONTENT_TYPE
    variants = [("", signed)]
    for text in dict.fromkeys([arrived, *others]):
        if text != signed:
            did = f"signed Content-Type: {text}" if text else "signed no Content-Type"
            came = f"{name}: {signed}" if signed else f"no {name}"
            variants.append((f"the client {did}, but {came} arrived", text))
    return variants


def _header_blocks(request: SignableRequest) -> list[Variant]:
    headers = request.headers
    listed = [
        name
        for item in (headers.first(SIGNATURE_HEADERS) or "").split(",")
        if (name := item.strip())
    ]

    def block(names: list[str], *, lower: bool = False) -> str:
        return "".join(
            f"{name.lower() if lower else name}:{headers.first(name) or ''}\n" for name in names
        )

    ordered = signed_header_names(headers)
    present = [name for name in ordered if name in headers]
    sent = sorted(name for name, _ in headers.fields if name.lower().startswith("x-ca-"))
    unsigned = [name for name in sent if name.lower() not in _NEVER_SIGNED]
    found = {
        "": block(ordered),
        "the client signed the headers in the order of X-Ca-Signature-Headers, not sorted": block(
            listed
        ),
        "the client signed the names of headers in lower case, not as listed": block(
            sorted(listed, key=str.lower), lower=True
        ),
        "the client left out listed headers that it did not send": block(present),
        "the client left out listed headers that are signed in lines of their own": block(
            [name for name in ordered if name.lower() not in _OWN_LINES]
        ),
        "the client signed no headers, but lists some": "",
        "the client signed X-Ca-* headers that X-Ca-Signature-Headers does not list": block(
            unsigned
        ),
    }
    return distinct(found)


_OWN_LINES = frozenset({"accept", "content-md5", "content-type", "date"})
_NEVER_SIGNED = frozenset({SIGNATURE.lower(), SIGNATURE_HEADERS.lower()})


def _paths(request: SignableRequest) -> list[Variant]:
    raw = request.path
    found = {"": decode_path(raw) or raw}
    found["the client signed the path percent-encoded"] = raw
    found["the client signed the path encoded again"] = _quoted(raw, safe="/")
    found["the client signed the path without its last slash"] = found[""].rstrip("/")
    found["the client signed the path with a slash at its end"] = found[""] + "/"
    return distinct(found)


def _parameters(request: SignableRequest) -> list[Variant]:
    query = _pairs(request.query)
    is_a_form = is_form(request.headers.first("Content-Type") or "")
    body = request.body.decode("utf-8", "surrogateescape")
    form = _pairs(body) if is_a_form else []
    decoded = [(_decoded(pair)) for pair in query]
    decoded_form = [(_decoded(pair)) for pair in form]
    found = {
        "": _joined([*decoded, *decoded_form]),
        "the client signed the query as it is encoded on the wire, not decoded": _joined(
            [*query, *form]
        ),
        "the client did not sign the query": _joined(decoded_form),
        "the client did not sign the fields of the form": _joined(decoded),
        "the client signed neither query nor form": "",
        "the client took the form's value where query and form have one name": _joined(
            [*decoded_form, *decoded]
        ),
        "the client took the last value of a repeated name, not the first": _joined(
            [*reversed(decoded_form), *reversed(decoded)]
        ),
        "the client took the last value of a repeated name, in the query before the form": _joined(
            [*reversed(decoded), *reversed(decoded_form)]
        ),
        "the client wrote `name=` for an empty value": _joined(
            [*decoded, *decoded_form], equals=True
        ),
        "the client joined the values of a repeated name": _joined(
            _grouped([*decoded, *decoded_form])
        ),
        "the client did not sort the parameters": "?" + request.query if request.query else "",
        "the client percent-encoded the values again before signing": _joined(
            [(_quoted(n), _quoted(v)) for n, v in [*decoded, *decoded_form]]
        ),
    }
    if request.body and not is_a_form:
        found["the client signed the body as form fields, but its Content-Type is no form's"] = (
            _joined([*decoded, *(_decoded(pair) for pair in _pairs(body))])
        )
    return distinct(found)


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe, errors="surrogateescape")


def _pairs(raw: str) -> list[tuple[str, str]]:
    return [
        (name, value) for name, _, value in (item.partition("=") for item in raw.split("&")) if name
    ]


def _decoded(pair: tuple[str, str]) -> tuple[str, str]:
    name, value = (decode_form_text(text, errors="surrogateescape") for text in pair)
    return name, value


def _grouped(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return [(name, ",".join(found)) for name, found in values.items()]


def _joined(pairs: list[tuple[str, str]], *, equals: bool = False) -> str:
    values: dict[str, str] = {}
    for name, value in pairs:
        values.setdefault(name, value)
    items = [
        f"{name}={value}" if value or equals else name for name, value in sorted(values.items())
    ]
    return "?" + "&".join(items) if items else ""


def distinct(found: dict[str, str]) -> list[Variant]:
    """The rule's own text first, then each other text once."""
    seen: dict[str, str] = {}
    for cause, text in found.items():
        seen.setdefault(text, cause)
    return [(cause, text) for text, cause in seen.items()]
