"""Requests to sign."""

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest


def request(
    *fields: tuple[str, str],
    method: str = "GET",
    path: str = "/a",
    query: str = "",
    body: bytes = b"",
) -> SignableRequest:
    return SignableRequest(method, path, query, Headers(fields), body)
