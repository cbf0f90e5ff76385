"""Policies that are bound to APIs and act at once, without a release."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from apigateway.model.app import Secret
from apigateway.model.group import Environment
from apigateway.model.windows import WindowUnit

IpNetwork = IPv4Network | IPv6Network


class SecondMode(StrEnum):
    """How limits a second are kept (reference: protocol 4).

    QUEUE   a bucket that refills steadily; a call over the limit waits for its turn
    REFUSE  the same bucket; a call over the limit is refused at once
    WINDOW  a fixed window on each second of the clock
    """

    QUEUE = "queue"
    REFUSE = "refuse"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialLimit:
    """A limit for one app or one user that replaces the policy's basic app or user limit.

    Exactly one of `app` (an app's name) and `user` (an account id) is set.
    """

    limit: int
    app: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingPolicy:
    """Calls per `unit`; app <= user <= api, and no special limit above `api`.

    `second_mode` is for the unit second; `queue` is how many calls may wait there, by default as
    many as the limit that they wait for.
    Counts are kept for each bound API separately (guide, "What is throttling policy").
    """

    id: str
    name: str
    region: str
    unit: WindowUnit
    api: int
    user: int | None = None
    app: int | None = None
    special: tuple[SpecialLimit, ...] = ()
    second_mode: SecondMode = SecondMode.QUEUE
    queue: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureKey:
    """The Key-Secret pair with which the gateway signs what it sends to a backend."""

    id: str
    name: str
    region: str
    key: str
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcAccess:
    """The authorization to reach one port of one instance of a VPC.

    `host` is the address that stands for that instance where this gateway runs. `tls` names how
    HTTPS to it is done, for APIs that do not say it themselves.
    """

    name: str
    region: str
    vpc_id: str
    instance_id: str
    port: int
    host: str
    tls: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """Who the gateway is to a backend that asks: PEM, its own certificate first in `chain`."""

    chain: str = field(repr=False)
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendTls:
    """How HTTPS to a backend is done where it is not the system's way.

    `ca` is PEM and holds the only CAs that may vouch for it (None: the system's). `server_name`
    is asked for in the handshake and must be the certificate's (None: the address's host).
    """

    name: str
    ca: str | None = field(default=None, repr=False)
    server_name: str | None = None
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpControl:
    """Which client addresses may call. `deny` beats `allow`; an empty `allow` means anyone."""

    id: str
    name: str
    region: str
    allow: tuple[IpNetwork, ...] = ()
    deny: tuple[IpNetwork, ...] = ()
    description: str = ""


class PolicyKind(StrEnum):
    THROTTLING = "throttling"
    SIGNATURE_KEY = "signature_key"
    IP_CONTROL = "ip_control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Policy `policy` of `kind` holds for API `api` of `group` in `environment` (all by name)."""

    kind: PolicyKind
    policy: str
    group: str
    api: str
    environment: Environment
