"""Whether the call carries what the definition asks for.

Guide, "Parameter verification definition": the gateway intercepts invalid requests. Reference:
protocol 5.3. A required parameter that is given empty counts as given; its rules decide.
"""

from collections.abc import Mapping

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Throttled, Validated
from apigateway.model.api import BodyFormat, Location, Mode
from apigateway.model.openid import TokenRules
from apigateway.protocol.documents import DocumentError, parse_json
from apigateway.protocol.multipart_body import BrokenMultipart, Part, boundary_of, read_parts
from apigateway.protocol.parameters import BrokenRule, Rule, check_file
from apigateway.protocol.wire import (
    FORM_MEDIA_TYPE,
    MULTIPART_MEDIA_TYPE,
    Pairs,
    charset_of,
    first_values,
    form_fields,
    is_form,
    is_multipart,
    media_type,
    parse_query,
)


def refuse_other_type(call: Throttled, content_type: str, taken: str) -> None:
    """A body that is not of the type the API takes, where it should hold parameters."""
    if any(item.location is Location.BODY for item in call.served.api.request.parameters):
        reason = media_type(content_type)[:100]
        raise Refusal(Fault.INVALID_CONTENT_TYPE, f"the API takes {taken}", reason=reason)


def form_pairs_of(call: Throttled) -> Pairs:
    """The fields of a url-encoded form body; () when the API takes another, or got no body.

    Raises:
        Refusal: INVALID_CONTENT_TYPE, a body that is no form where fields are declared,
            or one of an unknown charset; INVALID_BODY, bytes that are none of its characters.
    """
    if call.served.api.request.body.format is not BodyFormat.FORM or not call.body:
        return ()
    content_type = call.headers.first("Content-Type") or ""
    if not is_form(content_type):
        refuse_other_type(call, content_type, FORM_MEDIA_TYPE)
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


def parts_of(call: Throttled) -> tuple[Part, ...]:
    """The parts of a multipart body; () when the API takes another, or got no body.

    Raises:
        Refusal: INVALID_CONTENT_TYPE, a body of another type where parts are declared, or no
            boundary; INVALID_BODY, a body that is not well-formed.
    """
    if call.served.api.request.body.format is not BodyFormat.MULTIPART or not call.body:
        return ()
    content_type = call.headers.first("Content-Type") or ""
    if not is_multipart(content_type):
        refuse_other_type(call, content_type, MULTIPART_MEDIA_TYPE)
        return ()
    try:
        boundary = boundary_of(content_type)
    except BrokenMultipart as broken:
        raise Refusal(Fault.INVALID_CONTENT_TYPE, "boundary", reason=str(broken)) from None
    try:
        return read_parts(call.body, boundary)
    except BrokenMultipart as broken:
        raise Refusal(Fault.INVALID_BODY, "multipart", reason=str(broken)) from None


def argument_of(rule: Rule, given: str | Part | None) -> str | Part | None:
    """What the parameter is in this call: as given, its default, or None. A part without a
    filename is its text; an input for files that holds none (as browsers send it) is none.

    Raises:
        Refusal: PARAMETER_REQUIRED, INVALID_PARAMETER.
    """
    parameter = rule.parameter
    if isinstance(given, Part) and given.filename == "" and not given.content:
        given = None
    if given is None:
        if parameter.default is not None:
            return parameter.default
        if parameter.required:
            raise Refusal(Fault.PARAMETER_REQUIRED, f"in {parameter.location}", name=parameter.name)
        return None
    try:
        if isinstance(given, Part) and given.filename is not None:
            check_file(parameter, len(given.content))
            return given
        text = given if isinstance(given, str) else text_of(given)
        rule.check(text)
    except BrokenRule as broken:
        raise Refusal(
            Fault.INVALID_PARAMETER,
            f"in {parameter.location}",
            name=parameter.name,
            reason=str(broken),
        ) from None
    return text


