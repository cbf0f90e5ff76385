"""Where the call goes: the HTTP backend, the instance behind a VPC authorization, or a mock.

Guide, "Define backend service information" and the VPC part.
"""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import HttpUpstream, Mapped, MockUpstream, Resolved, Upstream
from apigateway.model.api import Backend, HttpBackend, MockBackend
from apigateway.model.catalog import Catalog


def upstream_of(backend: Backend, catalog: Catalog) -> Upstream:
    """
    Raises:
        Refusal: VPC_ACCESS_DENIED, the backend names an authorization that is not there.
    """
    if isinstance(backend, MockBackend):
        return MockUpstream(
            status=backend.status, headers=backend.headers, body=backend.body.encode("utf-8")
        )
    if isinstance(backend, HttpBackend):
        return HttpUpstream(
            scheme=backend.scheme,
            host=backend.host,
            port=backend.port,
            timeout_ms=backend.timeout_ms,
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
    )


class Resolution:
    """Mapped -> Resolved."""

    def __call__(self, call: Mapped) -> Resolved:
        upstream = upstream_of(call.served.api.backend, call.catalog)
        return Resolved(**vars(call), upstream=upstream)
