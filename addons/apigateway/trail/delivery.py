"""What the backend got and where, and what came of it."""

from apigateway.errors import Refusal
from apigateway.exchange import (
    HttpUpstream,
    Mapped,
    MockUpstream,
    Permitted,
    Resolved,
    Signed,
    Validated,
)
from apigateway.model.api import Backend, HttpBackend, MockBackend
from apigateway.signatures.backend import PROXY_SIGNATURE_HEADERS, PROXY_STRING_TO_SIGN
from apigateway.trail.arrival import Decided
from apigateway.trail.declared import Declared
from apigateway.trail.masking import shown

# --- Mapping


def mapping(call: Mapped, declared: Declared) -> Decided:
    found: Decided = {"mode": declared.mode}
    if isinstance(call.served.api.backend, MockBackend):
        return found
    arguments, files, claims = call.arguments, call.files, call.claims
    found["mapped"] = [
        move for source, move in declared.moves if source in arguments or source in files
    ]
    if declared.constants:
        found["constants"] = declared.constants
    if declared.system:
        found["system"] = declared.system
    if declared.claims:
        found["claims"] = [
            move for source, move in declared.claims if claims.get(source) is not None
        ]
    return found


def mapping_refused(call: Validated, refusal: Refusal) -> Decided:
    found: Decided = {"mode": str(call.served.api.request.mode)}
    for part, name in (("name", "to"), ("reason", "rule")):
        if part in refusal.parts:
            found[name] = shown(refusal.parts[part])
    return found


# --- Resolution


def resolution(call: Resolved, declared: Declared) -> Decided:
    upstream = call.upstream
    if isinstance(upstream, MockUpstream):
        return {"backend": "mock", "status": upstream.status}
    found: Decided = {
        "backend": "vpc" if upstream.vpc_access else "http",
        "address": f"{upstream.scheme}://{upstream.authority}",
        "timeout_ms": upstream.timeout_ms,
    }
    if upstream.vpc_access:
        found["vpc_access"] = upstream.vpc_access
    if upstream.scheme == "https":
        found["tls_profile"] = None if upstream.tls is None else upstream.tls.name
        found["server_name"] = upstream.server_name
    return found


def resolution_refused(call: Mapped, refusal: Refusal) -> Decided:
    backend: Backend = call.served.api.backend
    if isinstance(backend, MockBackend):
        return {"backend": "mock"}
    found: Decided = {"tls_profile": backend.tls} if backend.tls else {}
    if isinstance(backend, HttpBackend):
        address = backend.template or f"{backend.scheme}://{backend.host}:{backend.port}"
        return {"backend": "http", "address": address, **found}
    return {"backend": "vpc", "vpc_access": backend.access, **found}


# --- VpcAllowList


def vpc_allow_list(call: Permitted, declared: Declared) -> Decided:
    upstream = call.upstream
    if isinstance(upstream, MockUpstream):
        return {"pinned": None}
    return {
        "pinned": call.pinned,
        "host": upstream.host,
        "port": upstream.port,
        "allowed_by": _allowed_by(call, upstream),
    }


def _allowed_by(call: Resolved, upstream: HttpUpstream) -> str:
    if upstream.vpc_access:
        return "VPC authorization"
    return "backend networks" if call.catalog.settings.backend_networks else "any network"


def vpc_allow_list_refused(call: Resolved, refusal: Refusal) -> Decided:
    upstream = call.upstream
    if isinstance(upstream, MockUpstream):
        return {}
    networks = call.catalog.settings.backend_networks
    found: Decided = {"host": upstream.host, "port": upstream.port}
    if upstream.vpc_access:
        found["vpc_access"] = upstream.vpc_access
    elif networks:
        found["backend_networks"] = [str(network) for network in networks[:10]]
    return found


# --- Signing


def signing(call: Signed, declared: Declared) -> Decided:
    key = call.served.signature_key
    if key is None or isinstance(call.upstream, MockUpstream):
        return {"key": None}
    found: Decided = {"key": key.name, "key_id": key.key}
    for name, value in reversed(call.dispatched.headers):  # the gateway's own are the last ones
        if name == PROXY_STRING_TO_SIGN:
            found["debug"] = True
        elif name == PROXY_SIGNATURE_HEADERS:
            found["signed_headers"] = value.split(",")
            break
    return found


def signing_refused(call: Permitted, refusal: Refusal) -> Decided:
    key = call.served.signature_key
    return {"key": None if key is None else key.name}


# --- Dispatch


def dispatch(call: Permitted, declared: Declared) -> Decided:
    """Where a call goes, or would go."""
    upstream = call.upstream
    if isinstance(upstream, MockUpstream):
        return {"backend": "mock"}
    return {"address": socket_address(call, upstream), "timeout_ms": upstream.timeout_ms}


def socket_address(call: Permitted, upstream: HttpUpstream) -> str:
    host = f"[{call.pinned}]" if ":" in call.pinned else call.pinned
    return f"{host}:{upstream.port}"
