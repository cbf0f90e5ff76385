"""The model's `Api` as a document again: what an editor writes and a release keeps."""

from typing import Any

from apigateway.definition.addresses import address_of
from apigateway.model.api import (
    Api,
    Auth,
    BackendParameter,
    Body,
    HttpBackend,
    MockBackend,
    Parameter,
    Request,
    Result,
    SignatureMethod,
    VpcBackend,
)
from apigateway.model.openid import OpenId, TokenIssuer


def dump_api(api: Api) -> dict[str, Any]:
    """The document of `api`, with its id; defaults are left out. Reading it gives `api` again."""
    return {
        "id": api.id,
        "name": api.name,
        **_given(description=(api.description, "")),
        "visibility": api.visibility,
        "auth": _dump_auth(api.auth),
        "request": _dump_request(api.request),
        "backend": _dump_backend(api),
        **_given(result=(_dump_result(api.result), {})),
    }


def _given(**pairs: tuple[Any, Any]) -> dict[str, Any]:
    """The pairs (value, default) whose value is not the default."""
    return {
        key: value
        for key, (value, default) in pairs.items()
        if type(value) is not type(default) or value != default
    }


def _dump_auth(auth: Auth) -> dict[str, Any]:
    return {
        "type": auth.type.value,
        "signature_methods": [m.value for m in SignatureMethod if m in auth.signature_methods],
        **_given(force_nonce=(auth.force_nonce, False)),
        **_given(app_code=(auth.app_code.value, "disabled")),
        **({} if auth.openid is None else {"openid": _dump_openid(auth.openid)}),
    }


def _dump_openid(openid: OpenId) -> dict[str, Any]:
    if isinstance(openid, TokenIssuer):
        keys = [{"key_id": key.key_id, "public_key": dict(key.jwk)} for key in openid.keys]
        return {"type": "authorization", "keys": keys, **_given(issuer=(openid.issuer, None))}
    return {
        "type": "service",
        "token": openid.parameter,
        **_given(issuers=(list(openid.issuers), []), audiences=(list(openid.audiences), [])),
        "leeway_s": openid.leeway_s,
        "required_claims": list(openid.required_claims),
    }


def _dump_request(request: Request) -> dict[str, Any]:
    return {
        "protocols": sorted(request.protocols),
        "method": request.method,
        "path": request.path,
        "mode": request.mode.value,
        **_given(parameters=([_dump_parameter(item) for item in request.parameters], [])),
        **_given(body=(_dump_body(request.body), {})),
    }


def _dump_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.location.value,
        "type": parameter.type.value,
        "required": parameter.required,
        **_given(
            default=(parameter.default, None),
            example=(parameter.example, None),
            description=(parameter.description, ""),
            enum=(list(parameter.enum), []),
            min_length=(parameter.min_length, None),
            max_length=(parameter.max_length, None),
            minimum=(parameter.minimum, None),
            maximum=(parameter.maximum, None),
            pattern=(parameter.pattern, None),
            schema=(parameter.schema, None),
            max_bytes=(parameter.max_bytes, None),
        ),
    }


def _dump_body(body: Body) -> dict[str, Any]:
    return _given(
        format=(body.format.value, "form"),
        required=(body.required, False),
        schema=(body.schema, None),
        description=(body.description, ""),
        example=(body.example, None),
    )


def _dump_backend(api: Api) -> dict[str, Any]:
    backend = api.backend
    if isinstance(backend, MockBackend):
        headers: dict[str, list[str]] = {}
        for name, value in backend.headers:
            headers.setdefault(name, []).append(value)
        return {
            "type": "mock",
            "status": backend.status,
            **_given(headers=(headers, {}), body=(backend.body, "")),
        }
    return {
        **_dump_target(backend),
        "path": backend.path,
        **_given(method=(backend.method, None)),
        "timeout_ms": backend.timeout_ms,
        **_given(
            tls=(backend.tls, None),
            parameters=([_dump_mapped(item) for item in api.backend_parameters], []),
            constants=(
                [
                    {"name": item.name, "in": item.location.value, "value": item.value}
                    for item in api.constants
                ],
                [],
            ),
            system=([_dump_mapped(item) for item in api.system_parameters], []),
            claims=([_dump_mapped(item) for item in api.claims], []),
        ),
    }


def _dump_target(backend: HttpBackend | VpcBackend) -> dict[str, str]:
    if isinstance(backend, VpcBackend):
        return {"type": "vpc", "access": backend.access, "scheme": backend.scheme}
    address = backend.template or address_of(backend.scheme, backend.host, backend.port)
    return {"type": "http", "address": address}


def _dump_mapped(item: BackendParameter) -> dict[str, str]:
    return {"from": item.source, "name": item.name, "in": item.location.value}


def _dump_result(result: Result) -> dict[str, Any]:
    return _given(
        type=(result.type, "JSON"),
        example=(result.example, None),
        failure_example=(result.failure_example, None),
        errors=(
            [
                {
                    "code": item.code,
                    **_given(message=(item.message, ""), description=(item.description, "")),
                }
                for item in result.errors
            ],
            [],
        ),
    )
