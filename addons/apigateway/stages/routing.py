"""Which API is called: Host finds the group and environment, method and path the API.

Guide, "Domain name and certificate": the domain name locates the unique API group, Path +
HTTPMethod the unique API. Reference: protocol 5.1, 5.2.
"""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Received, Routed
from apigateway.matching import PathError, split_path
from apigateway.model.catalog import BoundDomain
from apigateway.model.group import Environment
from apigateway.signature import STAGE

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


class Routing:
    """Received -> Routed."""

    def __call__(self, call: Received) -> Routed:
        bound = call.catalog.domains.get(call.host)
        if bound is None:
            raise Refusal(
                Fault.INVALID_DOMAIN, f"no group has the domain {call.host!r}", domain=call.host
            )
        environment = environment_of(bound, call.headers.first(STAGE))
        if call.method not in METHODS:
            raise Refusal(Fault.UNSUPPORTED_METHOD, "not a method of an API", method=call.method)
        try:
            segments = split_path(call.path)
        except PathError as problem:
            raise Refusal(Fault.INVALID_PATH, str(problem), reason=str(problem)) from None
        table = call.catalog.routes.get((bound.group.id, environment))
        match = table.match(call.method, segments) if table is not None else None
        if match is None:
            raise Refusal(
                Fault.API_NOT_FOUND,
                f"group {bound.group.name} has no such API released to {environment}",
                method=call.method,
                path=call.path,
            )
        return Routed(
            **vars(call),
            bound=bound,
            environment=environment,
            served=match.endpoint,
            path_values=match.values,
            path_rest=match.rest,
        )
