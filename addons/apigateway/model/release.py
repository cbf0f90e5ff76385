"""A release: one version of one API in one environment (guide, "API release management")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.model.group import Environment


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
