"""Signing a captured call anew: another time and nonce, and all else as the client had it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from unit.build import APP, KEY, NOW_MS, SECRET, a_catalog, an_api, serve
from unit.replay.calls import SHA1, a_call, a_request, a_signed_request

from apigateway.errors import Fault
from apigateway.model.api import Auth, SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.offline import OfflineChain
from apigateway.replay.signing import Resigner, method_of, signed_anew, signed_string
from apigateway.replay.unspent import NoCounters
from apigateway.signatures.caller import WINDOW_MS, candidates, sign
from apigateway.store.memory import MemoryStore

LATER_MS = NOW_MS + 86_400_000
RUN = "3f0b6a1c-0000-4000-8000-00000000cafe"
RESIGNER = Resigner({KEY: APP.secret}, run=RUN)
BOTH = Auth(signature_methods=frozenset(SignatureMethod))


def changed(request: CallerRequest, change: Callable[[str, str], tuple[str, str]]) -> CallerRequest:
    fields = [change(name, value) for name, value in request.headers.fields]
    return CallerRequest(
        method=request.method,
        target=request.target,
        headers=Headers(fields),
        body=request.body,
        peer=request.peer,
    )


def with_value(request: CallerRequest, name: str, value: str) -> CallerRequest:
    return changed(request, lambda key, old: (key, value if key.lower() == name.lower() else old))


def of_string(request: CallerRequest, number: int) -> CallerRequest:
    """Signed by another of the accepted strings."""
    text = list(candidates(request.signable))[number - 1]
    return with_value(request, "X-Ca-Signature", sign(SECRET, text))


def fault_of(call: CapturedCall, *, strict: Any = None) -> Fault | None:
    catalog = a_catalog(serve(an_api(path="/[p]", auth=BOTH)))
    chain = OfflineChain(catalog, counters=NoCounters(), nonces=strict)
    refusal = asyncio.run(chain.run(call)).refusal
    return refusal.fault if refusal else None


def resigned(request: CallerRequest, *, received_ms: int | None = NOW_MS) -> CapturedCall:
    return RESIGNER(a_call(request, received_ms=received_ms), LATER_MS)


def differing(one: CallerRequest, other: CallerRequest) -> set[str]:
    pairs = zip(one.headers.fields, other.headers.fields, strict=True)
    return {name for (name, value), again in pairs if (name, value) != again}


def test_only_time_nonce_and_signature_are_other_ones() -> None:
    request = a_signed_request("/a?b=1", [("X-Ca-Stage", "RELEASE"), ("Authorization", "Bearer x")])
    again = resigned(request)
    assert again.received_ms == LATER_MS
    assert differing(request, again.request) == {"X-Ca-Timestamp", "X-Ca-Nonce", "X-Ca-Signature"}
    assert again.request.headers.first("X-Ca-Timestamp") == str(LATER_MS)
    assert (again.request.target, again.request.body) == (request.target, request.body)
    assert fault_of(a_call(request, received_ms=LATER_MS)) is Fault.TIMESTAMP_EXPIRED
    assert fault_of(again) is None


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_string_is_the_one_that_the_client_signs(number: int) -> None:
    request = of_string(a_signed_request("/%61?b=&c=1+2"), number)
    again = resigned(request).request
    assert signed_string(request, SECRET) == signed_string(again, SECRET) == number
    assert fault_of(resigned(request)) is None


def test_the_method_is_the_clients() -> None:
    request = a_signed_request("/a", method=SHA1)
    assert method_of(request) is SHA1
    assert signed_string(resigned(request).request, SECRET) == 1
    assert fault_of(resigned(request)) is None
    assert method_of(with_value(request, "X-Ca-Signature-Method", " hmacsha256 ")) is (
        SignatureMethod.HMAC_SHA256
    )
    assert method_of(a_request()) is SignatureMethod.HMAC_SHA256
    assert method_of(with_value(request, "X-Ca-Signature-Method", "HmacMD5")) is None


def test_the_spelling_is_the_clients() -> None:
    """Names in lower case, as some clients send them, stand so in the signed string too."""
    request = changed(a_signed_request("/a"), lambda name, value: (name.lower(), value))
    listed = (request.headers.first("X-Ca-Signature-Headers") or "").lower()
    request = of_string(with_value(request, "X-Ca-Signature-Headers", listed), 1)
    again = resigned(request).request
    assert [name for name, _ in again.headers.fields] == [n for n, _ in request.headers.fields]
    assert again.headers.first("X-Ca-Signature-Headers") == listed
    assert fault_of(resigned(request)) is None


def test_what_is_not_there_is_not_added() -> None:
    for missing in ("X-Ca-Nonce", "X-Ca-Timestamp"):
        whole = a_signed_request("/a")
        fields = [field for field in whole.headers.fields if field[0] != missing]
        request = of_string(a_request("/a", fields[1:]), 1)
        again = resigned(request).request
        assert missing not in again.headers
        assert signed_string(again, SECRET) == 1


def test_a_signature_that_did_not_verify_does_not_verify() -> None:
    request = with_value(a_signed_request("/a"), "X-Ca-Signature", "bm90IGl0")
    again = resigned(request)
    assert again.request.headers.first("X-Ca-Signature") == "bm90IGl0"
    assert differing(request, again.request) == {"X-Ca-Timestamp", "X-Ca-Nonce"}
    assert fault_of(again) is Fault.INVALID_SIGNATURE


def test_a_signature_that_was_taken_out_is_made_where_its_string_is_known() -> None:
    request = with_value(a_signed_request("/%61"), "X-Ca-Signature", "(taken out)")
    for number in (1, 2):
        again = RESIGNER(a_call(request), LATER_MS, string=number)
        assert signed_string(again.request, SECRET) == number
        assert fault_of(again) is None
    again = RESIGNER(a_call(request), LATER_MS, string=9)
    assert signed_string(again.request, SECRET) == 2  # the last one that there is


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_time_that_was_out_of_the_window_is_out_of_it(minutes: int) -> None:
    request = a_signed_request("/a", timestamp_ms=NOW_MS + minutes * 60_000)
    assert fault_of(resigned(request)) is Fault.TIMESTAMP_EXPIRED
    within = a_signed_request("/a", timestamp_ms=NOW_MS - WINDOW_MS)
    assert fault_of(resigned(within)) is None


def test_a_time_before_all_times_is_no_negative_one() -> None:
    request = with_value(a_signed_request("/a"), "X-Ca-Timestamp", "1")
    again = RESIGNER(a_call(of_string(request, 1)), 5)
    assert again.request.headers.first("X-Ca-Timestamp") == "0"


@pytest.mark.parametrize("text", ["soon", "", "1" * 19, "-5", "１"])
def test_a_time_that_is_none_stays(text: str) -> None:
    request = of_string(with_value(a_signed_request("/a"), "X-Ca-Timestamp", text), 1)
    assert resigned(request).request.headers.first("X-Ca-Timestamp") == text


def test_a_call_whose_time_is_not_known_is_of_now() -> None:
    again = resigned(a_signed_request("/a", timestamp_ms=5), received_ms=None)
    assert again.request.headers.first("X-Ca-Timestamp") == str(LATER_MS)


def test_a_nonce_that_was_used_twice_is_used_twice() -> None:
    calls = [resigned(a_signed_request("/a", nonce=nonce)) for nonce in ("a", "b", "a")]
    strict = MemoryStore().nonces
    assert [fault_of(call, strict=strict) for call in calls] == [None, None, Fault.NONCE_USED]


def test_another_run_has_other_nonces() -> None:
    call = a_call(a_signed_request("/a"))
    runs = [RESIGNER, Resigner({KEY: APP.secret}, run=RUN), Resigner({KEY: APP.secret})]
    first, same, other = (run(call, LATER_MS).request.headers.first("X-Ca-Nonce") for run in runs)
    assert first == same != other


def test_a_nonce_that_was_too_long_or_empty_stays() -> None:
    for nonce in ("n" * 257, ""):
        request = of_string(with_value(a_signed_request("/a"), "X-Ca-Nonce", nonce), 1)
        assert resigned(request).request.headers.first("X-Ca-Nonce") == nonce


@pytest.mark.parametrize(
    "request_",
    [
        a_request("/a", [("Authorization", "APPCODE an-app-code")]),
        a_request("/a", [("X-Ca-Key", KEY), ("X-Ca-Timestamp", "5"), ("X-Ca-Signature", "")]),
        a_request(
            "/a", [("X-Ca-Key", "another"), ("X-Ca-Timestamp", "5"), ("X-Ca-Signature", "x")]
        ),
    ],
    ids=["AppCode", "no signature", "an app nobody knows"],
)
def test_a_call_that_was_not_signed_stays_as_it_is(request_: CallerRequest) -> None:
    again = resigned(request_)
    assert again.request is request_
    assert again.received_ms == LATER_MS


def test_bytes_that_are_not_utf8_are_signed_as_they_are() -> None:
    request = a_signed_request("/a?b=%FF", [("X-Ca-Note", "\udcff")], nonce="\udcfe")
    assert signed_string(resigned(request).request, SECRET) == 1


def test_the_same_time_and_nonce_give_the_same_request() -> None:
    request = a_signed_request("/a?b=1")
    again = signed_anew(request, SECRET, timestamp=str(NOW_MS), nonce="a-nonce")
    assert again.headers.fields == request.headers.fields
