"""The content view "Gateway", in the form of mitmproxy 11 and in that of mitmproxy 12."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mitmproxy import contentviews, flow, http

from apigateway.edge.refusals import refused_at_the_edge
from apigateway.proxy.flows import BACKEND_LEG, TRAIL

NAME = "Gateway"

FIRST, NEVER = 2.0, -1.0
"""What mitmproxy's own views ask for is at most 1."""

Shown = Callable[[http.HTTPFlow], Sequence[str]]

logger = logging.getLogger(__name__)


class GatewayView:
    """`shown` gives the lines of a flow; whatever it raises is shown in their place."""

    name = NAME
    syntax_highlight = "none"

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def prettify(self, data: bytes, metadata: Any) -> str:
        """mitmproxy 12."""
        return "\n".join(self._lines(metadata.flow))

    def __call__(
        self, data: bytes, *, flow: flow.Flow | None = None, **others: Any
    ) -> tuple[str, Iterator[list[tuple[str, str]]]]:
        """mitmproxy 11: styled lines."""
        return NAME, ([(_style(line), line)] for line in self._lines(flow))

    def render_priority(
        self,
        data: bytes,
        metadata: Any = None,
        *,
        flow: flow.Flow | None = None,
        http_message: http.Message | None = None,
        **others: Any,
    ) -> float:
        """mitmproxy 12 gives one `metadata`, mitmproxy 11 its fields."""
        if metadata is not None:
            flow, http_message = metadata.flow, metadata.http_message
        try:
            return priority(flow, http_message)
        except Exception:
            logger.debug("the Gateway view has no priority", exc_info=True)
            return NEVER

    def __lt__(self, other: Any) -> bool:
        return bool(self.name < other.name)

    def _lines(self, shown: flow.Flow | None) -> Sequence[str]:
        if not isinstance(shown, http.HTTPFlow):
            return ["only HTTP calls have a trail"]
        try:  # mitmweb leaves out empty lines, which mean something in a string to sign
            return [line or " " for line in self._shown(shown)]
        except Exception as bug:  # a bug here must not take mitmweb with it
            logger.debug("the Gateway view failed", exc_info=True)
            problem = f"{type(bug).__name__}: {bug}"
            return [
                "The Gateway view cannot show this flow: its trail is not one of this version,",
                f"or there is a bug in the view ({problem}).",
            ]


def priority(shown: flow.Flow | None, message: http.Message | None) -> float:
    """First choice where the message itself tells less than the trail: the answer to a refused
    call (its body repeats the code and the message), and a request without a body. The body of a
    served answer, and of a request that has one, stays what is seen first."""
    if not isinstance(shown, http.HTTPFlow) or BACKEND_LEG in shown.metadata:
        return NEVER
    trail = shown.metadata.get(TRAIL)
    if trail is None:
        refused = refused_at_the_edge(shown) is not None
        return FIRST if refused and message is shown.response else NEVER
    if message is shown.request:
        return NEVER if message.raw_content else FIRST
    return NEVER if trail["verdict"]["served"] else FIRST


def _style(line: str) -> str:
    if line.startswith(("\u2717", "refused by ")):
        return "error"
    return "text"


def install(view: GatewayView) -> None:
    """In place of the one before, if the script is loaded anew."""
    known: Any = contentviews
    if not hasattr(known, "registry"):  # mitmproxy 11 refuses a second one of a name
        while (old := known.get(NAME)) is not None:
            known.remove(old)
    known.add(view)
