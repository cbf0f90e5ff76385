"""What the first two stages decided: where a call leads, and whether it may come in.

Of a stage that let a call pass, one function says what is the same for all calls that are alike
(see `passed`), with None for what is a call's own; one named `..._own` puts that in. (A dict that
has all its names is copied and filled twice as fast as one that grows.)
"""

from collections.abc import Iterator
from typing import Any

from apigateway.cors import ORIGIN, asked_method, cors_of
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Received, Routed
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.protocol.client_address import (
    FORWARDED_PROTO,
    client_address,
    client_scheme,
    is_any,
)
from apigateway.protocol.client_address import normal_address as address_of
from apigateway.protocol.matching import split_path
from apigateway.signatures.caller import STAGE
from apigateway.stages.routing import METHODS, environment_of
from apigateway.trail.declared import Declared, declared_of, masked_path
from apigateway.trail.masking import LONGEST_URL, MARK, first_texts, shown

Decided = dict[str, Any]


# --- Routing


def routing(call: Routed, declared: Declared) -> Decided:
    bound = call.bound
    found: Decided = {
        "host": call.host,
        "domain": str(bound.domain.kind),
        "group": declared.group,
        "environment": declared.environment,
        "environment_from": environment_from(call, bound),
        "method": call.method,
        "path": None,
        "api": declared.name,
        "pattern": declared.pattern,
        "version": declared.version,
    }
    if call.path_values:
        found["path_values"] = None
    if call.path_rest:
        found["path_rest"] = None
    return found


def routing_own(found: Decided, call: Routed, declared: Declared) -> None:
    path = call.path
    if declared.hidden_segments:
        path = masked_path(path, declared.hidden_segments)
    found["path"] = shown(path, LONGEST_URL)
    if call.path_values:
        found["path_values"] = {
            name: MARK if name in declared.hidden else shown(value)
            for name, value in call.path_values.items()
        }
    if call.path_rest:
        found["path_rest"] = first_texts(call.path_rest)


def environment_from(call: Received, bound: BoundDomain) -> str:
    """What chose the environment: the domain's own binding, the header, or nothing."""
    if bound.domain.environment is not None:
        return "domain"
    return "default" if call.headers.first(STAGE) is None else STAGE


def routing_refused(call: Received, refusal: Refusal) -> Decided:
    found: Decided = {
        "host": shown(call.host),
        "method": shown(call.method),
        "path": shown(call.path, LONGEST_URL),
    }
    bound = call.catalog.domains.get(call.host)
    if bound is None:
        return found
    found |= {"domain": str(bound.domain.kind), "group": bound.group.name}
    fault = refusal.fault
    if fault is Fault.MISDIRECTED:
        found["handshake_for"] = shown(call.sni)
    elif fault is Fault.INVALID_STAGE:
        found["asked_for"] = shown(call.headers.first(STAGE) or "")
    elif fault is Fault.CORS_NOT_FOUND:
        found |= _preflight(call)
    elif fault is Fault.API_NOT_FOUND:
        environment = environment_of(bound, call.headers.first(STAGE))
        found["environment"] = str(environment)
        found["environment_from"] = environment_from(call, bound)
        found |= _near_misses(call, bound, environment)
    return found


def _near_misses(call: Received, bound: BoundDomain, environment: Environment) -> Decided:
    """What there is instead: other methods at this path, other environments with this API."""
    segments = split_path(call.path)
    table = call.catalog.routes.get((bound.group.id, environment))
    elsewhere = released_elsewhere(call.catalog, bound, environment, call.method, segments)
    return {
        "other_methods": sorted(
            method
            for method in METHODS
            if table is not None and table.match(method, segments) is not None
        ),
        "other_environments": [str(other) for other, _ in elsewhere],
    }


def released_elsewhere(
    catalog: Catalog,
    bound: BoundDomain,
    environment: Environment,
    method: str,
    segments: tuple[str, ...],
) -> Iterator[tuple[Environment, ServedApi]]:
    """What a method and a path lead to in the other environments of a group."""
    for other in Environment:
        table = catalog.routes.get((bound.group.id, other))
        if other is not environment and table is not None:
            match = table.match(method, segments)
            if match is not None:
                yield other, match.endpoint


def routing_answered(call: Received) -> Decided:
    """A preflight, which is the one call that this stage answers itself."""
    found: Decided = {"host": call.host, "method": call.method}
    found["path"] = shown(call.path, LONGEST_URL)
    bound = call.catalog.domains.get(call.host)
    if bound is not None:
        found |= {"domain": str(bound.domain.kind), "group": bound.group.name}
    return found | _preflight(call)


def _preflight(call: Received) -> Decided:
    cors = cors_of(call)
    return {
        "preflight_for": shown(asked_method(call) or ""),
        "origin": shown(call.headers.first(ORIGIN) or ""),
        "allowed_methods": [] if cors is None else first_texts(cors.methods),
        "allowed_origins": [] if cors is None else first_texts(cors.origins),
    }


# --- Access


def access(call: Routed, declared: Declared) -> Decided:
    control = call.served.ip_control
    return {
        "protocol": call.scheme,
        "client_ip": None,
        "client_ip_from": "connection",
        "ip_control": None if control is None else control.name,
        "url_bytes": None,
        "head_bytes": None,
        "body_bytes": None,
    }


def access_own(found: Decided, call: Admitted, declared: Declared) -> None:
    _add_caller(found, call, call.client_ip)


def access_refused(call: Routed, refusal: Refusal) -> Decided:
    settings = call.catalog.settings
    trusted, limits = settings.trusted_proxies, settings.limits
    client_ip = client_address(call.peer, call.headers, trusted)
    found = access(call, declared_of(call.served))
    found["protocol"] = client_scheme(call.peer, call.scheme, call.headers, trusted)
    _add_caller(found, call, client_ip)
    fault = refusal.fault
    if fault is Fault.PROTOCOL_UNSUPPORTED:
        found["protocols"] = sorted(call.served.api.request.protocols)
    elif fault is Fault.IP_DENIED:
        blacklisted = is_any(address_of(client_ip), settings.blacklist)
        found["denied_by"] = "blacklist" if blacklisted else found["ip_control"]
    elif fault is Fault.INVALID_HEADER:
        found["header"], found["rule"] = refusal.parts["name"], refusal.parts["reason"]
    if fault is Fault.URL_TOO_LARGE or found.get("header") == "*":
        found["allowed_bytes"] = limits.head_bytes
    elif fault is Fault.BODY_TOO_LARGE:
        found["allowed_bytes"] = limits.body_bytes
    return found


def _add_caller(found: Decided, call: Routed, client_ip: str) -> None:
    found["client_ip"] = client_ip
    found["url_bytes"] = _bytes(call.path) + _bytes(call.query)
    found["head_bytes"] = _head_bytes(call.headers.fields)
    found["body_bytes"] = len(call.body)
    trusted = call.catalog.settings.trusted_proxies
    if trusted and is_any(peer := address_of(call.peer), trusted):
        found["proxy"] = call.peer
        if client_ip != str(peer):
            found["client_ip_from"] = "X-Forwarded-For"
        if FORWARDED_PROTO in call.headers:
            found["protocol_from"] = FORWARDED_PROTO


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _head_bytes(fields: tuple[tuple[str, str], ...]) -> int:
    """As the stage counts them: two bytes between name and value, two at the end of a line."""
    return _bytes("".join([name + value for name, value in fields])) + 4 * len(fields)
