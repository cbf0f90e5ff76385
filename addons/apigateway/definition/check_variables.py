"""Stage variables against what they are for: set where an API needs them, fit where they stand.

What an environment's values make of a backend meets the rules of one that is written out, and a
value brings no parameter of its own into a path.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from apigateway.definition.check import check_vpc_backends
from apigateway.definition.check_backend import check_backend
from apigateway.definition.document import Document, Key
from apigateway.definition.paths import has_rest, names_in
from apigateway.definition.placed import Loaded, Placed
from apigateway.definition.problems import DocumentReport, Report
from apigateway.definition.shape import misfits
from apigateway.definition.variables import (
    missing,
    put_in,
    resolve,
    values_of,
    without_variables,
)
from apigateway.definition.variables import names_in as variables_in
from apigateway.definition.wording import did_you_mean, shown_value
from apigateway.model.api import Api, MockBackend
from apigateway.model.group import Environment, Group
from apigateway.model.settings import AutoRelease, GatewaySettings

_TEXTS = frozenset({"address", "access", "path"})
"""Keys of a backend whose text may hold variables, beside the values of its constants."""

_NEVER_TOO_LONG = 300
"""What the schema permits in each of these places: nothing but the length is for it to judge."""


def settle(api: Api, group: Group, environment: Environment) -> tuple[Api, str]:
    """`api` as it is served in an environment, and why its calls are refused, "" when they are not.

    A released definition may use variables that drafts no longer do, so its values are looked at
    here too. Where calls are refused the backend stands for none.
    """
    found = Report()
    if lacking := missing(api, group, environment):
        where = f"environments.{environment}.variables of group.yaml"
        why = f"{', '.join(_not_set(name, environment) for name in lacking)} in {where}"
    else:
        resolved = resolve(api, group, environment)
        _check_values(
            api, resolved, _in_place(found, Document(api.name, api.document), group, environment)
        )
        why = "; ".join(problem.what for problem in found.errors)
        if not why:
            return resolved, ""
    backend = api.backend
    if not isinstance(backend, MockBackend):
        backend = replace(backend, path=without_variables(backend.path))
    return replace(api, backend=backend), why


def check_variables(loaded: Loaded, settings: GatewaySettings | None, report: Report) -> None:
    """Put what is wrong with the variables of all groups on `report`. The settings say where drafts
    are released by themselves; None when they could not be read."""
    released_to: Collection[Environment] = ()
    if settings is not None and settings.auto_release is not AutoRelease.NEVER:
        released_to = settings.auto_release_to
    groups = {item.object.name: item.object for item in loaded.groups}
    used: dict[str, frozenset[str]] = {}
    for one in loaded.of_groups:
        group = groups.get(one.name)
        if group is not None and one.variables:
            used[one.name] = one.variables
            look = partial(_check_all_set, one.apis, group, released_to)
            one.find_once("variables that are not set", released_to, report, look)
    check_vpc_backends(loaded, chain.from_iterable(one.in_environments for one in loaded.of_groups))
    for declared in loaded.groups:
        _check_used(declared, used.get(declared.object.name, ()))


def _check_all_set(
    apis: Iterable[Placed[Api]], group: Group, released_to: Collection[Environment]
) -> None:
    for item in apis:
        _check_set(item, group, released_to)


def _check_used(declared: Placed[Group], used: Collection[str]) -> None:
    """A warning for each variable that no draft of the group uses, where it is set first."""
    told = set(used)
    for environment, values in declared.object.variables.items():
        for name in values:
            if name not in told:
                told.add(name)
                what = f"no API of the group uses the variable #{name}#"
                mend = "remove it, unless a release still needs it"
                keys = ("environments", environment.value, "variables", name)
                declared.report.warn(what, mend, *keys, at_key=True)


def _not_set(name: str, environment: Environment) -> str:
    return f"the variable #{name}# is not set for {environment}"


def _check_set(item: Placed[Api], group: Group, released_to: Collection[Environment]) -> None:
    """An error where no environment sets a variable; a warning for each that has variables, or
    that the API is released to by itself, and lacks it."""
    known = sorted(set(chain.from_iterable(group.variables.values())))
    for name in item.object.variables:
        keys = _place_of(name, item.report.document)
        if name not in known:
            mend = f"set environments.{Environment.RELEASE}.variables.{name} in group.yaml"
            what = f"the variable #{name}# is set for no environment"
            item.report.error(what, did_you_mean(name, known, mend), *keys)
            continue
        for environment in Environment:
            if environment not in group.variables and environment not in released_to:
                continue
            if name not in values_of(group, environment):
                what = f"{_not_set(name, environment)}: its calls are refused there"
                mend = f"set environments.{environment}.variables.{name} in group.yaml"
                item.report.warn(what, mend, *keys)


def _place_of(name: str, document: Document) -> tuple[Key, ...]:
    """Where a variable stands first."""
    return next(keys for keys, text in _texts(document) if name in variables_in(text))


def _texts(document: Document) -> Iterator[tuple[tuple[Key, ...], str]]:
    """Everything in an API's document that may hold variables, and where it stands."""
    backend = document.data["backend"]
    for key in backend:
        if key in _TEXTS:
            yield ("backend", key), backend[key]
    for index, constant in enumerate(backend.get("constants", ())):
        yield ("backend", "constants", index, "value"), constant["value"]


