"""No event for a line of the log when no add-on listens.

mitmproxy still formats each line, debug lines too, for the old hook `add_log`, and asks every
add-on for it. In mitmdump none has it. An add-on that comes with it hears what is logged from
then on (with mitmproxy alone, also what was logged in the same turn of the event loop before).
"""

import logging
import threading
from typing import Any

from mitmproxy import log

from apigateway.fast.dispatch import Dispatch
from apigateway.fast.known import Undo, Unknown, check_known


def skip_unheard_log_events(master: Any, dispatch: Dispatch) -> Undo:
    """
    Raises:
        Unknown
    """
    check_known([(log.LegacyLogEvents.emit, "816e2f846b015a28")])
    events: Any = getattr(master, "_legacy_log_events", None)
    if not isinstance(events, log.LegacyLogEvents):
        raise Unknown("mitmproxy has other legacy log events")
    stock, thread = events.emit, threading.get_ident()

    def emit(record: logging.LogRecord) -> None:
        if threading.get_ident() != thread or dispatch.has("add_log"):
            stock(record)

    events.emit = emit  # type: ignore[method-assign]

    def undo() -> None:
        del events.emit

    return undo
