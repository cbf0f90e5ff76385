"""Calls signed by the PyPI client `aliyun-api-gateway-python`, unmodified."""

from collections.abc import Mapping
from typing import Any

from aliyun_api_gateway import ApiGatewayClient
from e2e.running import HOST, KEY, SECRET, Reply


def call(
    port: int,
    method: str,
    path: str,
    *,
    key: str = KEY,
    secret: str = SECRET,
    host: str = HOST,
    headers: Mapping[str, str] | None = None,
    **body: Any,
) -> Reply:
    client = ApiGatewayClient(f"http://127.0.0.1:{port}", key, secret)
    response = client.request(method, path, headers={"Host": host, **(headers or {})}, **body)
    fields = {name.lower(): value for name, value in response.headers}
    return Reply(response.status, fields, response.body)


def forecast(port: int, **options: Any) -> Reply:
    return call(port, "GET", "/forecast/hangzhou", query={"days": "3"}, **options)
