"""What is another between two projects, for the log and the audit log."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from apigateway.definition.project import Project

T = TypeVar("T")

_MOST_NAMES = 5

_KINDS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "draft": ("apis", lambda api: f"{api.group}/{api.name}"),
    "group": ("groups", lambda group: group.name),
    "app": ("apps", lambda app: app.name),
    "grant": ("grants", lambda one: f"{one.app} to {one.group}/{one.api} in {one.environment}"),
    "throttling policy": ("throttling_policies", lambda policy: policy.name),
    "signature key": ("signature_keys", lambda key: key.name),
    "VPC access": ("vpc_accesses", lambda access: access.name),
    "IP control": ("ip_controls", lambda control: control.name),
    "backend TLS profile": ("backend_tls", lambda profile: profile.name),
    "binding": (
        "bindings",
        lambda one: f"{one.policy} to {one.group}/{one.api} in {one.environment}",
    ),
}
"""By what people call it: the field of a project and the name of one of them."""


def differences(before: Project, after: Project) -> dict[str, dict[str, list[str]]]:
    """By kind: the names of what was `added`, `changed` and `removed`; kinds without any are left
    out. No values, so no secrets."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind, (field, name) in _KINDS.items():
        old, new = getattr(before, field), getattr(after, field)
        if old is new:
            continue
        if changes := _changes(old, new, name):
            found[kind] = changes
    if before.settings != after.settings:
        found["settings"] = {"changed": ["gateway.yaml"]}
    return found


def _changes(
    before: Iterable[T], after: Iterable[T], name: Callable[[T], str]
) -> dict[str, list[str]]:
    old = {name(item): item for item in before}
    new = {name(item): item for item in after}
    found = {
        "added": [one for one in new if one not in old],
        "changed": [one for one in new if one in old and not _same(old[one], new[one])],
        "removed": [one for one in old if one not in new],
    }
    return {how: names for how, names in found.items() if names}


def _same(before: object, after: object) -> bool:
    if before is after:
        return True
    return before == after and getattr(before, "document", None) == getattr(after, "document", None)


def in_words(found: Mapping[str, Mapping[str, list[str]]]) -> str:
    """One line: `draft changed: weather/GetForecast; grants added: 12`."""
    parts = []
    for kind, changes in found.items():
        for how, names in changes.items():
            if len(names) > _MOST_NAMES:
                parts.append(f"{kind}s {how}: {len(names)}")
            else:
                plural = "" if len(names) == 1 or kind == "settings" else "s"
                parts.append(f"{kind}{plural} {how}: {', '.join(names)}")
    return "; ".join(parts)
