"""A project's folders as one `Project`, or every problem they have.

definitions/gateway.yaml            settings
definitions/<group>/group.yaml      an API group, and beside it one API a file
definitions/apps/*.yaml             apps
policies/<kind>/*.yaml              throttling, signature-keys, vpc-access, ip-control, backend-tls
policies/grants.yaml, bindings.yaml
"""

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from apigateway.definition.backend_tls import read_backend_tls
from apigateway.definition.check import Loaded, Placed, check_project
from apigateway.definition.document import MAX_FILE_BYTES, Unreadable, read_document
from apigateway.definition.links import resolve_bindings, resolve_grants
from apigateway.definition.parse import checked_api, fits, parse_api
from apigateway.definition.parse_policies import (
    Home,
    read_app,
    read_bindings,
    read_grants,
    read_group,
    read_ip_control,
    read_settings,
    read_signature_key,
    read_throttling,
    read_vpc_access,
)
from apigateway.definition.places import GroupPlaces, Place, Places, find_files
from apigateway.definition.problems import DefinitionError, DocumentReport, Problem, Report
from apigateway.definition.project import Project
from apigateway.definition.shape import misfits
from apigateway.model.app import Grant
from apigateway.model.group import Group
from apigateway.model.policy import Binding
from apigateway.model.settings import GatewaySettings

__all__ = ["Project", "load_project", "parse_api"]

T = TypeVar("T")

_LEAVES = frozenset(
    {
        "default",
        "description",
        "enum",
        "example",
        "force_nonce",
        "max_length",
        "maximum",
        "min_length",
        "minimum",
        "required",
        "timeout_ms",
        "visibility",
    }
)
"""Keys of an API without which the rest of it still means the same."""


