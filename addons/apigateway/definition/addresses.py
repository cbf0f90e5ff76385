"""Backend addresses, host names and networks as they stand in a definition."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from apigateway.definition.document import Key
from apigateway.definition.problems import DocumentReport
from apigateway.definition.wording import place
from apigateway.model.policy import IpNetwork

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MEND = "write scheme://host:port, for example http://127.0.0.1:9000"


def is_host(text: str) -> bool:
    """Whether `text` is a host name or an IP address (IPv6 without brackets)."""
    try:
        ip_address(text)
    except ValueError:
        return len(text) <= 253 and _HOST.fullmatch(text) is not None and not _looks_like_ip(text)
    return "%" not in text


def _looks_like_ip(text: str) -> bool:
    """A last label of digits makes resolvers read an address (127.1, 0x7f.1), maybe another one."""
    return (
        re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", text.rstrip(".").rpartition(".")[2]) is not None
    )


def parse_address(text: str, report: DocumentReport, *keys: Key) -> tuple[str, str, int]:
    """Scheme, host and port of `scheme://host:port`; nonsense when the report got an error."""
    fault = fault_of_address(text)
    if fault:
        report.error(f'the address "{text}" {fault}', _MEND, *keys)
        return "http", "invalid", 0
    return parts_of_address(text)


@lru_cache(maxsize=1024)
def parts_of_address(text: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address without a fault."""
    parts = urlsplit(text)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


@lru_cache(maxsize=1024)
def fault_of_address(text: str) -> str:
    """Why `text` is not `scheme://host:port`, "" when it is."""
    if "#" in text:
        return 'holds a "#" that is not part of a variable such as #backend_host#'
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
        return "does not start with http:// or https://"
    if "@" in parts.netloc:
        return "holds a user name"
    if parts.path or "?" in text:
        return "holds more than scheme, host and port"
    if host is None or not is_host(host) or text != text.strip() or "\n" in text:
        return "names no host"
    if port == 0 or parts.netloc.endswith(":"):
        return "names no port"
    return ""


def address_of(scheme: str, host: str, port: int) -> str:
    """`scheme://host:port`, the inverse of `parse_address`."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def parse_networks(texts: list[str], report: DocumentReport, *keys: Key) -> tuple[IpNetwork, ...]:
    networks = []
    for index, text in enumerate(texts):
        where = place((*keys, index))
        try:
            networks.append(ip_network(text))
        except ValueError:
            try:
                wide = ip_network(text, strict=False)
            except ValueError:
                what, mend = f'{where} "{text}" is not a network', "write one such as 10.0.0.0/8"
            else:
                what, mend = f'{where} "{text}" has bits below its mask', f'write "{wide}"'
            report.error(what, mend, *keys, index)
    return tuple(networks)


def plain_host(text: str) -> str:
    """An address or host name in the one form it is compared in."""
    try:
        address = ip_address(text)
    except ValueError:
        return text.lower().rstrip(".")
    return address.compressed if isinstance(address, IPv6Address) else str(address)
