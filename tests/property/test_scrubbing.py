"""Whatever a call holds: no byte of a scrubbed capture is a secret's, and it ends as it did."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property.test_definitions import apis
from property.test_replay import answering, answers, on_the_wire, request_of
from property.test_serving import calls, catalog_of, more_at_the_backend, received, variables
from unit.build import APP, KEY, NOW_MS, REQUEST_ID, SECRET, a_catalog, an_api, serve
from unit.minted import issuer, mint, rsa_key
from unit.replay.calls import a_request, a_signed_request, plain

from apigateway.exchange import Answer
from apigateway.model.api import AppCodeUse, Auth
from apigateway.model.app import Secret
from apigateway.outcome import answer_of
from apigateway.replay.call import CapturedCall
from apigateway.replay.captured import read_calls, write_calls
from apigateway.replay.differences import differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome
from apigateway.replay.unspent import NoCounters
from apigateway.scrubbing.scrubber import Scrubber

CODE = 'the "App/Code" é+& 42'
AN_APP = replace(APP, code=Secret(CODE))
CATALOG = a_catalog(
    *(serve(an_api(path=f"/{name}", method="POST", auth=auth)) for name, auth in (
        ("signed", Auth()), ("coded", Auth(app_code=AppCodeUse.HEADER_OR_QUERY))
    )),
    apps=(AN_APP,),
    issuers=[issuer()],
)  # fmt: skip
SCRUBBER = Scrubber(CATALOG, scrub=["phone"])

WRITTEN: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: quote(text, safe=""),
    quote_plus,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps({"a": json.dumps([text])}),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(b"al:" + text.encode() + b"\0\xff").decode(),
    lambda text: quote(json.dumps({"deep": text}), safe=""),
]
own_secrets = st.text("abcXYZ019+/=-_.~!*'()\"\\%& é中", min_size=8, max_size=24).filter(
    lambda text: text.strip() == text and len(set(text)) > 4
)
"""Of the caller: passwords, cookies."""


def forms_of(secret: str) -> list[bytes]:
    """What must not be in a file, whatever reads it."""
    raw = secret.encode()
    inner = [base64.b64encode(b"\0" * n + raw)[4:-4] for n in range(3)]
    texts = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    return [*(text.encode() for text in texts), *(piece for piece in inner if len(piece) > 7)]


@st.composite
def planted(draw: st.DrawFn) -> tuple[CapturedCall, list[str]]:
    """A call with secrets in its places, and repeated elsewhere in some spelling."""
    password, cookie = draw(own_secrets), draw(own_secrets)
    token = mint(key=rsa_key(draw(st.sampled_from([0, 0, 1]))), jti=draw(st.text(max_size=4)))
    is_coded = draw(st.booleans())
    secrets = [SECRET, CODE, password, cookie, *([] if is_coded else [token])]

    def noise() -> str:
        spelled = draw(st.sampled_from(WRITTEN))(draw(st.sampled_from(secrets)))
        return draw(st.sampled_from(["", "", "before "])) + spelled

    def header() -> str:
        return noise().replace("\r", "").replace("\n", "")

    body = draw(
        st.sampled_from(
            [
                f"password={quote_plus(password)}&a={quote_plus(noise())}&phone=55512345",
                json.dumps({"user": {"password": password}, "note": noise(), "phone": 55512345}),
                f"<a><password>x</password>{quote(password)}</a>",
                noise(),
            ]
        )
    ).encode()
    place = "coded" if is_coded else "signed"
    target = f"/{place}?a={quote(noise(), safe='')}&phone=55512345"
    fields = [
        ("Cookie", f"sid={quote(cookie, safe='')}; b=1"),
        ("Authorization", f"Bearer {token}"),
        ("X-Note", quote(header(), safe=' "{}=/+%')),
        ("X-Password", quote(password)),
    ]
    kind = draw(st.sampled_from(["application/x-www-form-urlencoded", "application/json", "a/b"]))
    fields.append(("Content-Type", kind))
    if is_coded:
        fields[1] = ("Authorization", f"APPCODE {CODE}")
        target += draw(st.sampled_from(["", f"&AppCode={quote(CODE)}"]))
        request = a_request(target, fields, method="POST", body=body)
    else:
        request = a_signed_request(target, fields, body, http_method="POST")
        secrets.append(request.headers.first("X-Ca-Signature") or "")
    echo = json.dumps({"fields": request.headers.fields, "body": body.decode(), "note": noise()})
    answer = Answer(
        status=200,
        reason="OK",
        headers=(("X-Ca-Request-Id", REQUEST_ID), ("Set-Cookie", f"t={quote(cookie)}; Path=/")),
        body=echo.encode(),
        elapsed_ms=1.0,
    )
    trail = {"verdict": {"detail": noise()}, "backend_request": {"url": target, "body": noise()}}
    call = CapturedCall(
        request=request,
        received_ms=NOW_MS,
        answer=answer,
        trail=trail,
        comment=noise(),
        flow_id="5e8c9a1e-7a0b-4a6c-8a53-000000000001",
    )
    return call, secrets


@given(planted())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_byte_of_a_scrubbed_capture_is_of_a_secret(
    drawn: tuple[CapturedCall, list[str]],
) -> None:
    call, secrets = drawn
    done = SCRUBBER(call)
    content = write_calls([done.call])
    for secret in secrets:
        for form in forms_of(secret):
            assert form not in content, (secret, form)
    assert b"55512345" not in content
    assert not done.call.lacks
    (read,) = read_calls(content)
    again = SCRUBBER(read)
    assert plain(again.call) == plain(read)
    chain = OfflineChain(CATALOG, counters=NoCounters())
    before, after = (asyncio.run(chain.outcome(one)) for one in (call, read))
    assert (before.status, before.fault, before.api) == (after.status, after.fault, after.api)
    assert not after.fault, after  # the app's code and signature were put back


def test_a_scrubbed_call_ends_as_the_call_did() -> None:
    ends: Counter[str] = Counter()

    @given(st.data(), apis(), st.sampled_from(["", "/v1"]), variables)
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def ends_as_it_did(
        data: st.DataObject, document: dict[str, Any], base_path: str, values: dict[str, str]
    ) -> None:
        document = data.draw(more_at_the_backend(document))
        catalog = catalog_of(document, base_path, values)
        if catalog is None:
            return
        chain = OfflineChain(catalog, counters=NoCounters())
        scrub = data.draw(st.lists(st.sampled_from(["p", "q", "sub", "X-A"]), max_size=2))
        scrubber = Scrubber(catalog, scrub=scrub)
        style = catalog.settings.errors
        for drawn in data.draw(st.lists(calls(document, base_path), min_size=2, max_size=4)):
            came = received(catalog, on_the_wire(drawn), document)
            answer = data.draw(answers)
            asked = OfflineChain(catalog, counters=NoCounters(), backend=answering(answer))
            first = asyncio.run(asked.run(CapturedCall(request=request_of(came)), now_ms=NOW_MS))
            first.request_id = REQUEST_ID
            seen = answer_of(first, style, method=came.method)
            whole = CapturedCall(request=request_of(came), received_ms=NOW_MS, answer=seen)
            done = scrubber(whole)
            (read,) = read_calls(write_calls([done.call]))
            if read.lacks:
                ends["lacks"] += 1
                continue
            told = captured_outcome(read)
            assert told is not None
            outcome = asyncio.run(chain.outcome(read))
            assert differences(told, outcome) == (), (done.counts, outcome)
            ends[first.refused_by or "answered"] += 1
            ends["scrubbed"] += bool(done.counts)

    ends_as_it_did()
    assert ends["answered"] > 10, ends
    assert ends["scrubbed"] > 10, ends
    assert KEY
