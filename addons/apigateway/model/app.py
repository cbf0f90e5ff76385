"""Callers: apps and what they may call (guide, "Test, production, and authorization")."""

from dataclasses import dataclass

from apigateway.model.group import Environment


class Secret:
    """A secret value that prints as `***` wherever it ends up. `reveal()` is the only way in."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app. `owner` is the Alibaba Cloud account it belongs to: the "user" of user limits."""

    id: str
    name: str
    owner: str
    key: str
    secret: Secret
    code: Secret | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """App `app` may call API `api` of group `group` in `environment` (all by name)."""

    app: str
    group: str
    api: str
    environment: Environment
