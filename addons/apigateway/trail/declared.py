"""What a trail says of an API in every call of it: made once, not once a call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apigateway.model.api import Api, BackendParameter, Location, Mode, Parameter
from apigateway.model.catalog import ServedApi
from apigateway.model.openid import TokenRules
from apigateway.protocol.matching import PathPattern, parse_pattern
from apigateway.trail.masking import is_secret, mask

_MOST = 2_000

Names = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredParameter:
    """`said` is what trails say of it beside its value."""

    name: str
    location: str
    type: str
    default: str | None
    hidden: bool
    said: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """`moves` are (source, what is said of it), in the order in which they are sent. What is said
    stands in the trails as it stands here: nobody changes a trail.

    Names are hidden where a name tells of a secret on either side of a mapping, and that of the
    token's parameter: `hidden` as callers know them, the others as the backend does; those of
    headers in lower case. `hidden_segments` and `hidden_backend_segments` count from 0. `open`
    are headers that only sound like a secret's: those that hold system parameters.
    """

    name: str
    group: str
    environment: str
    version: str
    pattern: str
    mode: str
    asks_for: str
    policy: str | None
    parameters: tuple[DeclaredParameter, ...]
    moves: tuple[tuple[str, dict[str, Any]], ...]
    claims: tuple[tuple[str, dict[str, Any]], ...]
    constants: list[dict[str, Any]]
    system: list[dict[str, Any]]
    hidden: Names
    hidden_headers: Names
    hidden_fields: Names
    hidden_segments: frozenset[int]
    hidden_backend_segments: frozenset[int]
    open: Names


_made: dict[int, tuple[ServedApi, Declared]] = {}


def declared_of(served: ServedApi) -> Declared:
    """By identity: an API is not hashable, and one that is kept here keeps its identity."""
    made = _made.get(id(served))
    if made is None:
        if len(_made) >= _MOST:
            _made.clear()
        made = _made[id(served)] = (served, _declared(served))
    return made[1]


def _declared(served: ServedApi) -> Declared:
    api = served.api
    hidden = frozenset(_hidden_sources(api))
    own = [item for item in (*api.backend_parameters, *api.claims) if _is_hidden(item, hidden)]
    at_backend = {item.name for item in own} | hidden
    path = served.group.base_path + api.request.path
    return Declared(
        name=api.name,
        group=served.group.name,
        environment=str(served.environment),
        version=served.version,
        pattern=f"{api.request.method} {path}",
        mode=str(api.request.mode),
        asks_for=str(api.auth.type),
        policy=None if served.throttling is None else served.throttling.name,
        parameters=tuple(
            _parameter(parameter, is_hidden=parameter.name in hidden)
            for parameter in api.request.parameters
        ),
        moves=tuple(_moves(api)),
        claims=tuple((claim.source, _moved(claim)) for claim in api.claims),
        constants=[
            {"name": constant.name, "in": str(constant.location)} for constant in api.constants
        ],
        system=[_moved(system) for system in api.system_parameters],
        hidden=hidden,
        hidden_headers=frozenset(name.lower() for name in at_backend),
        hidden_fields=frozenset(at_backend),
        hidden_segments=_segments(parse_pattern(path), hidden),
        hidden_backend_segments=(
            _segments(served.backend_path, at_backend) if served.backend_path else frozenset()
        ),
        open=frozenset(
            system.name.lower()
            for system in api.system_parameters
            if system.location is Location.HEADER
        ),
    )


def _parameter(parameter: Parameter, *, is_hidden: bool) -> DeclaredParameter:
    name, location, kind = parameter.name, str(parameter.location), str(parameter.type)
    return DeclaredParameter(
        name=name,
        location=location,
        type=kind,
        default=parameter.default,
        hidden=is_hidden,
        said={"name": name, "in": location, "type": kind, "value": None},
    )


def _hidden_sources(api: Api) -> Iterable[str]:
    """Names of the caller's parameters that hold secrets."""
    if isinstance(api.auth.openid, TokenRules):
        yield api.auth.openid.parameter
    yield from (item.name for item in api.request.parameters if is_secret(item.name))
    yield from (item.source for item in api.backend_parameters if is_secret(item.name))


def _is_hidden(item: BackendParameter, hidden: Names) -> bool:
    return item.source in hidden or is_secret(item.source)


def _moves(api: Api) -> Iterable[tuple[str, dict[str, Any]]]:
    """As the stage Mapping sends them: those that the definition maps, then the other declared
    ones, of which only those of the path are sent in passthrough mode."""
    locations = {item.name: str(item.location) for item in api.request.parameters}
    mapped = set()
    for item in api.backend_parameters:
        mapped.add(item.source)
        yield item.source, {**_moved(item), "from_in": locations.get(item.source, "")}
    for declared in api.request.parameters:
        name, place = declared.name, str(declared.location)
        passes = api.request.mode is Mode.PASSTHROUGH and declared.location is not Location.PATH
        if name not in mapped and not passes:
            yield name, {"from": name, "to": name, "in": place, "from_in": place}


def _moved(item: BackendParameter) -> dict[str, Any]:
    return {"from": item.source, "to": item.name, "in": str(item.location)}


def _segments(pattern: PathPattern, hidden: Iterable[str]) -> frozenset[int]:
    names = frozenset(hidden)
    return frozenset(
        at
        for at, part in enumerate(pattern.segments)
        if isinstance(part, tuple) and (part[0] in names or is_secret(part[0]))
    )


def masked_path(path: str, segments: frozenset[int]) -> str:
    """A path as on the wire, without the segments that hold secrets."""
    if not segments:
        return path
    first, *parts = path.split("/")
    return "/".join([first, *(mask(p) if at in segments else p for at, p in enumerate(parts))])
