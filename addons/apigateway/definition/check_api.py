"""The rules one API must keep by itself (guide, "Define the API request format")."""

from apigateway.definition.check_backend import (
    BODILESS,
    check_backend,
    check_name,
    check_part_name,
)
from apigateway.definition.check_schema import (
    RE2_MEND,
    fault_of_instance,
    faults_of_schema,
    warnings_of_schema,
)
from apigateway.definition.document import Key
from apigateway.definition.openid import check_openid, is_token
from apigateway.definition.paths import faults_of_path, names_in
from apigateway.definition.problems import DocumentReport
from apigateway.definition.values import (
    NUMBERS,
    fault_of_pattern,
    fault_of_type,
    fault_of_value,
)
from apigateway.model.api import (
    Api,
    AuthType,
    BodyFormat,
    Location,
    Mode,
    Parameter,
    ParameterType,
)
from apigateway.outbound.names import folded


def check_api(api: Api, report: DocumentReport) -> None:
    """Put everything that is wrong with `api` on the report of its document."""
    _check_auth(api, report)
    _check_request_path(api, report)
    _check_parameter_names(api, report)
    for index, parameter in enumerate(api.request.parameters):
        _check_parameter(api, parameter, report, ("request", "parameters", index))
    _check_body(api, report)
    check_backend(api, report)


def _check_auth(api: Api, report: DocumentReport) -> None:
    if not api.auth.type.asks_for_app and api.auth.force_nonce:
        called = "an anonymous API" if api.auth.type is AuthType.ANONYMOUS else "type openid"
        what = f"force_nonce has no effect on {called}"
        report.warn(what, "remove it, or write type: app", "auth", "force_nonce", at_key=True)
    check_openid(api, report)


def _check_request_path(api: Api, report: DocumentReport) -> None:
    path = api.request.path
    for what, mend in faults_of_path(path):
        report.error(what, mend, "request", "path")
    declared = {p.name for p in api.request.parameters if p.location is Location.PATH}
    in_path = names_in(path)
    for name in dict.fromkeys(in_path):
        if name not in declared:
            mend = f"add {{name: {name}, in: path, required: true}} to request.parameters"
            report.error(f"[{name}] of the path is not declared", mend, "request", "path")
    for index, parameter in enumerate(api.request.parameters):
        if parameter.location is not Location.PATH:
            continue
        keys = ("request", "parameters", index)
        if parameter.name not in in_path:
            what = f'the path has no [{parameter.name}] for the parameter "{parameter.name}"'
            report.error(what, "put it into request.path, or remove it here", *keys, "name")
        if not parameter.required:
            what = f'the path parameter "{parameter.name}" is not required'
            report.error(what, "write required: true", *keys, "required")


def _check_parameter_names(api: Api, report: DocumentReport) -> None:
    """Unique over all places; header names whatever their case."""
    seen: dict[str, Parameter] = {}
    headers: dict[str, Parameter] = {}
    for index, parameter in enumerate(api.request.parameters):
        name = parameter.name
        other = seen.get(name)
        if other is None and parameter.location is Location.HEADER:
            other = headers.get(folded(name))
        if other is not None:
            places = {other.location, parameter.location}
            where = (
                f"in {other.location} and in {parameter.location}" if len(places) > 1 else "twice"
            )
            what = f'the parameter "{name}" is declared {where}'
            mend = "give one of them another name"
            report.error(what, mend, "request", "parameters", index, "name")
        seen.setdefault(name, parameter)
        if parameter.location is Location.HEADER:
            headers.setdefault(folded(name), parameter)


def _check_parameter(
    api: Api, parameter: Parameter, report: DocumentReport, keys: tuple[Key, ...]
) -> None:
    check_name(parameter.name, parameter.location, report, *keys, "name")
    if parameter.type is ParameterType.FILE:
        _check_file(api, parameter, report, keys)
    elif parameter.location is Location.BODY:
        _check_form_field(api, parameter, report, keys)
    if parameter.location is Location.BODY and api.request.body.format is BodyFormat.MULTIPART:
        check_part_name(parameter.name, report, *keys, "name")
    read = parameter.location is Location.PATH or is_token(parameter, api)
    if api.request.mode is Mode.PASSTHROUGH and not read:
        what = f'the parameter "{parameter.name}" is not checked in mode passthrough'
        report.warn(what, "remove it, or write mode: mapping_passthrough", *keys, "name")
    if parameter.required and parameter.default is not None:
        what = f'the required parameter "{parameter.name}" need not be sent: its default is taken'
        mend = "remove the default, or write required: false"
        report.warn(what, mend, *keys, "default", at_key=True)
    if _rules_are_sound(parameter, report, keys):
        _check_values(parameter, report, keys)


def _check_form_field(
    api: Api, parameter: Parameter, report: DocumentReport, keys: tuple[Key, ...]
) -> None:
    if api.request.body.format is BodyFormat.STREAM:
        what = f'the body parameter "{parameter.name}" needs a form, and the body is a stream'
        report.error(what, "write body: {format: form}, or move the parameter", *keys, "in")
    if api.request.method in BODILESS and api.request.body.format is not BodyFormat.MULTIPART:
        what = f'{api.request.method} has no body for the parameter "{parameter.name}"'
        report.error(what, "write method: POST, or in: query", *keys, "in")


