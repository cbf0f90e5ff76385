"""Hooks that do something for a rare flow only, behind a look that tells these flows.

mitmproxy's headers are searched by a scan that decodes and folds each name anew; for a hook that
asks for one field, a look at the bytes is enough.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.addons import disable_h2c, update_alt_svc

from apigateway.fast.known import fingerprint

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`asks_for` is true of every flow for which the hook does anything at all; `known` are
    fingerprints of the add-on's module."""

    hook: str
    asks_for: Callable[[http.HTTPFlow], bool]
    known: str


def has_field(headers: http.Headers, name: bytes) -> bool:
    """`name` in lower case."""
    return any(len(field) == len(name) and field.lower() == name for field, _ in headers.fields)


def _may_be_h2c(flow: http.HTTPFlow) -> bool:
    request = flow.request
    return request.data.method == b"PRI" or has_field(request.headers, b"upgrade")


def _has_alt_svc(flow: http.HTTPFlow) -> bool:
    return flow.response is None or has_field(flow.response.headers, b"alt-svc")


LOOKS: dict[type, Look] = {
    disable_h2c.DisableH2C: Look(
        hook="request", asks_for=_may_be_h2c, known="1101bc487906c340 498e546f350232f4"
    ),
    update_alt_svc.UpdateAltSvc: Look(
        hook="responseheaders", asks_for=_has_alt_svc, known="531fa669f10a792d"
    ),
}


def plain(addon: object, name: str, hook: Hook) -> Hook:
    return hook


def behind_looks() -> Callable[[object, str, Hook], Hook]:
    """What is called in the place of an add-on's hook. An add-on that is not exactly mitmproxy's,
    and one whose text is not known, is called for every flow."""
    known = {kind: look for kind, look in LOOKS.items() if is_known(kind)}

    def shortened(addon: Any, name: str, hook: Hook) -> Hook:
        look = known.get(type(addon))
        if look is None or look.hook != name or name in vars(addon):
            return hook
        asks_for = look.asks_for

        def looked(flow: http.HTTPFlow) -> Any:
            return hook(flow) if asks_for(flow) else None

        return looked

    return shortened


def is_known(kind: type) -> bool:
    return fingerprint(sys.modules[kind.__module__]) in LOOKS[kind].known.split()


def unknown_addons() -> list[str]:
    """Names of the add-ons whose text differs from what is known."""
    return sorted(kind.__name__ for kind in LOOKS if not is_known(kind))
