"""Which API a call goes to, before a release and after it.

Calls are tried, as the router would: one of each kind that a pattern takes, with its own names in
brackets where any value will do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apigateway.definition.check_variables import settle
from apigateway.lifecycle.breaking.finding import Effect, Finding, Severity, breaking, listed
from apigateway.model.api import Api
from apigateway.model.group import Environment, Group
from apigateway.protocol.matching import ANY_METHOD, PathPattern, RouteTable, parse_pattern
from apigateway.stages.routing import METHODS

Segments = tuple[str, ...]

Shape = tuple[str, tuple[str | None, ...], bool]
"""A group and a pattern without its names: two patterns of one shape take the same calls."""


@dataclass(frozen=True, slots=True)
class Route:
    """How an API is called: `path` is its pattern with the group's base path, as written."""

    api: Api
    path: str
    pattern: PathPattern
    shape: Shape

    @property
    def methods(self) -> frozenset[str]:
        method = self.api.request.method
        return METHODS if method == ANY_METHOD else frozenset({method})

    def __str__(self) -> str:
        return f"{self.api.request.method} {self.path}"


def route_of(api: Api, groups: Mapping[str, Group]) -> Route:
    path = (groups[api.group].base_path + api.request.path).rstrip("/") or "/"
    pattern = parse_pattern(path)
    parts = tuple(None if isinstance(part, tuple) else part for part in pattern.segments)
    return Route(api, path, pattern, (api.group, parts, pattern.open_ended))


@dataclass(frozen=True, slots=True)
class Tables:
    """The routes of an environment, by group name. `deepest` is the most segments of a pattern:
    beyond it, what a longer call meets is what one segment more meets."""

    by_group: Mapping[str, RouteTable[Api]]
    deepest: int

    def destination(self, group: str, method: str, call: Segments) -> Api | None:
        table = self.by_group.get(group)
        match = None if table is None else table.match(method, call)
        return None if match is None else match.endpoint


def tables_of(routes: Iterable[Route]) -> Tables:
    tables: dict[str, RouteTable[Api]] = {}
    deepest = 0
    for route in routes:
        table = tables.setdefault(route.api.group, RouteTable())
        table.add(route.api.request.method, route.pattern, route.api)
        deepest = max(deepest, len(route.pattern.segments))
    return Tables(tables, deepest)


def _common_calls(one: PathPattern, other: PathPattern, deepest: int) -> Iterator[Segments]:
    """Of the calls that both patterns take, one of each length: any value where one will do."""
    least = max(len(one.segments) + one.open_ended, len(other.segments) + other.open_ended)
    closed = [len(pattern.segments) for pattern in (one, other) if not pattern.open_ended]
    if closed and min(closed) < least:
        return
    found: list[str] = []
    for index in range(least):
        parts = [pattern.segments[index : index + 1] for pattern in (one, other)]
        literals = {part[0] for part in parts if part and isinstance(part[0], str)}
        if len(literals) > 1:
            return
        named = [f"[{part[0][0]}]" for part in parts if part and isinstance(part[0], tuple)]
        found.append(next(iter(literals), None) or (named[0] if named else "*"))
    longest = least if closed else max(least, deepest + 1)
    for length in range(least, longest + 1):
        yield (*found, *["*"] * (length - least))


def effects_of_route(
    before: Api, after: Api, groups: Mapping[str, Group], was: Tables, will_be: Tables
) -> Iterator[Effect]:
    """Calls that the API took before and does not take any more."""
    old, new = route_of(before, groups), route_of(after, groups)
    if before.group != after.group:
        what = f"moves to {after.group}: calls at the domains of {before.group} answer 404"
        yield breaking(("group",), what)
        return
    gone: dict[str, set[str]] = {}
    deepest = max(was.deepest, will_be.deepest)
    for method in old.methods:
        for call in _common_calls(old.pattern, old.pattern, deepest):
            if was.destination(before.group, method, call) is not before:
                continue
            found = will_be.destination(before.group, method, call)
            if found is not after:
                fate = "answers 404" if found is None else f"goes to {found.group}/{found.name}"
                gone.setdefault(fate, set()).add(method)
    field = "method" if old.shape == new.shape else "path"
    for fate, methods in sorted(gone.items()):
        what = f"{_methods(methods)} {old.path} {fate}; it is {new} now"
        yield breaking(("request", field), what)


