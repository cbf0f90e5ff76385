"""Whose call it is when proxies stand in between.

X-Forwarded-For is believed only from a peer that the settings trust, and only as far as the
trusted hops reach: reading from the right, the first address that is no trusted proxy is the
client. What stands left of it anybody may have written.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from apigateway.model.policy import IpNetwork
from apigateway.protocol.wire import Headers

FORWARDED_FOR = "X-Forwarded-For"
FORWARDED_PROTO = "X-Forwarded-Proto"

LONGEST = 64
"""Characters of an address, its zone included."""

_MAPPED = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=8192)
def normal_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, with `::ffff:a.b.c.d` as the IPv4 address that it is; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_within(address: IPv4Address | IPv6Address, network: IpNetwork) -> bool:
    """`::ffff:192.0.2.0/120` is the IPv4 network that it stands for; `::/0` is IPv6 alone."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        start = int(network.network_address) & 0xFFFFFFFF
        network = IPv4Network((start, network.prefixlen - 96))
    return address in network


def is_any(address: IPv4Address | IPv6Address | None, networks: Sequence[IpNetwork]) -> bool:
    return address is not None and any(is_within(address, network) for network in networks)


def client_address(peer: str, headers: Headers, trusted: Sequence[IpNetwork]) -> str:
    """The client's address in its normal form; the peer's own where no trusted proxy sent it.

    A hop that is no address ends the walk: what is to the right of it is what is known.
    """
    if not trusted:
        return _normal_text(peer)
    known = normal_address(peer)
    if known is None:
        return peer
    hops = [hop for value in headers.all(FORWARDED_FOR) for hop in value.split(",")]
    while hops and is_any(known, trusted):
        host = _host_of(hops.pop())
        # What is too long for an address is not looked up: what is looked up is remembered.
        before = normal_address(host) if len(host) <= LONGEST else None
        if before is None:
            break
        known = before
    return str(known)


def client_scheme(peer: str, scheme: str, headers: Headers, trusted: Sequence[IpNetwork]) -> str:
    """`https` where a trusted proxy says that it took the call over TLS. Of several values the
    last one is that proxy's own; those before it anybody may have written."""
    if not trusted or not is_any(normal_address(peer), trusted):
        return scheme
    values = headers.all(FORWARDED_PROTO)
    said = values[-1].rpartition(",")[2].strip().lower() if values else ""
    return said if said in ("http", "https") else scheme


@lru_cache(maxsize=8192)
def _normal_text(peer: str) -> str:
    known = normal_address(peer)
    return peer if known is None else str(known)


def _host_of(hop: str) -> str:
    """`192.0.2.1:4711`, `[2001:db8::1]:80` and `"192.0.2.1"` without port and quotes."""
    hop = hop.strip().strip('"')
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, port = hop.partition(":")
    return host if colon and port.isdigit() else hop
