"""Which version of an API is served: switch, roll back, abolish.

Guide, "Release history and version switching": a version that is switched to overwrites the one
before and takes effect in real time. Each function says what is to be done; a store does it, all
or nothing (`Releases.apply`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apigateway.model.api import Api
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Release, Switch

Served = Mapping[tuple[str, Environment], Release]


class NothingToDo(Exception):
    """There is no version to go to; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An API by its id and its names, declared or only released."""

    api_id: str
    group: str
    api: str

    def __str__(self) -> str:
        return f"{self.group}/{self.api}"


def named(apis: Iterable[Api], served: Iterable[Release]) -> list[Named]:
    """Every API that is declared or served, each once, by group and name."""
    found = {api.id: Named(api_id=api.id, group=api.group, api=api.name) for api in apis}
    for release in served:
        found.setdefault(
            release.api_id, Named(api_id=release.api_id, group=release.group, api=release.api)
        )
    return sorted(found.values(), key=lambda one: (one.group, one.api))


def served_now(current: Iterable[Release]) -> Served:
    return {(release.api_id, release.environment): release for release in current}


def abolishing(api: Named, environment: Environment, served: Served) -> Abolish | None:
    """The change that serves the API no more; None when it is not served."""
    release = served.get((api.api_id, environment))
    if release is None:
        return None
    return Abolish(
        api_id=api.api_id,
        group=api.group,
        api=api.api,
        environment=environment,
        served=release.version,
    )


def switching(api: Named, environment: Environment, version: str, served: Served) -> Switch | None:
    """The change that serves `version`; None when it is served."""
    release = served.get((api.api_id, environment))
    if release is not None and release.version == version:
        return None
    return Switch(
        api_id=api.api_id,
        group=api.group,
        api=api.api,
        environment=environment,
        version=version,
        served="" if release is None else release.version,
    )


def version_before(
    api: Named,
    environment: Environment,
    served: Served,
    log: Sequence[AuditEntry],
    history: Sequence[Release],
) -> str:
    """The version that was served before what is served now, or before it was abolished.

    `log` is the audit log of the API, newest first; where it does not reach so far back, it is the
    last version of `history` (newest first) before the one that is served.

    Raises:
        NothingToDo: there was none.
    """
    release = served.get((api.api_id, environment))
    for entry in log:
        if entry.environment != environment or entry.action not in ("release", "switch", "abolish"):
            continue
        before = _version_in(entry.before)
        if before and (release is None or before != release.version):
            return before
        break
    older = [one.version for one in history if release is None or one.version < release.version]
    if not older:
        what = (
            "was never released" if not history else "has no version before the one that is served"
        )
        raise NothingToDo(f"{api} {what} in {environment}")
    return older[0]


def _version_in(value: object) -> str:
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else ""
