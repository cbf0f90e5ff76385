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
    BodyFormat,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    VpcBackend,
)
from apigateway.wire import FORM_MEDIA_TYPE, Headers, Pairs, is_form, parse_query

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
        "content-language",
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
    segments = [values[part[0]] if isinstance(part, tuple) else part for part in pattern.segments]
    for value in segments:
        if value in ("", ".", ".."):
            raise Refusal(
                Fault.BACKEND_ADDRESS, f"{value!r} cannot be a segment of the backend's path"
            )
    if pattern.open_ended:
        segments.extend(rest)
    return "/" + "/".join(quote(segment, safe=_PATH_SAFE) for segment in segments)


def header_value(name: str, value: str) -> str:
    """A value fit for a header field: no control characters, no blanks at its ends."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Refusal(
            Fault.INVALID_PARAMETER,
            "it goes to a header of the backend request",
            name=name,
            reason="holds a control character",
        )
    return value.strip()


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
        if _folded(name).startswith("x-ca-") or lower == "content-md5":
            continue
        if lower == "authorization" and value.strip().upper().startswith("APPCODE"):
            continue
        yield name, value


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")


def left_over(pairs: Pairs, api: Api, location: Location) -> Pairs:
    """In the passthrough modes: what the caller sent in a place beyond what is declared there."""
    if api.request.mode is Mode.MAPPING:
        return ()
    if api.request.mode is Mode.PASSTHROUGH:
        return pairs
    declared = {p.name for p in api.request.parameters if p.location is location}
    return tuple(pair for pair in pairs if pair[0] not in declared)


def outbound_request(
    call: Validated, backend: HttpBackend | VpcBackend, path_pattern: PathPattern
) -> Outbound:
    api = call.served.api
    places: dict[Location, list[tuple[str, str]]] = {location: [] for location in Location}
    for location, name, value in placed_values(call):
        places[location].append((name, value))
    defined = [(name, header_value(name, value)) for name, value in places[Location.HEADER]]
    own_names = [name for name, _ in defined]
    query_pairs = (
        *_without(left_over(call.query_pairs, api, Location.QUERY), places[Location.QUERY]),
        *places[Location.QUERY],
    )
    headers = [
        *passed_headers(call.headers, api.request.mode, [*own_names, "X-Forwarded-For"]),
        *defined,
        ("X-Ca-Request-Id", call.request_id),
        ("X-Forwarded-For", call.client_ip),
    ]
    body, form_pairs, headers = _body(call, tuple(places[Location.BODY]), headers)
    return Outbound(
        method=backend.method or call.method,
        path=build_path(path_pattern, dict(places[Location.PATH]), call.path_rest),
        query=urlencode(query_pairs, quote_via=quote),
        headers=tuple(headers),
        body=body,
        query_pairs=tuple(query_pairs),
        form_pairs=form_pairs,
        defined=tuple(own_names),
    )


def _without(pairs: Pairs, taken: Iterable[tuple[str, str]]) -> Pairs:
    names = {name for name, _ in taken}
    return tuple(pair for pair in pairs if pair[0] not in names)


def _body(
    call: Validated, own: Pairs, headers: list[tuple[str, str]]
) -> tuple[bytes, Pairs, list[tuple[str, str]]]:
    """The body as sent, its form fields, and the header fields that fit it."""
    api = call.served.api
    if api.request.mode is Mode.PASSTHROUGH or api.request.body.format is BodyFormat.STREAM:
        form = is_form(call.headers.first("Content-Type") or "") and bool(call.body)
        return call.body, parse_query(call.body.decode("utf-8", "replace")) if form else (), headers
    pairs = (*_without(left_over(call.form_pairs, api, Location.BODY), own), *own)
    headers = [field for field in headers if field[0].lower() != "content-type"]
    if not pairs:
        return b"", (), headers
    headers.append(("Content-Type", f"{FORM_MEDIA_TYPE}; charset=UTF-8"))
    return urlencode(pairs).encode("ascii"), pairs, headers


class Mapping:
    """Validated -> Mapped."""

    def __call__(self, call: Validated) -> Mapped:
        backend, pattern = call.served.api.backend, call.served.backend_path
        if isinstance(backend, MockBackend) or pattern is None:
            nothing = Outbound(method=call.method, path="/", query="", headers=(), body=b"")
            return Mapped(**vars(call), outbound=nothing)
        return Mapped(**vars(call), outbound=outbound_request(call, backend, pattern))
