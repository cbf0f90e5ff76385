"""Trails on flows: whether they are kept, and the trail of a call that ended put on its flow.

A trail is for people, and for captures: it is on where somebody looks at flows or saves them, and
off in a plain mitmdump, where it would be made for nobody. Nothing of it can cost or change a call.
"""

import logging
import time
from functools import partial
from typing import Any

from mitmproxy import ctx, exceptions, http

from apigateway.chain import Call
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.flow_metadata import PendingTrail
from apigateway.proxy.flows import HAR_FIELD, TRAIL
from apigateway.trail.trail import trail_of

logger = logging.getLogger(__name__)

OPTION = "gateway_trail"
AUTO, ON, OFF = CHOICES = ("auto", "on", "off")

SAVING = ("save_stream_file", "hardump")
"""mitmproxy's options that save flows (`-w`, and as HAR)."""


def problem_of(choice: str) -> str:
    """What is wrong with a value of the option; "" for nothing."""
    return "" if choice in CHOICES else f"{OPTION}={choice}: it is {AUTO}, {ON} or {OFF}"


def is_wanted(choice: str, *, shown: bool, saved: bool) -> bool:
    """`shown`: there is a list of flows (mitmweb, mitmproxy); `saved`: flows go to a file."""
    return choice == ON or (choice == AUTO and (shown or saved))


class LiveTrail:
    """`is_on` changes with the options, from one call to the next."""

    def __init__(self) -> None:
        self.is_on = False
        self._is_shown = False
        self._has_failed = False

    def configure(self, updated: set[str]) -> None:
        """
        Raises:
            OptionsError: a value that is none; what was on stays on.
        """
        if updated.isdisjoint((OPTION, *SAVING)):
            return
        choice = ctx.options.gateway_trail
        if problem := problem_of(choice):
            raise exceptions.OptionsError(problem)
        self._is_shown = ctx.master.addons.get("view") is not None
        saved = any(getattr(ctx.options, name) for name in SAVING)
        self.is_on = is_wanted(choice, shown=self._is_shown, saved=saved)

    def put_on(self, flow: http.HTTPFlow, call: Call, style: ErrorStyle) -> None:
        """Only of a call that ended. Does nothing while it is off.

        It is made when the flow is read first. A flow that stays in a list would hold on to the
        catalog of its call until then, so for a list it is made at once.
        """
        if not self.is_on:
            return
        make = partial(self._made, call, style, time.perf_counter())
        if not self._is_shown:
            flow.metadata = PendingTrail(flow.metadata, make)
        elif (trail := make()) is not None:
            flow.metadata[TRAIL] = trail

    def _made(self, call: Call, style: ErrorStyle, ended: float) -> dict[str, Any] | None:
        try:
            return trail_of(call, style, ended=ended)
        except Exception:  # the call is as it was: a picture of it is no part of it
            if not self._has_failed:
                self._has_failed = True
                logger.exception("[%s] no trail can be made (said only once)", call.request_id)
            return None


def trail_on(flow: http.HTTPFlow) -> dict[str, Any] | None:
    """The trail that a flow carries."""
    found: dict[str, Any] | None = flow.metadata.get(TRAIL)
    return found


def keep_in_har(master: Any) -> None:
    """A HAR that mitmproxy saves keeps trails too: it leaves out what flows carry beside the call,
    and a HAR may hold fields of one's own whose names begin with `_`."""
    saving = master.addons.get("savehar")
    if saving is None:
        return
    stock = type(saving).flow_entry

    def flow_entry(flow: http.HTTPFlow, servers_seen: Any) -> dict[str, Any]:
        entry: dict[str, Any] = stock(saving, flow, servers_seen)
        if (found := trail_on(flow)) is not None:
            entry[HAR_FIELD] = found
        return entry

    saving.flow_entry = flow_entry
