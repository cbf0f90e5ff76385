"""The gateway's own options in mitmproxy, and what it makes of mitmproxy's."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs

from apigateway.proxy.listener import StartError
from apigateway.proxy.live_trail import AUTO, CHOICES, OPTION, problem_of

DEAD_TARGET = "reverse:http://127.0.0.1:1"

OPTIONS = (
    "gateway_backend_leg",
    "gateway_definitions",
    "gateway_fast",
    "gateway_fast_without",
    "gateway_keep_flows",
    "gateway_policies",
    "gateway_reuse_port",
    "gateway_supervisor",
    OPTION,
)

PROXY_OPTIONS: dict[str, Any] = {
    "connection_strategy": "lazy",
    "keep_host_header": True,
    "onboarding": False,
    "rawtcp": False,
    "showhost": True,
    "validate_inbound_headers": True,
    "websocket": False,
}
"""Options whose stock value would let something pass the stages; and `showhost`, since the real
target is nowhere and the host that was called is what one wants to read."""


def closed_modes(modes: Sequence[str]) -> list[str]:
    """The modes the gateway runs in for those asked for: the same ports, and no real target.

    Raises:
        StartError: a mode that is no reverse proxy.
    """
    closed = []
    for text in modes:
        try:
            mode = mode_specs.ProxyMode.parse(text)
        except ValueError as problem:
            raise StartError(f"--mode {text}: {problem}") from None
        if mode.type_name not in ("regular", "reverse"):
            raise StartError(
                f"--mode {text}: a gateway is a reverse proxy; leave --mode out, and choose "
                "the port with --listen-port"
            )
        _, at, listen = text.rpartition("@")
        closed.append(f"{DEAD_TARGET}@{listen}" if at else DEAD_TARGET)
    return closed


def check_given_options() -> None:
    """mitmproxy keeps what `--set` says of options it does not know yet, and says nothing of those
    that never come; one given twice it drops with the whole script.

    Raises:
        StartError: an option `gateway_...` that does not exist, stands twice, or has a wrong value.
    """
    given: Mapping[str, Any] = getattr(ctx.options, "deferred", {})
    for name, kept in given.items():
        values = getattr(kept, "val", ())
        if not name.startswith("gateway_"):
            continue
        if name not in OPTIONS:
            raise StartError(f"--set {name}: there is no such option, only {', '.join(OPTIONS)}")
        if len(values) > 1:
            raise StartError(f"--set {name} stands {len(values)} times; give it once")
        text = "".join(values)
        if name == OPTION and (problem := problem_of(text)):
            raise StartError(f"--set {problem}")
        if name == "gateway_reuse_port" and text not in ("", "true", "false"):
            raise StartError(f"--set {name}={text}: it is true or false")
        if name == "gateway_supervisor" and not text.isdigit():
            raise StartError(f"--set {name}={text}: it is a number")


def end_at_wrong_values(names: Iterable[str], problem_of: Callable[[str, str], str]) -> None:
    """End the process when it was started with a value that is none: mitmproxy would go on without
    the script. `problem_of` says what is wrong with the value of an option, "" for nothing."""
    for name in names:
        given = getattr(ctx.options.deferred.get(name), "val", None)
        if given and (problem := problem_of(name, given[-1])):
            print(f"--set {problem}", file=sys.stderr, flush=True)
            sys.exit(1)


def add_options(loader: Loader, root: Path) -> None:
    """Those of the gateway as a whole; other add-ons of it add their own."""
    loader.add_option(
        "gateway_definitions",
        str,
        str(root / "definitions"),
        "Folder of gateway.yaml, the API groups and the apps.",
    )
    loader.add_option(
        "gateway_policies",
        str,
        "",
        "Folder of policies, grants and bindings. Default: policies, beside the definitions.",
    )
    loader.add_option(
        "gateway_reuse_port",
        bool,
        False,
        "Share the port with other gateways of the same store. Start with --set server=false.",
    )
    loader.add_option(
        "gateway_supervisor",
        int,
        0,
        "The line to the supervisor; `apigateway serve --workers N` sets it.",
    )
    loader.add_option(
        OPTION,
        str,
        AUTO,
        "Keep with each flow what every stage decided of it. auto: in mitmweb and mitmproxy, and "
        "when flows are saved (-w, hardump).",
        choices=CHOICES,
    )
