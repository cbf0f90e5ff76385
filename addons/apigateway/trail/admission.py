"""What a call was counted by, and whether it carries what the definition asks for."""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled, Validated
from apigateway.multipart_body import Part
from apigateway.ports import Dimension, Standing, Tally
from apigateway.stages.validation import body_values, form_pairs_of, parts_of
from apigateway.trail.arrival import Decided
from apigateway.trail.declared import Declared, DeclaredParameter, declared_of
from apigateway.trail.masking import MARK, MOST_ENTRIES, mask, more, shown
from apigateway.trail.texts import shown_value
from apigateway.windows import WindowUnit
from apigateway.wire import first_values, parse_query

_OF_A_BODY = (
    Fault.EMPTY_BODY,
    Fault.INVALID_BODY,
    Fault.INVALID_CONTENT_TYPE,
    Fault.INVALID_HEADER,
)

# --- Throttling

_DIMENSIONS = {dimension: str(dimension) for dimension in Dimension}
_UNITS = {unit: str(unit) for unit in WindowUnit}


def throttling(call: Throttled, declared: Declared) -> Decided:
    now_ms, standings, waited_ms = call.received_ms, call.tally.standings, 0
    for standing in standings:
        if standing.wait_ms > waited_ms:
            waited_ms = standing.wait_ms
    return {
        "policy": declared.policy,
        "limits": [_limit(standing, now_ms) for standing in standings],
        "waited_ms": waited_ms,
    }


def _limit(standing: Standing, now_ms: int) -> Decided:
    limit, used = standing.limit, standing.used
    ceiling = limit.ceiling
    found: Decided = {
        "dimension": _DIMENSIONS[limit.dimension],
        "used": used,
        "ceiling": ceiling,
        "unit": _UNITS[limit.unit],
        "remaining": ceiling - used if ceiling > used else 0,
        "resets_in_ms": standing.resets_ms - now_ms,
    }
    if limit.queue is not None:
        found["queue"] = limit.queue
        found["wait_ms"] = standing.wait_ms
    return found


def throttling_refused(call: Authorized, refusal: Refusal) -> Decided:
    policy = call.served.throttling
    found: Decided = {"policy": None if policy is None else policy.name}
    tally = refusal.evidence
    if isinstance(tally, Tally) and tally.refused is not None:
        found["limits"] = [_limit(standing, call.received_ms) for standing in tally.standings]
        found["full"] = _limit(tally.refused, call.received_ms)
    if refusal.retry_after_s is not None:
        found["retry_after_s"] = refusal.retry_after_s
    return found


# --- Validation


def validation(call: Validated, declared: Declared) -> Decided:
    arguments: list[Decided] = []
    for parameter in declared.parameters[:MOST_ENTRIES]:
        text = call.arguments.get(parameter.name)
        if text is not None:
            argument: Decided = {
                "name": parameter.name,
                "in": parameter.location,
                "type": parameter.type,
                "value": value_of(parameter, text),
            }
            if text == parameter.default and not is_given(call, parameter):
                argument["default"] = True
            arguments.append(argument)
        elif (file := call.files.get(parameter.name)) is not None:
            arguments.append(_file(parameter, file))
    if len(declared.parameters) > MOST_ENTRIES:
        rest = more(len(declared.parameters) - MOST_ENTRIES)
        arguments.append({"name": MARK, "in": "", "type": "", "value": rest})
    found: Decided = {"arguments": arguments}
    if call.served.body_schema is not None and call.body:
        found["body"] = "matches its JSON Schema"
    return found


def value_of(parameter: DeclaredParameter, text: str) -> str:
    return mask(text) if parameter.hidden else shown_value(text)


def _file(parameter: DeclaredParameter, file: Part) -> Decided:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "type": parameter.type,
        "value": shown(file.filename or ""),
        "bytes": len(file.content),
    }


def is_given(call: Validated, parameter: DeclaredParameter) -> bool:
    """Whether the caller sent a value for a parameter that has one."""
    name, location = parameter.name, parameter.location
    if location == "query":
        return name in dict(call.query_pairs)
    return given_to(call, parameter) is not None


def given_to(call: Throttled, parameter: DeclaredParameter) -> str | Part | None:
    """What the caller sent for a parameter, as the stage finds it; None for nothing readable."""
    name, location = parameter.name, parameter.location
    if location == "path":
        return call.path_values.get(name)
    if location == "query":
        return first_values(parse_query(call.query)).get(name)
    if location == "header":
        return call.headers.first(name)
    try:
        return body_values(form_pairs_of(call), parts_of(call)).get(name)
    except Refusal:
        return None


def validation_refused(call: Throttled, refusal: Refusal) -> Decided:
    if refusal.fault in (Fault.PARAMETER_REQUIRED, Fault.INVALID_PARAMETER):
        return _broken_parameter(call, refusal.parts["name"], refusal.parts.get("reason"))
    if refusal.fault not in _OF_A_BODY:
        return {}
    content_type = call.headers.first("Content-Type")
    return {
        "body_rule": shown(refusal.parts.get("reason", "is required")),
        "content_type": None if content_type is None else shown(content_type),
        "body_bytes": len(call.body),
    }


def _broken_parameter(call: Throttled, name: str, rule: str | None) -> Decided:
    found: Decided = {"parameter": name, "rule": rule or "is required"}
    parameters = declared_of(call.served).parameters
    parameter = next((one for one in parameters if one.name == name), None)
    if parameter is not None:
        found |= {"in": parameter.location, "type": parameter.type}
        given = given_to(call, parameter)
        if isinstance(given, Part) and given.filename is None:
            given = given.content.decode("utf-8", "backslashreplace")
        if isinstance(given, Part):
            found |= {"value": shown(given.filename or ""), "bytes": len(given.content)}
        elif given is not None:
            found["value"] = value_of(parameter, given)
    return found
