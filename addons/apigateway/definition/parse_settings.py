"""`gateway.yaml` as the settings it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from apigateway.definition.addresses import parse_networks
from apigateway.definition.parse_domains import read_domains
from apigateway.definition.parse_store import read_store
from apigateway.definition.problems import DocumentReport
from apigateway.definition.wording import did_you_mean
from apigateway.model.group import Environment
from apigateway.model.settings import (
    AutoRelease,
    BackendLimits,
    EdgeLimits,
    ErrorStyle,
    GatewaySettings,
    SourceVpc,
    StandingLimits,
)
from apigateway.model.windows import UTC_ZONE, Zone, time_zone


def read_settings(
    report: DocumentReport, root: Path, environ: Mapping[str, str]
) -> GatewaySettings:
    """The settings of a document that has the shape of its schema. What the schema cannot say
    (networks, time zones) goes to the report; the settings are then of no use.

    `root` is the folder that relative paths start from.
    """
    data = report.document.data
    releases = data.get("releases", {})
    records, redis = read_store(report, environ)
    return GatewaySettings(
        account=data["account"],
        region=data["region"],
        store=root / records,
        redis=redis,
        errors=ErrorStyle(data.get("errors", "coded")),
        auto_release=AutoRelease(releases.get("auto", "first")),
        auto_release_to=tuple(map(Environment, releases.get("environments", ("RELEASE",)))),
        limits=StandingLimits(**data.get("limits", {})),
        edge=EdgeLimits(**data.get("edge", {})),
        backends=_backend_limits(data.get("backends", {})),
        domains=read_domains(report),
        backend_networks=parse_networks(
            data.get("backends", {}).get("networks", []), report, "backends", "networks"
        ),
        trusted_proxies=parse_networks(data.get("trusted_proxies", []), report, "trusted_proxies"),
        blacklist=parse_networks(data.get("blacklist", []), report, "blacklist"),
        zone=_zone(data.get("time_zone", "UTC"), report),
        instance_id=data.get("instance_id", "apigateway-local"),
        metrics=_metrics(data.get("metrics"), report),
        source_vpcs=tuple(
            SourceVpc(
                vpc_id=item["vpc_id"],
                networks=parse_networks(item["networks"], report, "source_vpcs", index, "networks"),
            )
            for index, item in enumerate(data.get("source_vpcs", ()))
        ),
    )


def _metrics(address: str | None, report: DocumentReport) -> tuple[str, int] | None:
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    if not 0 < int(port) < 65536:
        report.error(f"there is no port {port}", "write one from 1 to 65535", "metrics")
    return host.strip("[]"), int(port)


def _zone(name: str, report: DocumentReport) -> Zone:
    try:
        time_zone(name)
    except (KeyError, ValueError, OSError):
        mend = did_you_mean(name, sorted(available_timezones()), "write one such as Asia/Shanghai")
        report.error(f'there is no time zone "{name}"', mend, "time_zone")
        return UTC_ZONE
    return Zone(name)


def _backend_limits(data: Mapping[str, Any]) -> BackendLimits:
    return BackendLimits(**{key: value for key, value in data.items() if key != "networks"})
