"""How independent domains are proved: `domains` of gateway.yaml."""

import re
from ipaddress import ip_address

from apigateway.definition.problems import DocumentReport
from apigateway.model.settings import DNS_PORT, DomainProof, DomainSettings

_MEND = 'write an IP address such as 10.0.0.2, "127.0.0.1:5353" or "[::1]:5353"'


def read_domains(report: DocumentReport) -> DomainSettings:
    given = dict(report.document.data.get("domains", {}))
    resolvers = given.pop("resolvers", ())
    verify = DomainProof(given.pop("verify", "off"))
    return DomainSettings(
        verify=verify,
        resolvers=tuple(_resolver(text, report, index) for index, text in enumerate(resolvers)),
        **given,
    )


def _resolver(text: str, report: DocumentReport, index: int) -> tuple[str, int]:
    """Address and port. (A name would have to be resolved first, and by whom?)"""
    host, port = _parts(text)
    try:
        address = str(ip_address(host))
    except ValueError:
        address = ""
    if not address or not 0 < port < 65536:
        what = f'the DNS server "{text}" is no address'
        report.error(what, _MEND, "domains", "resolvers", index)
        return "invalid", DNS_PORT
    return address, port


def _parts(text: str) -> tuple[str, int]:
    """IPv6 stands in brackets when a port follows, as in a URL; ("", 0) is neither."""
    if match := re.fullmatch(r"\[([^]]*:[^]]*)\](?::([0-9]{1,5}))?", text):
        return match[1], int(match[2] or DNS_PORT)
    if match := re.fullmatch(r"([^:]+):([0-9]{1,5})", text):
        return match[1], int(match[2])
    return text, DNS_PORT
