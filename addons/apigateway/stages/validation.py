"""Whether the call carries what the definition asks for.

Guide, "Parameter verification definition": the gateway intercepts invalid requests. Reference:
protocol 5.3. A required parameter that is given empty counts as given; its rules decide.
"""

from apigateway.documents import DocumentError, parse_json
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Throttled, Validated
from apigateway.model.api import BodyFormat, Location, Mode
from apigateway.parameters import BrokenRule, Rule
from apigateway.wire import Pairs, first_values, form_fields, is_form, media_type, parse_query


def form_pairs_of(call: Throttled) -> Pairs:
    """The fields of a url-encoded form body; () when the API takes a stream or got no body.

    Raises:
        Refusal: INVALID_CONTENT_TYPE, a body that is no form where fields are declared,
            or one of an unknown charset; INVALID_BODY, bytes that are none of its characters.
    """
    request = call.served.api.request
    if request.body.format is BodyFormat.STREAM or not call.body:
        return ()
    content_type = call.headers.first("Content-Type") or ""
    if not is_form(content_type):
        if any(parameter.location is Location.BODY for parameter in request.parameters):
            raise Refusal(
                Fault.INVALID_CONTENT_TYPE,
                "the API takes application/x-www-form-urlencoded",
                reason=media_type(content_type)[:100],
            )
        return ()
    try:
        return form_fields(call.body, content_type)
    except UnicodeDecodeError:
        raise Refusal(
            Fault.INVALID_BODY, "not of its charset", reason="not of its charset"
        ) from None
    except LookupError:
        raise Refusal(
            Fault.INVALID_CONTENT_TYPE, "unknown charset", reason="unknown charset"
        ) from None


def argument_of(rule: Rule, given: str | None) -> str | None:
    """The text that the parameter has in this call: as given, its default, or None.

    Raises:
        Refusal: PARAMETER_REQUIRED, INVALID_PARAMETER.
    """
    parameter = rule.parameter
    if given is None:
        if parameter.default is not None:
            return parameter.default
        if parameter.required:
            raise Refusal(Fault.PARAMETER_REQUIRED, f"in {parameter.location}", name=parameter.name)
        return None
    try:
        rule.check(given)
    except BrokenRule as broken:
        raise Refusal(
            Fault.INVALID_PARAMETER,
            f"in {parameter.location}",
            name=parameter.name,
            reason=str(broken),
        ) from None
    return given


def refuse_wrong_document(call: Throttled) -> None:
    """The body: there when required, and a stream of its JSON Schema when it has one."""
    body = call.served.api.request.body
    if not call.body:
        if body.required or call.served.body_schema is not None:
            raise Refusal(Fault.EMPTY_BODY, "the API asks for a body")
        return
    if body.format is not BodyFormat.STREAM or call.served.body_schema is None:
        return
    kind = media_type(call.headers.first("Content-Type") or "")
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(Fault.INVALID_CONTENT_TYPE, "the API takes JSON", reason=kind[:100])
    try:
        violation = call.served.body_schema.first_violation(parse_json(call.body))
    except DocumentError as problem:
        raise Refusal(Fault.INVALID_BODY, "JSON", reason=str(problem)) from None
    if violation is not None:
        raise Refusal(Fault.INVALID_BODY, "JSON Schema", reason=violation)


class Validation:
    """Throttled -> Validated."""

    def __call__(self, call: Throttled) -> Validated:
        mode = call.served.api.request.mode
        query_pairs = parse_query(call.query) if call.query else ()
        form_pairs = form_pairs_of(call) if mode is not Mode.PASSTHROUGH else ()
        query, form = first_values(query_pairs), first_values(form_pairs)
        arguments: dict[str, str] = {}
        for rule in call.served.rules:
            name, location = rule.parameter.name, rule.parameter.location
            if location is Location.PATH:
                given = call.path_values.get(name)
            elif mode is Mode.PASSTHROUGH:
                continue
            elif location is Location.QUERY:
                given = query.get(name)
            elif location is Location.HEADER:
                given = call.headers.first(name)
            else:
                given = form.get(name)
            argument = argument_of(rule, given)
            if argument is not None:
                arguments[name] = argument
        if mode is not Mode.PASSTHROUGH:
            refuse_wrong_document(call)
        return Validated(
            **vars(call), arguments=arguments, query_pairs=query_pairs, form_pairs=form_pairs
        )
