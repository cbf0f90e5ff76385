"""Catalogs, served APIs and passes for tests, made by hand: no YAML, no store, no clock."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from apigateway.chain import Step, link
from apigateway.errors import Fault, Refusal
from apigateway.exchange import (
    Admitted,
    Authorized,
    HttpUpstream,
    Identified,
    Outbound,
    Received,
)
from apigateway.id_tokens.verification import KeyRing
from apigateway.json_schema.judging import DocumentSchema
from apigateway.ledgers import SeparateLedger
from apigateway.model.api import (
    Api,
    Auth,
    AuthType,
    HttpBackend,
    Location,
    MockBackend,
    Parameter,
    Request,
)
from apigateway.model.app import App, Secret
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi, TlsProfile
from apigateway.model.group import Domain, DomainKind, Environment, Group
from apigateway.model.openid import TokenIssuer
from apigateway.model.policy import VpcAccess
from apigateway.model.settings import GatewaySettings
from apigateway.outbound.names import own_names
from apigateway.outbound.values import backend_values
from apigateway.ports import Counters, Limit, Nonces, Resolver, Tally
from apigateway.protocol.matching import RouteTable, parse_pattern
from apigateway.protocol.parameters import compile_rule
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers
from apigateway.stages.access import Access
from apigateway.stages.authentication import Authentication
from apigateway.stages.authorization import Authorization
from apigateway.stages.mapping import Mapping as MappingStage
from apigateway.stages.resolution import Resolution
from apigateway.stages.routing import Routing
from apigateway.stages.signing import Signing
from apigateway.stages.throttling import Throttling
from apigateway.stages.validation import Validation
from apigateway.stages.vpc_allow_list import VpcAllowList

NOW_MS = 1_700_000_000_000
REQUEST_ID = "3F0B6A1C-0000-4000-8000-00000000CAFE"
DOMAIN = "api.example.test"
KEY, SECRET = "24681357", "an-app-secret"

P = TypeVar("P", bound=Received)

APP = App(
    id="100",
    name="phone",
    owner="1001",
    key=KEY,
    secret=Secret(SECRET),
    code=Secret("an-app-code"),
)
GROUP = Group(
    id="0" * 32,
    name="weather",
    region="cn-hangzhou",
    subdomain=f"{'0' * 32}-cn-hangzhou.alicloudapi.com",
    domains=(Domain(name=DOMAIN, kind=DomainKind.INDEPENDENT),),
)
SETTINGS = GatewaySettings(account="1000", region="cn-hangzhou", store=Path("gateway.db"))


def parameter(name: str, location: Location = Location.QUERY, **rules: Any) -> Parameter:
    return Parameter(name=name, location=location, **rules)


def an_api(
    *,
    method: str = "GET",
    path: str = "/forecast",
    backend: HttpBackend | MockBackend | None = None,
    backend_path: str = "/v3/forecast",
    auth: Auth | None = None,
    request: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Api:
    """An anonymous API at an HTTP backend unless told otherwise."""
    return Api(
        **{
            "id": "a" * 32,
            "group": GROUP.name,
            "name": "GetForecast",
            "auth": auth or Auth(type=AuthType.ANONYMOUS),
            "request": Request(method=method, path=path, **(request or {})),
            "backend": backend
            or HttpBackend(scheme="http", host="backend.test", port=9000, path=backend_path),
            **rest,
        }
    )


def serve(api: Api, **bound: Any) -> ServedApi:
    """An API as released to RELEASE, its rules compiled; app `APP` has a grant."""
    backend, schema = api.backend, api.request.body.schema
    return ServedApi(
        **{
            "api": api,
            "group": GROUP,
            "environment": Environment.RELEASE,
            "version": "20231114221320000",
            "rules": tuple(compile_rule(declared) for declared in api.request.parameters),
            "body_schema": None if schema is None else DocumentSchema(schema),
            "backend_path": (
                None if isinstance(backend, MockBackend) else parse_pattern(backend.path)
            ),
            "own_names": own_names(api),
            "backend_values": backend_values(api),
            "granted": frozenset({APP.id}),
            **bound,
        }
    )


def a_catalog(
    *served: ServedApi,
    settings: GatewaySettings = SETTINGS,
    apps: Sequence[App] = (APP,),
    vpc_accesses: Sequence[VpcAccess] = (),
    tls_profiles: Sequence[TlsProfile] = (),
    issuers: Sequence[TokenIssuer] = (),
    domains: Iterable[Domain] = GROUP.hosts,
) -> Catalog:
    routes: dict[tuple[str, Environment], RouteTable[ServedApi]] = {}
    for one in served:
        table = routes.setdefault((one.group.id, one.environment), RouteTable())
        pattern = parse_pattern(one.group.base_path + one.api.request.path)
        table.add(one.api.request.method, pattern, one)
    return Catalog(
        settings=settings,
        domains={domain.name: BoundDomain(domain=domain, group=GROUP) for domain in domains},
        routes=routes,
        apps={app.key: app for app in apps},
        apps_by_code={app.code.reveal(): app for app in apps if app.code is not None},
        key_rings={
            one: KeyRing(issuers if one is Environment.RELEASE else ()) for one in Environment
        },
        vpc_accesses={access.name: access for access in vpc_accesses},
        tls_profiles={profile.name: profile for profile in tls_profiles},
        served=served,
    )


OUTBOUND = Outbound(method="GET", path="/v3/forecast", query="", headers=(), body=b"")
UPSTREAM = HttpUpstream(scheme="http", host="backend.test", port=9000, timeout_ms=10_000)


def a_pass(
    rung: type[P],
    served: ServedApi | None = None,
    *,
    headers: Iterable[tuple[str, str]] = (),
    **changes: Any,
) -> P:
    """A pass of any rung: everything plain unless told otherwise."""
    served = served or serve(an_api())
    domain = Domain(name=DOMAIN, kind=DomainKind.INDEPENDENT)
    known: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "received_ms": NOW_MS,
        "catalog": changes.get("catalog") or a_catalog(served),
        "method": "GET",
        "scheme": "http",
        "sni": DOMAIN if changes.get("scheme") == "https" else "",
        "host": DOMAIN,
        "path": "/forecast",
        "query": "",
        "headers": Headers(headers),
        "body": b"",
        "peer": "192.0.2.7",
        "bound": BoundDomain(domain=domain, group=GROUP),
        "environment": Environment.RELEASE,
        "served": served,
        "path_values": {},
        "path_rest": (),
        "client_ip": "192.0.2.7",
        "app": None,
        "proof": "anonymous",
        "token": "",
        "claims": {},
        "nonce": None,
        "authorized_by": "anonymous API",
        "tally": Tally(()),
        "arguments": {},
        "files": {},
        "query_pairs": (),
        "form_pairs": (),
        "parts": (),
        "outbound": OUTBOUND,
        "upstream": UPSTREAM,
        "pinned": "127.0.0.1",
        "dispatched": OUTBOUND,
    }
    assert changes.keys() <= known.keys(), changes.keys() - known.keys()
    known.update(changes)
    names = {field.name for field in fields(rung)}
    return rung(**{name: value for name, value in known.items() if name in names})


def outbound(**changes: Any) -> Outbound:
    return replace(OUTBOUND, **changes)


def signed_fields(
    *,
    method: str = "GET",
    path: str = "/forecast",
    query: str = "",
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    timestamp_ms: int = NOW_MS,
    nonce: str = "a-nonce",
    **more: Any,
) -> list[tuple[str, str]]:
    """The caller's fields with the signature of `APP` added."""
    request = SignableRequest(method, path, query, Headers(headers), body)
    added = signing_headers(
        request,
        **{"key": KEY, "secret": SECRET, "timestamp_ms": timestamp_ms, "nonce": nonce, **more},
    )
    return [*request.headers.fields, *added]


