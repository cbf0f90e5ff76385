"""Callers: apps and what they may call (guide, "Test, production, and authorization")."""

from dataclasses import dataclass

from apigateway.model.group import Environment
from apigateway.model.secret import Secret

__all__ = ["App", "Grant", "Secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app. `owner` is the Alibaba Cloud account it belongs to: the "user" of user limits.

    `extend_info` and `market_instance_id` are what backends get as CaAppExtendInfo and
    CaCloudMarketInstanceId.
    """

    id: str
    name: str
    owner: str
    key: str
    secret: Secret
    code: Secret | None = None
    description: str = ""
    extend_info: str = ""
    market_instance_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """App `app` may call API `api` of group `group` in `environment` (all by name)."""

    app: str
    group: str
    api: str
    environment: Environment
