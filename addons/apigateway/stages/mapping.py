"""What the backend gets: arguments under their backend names, constants, system parameters.

Guide, "Parameter mapping" and "System parameter definition"; reference: protocol 5.3-5.5. Every
value is encoded for the place it goes to, so that none can become another path segment,
another query field or another header. A name that the gateway sets is the gateway's: the
caller's own copy of it is dropped.
"""

from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from urllib.parse import quote, urlencode

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Mapped, Outbound, Validated
from apigateway.matching import PathPattern
from apigateway.model.api import (
    Api,
    AppCodeUse,
    BodyFormat,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    VpcBackend,
)
from apigateway.wire import (
    APP_CODE_PARAMETER,
    FORM_MEDIA_TYPE,
    Headers,
    Pairs,
    decode_form_text,
    form_fields,
    is_form,
)

SYSTEM_PARAMETERS: dict[str, Callable[[Validated], str]] = {
    "CaClientIp": lambda call: call.client_ip,
    "CaDomain": lambda call: call.host,
    "CaRequestHandleTime": lambda call: formatdate(call.received_ms / 1000, usegmt=True),
    "CaAppId": lambda call: call.app.id if call.app else "",
    "CaAppKey": lambda call: call.app.key if call.app else "",
    "CaRequestId": lambda call: call.request_id,
    "CaApiName": lambda call: call.served.api.name,
    "CaHttpSchema": lambda call: call.scheme.upper(),
    "CaProxy": lambda call: "AliCloudApiGateway",
    "CaClientUa": lambda call: call.headers.first("User-Agent") or "",
    "CaStage": lambda call: call.environment.value,
}

REPRESENTATION = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "user-agent",
    }
)
"""Fields that say what form of an answer the caller takes: they pass in every mode."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "host",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields of one connection (RFC 9110, 7.6.1), and those that the backend leg has its own of."""

_ON_THE_WIRE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
_PATH_SAFE = "!$&'()*+,;=:@~"


def placed_values(call: Validated) -> Iterator[tuple[Location, str, str]]:
    """Every value that the definition sends, as (location, backend name, value)."""
    api = call.served.api
    passthrough = api.request.mode is Mode.PASSTHROUGH
    mapped = {parameter.source for parameter in api.backend_parameters}
    for parameter in api.backend_parameters:
        if (value := call.arguments.get(parameter.source)) is not None:
            yield parameter.location, parameter.name, value
    for declared in api.request.parameters:
        if declared.name in mapped or (passthrough and declared.location is not Location.PATH):
            continue
        if (value := call.arguments.get(declared.name)) is not None:
            yield declared.location, declared.name, value
    for constant in api.constants:
        yield constant.location, constant.name, constant.value
    for system in api.system_parameters:
        yield system.location, system.name, SYSTEM_PARAMETERS[system.source](call)


def build_path(pattern: PathPattern, values: dict[str, str], rest: Iterable[str]) -> str:
    """The encoded backend path. A value fills exactly one segment, whatever it holds."""
    segments = [
        _segment(part[0], values[part[0]]) if isinstance(part, tuple) else part
        for part in pattern.segments
    ]
    if pattern.open_ended:
        segments.extend(_segment("*", value) if value else "" for value in rest)
    return "/" + "/".join(quote(segment, safe=_PATH_SAFE) for segment in segments)


def _segment(name: str, value: str) -> str:
    """A value that no backend takes for an empty or a dot segment, also one that reads what
    follows `;` as a parameter of the segment (`..;x` is `..` to a servlet)."""
    if value.partition(";")[0] in ("", ".", ".."):
        raise Refusal(
            Fault.INVALID_PARAMETER,
            "it goes to a segment of the backend's path",
            name=name,
            reason="cannot be a path segment",
        )
    return value


def header_value(name: str, value: str) -> str:
    """A value fit for a header field: no control characters, no blanks at its ends."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Refusal(
            Fault.INVALID_PARAMETER,
            "it goes to a header of the backend request",
            name=name,
            reason="holds a control character",
        )
    return value.strip(" \t")


def passed_headers(headers: Headers, mode: Mode, own: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The caller's header fields that go on, without those of one connection, the gateway's
    protocol, and any spelling of a name in `own` (a backend may read `X_App` as `X-App`)."""
    nominated = {
        token.strip().lower() for value in headers.all("Connection") for token in value.split(",")
    }
    taken = {_folded(name) for name in own}
    for name, value in headers.fields:
        lower = name.lower()
        if lower in HOP_BY_HOP or lower in nominated or _folded(name) in taken:
            continue
        if mode is Mode.MAPPING and lower not in REPRESENTATION:
            continue
        if _folded(name).startswith("x-ca-"):
            continue
        if lower == "authorization" and value.strip().upper().startswith("APPCODE"):
            continue
        yield name, value


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")


