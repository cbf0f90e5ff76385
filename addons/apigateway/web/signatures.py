"""Both strings of a signature that did not verify, found out when somebody looks.

A trail comes with the gateway's string alone: finding the client's means to try the usual mistakes,
which takes milliseconds for a small request and seconds for a large form.
"""

from collections.abc import Mapping
from typing import Any

from apigateway.captures.sent import CaptureError
from apigateway.model.app import App
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.reception import CallerRequest
from apigateway.signatures.caller import KEY
from apigateway.trail.strings import signature_of

SMALL_BYTES = 4_096
"""Query and body together, of a request that is explained in some milliseconds."""

Trail = Mapping[str, Any]


def is_unexplained(trail: Trail) -> bool:
    signature = trail.get("signature")
    return signature is not None and "notes" not in signature


def is_small(request: CallerRequest) -> bool:
    return len(request.target) + len(request.body) <= SMALL_BYTES


def explained(trail: Trail, request: CallerRequest, catalog: Catalog | None) -> dict[str, Any]:
    """The trail with both strings, where they differ first, and why; with a note in their place
    where the app or the API are served no more."""
    app, served = _meant(trail, request, catalog)
    if app is None or served is None:
        what = "app of this AppKey" if app is None else "API"
        note = f"the {what} is served no more: the client's string cannot be found out"
        return _with(trail, {**trail["signature"], "notes": [note]})
    try:
        found = signature_of(request.signable, app, served=served, now_ms=trail.get("received_ms"))
    except CaptureError as problem:  # text that no client can have signed
        return _with(trail, {**trail["signature"], "notes": [str(problem)]})
    return _with(trail, found)


def _with(trail: Trail, signature: dict[str, Any]) -> dict[str, Any]:
    return {**trail, "signature": signature}


def _meant(
    trail: Trail, request: CallerRequest, catalog: Catalog | None
) -> tuple[App | None, ServedApi | None]:
    """The app that the caller named and the API that the call was for. Without the API nobody
    knows which of its parameters are secrets, so that no string may be shown."""
    if catalog is None:
        return None, None
    routed = trail["stages"][0]["decided"]
    wanted = (routed.get("group"), routed.get("api"), routed.get("environment"))
    app = catalog.apps.get(request.headers.first(KEY) or "")
    for one in catalog.served:
        if (one.group.name, one.api.name, one.environment.value) == wanted:
            return app, one
    return app, None
