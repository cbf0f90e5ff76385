"""mitmproxy's own add-ons that have nothing to do, by what the options say.

They stay loaded, with their options and commands; only their hooks are left out of the tables
(`dispatch.py`), and come back as soon as an option asks for them.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mitmproxy.addons import (
    anticache,
    anticomp,
    blocklist,
    dumper,
    maplocal,
    mapremote,
    modifybody,
    modifyheaders,
    onboarding,
    proxyauth,
    save,
    savehar,
    stickyauth,
    stickycookie,
    upstream_auth,
)
from mitmproxy.options import Options

from apigateway.fast.known import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """`unless` is the option that gives the hooks something to do; `because`, why nothing is to
    be done without it; `known`, fingerprints of the add-on's module in
    mitmproxy 11.0.2, 12.2.0 to 12.2.3 and 12.3.1."""

    hooks: tuple[str, ...]
    unless: str
    because: str
    known: str


IDLE: Mapping[type, Idle] = {
    anticache.AntiCache: Idle(
        hooks=("request",),
        unless="anticache",
        because="it asks only for the option",
        known="3479d85dc888ba81",
    ),
    anticomp.AntiComp: Idle(
        hooks=("request",),
        unless="anticomp",
        because="it asks only for the option",
        known="6a375102a429176e",
    ),
    blocklist.BlockList: Idle(
        hooks=("request",),
        unless="block_list",
        because="its list of rules is empty",
        known="f9c0be484f1cb260 085833ec2d9dc78c",
    ),
    dumper.Dumper: Idle(
        hooks=("response", "error"),
        unless="flow_detail",
        because="at detail 0 (-q too) no flow matches",
        known="13e1da638a6f547e dcb4b13e7ea45744 fc349a718c0ebbb3",
    ),
    maplocal.MapLocal: Idle(
        hooks=("request",),
        unless="map_local",
        because="its list of rules is empty",
        known="2fadf60903f20317",
    ),
    mapremote.MapRemote: Idle(
        hooks=("request",),
        unless="map_remote",
        because="its list of rules is empty",
        known="546fc24cf3c9a8a8",
    ),
    modifybody.ModifyBody: Idle(
        hooks=("request", "response"),
        unless="modify_body",
        because="its list of rules is empty",
        known="7f1f2a7f4a67ee86 0872e3bea0958adf",
    ),
    modifyheaders.ModifyHeaders: Idle(
        hooks=("requestheaders", "responseheaders"),
        unless="modify_headers",
        because="its list of rules is empty",
        known="d37e467f7a5f71e2",
    ),
    onboarding.Onboarding: Idle(
        hooks=("request",),
        unless="onboarding",
        because="it asks only for the option",
        known="6a33d88ad708035b",
    ),
    proxyauth.ProxyAuth: Idle(
        hooks=("requestheaders",),
        unless="proxyauth",
        because="without credentials it has no validator",
        known="80bfd027565003c2 05c7c2fb9210b184 24fa5c7911466a19 db0e075c7b2f3fd7",
    ),
    save.Save: Idle(
        hooks=("request", "response", "error"),
        unless="save_stream_file",
        because="without a file it has no stream",
        known="9982785a0f491225 4b67f67ab07853b2",
    ),
    savehar.SaveHar: Idle(
        hooks=("response", "error"),
        unless="hardump",
        because="it asks for the option before it keeps a flow",
        known="27b1e03455b02b2c daf7592da67fd68c",
    ),
    stickyauth.StickyAuth: Idle(
        hooks=("request",),
        unless="stickyauth",
        because="it has no filter",
        known="cd904e1ad1c477f8",
    ),
    stickycookie.StickyCookie: Idle(
        hooks=("request", "response"),
        unless="stickycookie",
        because="it has no filter",
        known="73c4e60764092ac3",
    ),
    upstream_auth.UpstreamAuth: Idle(
        hooks=("requestheaders",),
        unless="upstream_auth",
        because="it has no credentials to add",
        known="1be8edad66373d54",
    ),
}


def idle_under(options: Options) -> Callable[[object, str], bool]:
    """Answers for an add-on's hook whether it has nothing to do under the options of that moment.
    An add-on that is not exactly mitmproxy's, and one whose text is not known, always has."""
    known = {kind: entry for kind, entry in IDLE.items() if is_known(kind)}

    def is_idle(addon: Any, hook: str) -> bool:
        entry = known.get(type(addon))
        if entry is None or hook not in entry.hooks or hook in vars(addon):
            return False
        return entry.unless in options and not getattr(options, entry.unless)

    return is_idle


def is_known(kind: type) -> bool:
    return fingerprint(sys.modules[kind.__module__]) in IDLE[kind].known.split()


def unknown_addons() -> list[str]:
    """Names of the add-ons whose text differs from what is known: they are always asked."""
    return sorted(kind.__name__ for kind in IDLE if not is_known(kind))
