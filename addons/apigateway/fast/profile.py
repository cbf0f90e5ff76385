"""The fast profile as an add-on: its options, and its pieces put in and taken out."""

import logging
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, exceptions, version
from mitmproxy.addonmanager import Loader
from mitmproxy.tools.dump import DumpMaster

from apigateway.fast import looks
from apigateway.fast.checks import skip_type_checks
from apigateway.fast.collector import tune_collector
from apigateway.fast.direct import DirectCalls
from apigateway.fast.dispatch import Dispatch, never
from apigateway.fast.idle import idle_under, unknown_addons
from apigateway.fast.known import Undo, Unknown
from apigateway.fast.log_events import skip_unheard_log_events
from apigateway.fast.looks import behind_looks, plain
from apigateway.proxy.options import end_at_wrong_values

logger = logging.getLogger(__name__)

PIECES = ("dispatch", "idle", "looks", "log", "direct", "checks", "gc")
NEEDS_DISPATCH = ("idle", "looks", "log")

OPTION, WITHOUT = "gateway_fast", "gateway_fast_without"
AUTO, ON, OFF = CHOICES = ("auto", "on", "off")


def names_in(left_out: str) -> set[str]:
    """Names with commas between them."""
    return {name.strip() for name in left_out.split(",") if name.strip()}


def chosen_pieces(left_out: str) -> set[str]:
    """All pieces but those left out, and but those that need one of them."""
    without = names_in(left_out)
    return set(PIECES) - without - (set(NEEDS_DISPATCH) if "dispatch" in without else set())


def problem_of(option: str, value: str) -> str:
    """What is wrong with the value of one of the two options; "" for nothing."""
    if option == OPTION:
        return "" if value in CHOICES else f"{OPTION}={value}: it is {AUTO}, {ON} or {OFF}"
    unknown = ", ".join(sorted(names_in(value) - set(PIECES)))
    return f"{WITHOUT}: there is no piece {unknown}, only {', '.join(PIECES)}" if unknown else ""


class FastProfile:
    """Pieces are in from the moment the options are known until the script leaves."""

    name = "apigateway-fast"

    def __init__(self) -> None:
        self._undo: list[Undo] = []
        self._running = False
        self.inside: list[str] = []

    def load(self, loader: Loader) -> None:
        end_at_wrong_values((OPTION, WITHOUT), problem_of)
        loader.add_option(
            OPTION,
            str,
            AUTO,
            "Leave out what a gateway has no use for. auto: in mitmdump only.",
            choices=CHOICES,
        )
        loader.add_option(
            WITHOUT,
            str,
            "",
            f"Pieces of the fast profile to leave out, with commas: {', '.join(PIECES)}.",
        )

    def configure(self, updated: set[str]) -> None:
        """
        Raises:
            OptionsError: a value that is none; what is in stays in.
        """
        if updated.isdisjoint((OPTION, WITHOUT)):
            return
        choice, without = ctx.options.gateway_fast, ctx.options.gateway_fast_without
        for option, value in ((OPTION, choice), (WITHOUT, without)):
            if problem := problem_of(option, value):
                raise exceptions.OptionsError(problem)
        self._take_out()
        if is_fast(choice, ctx.master):
            self._put_in(chosen_pieces(without))

    def running(self) -> None:
        self._running = True
        if "gc" in self.inside:
            self._undo.append(tune_collector(ctx.master.event_loop))

    def done(self) -> None:
        self._take_out()

    def _put_in(self, pieces: set[str]) -> None:
        master: Any = ctx.master
        is_idle = idle_under(ctx.options) if "idle" in pieces else never
        dispatch = Dispatch(master.addons, is_idle, behind_looks() if "looks" in pieces else plain)
        self._try(pieces, "dispatch", dispatch.install)
        if "dispatch" in self.inside:
            self._try(pieces, "idle", lambda: name_unknown(unknown_addons()))
            self._try(pieces, "looks", lambda: name_unknown(looks.unknown_addons()))
            self._try(pieces, "log", lambda: skip_unheard_log_events(master, dispatch))
        self._try(pieces, "direct", DirectCalls(master.addons, ctx.options).install)
        self._try(pieces, "checks", skip_type_checks)
        self._try(pieces, "gc", self._tune_collector)

    def _tune_collector(self) -> Undo:
        """Once everything is loaded."""
        return tune_collector(ctx.master.event_loop) if self._running else _nothing

    def _try(self, pieces: set[str], name: str, install: Callable[[], Undo]) -> None:
        if name not in pieces:
            return
        try:
            self._undo.append(install())
        except Unknown as problem:
            logger.warning("fast profile without %s: %s", name, problem)
        else:
            self.inside.append(name)

    def _take_out(self) -> None:
        while self._undo:
            self._undo.pop()()
        self.inside.clear()


def is_fast(choice: str, master: object) -> bool:
    """mitmweb and mitmproxy show every flow; there features matter more than speed."""
    return choice == ON or (choice == AUTO and isinstance(master, DumpMaster))


def name_unknown(names: list[str]) -> Undo:
    if names:
        logger.warning(
            "fast profile: mitmproxy %s has another %s, always called",
            version.VERSION,
            ", ".join(names),
        )
    return _nothing


def _nothing() -> None:
    """To put back where nothing was replaced."""