def load_project(
    definitions: Path,
    policies: Path,
    environ: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Project:
    """Read both folders; relative paths in them start from the parent of `definitions`.

    `environ` is what `env:NAME` is looked up in: the process's own when not given. Certificates
    must be valid at `now`: today when not given.

    Raises: DefinitionError with every problem of the run.
    """
    definitions, policies = (Path(os.path.abspath(path)) for path in (definitions, policies))
    environ = os.environ if environ is None else environ
    loading = _Loading(environ, definitions.parent, now or datetime.now(UTC))
    return loading.run(find_files(definitions, policies, loading.report))


class _Loading:
    """One run. What cannot be read is reported and left out; its name still counts as known."""

    def __init__(self, environ: Mapping[str, str], root: Path, now: datetime) -> None:
        self.report = Report()
        self._environ = environ
        self._root = root
        self._now = now
        self._loaded = Loaded()

    def run(self, places: Places) -> Project:
        """Raises: DefinitionError."""
        settings = self._settings(places.gateway)
        home = Home(
            account=settings.account if settings else "",
            region=settings.region if settings else "",
            environ=self._environ,
            now=self._now,
        )
        loaded = self._loaded
        for group in places.groups:
            self._group(group, home)
        loaded.apps = self._each("app", places.apps, home, read_app)
        of_kind = places.policies
        loaded.throttling = self._each("throttling", of_kind["throttling"], home, read_throttling)
        loaded.signature_keys = self._each(
            "signature-key", of_kind["signature-key"], home, read_signature_key
        )
        loaded.vpc_accesses = self._each("vpc-access", of_kind["vpc-access"], home, read_vpc_access)
        loaded.ip_controls = self._each("ip-control", of_kind["ip-control"], home, read_ip_control)
        loaded.backend_tls = self._each(
            "backend-tls", of_kind["backend-tls"], home, read_backend_tls
        )
        check_project(loaded)
        grants = self._grants(places.grants)
        bindings = self._bindings(places.bindings)
        if settings is None or self.report.errors:
            raise DefinitionError(self.report.in_order(self.report.errors))
        return Project(
            settings=settings,
            groups=_objects(loaded.groups),
            apis=_objects(loaded.apis),
            apps=_objects(loaded.apps),
            grants=grants,
            throttling_policies=_objects(loaded.throttling),
            signature_keys=_objects(loaded.signature_keys),
            vpc_accesses=_objects(loaded.vpc_accesses),
            ip_controls=_objects(loaded.ip_controls),
            backend_tls=_objects(loaded.backend_tls),
            bindings=bindings,
            warnings=self.report.in_order(self.report.warnings),
        )

    def _document(self, place: Place) -> DocumentReport | None:
        """The document at `place`; None when it gives no data, which is then reported."""
        try:
            if not place.path.is_file():
                raise OSError(0, "not a file")
            with place.path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            document, faults = read_document(place.shown, place.path, content)
        except OSError as error:
            what = f"the file cannot be read ({error.strerror})"
            self._error(Problem(place.shown, 1, 1, what, "check what it is and its permissions"))
            return None
        except Unreadable as unreadable:
            for fault in unreadable.faults:
                self._error(Problem(place.shown, fault.line, fault.column, fault.what, fault.mend))
            return None
        report = self.report.on(document)
        for fault in faults:
            report.failed = True
            self._error(Problem(place.shown, fault.line, fault.column, fault.what, fault.mend))
        return report

    def _error(self, problem: Problem) -> None:
        self.report.errors.append(problem)

    def _shaped(self, place: Place | None, kind: str, names: str = "") -> DocumentReport | None:
        """The document at `place`; its report has failed when it lacks the shape of its kind.

        A document's name is known either way, under `names`.
        """
        report = self._document(place) if place is not None else None
        if report is None:
            return None
        if name := _name_in(report):
            self._loaded.names.setdefault(names or kind, set()).add(name)
        fits(report, kind)
        return report

    def _settings(self, place: Place | None) -> GatewaySettings | None:
        report = self._shaped(place, "gateway")
        if report is None or report.failed:
            return None
        return read_settings(report, self._root, self._environ)

    def _each(
        self, kind: str, places: list[Place], home: Home, read: Callable[[DocumentReport, Home], T]
    ) -> list[Placed[T]]:
        placed = []
        for place in places:
            report = self._shaped(place, kind)
            if report is not None and not report.failed:
                placed.append(Placed(read(report, home), report))
        return placed

    def _group(self, places: GroupPlaces, home: Home) -> None:
        report = self._shaped(places.group, "group")
        if report is not None and not report.failed:
            group = read_group(report, home)
            self._loaded.groups.append(Placed(group, report))
        else:  # broken: its APIs are checked all the same
            name = _name_in(report) or places.folder.rpartition("/")[2]
            self._loaded.names.setdefault("group", set()).add(name)
            group = Group(id="", name=name, region=home.region, subdomain="")
        for place in places.apis:
            on_api = self._shaped(place, "api", f"api {group.name}")
            if on_api is None:
                continue
            if on_api.failed:
                self._look_further(on_api, group, home)
            else:
                api = checked_api(on_api, group, home.account)
                self._loaded.apis.append(Placed(api, on_api))

    def _look_further(self, report: DocumentReport, group: Group, home: Home) -> None:
        """Find what else is wrong in an API whose only misfits are values nothing depends on."""
        data = report.document.data
        wrong = misfits("api", data)
        if not all(misfit.keys and misfit.keys[-1] in _LEAVES for misfit in wrong):
            return
        pruned = copy.deepcopy(data)
        for misfit in wrong:
            part = pruned
            for key in misfit.keys[:-1]:
                part = part[key]
            part.pop(misfit.keys[-1], None)
        if not misfits("api", pruned):
            further = self.report.on(replace(report.document, data=pruned))
            checked_api(further, group, home.account)

    def _grants(self, place: Place | None) -> tuple[Grant, ...]:
        report = self._shaped(place, "grants")
        if report is None or report.failed:
            return ()
        return resolve_grants(read_grants(report.document.data), self._loaded, report)

    def _bindings(self, place: Place | None) -> tuple[Binding, ...]:
        report = self._shaped(place, "bindings")
        if report is None or report.failed:
            return ()
        return resolve_bindings(read_bindings(report.document.data), self._loaded, report)


def _name_in(report: DocumentReport | None) -> str:
    """The name a document gives itself, "" when it gives none."""
    data = report.document.data if report is not None else None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""


def _objects(placed: list[Placed[T]]) -> tuple[T, ...]:
    return tuple(item.object for item in placed)
