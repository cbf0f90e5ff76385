"""No look at the types of a message's fields each time a request or a response is made.

mitmproxy has this check in its debug mode only, which is how Python runs by default: it tells the
author of an add-on early of a wrong value. Values of the right types are treated as before.
"""

from typing import Any

from mitmproxy import http

from apigateway.fast.known import Undo, check_known

POST_INIT = "__post_init__"


def nothing(*message: Any) -> None:
    """In the place of what is left out."""


def skip_type_checks() -> Undo:
    """
    Raises:
        Unknown
    """
    data: Any = http.MessageData
    stock = getattr(data, POST_INIT, None)
    if stock is None or stock is nothing:  # `python -O`, or it is left out already
        return nothing
    check_known([(stock, "dd16b76f0a3e9849")])
    setattr(data, POST_INIT, nothing)
    return lambda: setattr(data, POST_INIT, stock)