def text_of(part: Part) -> str:
    """
    Raises:
        BrokenRule: its bytes are not of its charset, or that is none of the web's.
    """
    try:
        return part.text
    except UnicodeDecodeError:
        raise BrokenRule("is not of its charset") from None
    except LookupError:
        raise BrokenRule("is of an unknown charset") from None


def refuse_other_readings(call: Throttled, content_type: str) -> None:
    """A document that was read as UTF-8 (RFC 8259, 8.1), byte for byte. A backend that believes
    another charset, or an encoding, would read another document."""
    encodings = ",".join(call.headers.all("Content-Encoding")).strip().lower()
    if encodings not in ("", "identity"):
        name, reason = "Content-Encoding", "is not supported"
        raise Refusal(Fault.INVALID_HEADER, "a checked document", name=name, reason=reason)
    try:
        charset = charset_of(content_type)
    except LookupError:
        charset = ""
    is_plain = charset == "utf-8" or (charset and call.body.isascii())
    if not is_plain or content_type.lower().count("charset") > 1:
        raise Refusal(Fault.INVALID_CONTENT_TYPE, "another charset", reason="not of its charset")


def refuse_wrong_document(call: Throttled) -> None:
    """The body: there when required, and a stream of its JSON Schema when it has one."""
    body = call.served.api.request.body
    if not call.body:
        if body.required or call.served.body_schema is not None:
            raise Refusal(Fault.EMPTY_BODY, "the API asks for a body")
        return
    if body.format is not BodyFormat.STREAM or call.served.body_schema is None:
        return
    content_type = call.headers.first("Content-Type") or ""
    kind = media_type(content_type)
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(Fault.INVALID_CONTENT_TYPE, "the API takes JSON", reason=kind[:100])
    refuse_other_readings(call, content_type)
    try:
        violation = call.served.body_schema.first_violation(parse_json(call.body))
    except DocumentError as problem:
        raise Refusal(Fault.INVALID_BODY, "JSON", reason=str(problem)) from None
    if violation is not None:
        raise Refusal(Fault.INVALID_BODY, "JSON Schema", reason=violation)


def body_values(form: Pairs, parts: tuple[Part, ...]) -> Mapping[str, str | Part]:
    """The first field or part of each name."""
    if not form and not parts:
        return {}
    found: dict[str, str | Part] = {**first_values(form)}
    for part in parts:
        found.setdefault(part.name, part)
    return found


class Validation:
    """Throttled -> Validated."""

    def __call__(self, call: Throttled) -> Validated:
        mode = call.served.api.request.mode
        checked = mode is not Mode.PASSTHROUGH
        query_pairs = parse_query(call.query) if call.query else ()
        form_pairs = form_pairs_of(call) if checked else ()
        # parts of the definition's own cannot join a body that was not read
        parts = parts_of(call) if checked or call.served.own_names[Location.BODY] else ()
        query, body = first_values(query_pairs), body_values(form_pairs, parts)
        openid = call.served.api.auth.openid
        holder = openid.parameter if isinstance(openid, TokenRules) else None
        arguments: dict[str, str] = {}
        files: dict[str, Part] = {}
        for rule in call.served.rules:
            name, location = rule.parameter.name, rule.parameter.location
            given: str | Part | None
            if location is Location.PATH:
                given = call.path_values.get(name)
            elif not checked:
                continue
            elif location is Location.QUERY:
                given = query.get(name)
            elif location is Location.HEADER:
                given = call.headers.first(name)
            else:
                given = body.get(name)
            if not given and name == holder:
                given = call.token  # it came as Authorization: Bearer
            argument = argument_of(rule, given)
            if isinstance(argument, Part):
                files[name] = argument
            elif argument is not None:
                arguments[name] = argument
        if checked:
            refuse_wrong_document(call)
        return Validated.after(
            call,
            arguments=arguments,
            files=files,
            query_pairs=query_pairs,
            form_pairs=form_pairs,
            parts=parts,
        )
