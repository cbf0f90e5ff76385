"""Whether the call may come in at all: its protocol, its sender's address, its size.

Guide, "HTTP and HTTPS" (protocols an API), "Restrictions on parameter size" (128 KB and 2 MB);
IP control as the management API's IpControl policies, deny before allow.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Routed
from apigateway.model.policy import IpControl


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
    if any(address in network for network in control.deny):
        return False
    return not control.allow or any(address in network for network in control.allow)


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
        if len(call.path) + len(call.query) > limits.head_bytes:
            raise Refusal(Fault.URL_TOO_LARGE, f"more than {limits.head_bytes} bytes")
        head_bytes = sum(len(name) + len(value) + 4 for name, value in call.headers.fields)
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
