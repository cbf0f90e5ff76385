"""One captured call without its secrets."""

from typing import Any

from unit.build import KEY, SECRET
from unit.replay.calls import a_call, a_request, a_signed_request, an_answer, of_the_edge
from unit.scrubbing.scrubs import CATALOG

from apigateway.replay.call import CapturedCall
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.scrub import Scrub, Scrubbed
from apigateway.signatures.caller import content_md5


def done(call: CapturedCall, *scrub: str, keep: tuple[str, ...] = (), **more: Any) -> Scrubbed:
    return Scrub(CATALOG, Names.chosen(keep, scrub))(call, **more)


def signature_of(scrubbed: Scrubbed) -> str | None:
    return scrubbed.call.request.headers.first("X-Ca-Signature")


def test_a_signature_says_whether_it_verified() -> None:
    assert signature_of(done(a_call(a_signed_request("/a")))) == (
        f"scrubbed:signature:{KEY}:HmacSHA256:1"
    )
    wrong = a_signed_request("/a", secret="another-secret")
    assert signature_of(done(a_call(wrong))) == "scrubbed:signature"
    assert signature_of(done(a_call(a_signed_request("/a", key="999")))) == "scrubbed:signature"


def test_an_app_secret_goes_wherever_it_stands() -> None:
    request = a_request(f"/{SECRET}?{SECRET}=1", [(f"X-{SECRET}", SECRET)])
    call = a_call(
        request,
        answer=an_answer(fields=[("X-Echo", SECRET)], body=SECRET.encode()),
        trail={"detail": SECRET},
        comment=f"refused: {SECRET}",
        edge=of_the_edge(name=SECRET),
    )
    scrubbed = done(call)
    assert SECRET not in repr(scrubbed.call)
    assert f"scrubbed:appsecret:{KEY}" in scrubbed.call.request.target
    assert f"X-scrubbed-appsecret-{KEY}" in scrubbed.call.request.headers
    assert scrubbed.counts["AppSecret"] == 1


def test_what_an_answer_repeats_goes_from_there_too() -> None:
    request = a_request("/a?password=hunter2-hunter2")
    call = a_call(request, answer=an_answer(body=b"you said hunter2-hunter2"))
    answer = done(call).call.answer
    assert answer is not None
    assert answer.body == b"you said scrubbed:password"


def test_a_password_that_is_a_name_stays_a_name() -> None:
    request = a_request("/a?password=password&x=password")
    assert done(a_call(request)).call.request.target == "/a?password=scrubbed:password&x=password"


def test_lengths_and_digests_fit_where_they_did() -> None:
    body = b"password=hunter2&a=1"
    fields = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", str(len(body))),
        ("Content-MD5", content_md5(body)),
    ]
    request = done(a_call(a_request("/a", fields, method="POST", body=body))).call.request
    assert request.body == b"password=scrubbed:password&a=1"
    assert request.headers.first("Content-Length") == str(len(request.body))
    assert request.headers.first("Content-MD5") == content_md5(request.body)


def test_a_call_without_secrets_is_as_it_was() -> None:
    call = a_call(a_request("/a?b=1", [("X-A", "1")]))
    scrubbed = done(call)
    assert repr(scrubbed.call) == repr(call)
    assert not scrubbed.counts


def test_names_are_the_users_to_choose() -> None:
    call = a_call(a_request("/a?key=hangzhou&phone=5551"))
    target = done(call, "Phone", keep=("key",)).call.request.target
    assert target == "/a?key=hangzhou&phone=scrubbed:phone"
