"""Captured calls for tests, made by hand."""

from collections.abc import Iterable, Mapping
from typing import Any

from unit.build import DOMAIN, KEY, NOW_MS, REQUEST_ID, SECRET

from apigateway.errors import Fault
from apigateway.exchange import Answer
from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall, EdgeRefusal
from apigateway.signatures.caller import SignableRequest, signing_headers

Fields = Iterable[tuple[str, str]]


def a_request(target: str = "/forecast", fields: Fields = (), **changes: Any) -> CallerRequest:
    """A GET over HTTP/1.1, with a Host."""
    known = {"method": "GET", "peer": "192.0.2.7", **changes}
    return CallerRequest(target=target, headers=Headers([("Host", DOMAIN), *fields]), **known)


def a_signed_request(
    target: str = "/forecast", fields: Fields = (), body: bytes = b"", **more: Any
) -> CallerRequest:
    """By the app of `build`; `more` is for the signature."""
    method = more.pop("http_method", "GET")
    path, _, query = target.partition("?")
    known = {"key": KEY, "secret": SECRET, "timestamp_ms": NOW_MS, "nonce": "a-nonce", **more}
    plain = a_request(target, fields, method=method, body=body)
    signable = SignableRequest(method, path, query, plain.headers, body)
    added = signing_headers(signable, **known)
    return a_request(target, [*fields, *added], method=method, body=body)


def an_answer(status: int = 200, fields: Fields = (), body: bytes = b"hello") -> Answer:
    headers = (("X-Ca-Request-Id", REQUEST_ID), *fields)
    return Answer(status=status, reason="", headers=headers, body=body, elapsed_ms=12.5)


def a_refusal(status: int, code: str, message: str) -> Answer:
    """As the gateway answers it in the coded style."""
    fields = [("X-Ca-Error-Code", code), ("X-Ca-Error-Message", message)]
    return an_answer(status, fields, body=b"{}")


def a_call(request: CallerRequest | None = None, **changes: Any) -> CapturedCall:
    known: dict[str, Any] = {"received_ms": NOW_MS, "answer": an_answer(), **changes}
    return CapturedCall(request=request or a_request(), **known)


def a_trail(**verdict: Any) -> Mapping[str, Any]:
    known = {"served": False, "by": "Routing", "detail": "why", **verdict}
    return {"received_ms": NOW_MS + 7, "verdict": known}


def of_the_edge(fault: Fault = Fault.INVALID_REQUEST, **parts: str) -> EdgeRefusal:
    return EdgeRefusal(fault=fault, detail="a bare CR", parts=parts)


def plain(call: CapturedCall) -> dict[str, Any]:
    """Everything of a call as values that compare."""
    request = call.request
    whole = {name: getattr(request, name) for name in CallerRequest.__slots__}
    found = {name: getattr(call, name) for name in CapturedCall.__slots__}
    return {**found, "request": {**whole, "headers": request.headers.fields}}


SHA1 = SignatureMethod.HMAC_SHA1
