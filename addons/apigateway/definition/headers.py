"""Header names a definition may use."""

import re

from apigateway.outbound.names import folded

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

_HTTP = frozenset(
    [
        "host",
        "content-length",
        "connection",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authenticate",
        "proxy-authorization",
        "content-md5",
    ]
)
_GATEWAY = frozenset(
    [
        "x-ca-key",
        "x-ca-signature",
        "x-ca-signature-headers",
        "x-ca-signature-method",
        "x-ca-timestamp",
        "x-ca-nonce",
        "x-ca-stage",
        "x-ca-request-mode",
        "x-ca-signed-content-type",
        "x-ca-request-id",
        "x-ca-error-code",
        "x-ca-error-message",
        "x-ca-debug-info",
        "x-forwarded-for",
    ]
)


def fault_of_header(name: str) -> tuple[str, str] | None:
    """Why `name` cannot be declared, and how to mend it."""
    if not _TOKEN.fullmatch(name):
        return (
            f'"{name}" is not a header name',
            "write letters, digits and '-', without blanks or ':'",
        )
    low = folded(name)
    if low in _HTTP:
        return f"the header {name} belongs to HTTP itself", "choose another name"
    if low in _GATEWAY or low.startswith("x-ca-proxy-"):
        return f"the header {name} belongs to the gateway", "choose another name"
    return None


def is_header_value(value: str) -> bool:
    return _VALUE.fullmatch(value) is not None and value == value.strip(" \t")
