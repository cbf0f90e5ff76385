"""What a call was counted by, and whether it carries what the definition asks for."""

from collections.abc import Callable, Iterable

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled, Validated
from apigateway.model.catalog_memo import CatalogMemo
from apigateway.ports import Limit, Standing, Tally
from apigateway.protocol.multipart_body import Part
from apigateway.protocol.wire import first_values, parse_query
from apigateway.stages.validation import body_values, form_pairs_of, parts_of
from apigateway.trail.arrival import Decided
from apigateway.trail.declared import Declared, DeclaredParameter, declared_of
from apigateway.trail.masking import MARK, MOST_ENTRIES, mask, more, shown
from apigateway.trail.texts import shown_value

_OF_A_BODY = (
    Fault.EMPTY_BODY,
    Fault.INVALID_BODY,
    Fault.INVALID_CONTENT_TYPE,
    Fault.INVALID_HEADER,
)

# --- Throttling

_MOST_LIMITS = 4_096

_said: CatalogMemo[int, tuple[Limit, Callable[[], Decided]]] = CatalogMemo()
"""By the `id` of a limit: itself, and what makes anew what is said of it whenever it counts."""


def throttling(call: Throttled, declared: Declared) -> Decided:
    return {"policy": declared.policy, "limits": None, "waited_ms": None}


def throttling_own(found: Decided, call: Throttled, declared: Declared) -> None:
    found["limits"], found["waited_ms"] = _limits(call, call.tally.standings)


def _limits(call: Authorized, standings: Iterable[Standing]) -> tuple[list[Decided], int]:
    """What is said of each, and how long the call waited for the slowest."""
    known, now_ms, found, waited_ms = _said.of(call.catalog), call.received_ms, [], 0
    for limit, used, resets_ms, wait_ms in standings:
        _, made = known.get(id(limit)) or _kept(limit, known)
        said = made()
        left = limit.ceiling - used
        said["used"] = used
        said["remaining"] = left if left > 0 else 0
        said["resets_in_ms"] = resets_ms - now_ms
        if limit.queue is not None:
            said["wait_ms"] = wait_ms
        if wait_ms > waited_ms:
            waited_ms = wait_ms
        found.append(said)
    return found, waited_ms


def _kept(
    limit: Limit, known: dict[int, tuple[Limit, Callable[[], Decided]]]
) -> tuple[Limit, Callable[[], Decided]]:
    said: Decided = {
        "dimension": str(limit.dimension),
        "used": None,
        "ceiling": limit.ceiling,
        "unit": str(limit.unit),
        "remaining": None,
        "resets_in_ms": None,
    }
    if limit.queue is not None:
        said |= {"queue": limit.queue, "wait_ms": None}
    if len(known) >= _MOST_LIMITS:
        known.clear()
    kept = known[id(limit)] = limit, said.copy
    return kept


def throttling_refused(call: Authorized, refusal: Refusal) -> Decided:
    policy = call.served.throttling
    found: Decided = {"policy": None if policy is None else policy.name}
    tally = refusal.evidence
    if isinstance(tally, Tally) and tally.refused is not None:
        found["limits"], _ = _limits(call, tally.standings)
        (found["full"],), _ = _limits(call, [tally.refused])
    if refusal.retry_after_s is not None:
        found["retry_after_s"] = refusal.retry_after_s
    return found


# --- Validation


def validation(call: Validated, declared: Declared) -> Decided:
    return {"arguments": None}


def validation_own(found: Decided, call: Validated, declared: Declared) -> None:
    arguments: list[Decided] = []
    for parameter in declared.parameters[:MOST_ENTRIES]:
        text = call.arguments.get(parameter.name)
        if text is not None:
            argument = parameter.said.copy()
            argument["value"] = mask(text) if parameter.hidden else shown_value(text)
            if text == parameter.default and not is_given(call, parameter):
                argument["default"] = True
            arguments.append(argument)
        elif call.files and (file := call.files.get(parameter.name)) is not None:
            arguments.append(_file(parameter, file))
    if len(declared.parameters) > MOST_ENTRIES:
        rest = more(len(declared.parameters) - MOST_ENTRIES)
        arguments.append({"name": MARK, "in": "", "type": "", "value": rest})
    found["arguments"] = arguments
    if call.body and call.served.body_schema is not None:
        found["body"] = "matches its JSON Schema"


def value_of(parameter: DeclaredParameter, text: str) -> str:
    return mask(text) if parameter.hidden else shown_value(text)


def _file(parameter: DeclaredParameter, file: Part) -> Decided:
    return {
        **parameter.said,
        "value": shown(file.filename or ""),
        "bytes": len(file.content),
    }


def is_given(call: Validated, parameter: DeclaredParameter) -> bool:
    """Whether the caller sent a value for a parameter that has one."""
    name, location = parameter.name, parameter.location
    if location == "query":
        return any(name == given for given, _ in call.query_pairs)
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
