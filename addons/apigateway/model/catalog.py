"""Everything that is served, compiled: what one call is decided against.

A Catalog never changes. A change of any kind makes a new one, and each call keeps the one that
it started with, so no call sees half of a change.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from apigateway.id_tokens.verification import KeyRing
from apigateway.json_schema.judging import DocumentSchema
from apigateway.model.api import Api
from apigateway.model.app import App
from apigateway.model.group import Domain, Environment, Group
from apigateway.model.policy import BackendTls, IpControl, SignatureKey, ThrottlingPolicy, VpcAccess
from apigateway.model.settings import GatewaySettings
from apigateway.outbound.names import BackendValues, OwnNames
from apigateway.protocol.matching import PathPattern, RouteTable
from apigateway.protocol.parameters import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedApi:
    """One released API in one environment, with all that is bound to it.

    `rules` are the compiled parameters in declared order; `granted` holds ids of apps;
    `backend_path` is None for a mock; `own_names` are what callers cannot send to the backend,
    `backend_values` what the definition sends there.
    `unresolved` says why calls are refused: what the environment's variables lack; "" otherwise.
    """

    api: Api
    group: Group
    environment: Environment
    version: str
    rules: tuple[Rule, ...]
    body_schema: DocumentSchema | None
    backend_path: PathPattern | None
    own_names: OwnNames
    backend_values: BackendValues
    granted: frozenset[str]
    throttling: ThrottlingPolicy | None = None
    signature_key: SignatureKey | None = None
    ip_control: IpControl | None = None
    unresolved: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsProfile:
    """A profile of HTTPS to backends, ready for use. `server_name` is None for the host of the
    address. Connections of one context are never those of another. `declared` is what it was made
    of."""

    name: str
    context: ssl.SSLContext
    server_name: str | None
    declared: BackendTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundDomain:
    """A host name and the group it leads to."""

    domain: Domain
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """`domains` by lower-case host; `routes` by group id and environment; `apps` by AppKey;
    `apps_by_code` by AppCode; `key_rings` verify id_tokens, by environment; `vpc_accesses` and
    `tls_profiles` by name; `served` in the order of the releases. `made_of` is for the compiler of
    the catalog that follows."""

    settings: GatewaySettings
    domains: Mapping[str, BoundDomain]
    routes: Mapping[tuple[str, Environment], RouteTable[ServedApi]]
    apps: Mapping[str, App]
    apps_by_code: Mapping[str, App]
    key_rings: Mapping[Environment, KeyRing]
    vpc_accesses: Mapping[str, VpcAccess]
    tls_profiles: Mapping[str, TlsProfile]
    served: tuple[ServedApi, ...]
    made_of: object = field(default=None, repr=False, compare=False)
