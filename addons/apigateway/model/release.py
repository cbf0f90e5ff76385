"""A release: one version of one API in one environment (guide, "API release management").

What is done with releases comes as a list of changes, which a store makes all or none of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.model.api import Api
from apigateway.model.group import Environment

DRAFT = "draft"
"""What stands for the version of an API that is judged as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`document` is the definition as it was when released, as plain JSON data.

    `version` is the product's form `yyyyMMddHHmmssSSS` in UTC, unique for an API and
    environment and rising; `released_ms` is milliseconds since the epoch.
    """

    api_id: str
    group: str
    api: str
    environment: Environment
    version: str
    note: str
    released_by: str
    released_ms: int
    document: Mapping[str, Any]

    @classmethod
    def of_draft(cls, api: Api, environment: Environment) -> "Release":
        """The API as it would be served there were it released now; nothing is released."""
        return cls(
            api_id=api.id,
            group=api.group,
            api=api.name,
            environment=environment,
            version=DRAFT,
            note="",
            released_by="",
            released_ms=0,
            document=api.document,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done with one API in one environment; `group` and `api` are its names.

    With `served` only if that version is served now, or, with "", if none is.
    """

    api_id: str
    group: str
    api: str
    environment: Environment
    served: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Change):
    """Record `document` as a new version, and serve it from now on.

    With `after`, only as the next one after that version, or, with "", as the first ever.
    """

    document: Mapping[str, Any]
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Change):
    """Serve `version`, which was released before, from now on."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abolish(Change):
    """Serve no version any more. The history stays, and so do grants and bindings, which act
    again with the next release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why a change was not made: it expected version `expected` and found `found` ("": none)."""

    change: Change
    expected: str
    found: str

    def __str__(self) -> str:
        expected, found = self.expected or "none", self.found or "none"
        change = self.change
        return (
            f"{change.group}/{change.api} in {change.environment}: version {expected} was "
            f"expected, and it is {found} by now"
        )