def left_over_query(raw: str, taken: set[str]) -> str:
    """The items of a query as on the wire, but for those whose decoded name is in `taken`."""
    kept = (
        item
        for item in raw.split("&")
        if not taken or decode_form_text(item.partition("=")[0]) not in taken
    )
    return quote("&".join(kept).encode("utf-8", "surrogateescape"), safe=_ON_THE_WIRE)


def outbound_request(
    call: Validated, backend: HttpBackend | VpcBackend, path_pattern: PathPattern
) -> Outbound:
    mode = call.served.api.request.mode
    places: dict[Location, list[tuple[str, str]]] = {location: [] for location in Location}
    for location, name, value in placed_values(call):
        places[location].append((name, value))
    defined = [(name, header_value(name, value)) for name, value in places[Location.HEADER]]
    own_names = [name for name, _ in defined]
    query, query_pairs = _query(call, tuple(places[Location.QUERY]))
    body, form_pairs = _body(call, tuple(places[Location.BODY]))
    passed = passed_headers(call.headers, mode, [*own_names, "X-Forwarded-For"])
    if body is not call.body:
        passed = (field for field in passed if not field[0].lower().startswith("content-"))
    headers = [*passed, *defined]
    if body is not call.body and body and "content-type" not in map(str.lower, own_names):
        headers.append(("Content-Type", f"{FORM_MEDIA_TYPE}; charset=UTF-8"))
    headers += [("X-Ca-Request-Id", call.request_id), ("X-Forwarded-For", call.client_ip)]
    return Outbound(
        method=backend.method or call.method,
        path=build_path(path_pattern, dict(places[Location.PATH]), call.path_rest),
        query=query,
        headers=tuple(headers),
        body=body,
        query_pairs=query_pairs,
        form_pairs=form_pairs,
        defined=tuple(own_names),
    )


def _declared(api: Api, location: Location) -> set[str]:
    """Names that the gateway reads at a place itself; in passthrough it reads only the path."""
    if api.request.mode is Mode.PASSTHROUGH:
        return set()
    return {p.name for p in api.request.parameters if p.location is location}


def _query(call: Validated, own: Pairs) -> tuple[str, Pairs]:
    """The query as sent, and its pairs decoded: what is left of the caller's, then the own."""
    encoded = urlencode(own, quote_via=quote)
    if call.served.api.request.mode is Mode.MAPPING or not call.query:
        return encoded, own
    taken = _declared(call.served.api, Location.QUERY) | {name for name, _ in own}
    if call.served.api.auth.app_code is AppCodeUse.HEADER_OR_QUERY:
        taken |= {name for name, _ in call.query_pairs if name.lower() == APP_CODE_PARAMETER}
    raw = left_over_query(call.query, taken)
    pairs = tuple(pair for pair in call.query_pairs if pair[0] not in taken)
    return f"{raw}&{encoded}" if raw and encoded else raw or encoded, (*pairs, *own)


def _readable_fields(body: bytes, content_type: str) -> Pairs:
    """The fields of a form that passes as it is; () where a backend could not read it either."""
    if not is_form(content_type):
        return ()
    try:
        return form_fields(body, content_type)
    except (LookupError, UnicodeDecodeError):
        return ()


def _body(call: Validated, own: Pairs) -> tuple[bytes, Pairs]:
    """The body as sent and its form fields. It is the caller's own object where it passes."""
    api = call.served.api
    content_type = call.headers.first("Content-Type") or ""
    passes = (
        api.request.mode is Mode.PASSTHROUGH
        or api.request.body.format is BodyFormat.STREAM
        or (api.request.mode is Mode.MAPPING_PASSTHROUGH and not is_form(content_type))
    )
    if passes and not own:
        return call.body, _readable_fields(call.body, content_type)
    kept: Pairs = ()
    if api.request.mode is not Mode.MAPPING:
        taken = _declared(api, Location.BODY) | {name for name, _ in own}
        sent = call.form_pairs or _readable_fields(call.body, content_type)
        kept = tuple(pair for pair in sent if pair[0] not in taken)
    pairs = (*kept, *own)
    return urlencode(pairs).encode("ascii"), pairs


class Mapping:
    """Validated -> Mapped."""

    def __call__(self, call: Validated) -> Mapped:
        backend, pattern = call.served.api.backend, call.served.backend_path
        if isinstance(backend, MockBackend) or pattern is None:
            nothing = Outbound(method=call.method, path="/", query="", headers=(), body=b"")
            return Mapped(**vars(call), outbound=nothing)
        return Mapped(**vars(call), outbound=outbound_request(call, backend, pattern))