def in_environments(item: Placed[Api], group: Group) -> tuple[Placed[Api], ...]:
    """The API as every environment has it that sets all its variables."""
    return tuple(
        Placed(
            resolve(item.object, group, environment),
            _in_place(item.report.report, item.report.document, group, environment),
        )
        for environment in (Environment if item.object.variables else ())
        if not missing(item.object, group, environment)
    )


def check_in_environments(item: Placed[Api], resolved: Iterable[Placed[Api]]) -> None:
    """Put what is wrong with the API in each environment on its report there.

    Not where the definition itself has faults: they would be told once more each time.
    """
    if not item.report.failed:
        for one in resolved:
            assert isinstance(one.report, _InPlace)
            _check_values(item.object, one.object, one.report)


def _in_place(
    report: Report, document: Document, group: Group, environment: Environment
) -> "_InPlace":
    values = values_of(group, environment)
    return _InPlace(report, document, environment=environment, values=values)


def _check_values(written: Api, resolved: Api, report: "_InPlace") -> None:
    filled_in = Document("", _filled_in(report.document.data, report.values))
    if any(len(text) > _NEVER_TOO_LONG for _, text in _texts(filled_in)):
        for misfit in misfits("api", filled_in.data):
            report.error(misfit.what, misfit.mend, *misfit.keys, at_key=misfit.at_key)
    check_backend(resolved, report)
    before, after = written.backend, resolved.backend
    if isinstance(before, MockBackend) or isinstance(after, MockBackend):
        return
    if (names_in(before.path), has_rest(before.path)) != (
        names_in(after.path),
        has_rest(after.path),
    ):
        what = f'the path "{after.path}" gets a parameter or "*" from a variable'
        report.error(what, "write these in the path itself", "backend", "path")


def _filled_in(data: Mapping[str, Any], values: Mapping[str, str]) -> Mapping[str, Any]:
    """An API's document with the values of its variables."""
    backend = dict(data["backend"])
    for key in _TEXTS & backend.keys():
        backend[key] = put_in(backend[key], values)
    backend["constants"] = [
        {**constant, "value": put_in(constant["value"], values)}
        for constant in backend.get("constants", ())
    ]
    return {**data, "backend": backend}


@dataclass(slots=True, kw_only=True)
class _InPlace(DocumentReport):
    """The report of a document with the values of an environment put in. It says which values;
    warnings are about these only, since what the definition itself is warned of is told already."""

    environment: Environment
    values: Mapping[str, str]

    def error(self, what: str, mend: str, *keys: Key, at_key: bool = False) -> None:
        DocumentReport.error(self, self._with_values(what, keys), mend, *keys, at_key=at_key)

    def warn(self, what: str, mend: str, *keys: Key, at_key: bool = False) -> None:
        if self._names_at(keys):
            DocumentReport.warn(self, self._with_values(what, keys), mend, *keys, at_key=at_key)

    def _with_values(self, what: str, keys: tuple[Key, ...]) -> str:
        shown = [f"#{name}# is {shown_value(self.values[name])}" for name in self._names_at(keys)]
        where = f", where {' and '.join(shown)}" if shown else ""
        return f"{what} (in {self.environment}{where})"

    def _names_at(self, keys: tuple[Key, ...]) -> tuple[str, ...]:
        if keys == ("backend", "tls"):  # of no use at an address that is plain HTTP
            keys = ("backend", "address")
        text = next((text for place, text in _texts(self.document) if place == keys), "")
        return tuple(dict.fromkeys(variables_in(text)))
