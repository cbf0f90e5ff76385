"""Placeholders put back, where the gateway reads them and nowhere else."""

import asyncio
from dataclasses import replace

import pytest
from unit.build import APP, KEY, NOW_MS, SECRET, a_catalog, an_api, serve
from unit.replay.calls import a_call, a_request, a_signed_request

from apigateway.errors import Fault
from apigateway.model.api import AppCodeUse, Auth
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.offline import OfflineChain
from apigateway.replay.placeholders import app_code_mark, signature_mark
from apigateway.replay.restoring import Restorer, with_body
from apigateway.replay.signing import signed_string
from apigateway.replay.unspent import NoCounters

CATALOG = a_catalog(serve(an_api(path="/a", auth=Auth(app_code=AppCodeUse.HEADER_OR_QUERY))))
RESTORER = Restorer.of(CATALOG, tokens=True)
CODE = APP.code.reveal() if APP.code is not None else ""
MARK = signature_mark(KEY, "HmacSHA256", 1)


def restored(request: CallerRequest) -> CallerRequest:
    return RESTORER(a_call(request)).request


def with_signature(request: CallerRequest, mark: str) -> CallerRequest:
    fields = [(n, mark if n == "X-Ca-Signature" else v) for n, v in request.headers.fields]
    return replace(request, headers=Headers(fields))


def fault_of(request: CallerRequest) -> Fault | None:
    chain = OfflineChain(CATALOG, counters=NoCounters())
    refusal = asyncio.run(chain.run(a_call(request), now_ms=NOW_MS)).refusal
    return refusal.fault if refusal else None


def test_a_signature_is_made_of_what_stands_there() -> None:
    request = with_signature(a_signed_request("/a?pwd=scrubbed:pwd"), MARK)
    assert signed_string(restored(request), SECRET) == 1
    assert fault_of(request) is None


def test_the_string_is_that_of_the_client() -> None:
    request = with_signature(a_signed_request("/%61"), signature_mark(KEY, "HmacSHA256", 2))
    assert signed_string(restored(request), SECRET) == 2


@pytest.mark.parametrize("mark", ["scrubbed:signature", signature_mark("9999", "HmacSHA256", 1)])
def test_one_that_did_not_verify_does_not(mark: str) -> None:
    request = with_signature(a_signed_request("/a"), mark)
    assert restored(request).headers.fields == request.headers.fields
    assert fault_of(request) is Fault.INVALID_SIGNATURE


def test_app_codes_in_their_two_places() -> None:
    by_field = a_request("/a", [("Authorization", f"APPCODE {app_code_mark(KEY)}")])
    by_query = a_request(f"/a?x=1&AppCode={app_code_mark(KEY)}")
    assert restored(by_field).headers.first("Authorization") == f"APPCODE {CODE}"
    assert restored(by_query).target == f"/a?x=1&AppCode={CODE}"
    assert fault_of(by_field) is None
    assert fault_of(by_query) is None
    assert fault_of(a_request("/a?AppCode=scrubbed:appcode")) is Fault.INVALID_APP_CODE


def test_no_secret_goes_anywhere_else() -> None:
    mark = app_code_mark(KEY)
    request = a_request(f"/{mark}?x={mark}", [("X-A", mark), ("X-B", f"APPCODE {mark}")])
    assert (
        restored(request) == request or restored(request).headers.fields == request.headers.fields
    )
    assert restored(request).target == request.target


def test_a_call_that_was_not_scrubbed_is_the_same_one() -> None:
    call = a_call(a_signed_request("/a"))
    assert RESTORER(call) is call


def test_another_body_has_its_length() -> None:
    request = a_request("/a", [("Content-Length", "3")], method="POST", body=b"abc")
    assert with_body(request, b"abcde").headers.first("Content-Length") == "5"
    lying = a_request("/a", [("Content-Length", "9")], method="POST", body=b"abc")
    assert with_body(lying, b"abcde").headers.first("Content-Length") == "9"
