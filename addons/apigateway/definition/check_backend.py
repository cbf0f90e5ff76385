"""The backend's side of one API: what it gets, and where (guide, "Parameter mapping")."""

from collections.abc import Iterable, Sized

from apigateway.definition.addresses import parse_address
from apigateway.definition.document import Key
from apigateway.definition.headers import fault_of_header, is_header_value
from apigateway.definition.paths import faults_of_path, has_rest, names_in
from apigateway.definition.problems import DocumentReport
from apigateway.definition.variables import as_written, without_variables
from apigateway.definition.wording import did_you_mean
from apigateway.model.api import (
    Api,
    BackendParameter,
    BodyFormat,
    Constant,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    ParameterType,
    VpcBackend,
)
from apigateway.outbound.names import folded
from apigateway.protocol.matching import fills_a_segment

BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_backend(api: Api, report: DocumentReport) -> None:
    """Put everything that is wrong with the backend of `api` on the report."""
    if isinstance(api.backend, MockBackend):
        _check_mock(api.backend, report)
    else:
        _check_address(api, report)
        _check_tls(api.backend, report)
        _check_backend_path(api, api.backend, report)
        _check_method(api, api.backend, report)
        _check_backend_parameters(api, api.backend, report)


def check_name(name: str, location: Location, report: DocumentReport, *keys: Key) -> None:
    if location is Location.HEADER:
        if fault := fault_of_header(name):
            report.error(*fault, *keys)
    elif not name.isprintable() or name != name.strip():
        what = f"the name {name!r} holds blanks or control characters at its ends or inside"
        report.error(what, "write a plain name", *keys)


def check_part_name(name: str, report: DocumentReport, *keys: Key) -> None:
    """The name of a part: signs that readers of multipart bodies take for escapes, or do not."""
    if not set(name).isdisjoint('\\"%'):
        what = f"the name {name!r} of a part holds a backslash, quote or percent sign"
        report.error(what, "write a plain name", *keys)


def _check_mock(backend: MockBackend, report: DocumentReport) -> None:
    seen: set[str] = set()
    for name in dict.fromkeys(name for name, _ in backend.headers):
        keys = ("backend", "headers", name)
        if fault := fault_of_header(name):
            report.error(*fault, *keys, at_key=True)
        if name.lower() in seen:
            what = f"the header {name} stands twice"
            report.error(what, "write its values as one list", *keys, at_key=True)
        seen.add(name.lower())
        if not all(is_header_value(value) for other, value in backend.headers if other == name):
            what = f"the header {name} has a value with a line break, control sign or outer blank"
            report.error(what, "write one plain line", *keys)


def _check_address(api: Api, report: DocumentReport) -> None:
    """An address with variables: what it is is known when they are put in. (Any other one was read
    where it stands.)"""
    if not isinstance(api.backend, HttpBackend) or not api.backend.template:
        return
    address = api.backend.template
    if not api.variables or "#" in without_variables(address):
        parse_address(address, report, "backend", "address")


def _check_tls(backend: HttpBackend | VpcBackend, report: DocumentReport) -> None:
    if backend.tls is None or backend.scheme == "https":
        return
    if isinstance(backend, VpcBackend):
        mend = "write scheme: https, or remove it"
    elif backend.port:
        mend = "write https:// in backend.address, or remove it"
    else:
        return  # the address is none: that is told already
    report.error("backend.tls has no effect over http", mend, "backend", "tls", at_key=True)


def _check_backend_path(
    api: Api, backend: HttpBackend | VpcBackend, report: DocumentReport
) -> None:
    keys = ("backend", "path")
    path = without_variables(backend.path) if api.variables else backend.path
    for what, mend in faults_of_path(path, backend=True):
        report.error(as_written(what), as_written(mend), *keys)
    if has_rest(backend.path) and not has_rest(api.request.path):
        what = 'the backend path ends with "/*", and the request path does not'
        report.error(what, 'end request.path with "/*" too, or remove it here', *keys)
    sent: tuple[BackendParameter | Constant, ...]
    sent = (*api.backend_parameters, *api.constants, *api.system_parameters, *api.claims)
    filled = {item.name for item in sent if item.location is Location.PATH}
    for name in dict.fromkeys(names_in(backend.path)):
        if name not in filled:
            mend = f"add {{from: ..., name: {name}, in: path}} to backend.parameters"
            report.error(f"nothing fills [{name}] of the backend path", mend, *keys)
    sources = {item.source for item in api.backend_parameters}
    for index, parameter in enumerate(api.request.parameters):
        if parameter.location is Location.PATH and parameter.name not in sources:
            what = f'the path parameter "{parameter.name}" does not reach the backend'
            mend = f"put [{parameter.name}] into backend.path, or map it in backend.parameters"
            report.error(what, mend, "request", "parameters", index, "name")


def _check_method(api: Api, backend: HttpBackend | VpcBackend, report: DocumentReport) -> None:
    """Where only what is declared goes on, it may go elsewhere than into a body."""
    parts_pass = (
        api.request.body.format is BodyFormat.MULTIPART and api.request.mode is not Mode.MAPPING
    )
    if parts_pass and backend.method in BODILESS:
        what = f"{backend.method} has no body for the parts that pass on"
        report.error(what, "write backend.method: POST, or mode: mapping", "backend", "method")


