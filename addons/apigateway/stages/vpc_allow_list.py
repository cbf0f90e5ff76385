"""Whether the gateway may connect there, and to which checked address.

Guide, VPC part: the gateway does not have the permission to access other ports or resources.
The name is resolved here, once; the address that was checked is the one that is connected to,
so a name that resolves differently a moment later leads nowhere (DNS rebinding).
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from apigateway.errors import Fault, Refusal
from apigateway.exchange import HttpUpstream, MockUpstream, Permitted, Resolved
from apigateway.model.catalog import Catalog
from apigateway.model.catalog_memo import CatalogMemo
from apigateway.ports import Resolver

NEVER_A_BACKEND = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fd00:ec2::23/128",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "fe80::/10",
        "ff00::/8",
    )
)
"""Addresses of no backend: unspecified, link-local, multicast, reserved, and the metadata
services of clouds (whoever can write a definition must not read a machine's credentials)."""

MOST_KNOWN = 10_000
"""Checked addresses of one catalog; a name may lead to another address at any time."""

_NAT64 = ip_network("64:ff9b::/96")


def refusal_of(upstream: HttpUpstream, address: str, catalog: Catalog) -> str | None:
    """Why an address may not be connected to, or None when it may."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address):
        ip = _ipv4_within(ip) or ip
    if any(ip in network for network in NEVER_A_BACKEND):
        return f"{ip} is no address of a backend"
    if upstream.vpc_access:
        return None
    networks = catalog.settings.backend_networks
    if networks and not any(ip in network for network in networks):
        return f"{ip} is in none of the networks for backends"
    return None


def _ipv4_within(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, or NAT64 (RFC 6052)."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class VpcAllowList:
    """Resolved -> Permitted."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._reasons: CatalogMemo[tuple[str, bool], str | None] = CatalogMemo()

    async def __call__(self, call: Resolved) -> Permitted:
        upstream = call.upstream
        if isinstance(upstream, MockUpstream):
            return Permitted.after(call, pinned="")
        fault = Fault.VPC_ACCESS_DENIED if upstream.vpc_access else Fault.BACKEND_ADDRESS
        if upstream.vpc_access:
            access = call.catalog.vpc_accesses.get(upstream.vpc_access)
            if access is None or (access.host, access.port) != (upstream.host, upstream.port):
                raise Refusal(fault, f"{upstream.host}:{upstream.port} is not authorized")
        addresses = await self._resolver.resolve(upstream.host, upstream.port)
        if not addresses:
            raise Refusal(fault, f"{upstream.host} has no address")
        pinned = addresses[0]
        if (reason := self._refusal_of(upstream, pinned, call.catalog)) is not None:
            raise Refusal(fault, f"{upstream.host}: {reason}")
        return Permitted.after(call, pinned=pinned)

    def _refusal_of(self, upstream: HttpUpstream, address: str, catalog: Catalog) -> str | None:
        """As `refusal_of`, looked up for an address that was checked before."""
        known, key = self._reasons.of(catalog), (address, bool(upstream.vpc_access))
        if key not in known:
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[key] = refusal_of(upstream, address, catalog)
        return known[key]
