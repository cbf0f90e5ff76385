"""Where the call goes: the HTTP backend, the instance behind a VPC authorization, or a mock.

Guide, "Define backend service information" and the VPC part. Stage variables have their values
already; where one has none, no call of the API goes anywhere.
"""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import HttpUpstream, Mapped, MockUpstream, Resolved, Upstream
from apigateway.model.api import Backend, HttpBackend, MockBackend
from apigateway.model.catalog import Catalog, TlsProfile
from apigateway.model.catalog_memo import CatalogMemo


def upstream_of(backend: Backend, catalog: Catalog) -> Upstream:
    """
    Raises:
        Refusal: VPC_ACCESS_DENIED, BACKEND_TLS, the backend names an authorization or a TLS
            profile that is not there; BACKEND_ADDRESS, its address is still to be made.
    """
    if isinstance(backend, MockBackend):
        return MockUpstream(
            status=backend.status, headers=backend.headers, body=backend.body.encode("utf-8")
        )
    if isinstance(backend, HttpBackend):
        if backend.template:
            raise Refusal(Fault.BACKEND_ADDRESS, f"{backend.template!r} is not an address")
        return HttpUpstream(
            scheme=backend.scheme,
            host=backend.host,
            port=backend.port,
            timeout_ms=backend.timeout_ms,
            tls=_tls_of(backend.scheme, backend.tls, catalog),
        )
    access = catalog.vpc_accesses.get(backend.access)
    if access is None:
        raise Refusal(Fault.VPC_ACCESS_DENIED, f"no VPC authorization named {backend.access!r}")
    return HttpUpstream(
        scheme=backend.scheme,
        host=access.host,
        port=access.port,
        timeout_ms=backend.timeout_ms,
        vpc_access=access.name,
        tls=_tls_of(backend.scheme, backend.tls or access.tls, catalog),
    )


def _tls_of(scheme: str, name: str | None, catalog: Catalog) -> TlsProfile | None:
    """A profile that is named and not there never becomes the system's way: it may be what kept
    the backend from being another."""
    if scheme != "https" or name is None:
        return None
    profile = catalog.tls_profiles.get(name)
    if profile is None:
        raise Refusal(Fault.BACKEND_TLS, f"no backend TLS profile named {name!r}", reason="")
    return profile


class Resolution:
    """Mapped -> Resolved."""

    def __init__(self) -> None:
        self._upstreams: CatalogMemo[int, Upstream] = CatalogMemo()

    def __call__(self, call: Mapped) -> Resolved:
        known = self._upstreams.of(call.catalog)
        upstream = known.get(id(call.served))
        if upstream is None:
            if call.served.unresolved:
                raise Refusal(Fault.BACKEND_ADDRESS, call.served.unresolved)
            upstream = upstream_of(call.served.api.backend, call.catalog)
            known[id(call.served)] = upstream
        return Resolved.after(call, upstream=upstream)
