"""Everything a project declares, as `load_project` returns it."""

from dataclasses import dataclass

from apigateway.definition.problems import Problem
from apigateway.model.api import Api
from apigateway.model.app import App, Grant
from apigateway.model.group import Group
from apigateway.model.policy import (
    BackendTls,
    Binding,
    IpControl,
    SignatureKey,
    ThrottlingPolicy,
    VpcAccess,
)
from apigateway.model.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that is declared, in the order of the files.

    `bindings` holds one of a kind for an API and environment; `warnings` did not stop the load.
    """

    settings: GatewaySettings
    groups: tuple[Group, ...]
    apis: tuple[Api, ...]
    apps: tuple[App, ...]
    grants: tuple[Grant, ...]
    throttling_policies: tuple[ThrottlingPolicy, ...]
    signature_keys: tuple[SignatureKey, ...]
    vpc_accesses: tuple[VpcAccess, ...]
    ip_controls: tuple[IpControl, ...]
    backend_tls: tuple[BackendTls, ...]
    bindings: tuple[Binding, ...]
    warnings: tuple[Problem, ...]