class FixedResolver:
    """Answers every name with the same addresses, and remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.addresses


async def no_sleep(seconds: float) -> None:
    """Time that passes at once."""


class OpenCounters:
    """Counters that are never full. `taken` is what was asked of them."""

    def __init__(self) -> None:
        self.taken: list[Limit] = []

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        self.taken.extend(limits)
        return Tally(())

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return Tally(())


class FreshNonces:
    """Nonces that are always new. `claimed` is what was asked of them."""

    def __init__(self, *, fresh: bool = True) -> None:
        self.fresh = fresh
        self.claimed: list[tuple[str, str, int, int]] = []

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        self.claimed.append((app_key, nonce, now_ms, lifetime_ms))
        return self.fresh


def identify(call: Admitted, nonces: Nonces | None = None) -> Identified:
    """What Authentication makes of a call, whose nonce is then spent behind it."""
    found = Authentication()(call)
    ledger = SeparateLedger(OpenCounters(), nonces or FreshNonces())
    asyncio.run(Throttling(ledger, no_sleep)(Authorized.after(found, authorized_by="")))
    return found


def rooms(
    nonces: Nonces | None = None,
    counters: Counters | None = None,
    resolver: Resolver | None = None,
) -> list[Callable[[Any], Any]]:
    """The ten stages in their order."""
    nonces = nonces or FreshNonces()
    return [
        Routing(),
        Access(),
        Authentication(),
        Authorization(nonces),
        Throttling(SeparateLedger(counters or OpenCounters(), nonces), no_sleep),
        Validation(),
        MappingStage(),
        Resolution(),
        VpcAllowList(resolver or FixedResolver("127.0.0.1")),
        Signing(),
    ]


def whole_chain() -> tuple[Step, ...]:
    return link(*rooms())


def refusal_of(call: Callable[[], object], fault: Fault) -> Refusal:
    """The refusal that `call` ends with; it must be `fault`."""
    with pytest.raises(Refusal) as caught:
        call()
    assert caught.value.fault is fault, caught.value.args
    return caught.value
