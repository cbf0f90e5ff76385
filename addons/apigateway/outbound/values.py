"""What a definition sends to its backend, compiled: where each value goes and how it is found.

Guide, "Parameter mapping" and "System parameter definition". What is not mapped to another name or
place goes on under its own.
"""

from collections.abc import Iterator

from apigateway.exchange import Validated
from apigateway.model.api import Api, Location, Mode
from apigateway.outbound.names import BackendValues, Finder
from apigateway.outbound.system_parameters import SYSTEM_PARAMETERS, claim_text
from apigateway.protocol.multipart_body import Part


def backend_values(api: Api) -> BackendValues:
    """In the order in which a definition declares them, place by place."""
    found: dict[Location, list[tuple[str, Finder]]] = {location: [] for location in Location}
    for location, name, finder in _placed(api):
        found[location].append((name, finder))
    return BackendValues(
        path=tuple(found[Location.PATH]),
        query=tuple(found[Location.QUERY]),
        header=tuple(found[Location.HEADER]),
        body=tuple(found[Location.BODY]),
    )


def _placed(api: Api) -> Iterator[tuple[Location, str, Finder]]:
    passthrough = api.request.mode is Mode.PASSTHROUGH
    mapped = {parameter.source for parameter in api.backend_parameters}
    for parameter in api.backend_parameters:
        yield parameter.location, parameter.name, _argument(parameter.source)
    for declared in api.request.parameters:
        if declared.name in mapped or (passthrough and declared.location is not Location.PATH):
            continue
        yield declared.location, declared.name, _argument(declared.name)
    for constant in api.constants:
        yield constant.location, constant.name, _constant(constant.value)
    for system in api.system_parameters:
        yield system.location, system.name, SYSTEM_PARAMETERS[system.source]
    for claim in api.claims:
        yield claim.location, claim.name, _claim(claim.source)


def _argument(name: str) -> Finder:
    def find(call: Validated) -> str | Part | None:
        if call.files and (file := call.files.get(name)) is not None:
            return file
        return call.arguments.get(name)

    return find


def _constant(value: str) -> Finder:
    return lambda call: value


def _claim(name: str) -> Finder:
    return lambda call: claim_text(call.claims.get(name))
