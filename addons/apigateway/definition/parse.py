"""An API's document (plain data) as the model's `Api`."""

from collections.abc import Mapping
from typing import Any

from apigateway.definition.addresses import parse_address
from apigateway.definition.check_api import check_api
from apigateway.definition.document import Document
from apigateway.definition.ids import hex_id
from apigateway.definition.openid import read_openid
from apigateway.definition.paths import names_in
from apigateway.definition.problems import DefinitionError, DocumentReport, Report
from apigateway.definition.shape import misfits
from apigateway.definition.values import text_of
from apigateway.definition.variables import names_in as variables_in
from apigateway.definition.variables import variables_of
from apigateway.model.api import (
    Api,
    AppCodeUse,
    Auth,
    AuthType,
    Backend,
    BackendParameter,
    Body,
    BodyFormat,
    Constant,
    ErrorSample,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    Parameter,
    ParameterType,
    Request,
    Result,
    SignatureMethod,
    VpcBackend,
)
from apigateway.model.group import Group
from apigateway.model.openid import OpenId

_Data = Mapping[str, Any]

# A look into a dict takes a tenth of the time of calling the enumeration.
_LOCATIONS = {location.value: location for location in Location}
_TYPES = {kind.value: kind for kind in ParameterType}


def parse_api(document: Mapping[str, Any], *, group: Group, account: str) -> Api:
    """The API of a document without a file: a release in the store, or what an editor sends.

    It meets the same rules as a file. `dump_api` is the way back.

    Raises: DefinitionError, whose problems have line 0.
    """
    run = Report()
    plain: Any = dict(document)
    report = run.on(Document(f"{group.name}/{plain.get('name', 'API')}", plain))
    if not fits(report, "api"):
        raise DefinitionError(run.in_order(run.errors))
    api = checked_api(report, group, account)
    if run.errors:
        raise DefinitionError(run.in_order(run.errors))
    return api


def fits(report: DocumentReport, kind: str) -> bool:
    """Whether the document has the shape of `schema/<kind>.json`; if not, it is reported."""
    for misfit in misfits(kind, report.document.data):
        report.error(misfit.what, misfit.mend, *misfit.keys, at_key=misfit.at_key)
    return not report.failed


def checked_api(report: DocumentReport, group: Group, account: str) -> Api:
    """The API of a document that fits; what is wrong with it is reported."""
    api = read_api(report, group, account)
    check_api(api, report)
    return api


def read_api(report: DocumentReport, group: Group, account: str) -> Api:
    """The API in `report.document`, which has the shape of `schema/api.json`."""
    data: _Data = report.document.data
    name = data["name"]
    request = _request(data["request"])
    backend = _backend(data["backend"], report)
    constants = tuple(
        Constant(name=item["name"], location=_LOCATIONS[item["in"]], value=item["value"])
        for item in data["backend"].get("constants", ())
    )
    auth, data = _auth(data, report)
    return Api(
        id=id_of(data, group, account),
        group=group.name,
        name=name,
        description=data.get("description", ""),
        visibility=data.get("visibility", "private"),
        auth=auth,
        request=request,
        backend=backend,
        backend_parameters=_backend_parameters(data["backend"], request, backend),
        constants=constants,
        system_parameters=tuple(_mapped(item) for item in data["backend"].get("system", ())),
        claims=tuple(_mapped(item) for item in data["backend"].get("claims", ())),
        variables=variables_of(backend, constants),
        result=_result(data.get("result", {})),
        document=data,
    )


def id_of(data: _Data, group: Group, account: str) -> str:
    """The ApiId of an API that has the shape of `schema/api.json`."""
    declared: str = data.get("id", "")
    return declared or hex_id("api", account, group.region, group.name, data["name"])


def _auth(data: _Data, report: DocumentReport) -> tuple[Auth, _Data]:
    """How callers prove who they are, and the document with the keys that its files hold: a key
    acts when it is released, not when its file changes."""
    given = data.get("auth", {})
    methods = given.get("signature_methods", ("HmacSHA256",))
    openid: OpenId | None = None
    if "openid" in given:
        openid, whole = read_openid(given["openid"], report)
        data = {**data, "auth": {**given, "openid": whole}}
    auth = Auth(
        type=AuthType(given.get("type", "app")),
        signature_methods=frozenset(SignatureMethod(method) for method in methods),
        force_nonce=given.get("force_nonce", False),
        app_code=AppCodeUse(given.get("app_code", "disabled")),
        openid=openid,
    )
    return auth, data