def _methods(methods: Iterable[str]) -> str:
    names = sorted(methods)
    return ANY_METHOD if len(names) == len(METHODS) else ", ".join(names)


@dataclass(frozen=True, slots=True)
class Taken:
    """Calls of `loser` that go to `winner` after a release: of these methods, on this path."""

    loser: Api
    winner: Api
    methods: str
    path: str


def taken_calls(before: Sequence[Route], after: Sequence[Route]) -> Iterator[Taken]:
    """Calls that go from one API to another because one of the two has a path that it had not."""
    was = {route.api.id: route for route in before}
    is_now = {route.api.id: route for route in after}
    others = {one for one in was | is_now if _is_another(was.get(one), is_now.get(one))}
    if not others:
        return
    old, new = tables_of(before), tables_of(after)
    losers: dict[str, list[Route]] = {}
    for route in before:
        losers.setdefault(route.api.group, []).append(route)
    for winner in after:
        came = winner.api.id in others
        for loser in losers.get(winner.api.group, ()):
            if (came or loser.api.id in others) and loser.api.id != winner.api.id:
                yield from _taken(loser, winner, old, new)


def _is_another(before: Route | None, after: Route | None) -> bool:
    if before is None or after is None:
        return True
    return before.shape != after.shape or before.api.request.method != after.api.request.method


def _taken(loser: Route, winner: Route, old: Tables, new: Tables) -> Iterator[Taken]:
    group, methods = loser.api.group, winner.methods & loser.methods
    deepest = max(old.deepest, new.deepest)
    for call in _common_calls(winner.pattern, loser.pattern, deepest) if methods else ():
        lost = [
            method
            for method in methods
            if old.destination(group, method, call) is loser.api
            and new.destination(group, method, call) is winner.api
        ]
        if lost:
            path = "/" + "/".join(call)
            while path.endswith("/*/*"):
                path = path.removesuffix("/*")
            yield Taken(loser.api, winner.api, _methods(lost), path)
            return


def left_by_any(routes: Sequence[Route], changed: frozenset[str]) -> Iterator[Finding]:
    """Of an API for ANY that comes or changes: methods that another one has on the same path."""
    by_shape: dict[object, list[Route]] = {}
    for route in routes:
        by_shape.setdefault(route.shape, []).append(route)
    for there in by_shape.values():
        for route in there:
            if route.api.request.method != ANY_METHOD or route.api.id not in changed:
                continue
            others = [
                f"{other.api.request.method} to {other.api.group}/{other.api.name}"
                for other in there
                if other.api.request.method != ANY_METHOD
            ]
            if others:
                yield Finding(
                    severity=Severity.NOTICE,
                    subject=f"{route.api.group}/{route.api.name}",
                    field="request.method",
                    what=f"{route} leaves {listed(others)}",
                )


def obstacles(
    routes: Iterable[Route],
    chosen: frozenset[str],
    groups: Mapping[str, Group],
    environment: Environment,
) -> Iterator[Finding]:
    """What stands against serving all of these in an environment, as far as it is because of
    the `chosen` (ids): another API that takes the same calls, and stage variables that have no
    value there or a wrong one."""
    first: dict[object, Route] = {}
    for route in routes:
        other = first.setdefault((route.shape, route.api.request.method), route)
        if other is not route and not chosen.isdisjoint({route.api.id, other.api.id}):
            ours, theirs = (route, other) if route.api.id in chosen else (other, route)
            name = f"{theirs.api.group}/{theirs.api.name}"
            what = f"{ours} is that of {name}, as it is served in {environment}"
            if theirs.api.id in chosen:
                what = f"{ours} is that of {name} too"
            what += "; release another path of one of them"
            yield _obstacle(ours.api, what, "request.path")
        api = route.api
        if api.variables and api.id in chosen:
            _, why = settle(api, groups[api.group], environment)
            if why:
                yield _obstacle(api, why, "backend")


def _obstacle(api: Api, what: str, field: str) -> Finding:
    return Finding(
        severity=Severity.OBSTACLE, subject=f"{api.group}/{api.name}", field=field, what=what
    )
