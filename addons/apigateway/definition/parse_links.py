"""`grants.yaml` and `bindings.yaml`: which app may call what, and which policy acts on what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apigateway.definition.document import Key
from apigateway.model.group import Environment
from apigateway.model.policy import PolicyKind


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of grants.yaml or bindings.yaml, before its names are looked up.

    `subject` is an app or a policy; `kind` is None for a grant; `apis` None means all.
    `keys` lead to the entry in its document.
    """

    kind: PolicyKind | None
    subject: str
    group: str
    apis: tuple[str, ...] | None
    environments: tuple[Environment, ...]
    keys: tuple[Key, ...]


def read_grants(data: list[dict[str, Any]]) -> Iterator[Link]:
    for index, item in enumerate(data):
        yield _link(None, item["app"], item, (index,))


_BINDING_KEYS = {
    "throttling": PolicyKind.THROTTLING,
    "signature_keys": PolicyKind.SIGNATURE_KEY,
    "ip_control": PolicyKind.IP_CONTROL,
}


def read_bindings(data: dict[str, list[dict[str, Any]]]) -> Iterator[Link]:
    for key, kind in _BINDING_KEYS.items():
        for index, item in enumerate(data.get(key, ())):
            yield _link(kind, item["policy"], item, (key, index))


def _link(
    kind: PolicyKind | None, subject: str, item: dict[str, Any], keys: tuple[Key, ...]
) -> Link:
    apis = item["apis"]
    return Link(
        kind=kind,
        subject=subject,
        group=item["group"],
        apis=None if apis == "*" else tuple(apis),
        environments=tuple(map(Environment, item.get("environments", Environment))),
        keys=keys,
    )