def _request(data: _Data) -> Request:
    return Request(
        protocols=frozenset(data.get("protocols", ("http", "https"))),
        method=data["method"].upper(),
        path=data["path"],
        mode=Mode(data.get("mode", "mapping")),
        parameters=tuple(_parameter(item) for item in data.get("parameters", ())),
        body=_body(data.get("body", {})),
    )


def _parameter(data: _Data) -> Parameter:
    location = _LOCATIONS[data["in"]]
    return Parameter(
        name=data["name"],
        location=location,
        type=_TYPES[data.get("type", "String")],
        required=data.get("required", location is Location.PATH),
        default=text_of(data["default"]) if "default" in data else None,
        example=text_of(data["example"]) if "example" in data else None,
        description=data.get("description", ""),
        enum=tuple(text_of(item) for item in data.get("enum", ())),
        min_length=data.get("min_length"),
        max_length=data.get("max_length"),
        minimum=data.get("minimum"),
        maximum=data.get("maximum"),
        pattern=data.get("pattern"),
        schema=data.get("schema"),
        max_bytes=data.get("max_bytes"),
    )


def _body(data: _Data) -> Body:
    return Body(
        format=BodyFormat(data.get("format", "form")),
        required=data.get("required", False),
        schema=data.get("schema"),
        description=data.get("description", ""),
        example=data.get("example"),
    )


def _backend(data: _Data, report: DocumentReport) -> Backend:
    if data["type"] == "mock":
        return MockBackend(
            status=data.get("status", 200),
            headers=_headers(data.get("headers", {})),
            body=data.get("body", ""),
        )
    method = data.get("method")
    method = method.upper() if method is not None else None
    timeout_ms = data.get("timeout_ms", 10_000)
    if data["type"] == "vpc":
        return VpcBackend(
            access=data["access"],
            scheme=data.get("scheme", "http"),
            path=data["path"],
            method=method,
            timeout_ms=timeout_ms,
            tls=data.get("tls"),
        )
    address = data["address"]
    template = address if variables_in(address) else ""
    scheme, host, port = (
        ("", "", 0) if template else parse_address(address, report, "backend", "address")
    )
    return HttpBackend(
        scheme=scheme,
        host=host,
        port=port,
        path=data["path"],
        method=method,
        timeout_ms=timeout_ms,
        tls=data.get("tls"),
        template=template,
    )


def _headers(data: Mapping[str, str | list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, values in data.items()
        for value in ([values] if isinstance(values, str) else values)
    )


def _mapped(data: _Data) -> BackendParameter:
    return BackendParameter(source=data["from"], name=data["name"], location=_LOCATIONS[data["in"]])


def _backend_parameters(
    data: _Data, request: Request, backend: Backend
) -> tuple[BackendParameter, ...]:
    """What is declared, then every other parameter under its own name and place.

    In passthrough mode only path parameters are mapped. A path parameter keeps its place only
    where the backend path has room for it.
    """
    if isinstance(backend, MockBackend):
        return ()
    declared = tuple(_mapped(item) for item in data.get("parameters", ()))
    sources = {item.source for item in declared}
    room = names_in(backend.path)
    kept = (
        BackendParameter(source=item.name, name=item.name, location=item.location)
        for item in request.parameters
        if item.name not in sources
        and (item.name in room if item.location is Location.PATH else True)
        and (item.location is Location.PATH or request.mode is not Mode.PASSTHROUGH)
    )
    return (*declared, *kept)


def _result(data: _Data) -> Result:
    return Result(
        type=data.get("type", "JSON"),
        example=data.get("example"),
        failure_example=data.get("failure_example"),
        errors=tuple(
            ErrorSample(
                code=item["code"],
                message=item.get("message", ""),
                description=item.get("description", ""),
            )
            for item in data.get("errors", ())
        ),
    )
