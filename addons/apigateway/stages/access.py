"""Whether the call may come in at all: its protocol, its sender's address, its size.

Guide, "HTTP and HTTPS" (protocols an API), "Restrictions on parameter size" (128 KB and 2 MB);
IP control as the management API's IpControl policies, deny before allow.
"""

from itertools import chain

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Routed
from apigateway.model.policy import IpControl
from apigateway.protocol.client_address import client_address, client_scheme, is_any, normal_address
from apigateway.protocol.wire import Headers, Pairs
from apigateway.signatures.caller import (
    KEY,
    NONCE,
    SIGNATURE,
    SIGNATURE_HEADERS,
    SIGNATURE_METHOD,
    SIGNED_CONTENT_TYPE,
    STAGE,
    TIMESTAMP,
)

ONLY_ONCE = (
    "Authorization",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    KEY,
    NONCE,
    SIGNATURE,
    SIGNATURE_HEADERS,
    SIGNATURE_METHOD,
    SIGNED_CONTENT_TYPE,
    STAGE,
    TIMESTAMP,
)
"""Fields that decide something: given twice, gateway and backend could each read another one."""


def may_call(control: IpControl, client: str) -> bool:
    """Deny beats allow; with an allow list, only those on it."""
    address = normal_address(client)
    if address is None:
        return False
    if is_any(address, control.deny):
        return False
    return not control.allow or is_any(address, control.allow)


def refuse_repeated(headers: Headers) -> None:
    for name in ONLY_ONCE if headers.repeated else ():
        if name.lower() in headers.repeated:
            raise Refusal(
                Fault.INVALID_HEADER, "two fields of one name", name=name, reason="is repeated"
            )


def refuse_large_head(call: Routed, most_bytes: int) -> None:
    fields = call.headers.fields
    # A character is four bytes at most: nearly every call is known to be small at once.
    if 4 * (len(call.path) + len(call.query) + _characters(fields) + len(fields)) <= most_bytes:
        return
    if _bytes(call.path) + _bytes(call.query) > most_bytes:
        raise Refusal(Fault.URL_TOO_LARGE, f"more than {most_bytes} bytes")
    head_bytes = sum(_bytes(name) + _bytes(value) + 4 for name, value in fields)
    if head_bytes > most_bytes:
        raise Refusal(
            Fault.INVALID_HEADER,
            f"{head_bytes} bytes of header fields, {most_bytes} allowed",
            name="*",
            reason="too large",
        )


def _characters(fields: Pairs) -> int:
    return sum(map(len, chain.from_iterable(fields)))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


class Access:
    """Routed -> Admitted."""

    def __call__(self, call: Routed) -> Admitted:
        served, settings = call.served, call.catalog.settings
        limits, trusted = settings.limits, settings.trusted_proxies
        client_ip = client_address(call.peer, call.headers, trusted)
        if settings.blacklist and is_any(normal_address(client_ip), settings.blacklist):
            raise Refusal(Fault.IP_DENIED, f"{client_ip} is on the blacklist")
        scheme = client_scheme(call.peer, call.scheme, call.headers, trusted)
        if scheme not in served.api.request.protocols:
            raise Refusal(
                Fault.PROTOCOL_UNSUPPORTED,
                f"{served.api.name} serves {', '.join(sorted(served.api.request.protocols))}",
                protocol=scheme.upper(),
            )
        if served.ip_control is not None and not may_call(served.ip_control, client_ip):
            raise Refusal(Fault.IP_DENIED, f"{client_ip} by {served.ip_control.name}")
        refuse_repeated(call.headers)
        refuse_large_head(call, limits.head_bytes)
        if len(call.body) > limits.body_bytes:
            raise Refusal(Fault.BODY_TOO_LARGE, f"{len(call.body)} of {limits.body_bytes} bytes")
        if scheme != call.scheme:
            call = Routed(**{**vars(call), "scheme": scheme})
        return Admitted.after(call, client_ip=client_ip)
