"""The names that belong to the gateway in a backend's request.

What a backend gets under one of them is what the definition put there: a caller's own copy is
dropped, also when the gateway has nothing to send under it (a claim that the token lacks, an
optional parameter that was left out), since the backend would take it for checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.model.api import Api, BackendParameter, Constant, Location, Mode

OwnNames = Mapping[Location, frozenset[str]]

Finder = Callable[[Any], Any]
"""The value that a validated call sends: text, a part of a multipart body, or None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendValues:
    """The backend's name of each value that the definition sends, with its finder, by place."""

    path: tuple[tuple[str, Finder], ...]
    query: tuple[tuple[str, Finder], ...]
    header: tuple[tuple[str, Finder], ...]
    body: tuple[tuple[str, Finder], ...]


def folded(name: str) -> str:
    """A header name as a careless backend reads it: `X_App` and `x-app` are one."""
    return name.lower().replace("_", "-")


def own_names(api: Api) -> OwnNames:
    """For each place the names that callers cannot send past the definition; headers folded.

    In passthrough mode only path parameters are mapped, so what else is declared is not read.
    """
    names: dict[Location, set[str]] = {location: set() for location in Location}
    sent: tuple[BackendParameter | Constant, ...]
    sent = (*api.backend_parameters, *api.constants, *api.system_parameters, *api.claims)
    for item in sent:
        names[item.location].add(item.name)
    for parameter in api.request.parameters:
        if parameter.location is Location.PATH or api.request.mode is not Mode.PASSTHROUGH:
            names[parameter.location].add(parameter.name)
    names[Location.HEADER] = set(map(folded, names[Location.HEADER]))
    return {location: frozenset(found) for location, found in names.items()}
