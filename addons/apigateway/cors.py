"""Calls from browsers: the preflight's answer and the fields of every other one (Fetch standard).

The product answers preflights itself, before any authentication, and adds its fields to every
answer (reference: protocol 3). A backend's own Access-Control fields give way to the group's,
since a browser refuses an answer that has them twice.
"""

from apigateway.exchange import Answer, Received
from apigateway.model.cors import Cors
from apigateway.protocol.wire import Pairs

ORIGIN = "Origin"
ASKED_METHOD = "Access-Control-Request-Method"
PREFIX = "access-control-"


def cors_of(call: Received) -> Cors | None:
    """The rules of the group that the Host leads to; None where there are none."""
    bound = call.catalog.domains.get(call.host)
    if bound is None or not bound.group.cors.enabled:
        return None
    return bound.group.cors


def asked_method(call: Received) -> str | None:
    """The method a preflight asks for, None when the call is no preflight."""
    if call.method != "OPTIONS" or ORIGIN not in call.headers:
        return None
    return call.headers.first(ASKED_METHOD)


def preflight_answer(cors: Cors) -> Answer:
    """What a browser may send; whether its page may send it is said by `cors_fields`."""
    return Answer(
        status=200,
        reason="OK",
        headers=(
            ("Access-Control-Allow-Methods", ",".join(cors.methods)),
            ("Access-Control-Allow-Headers", ",".join(cors.headers)),
            ("Access-Control-Max-Age", str(cors.max_age_s)),
        ),
        body=b"",
        elapsed_ms=0.0,
    )


def cors_fields(call: Received) -> Pairs:
    """The fields that let the page of this origin read the answer, and those that keep a cache
    from giving it to the page of another one (Fetch, "CORS protocol and HTTP caches")."""
    cors, origin = cors_of(call), call.headers.first(ORIGIN)
    if cors is None:
        return ()
    anyone = "*" in cors.origins
    if origin is None or (not anyone and origin not in cors.origins):
        return () if anyone and not cors.credentials else (("Vary", ORIGIN),)
    expose = ("Access-Control-Expose-Headers", ",".join(cors.expose))
    if anyone and not cors.credentials:
        return (("Access-Control-Allow-Origin", "*"), expose)
    fields = [("Access-Control-Allow-Origin", origin), ("Vary", ORIGIN), expose]
    if cors.credentials:
        fields.append(("Access-Control-Allow-Credentials", "true"))
    return tuple(fields)


def without_own_cors(headers: Pairs, call: Received) -> Pairs:
    """A backend's fields without its own Access-Control ones, where the group's rules hold."""
    if cors_of(call) is None or ORIGIN not in call.headers:
        return headers
    return tuple(field for field in headers if not field[0].lower().startswith(PREFIX))
