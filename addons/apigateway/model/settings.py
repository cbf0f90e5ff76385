"""What `definitions/gateway.yaml` says about the gateway as a whole."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from apigateway.model.group import Environment
from apigateway.model.policy import IpNetwork
from apigateway.model.secret import Secret
from apigateway.model.windows import UTC_ZONE, Zone


class ErrorStyle(StrEnum):
    """Which of the product's two generations a refusal looks like (reference: protocol 3)."""

    CODED = "coded"
    CLASSIC = "classic"


class AutoRelease(StrEnum):
    """What a start does with drafts: FIRST releases what was never released."""

    FIRST = "first"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingLimits:
    """The limits every gateway has, policy or not (guide, "Limits on API Gateway")."""

    client_ip_per_second: int = 100
    subdomain_per_day: int = 1_000
    body_bytes: int = 2 * 1024 * 1024
    head_bytes: int = 128 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """What one connection, and all of them, may cost before a request is complete.

    `body_seconds` holds for the whole body. `streams` are those of one HTTP/2 connection at a
    time.
    """

    header_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: float = 60
    connections: int = 4096
    connections_per_client: int = 256
    streams: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendLimits:
    """`connections` at a time to one backend; `answer_bytes` is the largest body of an answer."""

    connections: int = 256
    answer_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVpc:
    """Callers from `networks` are callers from the VPC `vpc_id` (CaSourceVpcId)."""

    vpc_id: str
    networks: tuple[IpNetwork, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """A Redis or Valkey server. `url` is redis://, rediss:// or unix://; `ca` is PEM text; every
    key starts with `{prefix}:`; `timeout_s` bounds each answer."""

    url: str
    username: str = ""
    password: Secret | None = None
    ca: str | None = None
    prefix: str = "apigateway"
    timeout_s: float = 1.0


DNS_PORT = 53


class DomainProof(StrEnum):
    """How a group's independent domain is proved to be its provider's: OFF believes the YAML,
    CNAME asks DNS whether it leads to the group's second-level domain."""

    OFF = "off"
    CNAME = "cname"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSettings:
    """`resolvers` are addresses and ports of DNS servers; without any, the system's are asked.

    A binding that is not verified within `lapse_hours` is withdrawn; DNS is asked about it every
    `every_seconds`, and has `timeout_seconds` for one domain.
    """

    verify: DomainProof = DomainProof.OFF
    resolvers: tuple[tuple[str, int], ...] = ()
    lapse_hours: float = 24
    every_seconds: float = 60
    timeout_seconds: float = 3

    @property
    def lapse_ms(self) -> int:
        return round(self.lapse_hours * 3_600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """`store` is the path of the SQLite database; `account` owns every group and policy. With
    `redis`, counters, nonces and releases are there, and only call records in the database.

    `backend_networks` empty means that backends may live anywhere but in addresses that no
    backend has (link-local, metadata, multicast, unspecified). X-Forwarded-For is believed from
    `trusted_proxies` only; an address on the `blacklist` calls no API of the account. Limits an
    hour and a day count in `zone`. `instance_id` names this gateway to backends (CaInstanceId).
    `metrics` is the host and port at which Prometheus reads.
    """

    account: str
    region: str
    store: Path
    redis: RedisSettings | None = None
    errors: ErrorStyle = ErrorStyle.CODED
    auto_release: AutoRelease = AutoRelease.FIRST
    auto_release_to: tuple[Environment, ...] = (Environment.RELEASE,)
    limits: StandingLimits = StandingLimits()
    edge: EdgeLimits = EdgeLimits()
    backends: BackendLimits = BackendLimits()
    domains: DomainSettings = DomainSettings()
    backend_networks: tuple[IpNetwork, ...] = ()
    trusted_proxies: tuple[IpNetwork, ...] = ()
    blacklist: tuple[IpNetwork, ...] = ()
    instance_id: str = "apigateway-local"
    metrics: tuple[str, int] | None = None
    source_vpcs: tuple[SourceVpc, ...] = ()
    zone: Zone = UTC_ZONE
