"""Whether the call may come in at all: its protocol, its sender's address, its size.

Guide, "HTTP and HTTPS" (protocols an API), "Restrictions on parameter size" (128 KB and 2 MB);
IP control as the management API's IpControl policies, deny before allow.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Routed
from apigateway.model.policy import IpControl, IpNetwork
from apigateway.signature import (
    KEY,
    NONCE,
    SIGNATURE,
    SIGNATURE_HEADERS,
    SIGNATURE_METHOD,
    SIGNED_CONTENT_TYPE,
    STAGE,
    TIMESTAMP,
)
from apigateway.wire import Headers

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

_MAPPED = IPv6Network("::ffff:0:0/96")


def normal_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, with `::ffff:a.b.c.d` as the IPv4 address that it is; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def may_call(control: IpControl, client: str) -> bool:
    """Deny beats allow; with an allow list, only those on it."""
    address = normal_address(client)
    if address is None:
        return False
    if any(is_within(address, network) for network in control.deny):
        return False
    return not control.allow or any(is_within(address, network) for network in control.allow)


def is_within(address: IPv4Address | IPv6Address, network: IpNetwork) -> bool:
    """`::ffff:192.0.2.0/120` is the IPv4 network that it stands for; `::/0` is IPv6 alone."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        start = int(network.network_address) & 0xFFFFFFFF
        network = IPv4Network((start, network.prefixlen - 96))
    return address in network


def refuse_repeated(headers: Headers) -> None:
    for name in ONLY_ONCE:
        if len(headers.all(name)) > 1:
            raise Refusal(
                Fault.INVALID_HEADER, "two fields of one name", name=name, reason="is repeated"
            )


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


class Access:
    """Routed -> Admitted."""

    def __call__(self, call: Routed) -> Admitted:
        served, limits = call.served, call.catalog.settings.limits
        if call.scheme not in served.api.request.protocols:
            raise Refusal(
                Fault.PROTOCOL_UNSUPPORTED,
                f"{served.api.name} serves {', '.join(sorted(served.api.request.protocols))}",
                protocol=call.scheme.upper(),
            )
        address = normal_address(call.peer)
        client_ip = call.peer if address is None else str(address)
        if served.ip_control is not None and not may_call(served.ip_control, client_ip):
            raise Refusal(Fault.IP_DENIED, f"{client_ip} by {served.ip_control.name}")
        refuse_repeated(call.headers)
        if _bytes(call.path) + _bytes(call.query) > limits.head_bytes:
            raise Refusal(Fault.URL_TOO_LARGE, f"more than {limits.head_bytes} bytes")
        head_bytes = sum(_bytes(name) + _bytes(value) + 4 for name, value in call.headers.fields)
        if head_bytes > limits.head_bytes:
            raise Refusal(
                Fault.INVALID_HEADER,
                f"{head_bytes} bytes of header fields, {limits.head_bytes} allowed",
                name="*",
                reason="too large",
            )
        if len(call.body) > limits.body_bytes:
            raise Refusal(Fault.BODY_TOO_LARGE, f"{len(call.body)} of {limits.body_bytes} bytes")
        return Admitted(**vars(call), client_ip=client_ip)
