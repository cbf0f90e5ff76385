"""Which API is called: Host finds the group and environment, method and path the API.

Guide, "Domain name and certificate": the domain name locates the unique API group, Path +
HTTPMethod the unique API. Reference: protocol 5.1, 5.2.
"""

from apigateway.cors import asked_method, cors_of, preflight_answer
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Received, Reply, Routed
from apigateway.model.catalog import BoundDomain
from apigateway.model.group import Environment
from apigateway.protocol.matching import PathError, split_path
from apigateway.signatures.caller import STAGE

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"})


def environment_of(bound: BoundDomain, asked: str | None) -> Environment:
    """The environment a domain is bound to, else the one `X-Ca-Stage` asks for, else RELEASE.

    Raises:
        Refusal: INVALID_STAGE, the header names no environment.
    """
    if bound.domain.environment is not None:
        return bound.domain.environment
    if asked is None:
        return Environment.RELEASE
    try:
        return Environment(asked.strip().upper())
    except ValueError:
        raise Refusal(Fault.INVALID_STAGE, f"{STAGE} is none of TEST, PRE, RELEASE") from None


def refuse_misdirected(call: Received, bound: BoundDomain) -> None:
    """A connection is for the group of the domain whose certificate it was shown: a caller that
    sends it another group's calls (a browser that shares connections, or somebody who looks for
    a way around) asks again on a connection of their own (RFC 9110, 15.5.20).

    Raises:
        Refusal: MISDIRECTED, the host is not of the group of the handshake's domain.
    """
    shown = call.catalog.domains.get(call.sni)
    if shown is None or shown.group.id != bound.group.id:
        raise Refusal(
            Fault.MISDIRECTED, f"the handshake was for {call.sni!r}", domain=bound.domain.name
        )


def answer_preflight(call: Received, bound: BoundDomain, segments: tuple[str, ...]) -> None:
    """Answer a browser that asks before it calls; an API declared for OPTIONS answers itself.

    A preflight cannot say which stage the call will ask for, so any that the domain serves will
    do.

    Raises:
        Reply: the call is a preflight for an API of the group.
        Refusal: CORS_NOT_FOUND, a preflight for no API.
    """
    method, cors = asked_method(call), cors_of(call)
    if method is None or cors is None:
        return
    only = bound.domain.environment
    tables = [
        table
        for (group_id, environment), table in call.catalog.routes.items()
        if group_id == bound.group.id and only in (None, environment)
    ]
    for table in tables:
        own = table.match("OPTIONS", segments)
        if own is not None and own.endpoint.api.request.method == "OPTIONS":
            return
    if not any(table.match(method.upper(), segments) for table in tables):
        raise Refusal(Fault.CORS_NOT_FOUND, "preflight", method=method[:20], path=call.path)
    raise Reply(preflight_answer(cors))


class Routing:
    """Received -> Routed."""

    def __call__(self, call: Received) -> Routed:
        bound = call.catalog.domains.get(call.host)
        if bound is None:
            raise Refusal(
                Fault.INVALID_DOMAIN, f"no group has the domain {call.host!r}", domain=call.host
            )
        if call.scheme == "https":
            refuse_misdirected(call, bound)
        environment = environment_of(bound, call.headers.first(STAGE))
        if call.method not in METHODS:
            raise Refusal(Fault.UNSUPPORTED_METHOD, "not a method of an API", method=call.method)
        try:
            segments = split_path(call.path)
        except PathError as problem:
            raise Refusal(Fault.INVALID_PATH, str(problem), reason=str(problem)) from None
        answer_preflight(call, bound, segments)
        table = call.catalog.routes.get((bound.group.id, environment))
        match = table.match(call.method, segments) if table is not None else None
        if match is None:
            raise Refusal(
                Fault.API_NOT_FOUND,
                f"group {bound.group.name} has no such API released to {environment}",
                method=call.method,
                path=call.path,
            )
        return Routed.after(
            call,
            bound=bound,
            environment=environment,
            served=match.endpoint,
            path_values=match.values,
            path_rest=match.rest,
        )