def _check_backend_parameters(
    api: Api, backend: HttpBackend | VpcBackend, report: DocumentReport
) -> None:
    data = report.document.data["backend"]
    _check_sources(api, len(data.get("parameters", ())), report)
    room = names_in(backend.path)
    seen: dict[tuple[Location, str], Key] = {}
    for name, location, keys in _sent(api, data.get("parameters", ())):
        check_name(name, location, report, *keys)
        if location is Location.PATH and name not in room:
            what = f'the backend path has no [{name}] for "{name}"'
            report.error(what, "put it into backend.path, or change the place", *keys)
        if location is Location.BODY:
            _check_form_field(api, backend, name, report, keys)
        in_parts = api.request.body.format is BodyFormat.MULTIPART
        if in_parts and location is Location.HEADER and folded(name) == "content-type":
            what = f"the header {name} names the boundary of the parts, which is the gateway's"
            report.error(what, "remove it", *keys)
        at = (location, folded(name) if location is Location.HEADER else name)
        # two that keep one name were declared twice: that is told already
        if at in seen and (keys[0], seen[at]) != ("request", "request"):
            what = f'the backend gets "{name}" twice in {location}'
            report.error(what, "give one of them another name", *keys)
        seen[at] = keys[0]
    for index, constant in enumerate(api.constants):
        value = without_variables(constant.value) if api.variables else constant.value
        if fault := _fault_of_value(value, constant.location):
            what = f'the constant "{constant.name}" {fault[0]}'
            report.error(what, fault[1], "backend", "constants", index, "value")
    _check_defaults(api, report)


def _fault_of_value(value: str, location: Location) -> tuple[str, str] | None:
    """Why a value of the definition's own cannot stand there: every call would be refused."""
    if location is Location.HEADER and not is_header_value(value):
        return "holds a line break, control sign or outer blank", "write one plain line"
    if location is Location.PATH and not fills_a_segment(value):
        return "cannot be a segment of a path", "write one that is neither empty nor dots"
    return None


def _check_defaults(api: Api, report: DocumentReport) -> None:
    places = {item.name: index for index, item in enumerate(api.request.parameters)}
    for item in api.backend_parameters:
        declared = api.request.parameters[places[item.source]] if item.source in places else None
        if declared is None or declared.default is None:
            continue
        if fault := _fault_of_value(declared.default, item.location):
            keys = ("request", "parameters", places[item.source], "default")
            report.error(f'the default of "{item.source}" {fault[0]}', fault[1], *keys)


def _check_form_field(
    api: Api,
    backend: HttpBackend | VpcBackend,
    name: str,
    report: DocumentReport,
    keys: tuple[Key, ...],
) -> None:
    """What the request itself cannot send was told where the request was checked."""
    kept = keys[0] == "request"
    method = backend.method or api.request.method
    if api.request.body.format is BodyFormat.MULTIPART:
        if not kept:
            check_part_name(name, report, *keys)
        if backend.method in BODILESS and api.request.mode is Mode.MAPPING:
            what = f'"{name}" cannot be a part at the backend: {method} has no body'
            report.error(what, "write backend.method: POST", *keys)
    elif api.request.body.format is BodyFormat.STREAM:
        if not kept:
            what = f'"{name}" cannot be a form field at the backend: the body is a stream'
            report.error(what, "choose query or header", *keys)
    elif method in BODILESS and not (kept and api.request.method in BODILESS):
        what = f'"{name}" cannot be a form field at the backend: {method} has no body'
        report.error(what, "choose query or header, or write backend.method: POST", *keys)


def _sent(api: Api, declared: Sized) -> Iterable[tuple[str, Location, tuple[Key, ...]]]:
    """Name, place and position of everything the backend gets besides the body.

    What keeps the caller's name stands where the request declares it.
    """
    places = {item.name: index for index, item in enumerate(api.request.parameters)}
    for index, mapped in enumerate(api.backend_parameters):
        if index < len(declared):
            yield mapped.name, mapped.location, ("backend", "parameters", index, "name")
        else:
            keys = ("request", "parameters", places[mapped.source], "name")
            yield mapped.name, mapped.location, keys
    for index, constant in enumerate(api.constants):
        yield constant.name, constant.location, ("backend", "constants", index, "name")
    for index, system in enumerate(api.system_parameters):
        yield system.name, system.location, ("backend", "system", index, "name")
    for index, claim in enumerate(api.claims):
        yield claim.name, claim.location, ("backend", "claims", index, "name")


def _check_sources(api: Api, count: int, report: DocumentReport) -> None:
    """The declared backend parameters: whether their source exists and is always there."""
    declared = {item.name: item for item in api.request.parameters}
    for index, item in enumerate(api.backend_parameters[:count]):
        keys = ("backend", "parameters", index)
        source = declared.get(item.source)
        if source is None:
            mend = did_you_mean(item.source, declared, "declare it in request.parameters")
            what = f'the request has no parameter "{item.source}"'
            report.error(what, mend, *keys, "from")
        elif api.request.mode is Mode.PASSTHROUGH and source.location is not Location.PATH:
            what = f'"{item.source}" is not mapped in mode passthrough'
            report.error(what, "remove it here, or write mode: mapping", *keys, "from")
        elif source.type is ParameterType.FILE and item.location is not Location.BODY:
            what = f'the file "{item.source}" cannot go to {item.location}'
            report.error(what, "write in: body", *keys, "in")
        elif item.location is Location.PATH and not source.required and source.default is None:
            what = f'"{item.source}" fills the backend path but may be absent'
            report.error(what, "write required: true for it, or a default", *keys, "from")
