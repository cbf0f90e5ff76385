"""What the gateway itself tells a backend: system parameters, and claims of the id_token.

Guide, "System parameter definition" and "Configuring the custom system parameters"; reference:
protocol 5.5. Callers never see these names and cannot send them.
"""

import json
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from apigateway.exchange import Validated
from apigateway.model.settings import SourceVpc
from apigateway.protocol.client_address import is_any, normal_address


def source_vpc(client_ip: str, known: tuple[SourceVpc, ...]) -> str:
    """The id of the VPC that the caller's address lies in, "" for a caller from elsewhere."""
    address = normal_address(client_ip) if known else None
    return next((vpc.vpc_id for vpc in known if is_any(address, vpc.networks)), "")


@lru_cache(maxsize=16)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


SYSTEM_PARAMETERS: dict[str, Callable[[Validated], str]] = {
    "CaClientIp": lambda call: call.client_ip,
    "CaDomain": lambda call: call.host,
    "CaRequestHandleTime": lambda call: _date(call.received_ms // 1000),
    "CaAppId": lambda call: call.app.id if call.app else "",
    "CaAppKey": lambda call: call.app.key if call.app else "",
    "CaAppExtendInfo": lambda call: call.app.extend_info if call.app else "",
    "CaCloudMarketInstanceId": lambda call: call.app.market_instance_id if call.app else "",
    "CaRequestId": lambda call: call.request_id,
    "CaApiName": lambda call: call.served.api.name,
    "CaHttpSchema": lambda call: call.scheme.upper(),
    "CaProxy": lambda call: "AliCloudApiGateway",
    "CaClientUa": lambda call: call.headers.first("User-Agent") or "",
    "CaStage": lambda call: call.environment.value,
    "CaInstanceId": lambda call: call.catalog.settings.instance_id,
    "CaSourceVpcId": lambda call: source_vpc(call.client_ip, call.catalog.settings.source_vpcs),
}


def claim_text(value: Any) -> str | None:
    """A claim as a backend gets it: text as it is, all else as JSON; None for one that is null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
