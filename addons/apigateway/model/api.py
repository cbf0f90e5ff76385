"""The definition of one API, as the provider wrote it (guide, "API creation")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from apigateway.model.openid import OpenId


class Location(StrEnum):
    """Where a parameter stands in a request. `BODY` is a form field or a part."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"


class ParameterType(StrEnum):
    STRING = "String"
    INT = "Int"
    LONG = "Long"
    FLOAT = "Float"
    DOUBLE = "Double"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    JSON = "JSON"
    FILE = "File"


class AuthType(StrEnum):
    """Whom a call must prove to come from: an app, the holder of a token, both or nobody.

    The two of OpenID Connect are the product's APPOPENID and OPENID (reference: protocol 6).
    """

    APP = "app"
    ANONYMOUS = "anonymous"
    APP_OPENID = "app_openid"
    OPENID = "openid"

    @property
    def asks_for_app(self) -> bool:
        return self in (AuthType.APP, AuthType.APP_OPENID)

    @property
    def has_openid(self) -> bool:
        return self in (AuthType.APP_OPENID, AuthType.OPENID)


class AppCodeUse(StrEnum):
    """Whether an AppCode may stand in for a signature: in `Authorization: APPCODE ...`, or in the
    query as `AppCode` too."""

    DISABLED = "disabled"
    HEADER = "header"
    HEADER_OR_QUERY = "header_or_query"


class SignatureMethod(StrEnum):
    """The value of `X-Ca-Signature-Method`."""

    HMAC_SHA256 = "HmacSHA256"
    HMAC_SHA1 = "HmacSHA1"


class Mode(StrEnum):
    """How caller's parameters reach the backend (reference: protocol 5.3).

    MAPPING             check and map what is declared, drop the rest
    MAPPING_PASSTHROUGH check and map what is declared, pass the rest unchanged
    PASSTHROUGH         only path parameters are mapped; all else goes unchanged
    """

    MAPPING = "mapping"
    MAPPING_PASSTHROUGH = "mapping_passthrough"
    PASSTHROUGH = "passthrough"


class BodyFormat(StrEnum):
    """FORM: url-encoded fields, each a parameter. MULTIPART: the parts of a multipart/form-data
    body, each a parameter. STREAM: one document, passed byte for byte."""

    FORM = "form"
    MULTIPART = "multipart"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    type: AuthType = AuthType.APP
    signature_methods: frozenset[SignatureMethod] = frozenset({SignatureMethod.HMAC_SHA256})
    force_nonce: bool = False
    app_code: AppCodeUse = AppCodeUse.DISABLED
    openid: OpenId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An input parameter as declared. Absent rules are None; `enum` is empty when any value goes.

    `minimum` and `maximum` bound numbers (inclusive); lengths count characters; `pattern` must
    match the whole value; `schema` is a JSON Schema for type JSON; `max_bytes` is the size of a
    File, the part of a multipart body.
    """

    name: str
    location: Location
    type: ParameterType = ParameterType.STRING
    required: bool = False
    default: str | None = None
    example: str | None = None
    description: str = ""
    enum: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    pattern: str | None = None
    schema: Mapping[str, Any] | bool | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What the API expects as a request body. `schema` checks a JSON document (STREAM only)."""

    format: BodyFormat = BodyFormat.FORM
    required: bool = False
    schema: Mapping[str, Any] | bool | None = None
    description: str = ""
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The caller's side. `method` is an upper-case token or "ANY"; `path` is a path pattern."""

    protocols: frozenset[str] = frozenset({"http", "https"})
    method: str
    path: str
    mode: Mode = Mode.MAPPING
    parameters: tuple[Parameter, ...] = ()
    body: Body = Body()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendParameter:
    """The caller's parameter `source` reaches the backend as `name` in `location`."""

    source: str
    name: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A value that the backend always gets; the caller never sees it."""

    name: str
    location: Location
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBackend:
    """A backend at `scheme://host:port`. `path` may hold `[name]` of backend path parameters.

    `method` None means the caller's own. `timeout_ms` covers the whole answer (at most 30000).
    `tls` names how HTTPS is done (`policies/backend-tls`); None is the system's way.

    `template` is the address as written where it holds stage variables: then there is no scheme,
    host and port (0) until an environment's values are put in.
    """

    scheme: str
    host: str
    port: int
    path: str
    method: str | None = None
    timeout_ms: int = 10_000
    tls: str | None = None
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcBackend:
    """A backend behind the VPC authorization named `access`, which says address and port."""

    access: str
    scheme: str
    path: str
    method: str | None = None
    timeout_ms: int = 10_000
    tls: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MockBackend:
    """An answer given by the gateway itself; no backend is called."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


Backend = HttpBackend | VpcBackend | MockBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSample:
    code: str
    message: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Documentation of the answer; the answer itself is never changed by it."""

    type: str = "JSON"
    example: Any = None
    failure_example: Any = None
    errors: tuple[ErrorSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API as declared. `id` is 32 hex digits; `group` is the group's name.

    `system_parameters` and `constants` go to the backend besides the mapped parameters; the
    `source` of a system parameter is its product name (`CaClientIp`), that of one of `claims` the
    claim of the id_token (the product's custom system parameters).
    `variables` are the stage variables (`#name#`) that the backend and the constants hold.
    `document` is the definition as written (plain data), what a release keeps.
    """

    id: str
    group: str
    name: str
    description: str = ""
    visibility: str = "private"
    auth: Auth = Auth()
    request: Request
    backend: Backend
    backend_parameters: tuple[BackendParameter, ...] = ()
    constants: tuple[Constant, ...] = ()
    system_parameters: tuple[BackendParameter, ...] = ()
    claims: tuple[BackendParameter, ...] = ()
    variables: tuple[str, ...] = ()
    result: Result = Result()
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
