"""Requests that are known by their URL (a curl line, a HAR, a text), as the gateway gets them."""

from apigateway.captures.sent import SentRequest
from apigateway.protocol.client_address import normal_address
from apigateway.protocol.wire import Headers, host_name
from apigateway.reception import MULTIPLEXED, CallerRequest
from apigateway.signatures.caller import SignableRequest


def server_name(host: str) -> str:
    """What a TLS client asks for when it calls `host`: nothing for an address (RFC 6066, 3)."""
    return host if normal_address(host) is None else ""


def request_of_url(
    sent: SignableRequest, *, http_version: str = "HTTP/1.1", with_host: bool = True
) -> CallerRequest:
    """`with_host` adds the Host field that the client made of the URL, where it is not listed."""
    scheme, authority = "http", ""
    if isinstance(sent, SentRequest):
        scheme = "https" if sent.scheme == "https" else "http"
        authority = sent.authority
    fields, named = sent.headers.fields, ""
    if http_version in MULTIPLEXED:
        named = authority
    elif with_host and authority and "Host" not in sent.headers:
        fields = (("Host", authority), *fields)
    return CallerRequest(
        method=sent.method,
        target=f"{sent.path}?{sent.query}" if sent.query else sent.path,
        http_version=http_version,
        authority=named,
        headers=Headers(fields),
        body=sent.body,
        scheme=scheme,
        sni=server_name(host_name(authority)) if scheme == "https" else "",
    )
