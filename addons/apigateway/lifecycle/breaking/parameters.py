"""What changed parameters, another mode or another body do to calls.

In mode passthrough only path parameters are read (reference: protocol 5.3), so the others act
when the mode changes. A name that is no parameter is dropped in mode mapping, and the caller
is not told.
"""

from collections.abc import Iterator, Mapping

from apigateway.definition.check_backend import BODILESS
from apigateway.definition.paths import names_in, shape_of
from apigateway.lifecycle.breaking.finding import Effect, breaking, notice
from apigateway.lifecycle.breaking.rules import stricter_rules, stricter_schema
from apigateway.lifecycle.compare import Path
from apigateway.model.api import Api, BodyFormat, Location, Mode, Parameter, ParameterType

Key = tuple[Location, str]
"""Where a caller puts a value: header names whatever their case, path parameters by their turn."""

_BODIES = {
    BodyFormat.FORM: "a url-encoded form",
    BodyFormat.MULTIPART: "a multipart form",
    BodyFormat.STREAM: "one document",
}


def effects_of_parameters(before: Api, after: Api) -> Iterator[Effect]:
    old, new = _read(before), _read(after)
    came = [key for key in new if key not in old]
    moved: set[Key] = set()
    for key, parameter in old.items():
        if (stays := new.get(key)) is not None:
            yield from _stayed(parameter, stays)
            continue
        successor = _successor(parameter, before, after, [new[one] for one in came])
        if successor is not None:
            moved.add(_key(successor, after))
            yield from _went_to(parameter, successor, after.request.mode)
        elif parameter.location is not Location.PATH:
            yield from _went(parameter, before, after)
    for key in came:
        if key not in moved:
            yield from _came(new[key], before)


def _read(api: Api) -> Mapping[Key, Parameter]:
    """The parameters that the gateway reads, in declared order."""
    return {
        _key(parameter, api): parameter
        for parameter in api.request.parameters
        if parameter.location is Location.PATH or api.request.mode is not Mode.PASSTHROUGH
    }


def _key(parameter: Parameter, api: Api) -> Key:
    if parameter.location is Location.PATH:
        names = names_in(api.request.path)
        turn = names.index(parameter.name) if parameter.name in names else parameter.name
        return Location.PATH, f"{shape_of(api.request.path)} {turn}"
    is_header = parameter.location is Location.HEADER
    return parameter.location, parameter.name.lower() if is_header else parameter.name


def path_of(parameter: Parameter) -> Path:
    return ("request", "parameters", f"{parameter.name} in {parameter.location}")


def must_be_sent(parameter: Parameter) -> bool:
    """A default is taken where nothing is sent, also of a required parameter."""
    return parameter.required and parameter.default is None


def _stayed(before: Parameter, after: Parameter) -> Iterator[Effect]:
    path = path_of(after)
    if must_be_sent(after) and not must_be_sent(before):
        yield breaking((*path, "required"), "calls without it are refused")
    elif before.default != after.default and not must_be_sent(before):
        was, now = _without_it(before), _without_it(after)
        yield notice((*path, "default"), f"calls without it get {now}, and got {was}")
    yield from stricter_rules(before, after, path)


def _without_it(parameter: Parameter) -> str:
    return "none" if parameter.default is None else f'"{parameter.default}"'


def _successor(
    parameter: Parameter, before: Api, after: Api, came: list[Parameter]
) -> Parameter | None:
    """The new parameter that is this one: at another place, or, where the backend gets it under
    the same name, under another one."""
    for one in came:
        if one.name == parameter.name and one.location is not parameter.location:
            return one
    target = _target(parameter, before)
    for one in came:
        same_place = one.location is parameter.location is not Location.PATH
        if same_place and target is not None and _target(one, after) == target:
            return one
    return None


def _target(parameter: Parameter, api: Api) -> tuple[Location, str] | None:
    """Where the backend gets it."""
    for item in api.backend_parameters:
        if item.source == parameter.name:
            return item.location, item.name
    return None