def _check_file(
    api: Api, parameter: Parameter, report: DocumentReport, keys: tuple[Key, ...]
) -> None:
    body = api.request.body
    if parameter.location is not Location.BODY:
        what = f'the file "{parameter.name}" cannot stand in {parameter.location}'
        report.error(what, "write in: body, or another type", *keys, "in")
    elif body.format is not BodyFormat.MULTIPART:
        called = f'the file "{parameter.name}"'
        what = f"{called} needs a multipart body, and the body is a {body.format}"
        report.error(what, "write body: {format: multipart}, or another type", *keys, "type")


# Which types a rule is for, and how a message calls them.
_STRING = frozenset({ParameterType.STRING})
_RULES: tuple[tuple[str, frozenset[ParameterType], str], ...] = (
    ("min_length", _STRING, "String"),
    ("max_length", _STRING, "String"),
    ("pattern", _STRING, "String"),
    ("minimum", NUMBERS, "number"),
    ("maximum", NUMBERS, "number"),
    ("schema", frozenset({ParameterType.JSON}), "JSON"),
    ("enum", _STRING | NUMBERS, "String or number"),
    ("max_bytes", frozenset({ParameterType.FILE}), "File"),
)


def _rules_are_sound(parameter: Parameter, report: DocumentReport, keys: tuple[Key, ...]) -> bool:
    before = len(report.report.errors)
    for rule, types, called in _RULES:
        if getattr(parameter, rule) not in (None, ()) and parameter.type not in types:
            what = f'{rule} is for type {called}, and "{parameter.name}" is {parameter.type}'
            report.error(what, "remove it, or change the type", *keys, rule, at_key=True)
    for low, high in (("min_length", "max_length"), ("minimum", "maximum")):
        least, most = getattr(parameter, low), getattr(parameter, high)
        if least is not None and most is not None and least > most:
            what = f"{low} {least} is more than {high} {most}"
            report.error(what, "exchange the two", *keys, low)
    if parameter.pattern is not None and (reason := fault_of_pattern(parameter.pattern)):
        report.error(f"the pattern does not compile ({reason})", RE2_MEND, *keys, "pattern")
    if parameter.schema is not None:
        _check_schema(parameter.schema, report, *keys, "schema")
    for index, text in enumerate(parameter.enum):
        if parameter.type is ParameterType.FILE:
            break  # it was told that a File has none
        if _needs_quotes(parameter, report, *keys, "enum", index):
            continue
        if reason := fault_of_type(parameter.type, text):
            what = f'"{text}" in the enum of "{parameter.name}" {reason}'
            report.error(what, f"write a value of type {parameter.type}", *keys, "enum", index)
    return len(report.report.errors) == before


def _check_schema(schema: object, report: DocumentReport, *keys: Key) -> None:
    faults = faults_of_schema(schema)
    for inner, what, mend in faults:
        report.error(what, mend, *keys, *inner)
    for inner, what, mend in [] if faults else warnings_of_schema(schema):
        report.warn(what, mend, *keys, *inner)


def _needs_quotes(parameter: Parameter, report: DocumentReport, *keys: Key) -> bool:
    """A String's value must be text in the document; a number or boolean there is reported."""
    if parameter.type is not ParameterType.STRING:
        return False
    value = report.document.data
    for key in keys:
        value = value[key]
    if isinstance(value, str):
        return False
    what = f'the parameter "{parameter.name}" is a String, and this is not text'
    report.error(what, "put it in quotes", *keys)
    return True


def _check_values(parameter: Parameter, report: DocumentReport, keys: tuple[Key, ...]) -> None:
    if parameter.type is ParameterType.FILE:  # its example is for readers: a name, a link
        if parameter.default is not None:
            what = f'the file "{parameter.name}" cannot have a default'
            report.error(what, "remove it", *keys, "default", at_key=True)
        return
    for word, text, tell in (
        ("default", parameter.default, report.error),
        ("example", parameter.example, report.warn),
    ):
        if text is None or _needs_quotes(parameter, report, *keys, word):
            continue
        if reason := fault_of_value(parameter, text):
            what = f'the {word} of "{parameter.name}" {reason}'
            tell(what, "write one that keeps the rules beside it", *keys, word)


def _check_body(api: Api, report: DocumentReport) -> None:
    body, method = api.request.body, api.request.method
    keys = ("request", "body")
    if method in BODILESS and body.format is BodyFormat.MULTIPART:
        what = f"{method} has no body to hold parts"
        report.error(what, "write method: POST, or remove body", *keys, "format")
    elif method in BODILESS and (body.required or body.schema is not None):
        what = f"{method} has no body to require or to check"
        report.error(what, "write method: POST, or remove body", *keys, at_key=True)
    if body.schema is None:
        return
    if body.format is not BodyFormat.STREAM:
        called = "a form" if body.format is BodyFormat.FORM else "multipart"
        what = f"a schema checks a JSON document, and the body is {called}"
        report.error(what, "write format: stream", *keys, "schema", at_key=True)
    before = len(report.report.errors)
    _check_schema(body.schema, report, *keys, "schema")
    if body.example is None or len(report.report.errors) > before:
        return
    if reason := fault_of_instance(body.schema, body.example):
        report.warn(
            f"the example breaks its schema at {reason}",
            "write one that keeps the schema",
            *keys,
            "example",
        )
