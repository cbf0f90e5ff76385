"""The rules between the APIs of one group: their names, how many they are, their paths, and a
domain for those that serve HTTPS only."""

from apigateway.definition.paths import shape_of
from apigateway.definition.placed import Placed
from apigateway.model.api import Api

MAX_APIS = 200


def check_group(apis: list[Placed[Api]], *, has_certificate: bool) -> None:
    """Put what is wrong on the reports of the APIs. `has_certificate` says whether one of the
    group's domains has one."""
    _check_names(apis)
    _check_routes(apis)
    if not has_certificate:
        _check_https(apis)


def names_taken(apis: list[Placed[Api]]) -> list[tuple[Placed[Api], Placed[Api]]]:
    """Each API whose name an earlier one has, with that one."""
    first: dict[str, Placed[Api]] = {}
    pairs = [(item, first.setdefault(item.object.name, item)) for item in apis]
    return [(item, other) for item, other in pairs if item is not other]


def _check_names(apis: list[Placed[Api]]) -> None:
    for item, other in names_taken(apis):
        where = other.report.document.path
        what = f'the name "{item.object.name}" is already that of the API in {where}'
        item.report.error(what, "give one of them another", "name")
    for item in apis[MAX_APIS:]:
        what = f"a group has at most {MAX_APIS} APIs, and this one is beyond them"
        item.report.error(what, "put it into another group", "name")


def _check_routes(apis: list[Placed[Api]]) -> None:
    """One API for a method and path; ANY and a method may share a path, with a warning."""
    routes: dict[str, dict[str, Api]] = {}
    for item in apis:
        api, method = item.object, item.object.request.method
        there = routes.setdefault(shape_of(api.request.path), {})
        if (other := there.get(method)) is not None:
            what = f'{method} {api.request.path} is already taken by "{other.name}"'
            mend = "change the method or the path of one of them"
            item.report.error(what, mend, "request", "path")
        there.setdefault(method, api)
    for item in apis:
        api = item.object
        if api.request.method != "ANY":
            continue
        there = routes[shape_of(api.request.path)]
        exact = [f'{m} to "{other.name}"' for m, other in there.items() if m != "ANY"]
        if exact:
            what = f"ANY {api.request.path} leaves {', '.join(exact)}"
            item.report.warn(what, "name the methods, if that is not meant", "request", "method")


def _check_https(apis: list[Placed[Api]]) -> None:
    for item in apis:
        api = item.object
        if set(api.request.protocols) == {"https"}:
            what = f'nobody can call it: no domain of the group "{api.group}" has a certificate'
            mend = "bind one (apigateway cert dev DOMAIN makes a local one), or serve http too"
            item.report.warn(what, mend, "request", "protocols")