def _went_to(before: Parameter, after: Parameter, mode: Mode) -> Iterator[Effect]:
    if before.location is after.location:
        what = f"is named {after.name} now, and was {before.name}"
    else:
        what = f"is read in {after.location} now, and was in {before.location}"
    if before.location is Location.PATH:
        fate = "what stands in the path is not read"
    elif mode is Mode.MAPPING:
        fate = "where it was, it is dropped without a word"
    else:
        fate = "where it was, it passes on unread"
    if must_be_sent(after):
        fate += ", and calls without the new one are refused"
    yield breaking(path_of(after), f"{what}: {fate}")
    yield from stricter_rules(before, after, path_of(after))


def _went(parameter: Parameter, before: Api, after: Api) -> Iterator[Effect]:
    path = path_of(parameter)
    if after.request.mode is Mode.MAPPING:
        what = "is no parameter any more: it is dropped without a word, the backend gets none"
        yield breaking(path, what)
    elif _target(parameter, before) in (None, (parameter.location, parameter.name)):
        yield notice(path, "is not checked any more: it passes on as the caller sent it")
    else:
        what = "is not checked any more, and reaches the backend under the caller's own name"
        yield breaking(path, what)


def _came(parameter: Parameter, before: Api) -> Iterator[Effect]:
    """Values that passed unread before are checked; in mode mapping, none passed."""
    path = path_of(parameter)
    if parameter.location is Location.PATH:  # of another path, which nobody calls yet
        return
    if must_be_sent(parameter):
        yield breaking(path, "is new and required: calls without it are refused")
    if before.request.mode is Mode.MAPPING or parameter.type is ParameterType.FILE:
        return
    was_declared = any(path_of(one) == path for one in before.request.parameters)
    unchecked = Parameter(name=parameter.name, location=parameter.location)
    for effect in stricter_rules(unchecked, parameter, path):
        what = f"was not checked before: {effect.what}"
        yield breaking(effect.path, what) if was_declared else notice(effect.path, what)


def effects_of_mode(before: Api, after: Api) -> Iterator[Effect]:
    old, new = before.request.mode, after.request.mode
    if old is new:
        return
    path = ("request", "mode")
    if new is Mode.MAPPING:
        yield breaking(path, "what is not declared is dropped without a word, and passed on before")
    elif old is Mode.MAPPING:
        yield notice(path, "what is not declared reaches the backend, and was dropped before")
    elif new is Mode.MAPPING_PASSTHROUGH:
        yield notice(path, "what is declared is checked and mapped, and passed unread before")
    if new is Mode.PASSTHROUGH:
        what = "parameters and bodies are not checked, and reach the backend under callers' names"
        yield notice(path, what)


def effects_of_body(before: Api, after: Api) -> Iterator[Effect]:
    """The body is looked at unless the mode is passthrough."""
    if after.request.mode is Mode.PASSTHROUGH:
        return
    old, new, path = before.request.body, after.request.body, ("request", "body")
    if before.request.mode is Mode.PASSTHROUGH:
        if new.format is not BodyFormat.STREAM and _fields(after):
            what = f"the body has to be {_BODIES[new.format]}, and was not looked at before"
            yield breaking((*path, "format"), what)
    elif old.format is not new.format and after.request.method not in BODILESS:
        what = f"the body is taken as {_BODIES[new.format]}, and was as {_BODIES[old.format]}"
        yield breaking((*path, "format"), what)
    if _needs_body(after) and not _needs_body(before):
        yield breaking((*path, "required"), "calls without a body are refused")
    before_schema = None if before.request.mode is Mode.PASSTHROUGH else old.schema
    if before_schema is None and new.schema is not None:
        what = "a body that is no JSON document, or breaks the new JSON Schema, is refused"
        yield breaking((*path, "schema"), what)
    else:
        yield from stricter_schema(before_schema, new.schema, (*path, "schema"))


def _fields(api: Api) -> list[Parameter]:
    return [one for one in api.request.parameters if one.location is Location.BODY]


def _needs_body(api: Api) -> bool:
    """With a schema too: no body is no document."""
    body = api.request.body
    return api.request.mode is not Mode.PASSTHROUGH and (body.required or body.schema is not None)
