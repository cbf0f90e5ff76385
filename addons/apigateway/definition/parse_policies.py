"""Groups, apps and policies as the model's objects.

Each function takes a report whose document has the shape of its schema, and returns the object;
what the schema cannot say (networks, secrets) goes to the report as an error, and the object is
then of no use.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apigateway.definition import secrets
from apigateway.definition.addresses import is_host, parse_networks, plain_host
from apigateway.definition.certificates import read_certificate
from apigateway.definition.document import Key
from apigateway.definition.headers import is_header_value
from apigateway.definition.ids import hex_id, numeric_id
from apigateway.definition.problems import DocumentReport
from apigateway.definition.variables import read_variables
from apigateway.model.app import App, Secret
from apigateway.model.cors import Cors
from apigateway.model.group import Certificate, Domain, DomainKind, Environment, Group
from apigateway.model.policy import (
    IpControl,
    SecondMode,
    SignatureKey,
    SpecialLimit,
    ThrottlingPolicy,
    VpcAccess,
)
from apigateway.model.windows import WindowUnit


@dataclass(frozen=True, slots=True)
class Home:
    """What a definition takes from its surroundings when it does not say it itself. `in_use` says
    of the text of a certificate whether it is shown or trusted already."""

    account: str
    region: str
    environ: Mapping[str, str]
    now: datetime
    in_use: Callable[[str], bool]


def read_group(report: DocumentReport, home: Home) -> Group:
    data = report.document.data
    name, region = data["name"], data.get("region", home.region)
    group_id = data.get("id") or hex_id("group", home.account, region, name)
    subdomain = plain_host(data.get("subdomain", f"{group_id}-{region}.apigw.localhost"))
    return Group(
        id=group_id,
        name=name,
        region=region,
        description=data.get("description", ""),
        base_path=data.get("base_path", ""),
        traffic_limit=data.get("traffic_limit", 500),
        cors=_cors(data.get("cors", {}), report),
        variables=read_variables(report),
        subdomain=subdomain,
        subdomain_certificate=_certificate(data, report, home, subdomain, "subdomain_certificate"),
        domains=tuple(
            _domain(item, report, home, index) for index, item in enumerate(data.get("domains", ()))
        ),
    )


def _cors(data: Mapping[str, Any], report: DocumentReport) -> Cors:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    cors = Cors(**given)
    if cors.credentials and "*" in cors.origins:
        report.error(
            "cors.credentials with any origin would let every page act as its visitor",
            'name the origins, such as origins: ["https://app.example.com"]',
            "cors",
            "credentials",
        )
    return cors


def _domain(
    item: str | Mapping[str, Any], report: DocumentReport, home: Home, index: int
) -> Domain:
    if isinstance(item, str):
        return Domain(name=plain_host(item), kind=DomainKind.INDEPENDENT)
    name, environment = plain_host(item["name"]), item.get("environment")
    return Domain(
        name=name,
        kind=DomainKind.INDEPENDENT,
        environment=Environment(environment) if environment else None,
        certificate=_certificate(item, report, home, name, "domains", index, "certificate"),
    )


def _certificate(
    item: Mapping[str, Any], report: DocumentReport, home: Home, host: str, *keys: Key
) -> Certificate | None:
    declared = item.get(str(keys[-1]))
    if declared is None:
        return None
    return read_certificate(declared, report, home.environ, host, home.now, home.in_use, *keys)


def read_app(report: DocumentReport, home: Home) -> App:
    data = report.document.data
    secret = _app_secret("secret", report, home)
    return App(
        id=data.get("id") or numeric_id("app", home.account, home.region, data["name"]),
        name=data["name"],
        owner=data.get("owner", home.account),
        key=data["key"],
        secret=secret,
        code=_app_secret("code", report, home) if "code" in data else None,
        description=data.get("description", ""),
        extend_info=_header_line("extend_info", report),
        market_instance_id=data.get("market_instance_id", ""),
    )


def _header_line(key: str, report: DocumentReport) -> str:
    """Text that may become a header of a backend's request."""
    text: str = report.document.data.get(key, "")
    if not is_header_value(text):
        what = f"{key} holds a line break, control sign or outer blank"
        report.error(what, "write one plain line", key)
    return text


def _app_secret(key: str, report: DocumentReport, home: Home) -> Secret:
    secret = secrets.resolve(report.document.data[key], report, home.environ, key)
    value = secret.reveal()
    if not value.isprintable() or value != value.strip():
        what = f"the {key} holds a line break, control sign or outer blank"
        report.error(what, "write it as one plain line", key)
    return secret


def read_throttling(report: DocumentReport, home: Home) -> ThrottlingPolicy:
    data = report.document.data
    return ThrottlingPolicy(
        **_policy("throttling", data, home),
        unit=WindowUnit(data["unit"]),
        api=data["api"],
        user=data.get("user"),
        app=data.get("app"),
        special=tuple(
            SpecialLimit(limit=item["limit"], app=item.get("app"), user=item.get("user"))
            for item in data.get("special", ())
        ),
        second_mode=SecondMode(data.get("second_mode", "queue")),
        queue=data.get("queue"),
        description=data.get("description", ""),
    )


_KEY_SECRET = re.compile(r"[A-Za-z0-9_@#!*-]{6,30}")


def read_signature_key(report: DocumentReport, home: Home) -> SignatureKey:
    data = report.document.data
    secret = secrets.resolve(data["secret"], report, home.environ, "secret")
    if secret.reveal() and not _KEY_SECRET.fullmatch(secret.reveal()):
        mend = "write 6 to 30 letters, digits or _@#!*-"
        report.error("the secret is not one of a signature key", mend, "secret")
    return SignatureKey(**_policy("signature-key", data, home), key=data["key"], secret=secret)


def read_vpc_access(report: DocumentReport, home: Home) -> VpcAccess:
    data = report.document.data
    if not is_host(data["host"]):
        what = f'"{data["host"]}" is neither a host name nor an IP address'
        report.error(what, "write one, without scheme, port or brackets", "host")
    return VpcAccess(
        name=data["name"],
        region=data.get("region", home.region),
        vpc_id=data["vpc_id"],
        instance_id=data["instance_id"],
        port=data["port"],
        host=plain_host(data["host"]),
        tls=data.get("tls"),
    )


def read_ip_control(report: DocumentReport, home: Home) -> IpControl:
    data = report.document.data
    if "allow" not in data and "deny" not in data:
        what = "the IP control neither allows nor denies anyone"
        report.error(what, "add allow: [...] or deny: [...]", "name")
    return IpControl(
        **_policy("ip-control", data, home),
        allow=parse_networks(data.get("allow", []), report, "allow"),
        deny=parse_networks(data.get("deny", []), report, "deny"),
        description=data.get("description", ""),
    )


def _policy(kind: str, data: Mapping[str, Any], home: Home) -> dict[str, Any]:
    name, region = data["name"], data.get("region", home.region)
    identity = data.get("id") or numeric_id(kind, home.account, region, name)
    return {"id": identity, "name": name, "region": region}
