"""The backend's body: the caller's own bytes, or fields and parts made anew."""

from typing import Any

import pytest
from unit.build import REQUEST_ID, a_pass, an_api, parameter, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Outbound, Throttled, Validated
from apigateway.model.api import (
    BackendParameter,
    Body,
    BodyFormat,
    Constant,
    Location,
    Mode,
    ParameterType,
)
from apigateway.model.catalog import ServedApi
from apigateway.outbound.body import OutboundBody, outbound_body
from apigateway.protocol.multipart_body import Part, read_parts, write_parts
from apigateway.stages.mapping import Mapping
from apigateway.stages.signing import sign_outbound
from apigateway.stages.validation import Validation

MULTIPART = Body(format=BodyFormat.MULTIPART)
SENT = ("Content-Type", "multipart/form-data; boundary=theirs")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
BOUNDARY = f"apigateway-{REQUEST_ID}"
OURS = f"multipart/form-data; boundary={BOUNDARY}"
FILE = ParameterType.FILE
PASSING = [Mode.PASSTHROUGH, Mode.MAPPING_PASSTHROUGH]


def api(*parameters: Any, mode: Mode = Mode.MAPPING, **rest: Any) -> ServedApi:
    request: dict[str, Any] = {"mode": mode, "parameters": parameters, "body": MULTIPART}
    return serve(an_api(method="POST", request=request, **rest))


def to(source: str, name: str, location: Location = Location.BODY) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


def constant(name: str, value: str = "v") -> Constant:
    return Constant(name=name, location=Location.BODY, value=value)


def sent(served: ServedApi, *parts: Part, **changes: Any) -> Outbound:
    """What goes to the backend of a call with these parts."""
    changes.setdefault("headers", [SENT])
    changes.setdefault("body", write_parts(parts, "theirs"))
    call = a_pass(Throttled, served, method="POST", **changes)
    return Mapping()(Validation()(call)).outbound


def parts_in(outbound: Outbound) -> tuple[Part, ...]:
    assert ("Content-Type", OURS) in outbound.headers
    assert [n for n, _ in outbound.headers if n.lower().startswith("content-")] == ["Content-Type"]
    return read_parts(outbound.body, BOUNDARY.encode())


def test_the_body_is_made_of_the_checked_parts_under_backend_names_in_declared_order() -> None:
    served = api(
        parameter("note", Location.BODY),
        parameter("photo", Location.BODY, type=FILE),
        parameter("days"),
        backend_parameters=(to("photo", "image"), to("days", "d"), to("note", "text")),
        constants=(constant("k"),),
        system_parameters=(to("CaStage", "stage"),),
    )
    photo = Part("photo", b"\x00\r\n--their", "照片.png", "image/png")
    assert parts_in(
        sent(served, Part("note", "中".encode()), Part("x", b"1"), photo, query="days=3")
    ) == (
        Part("image", photo.content, "照片.png", "image/png"),
        Part("d", b"3"),
        Part("text", "中".encode()),
        Part("k", b"v"),
        Part("stage", b"RELEASE"),
    )


def test_text_goes_on_in_utf8_and_without_the_fields_of_its_part() -> None:
    served = api(parameter("a", Location.BODY))
    part = Part("a", "中".encode("gbk"), content_type="text/plain; charset=gbk")
    assert parts_in(sent(served, part)) == (Part("a", "中".encode()),)


def test_the_first_part_of_a_declared_name_goes_on_and_no_other() -> None:
    for mode in (Mode.MAPPING, Mode.MAPPING_PASSTHROUGH):
        served = api(parameter("f", Location.BODY, type=FILE), mode=mode)
        first, second = Part("f", b"1", "a"), Part("f", b"2", "b")
        assert parts_in(sent(served, first, second, Part("f", b"3"))) == (first,)


def test_mapping_passthrough_passes_undeclared_parts_as_they_were() -> None:
    served = api(
        parameter("a", Location.BODY),
        mode=Mode.MAPPING_PASSTHROUGH,
        backend_parameters=(to("a", "b"),),
        constants=(constant("k"),),
    )
    others = (
        Part("x", b"\xff", content_type="text/plain; charset=gbk"),
        Part("y", b"\x00", "y.bin", "image/png"),
        Part("x", b"2"),
    )
    forged = (Part("k", b"forged"), Part("b", b"forged", "f"), Part("a", b"1"))
    assert parts_in(sent(served, *forged, *others)) == (
        *others,
        Part("b", b"1"),
        Part("k", b"v"),
    )


@pytest.mark.parametrize("name", ["k", " k", "\r\nk", "/k", "//k"])
def test_no_part_of_the_caller_is_read_as_one_of_the_definition(name: str) -> None:
    served = api(mode=Mode.PASSTHROUGH, constants=(constant("k"),))
    assert parts_in(sent(served, Part(name, b"forged"))) == (Part("k", b"v"),)


def test_a_name_of_the_definition_that_begins_with_a_slash_is_its_own_too() -> None:
    served = api(mode=Mode.PASSTHROUGH, constants=(constant("/k"),))
    assert parts_in(sent(served, Part("/k", b"forged"))) == (Part("/k", b"v"),)


def test_a_claim_that_the_token_lacks_is_nobodys_either() -> None:
    served = api(mode=Mode.PASSTHROUGH, claims=(to("userId", "user"),))
    assert parts_in(sent(served, Part("user", b"forged"), Part("a", b"1"))) == (Part("a", b"1"),)


def test_an_optional_parameter_that_was_left_out_is_nobodys() -> None:
    served = api(
        parameter("a", Location.BODY),
        mode=Mode.MAPPING_PASSTHROUGH,
        backend_parameters=(to("a", "b"),),
    )
    assert parts_in(sent(served, Part("b", b"forged"), Part("c", b"1"))) == (Part("c", b"1"),)


def test_passthrough_sends_the_bytes_and_their_type_unchanged() -> None:
    body = b"anything\x00 --theirs"
    outbound = sent(api(mode=Mode.PASSTHROUGH), body=body)
    assert outbound.body == body
    assert SENT in outbound.headers


def test_passthrough_makes_the_body_anew_where_the_definition_adds_a_part() -> None:
    served = api(mode=Mode.PASSTHROUGH, constants=(constant("k"),))
    given = (Part("a", b"1"), Part("k", b"forged"), Part("a", b"2", "f", "x/y"))
    assert parts_in(sent(served, *given)) == (given[0], given[2], Part("k", b"v"))
    refusal_of(lambda: sent(served, body=b"--theirs"), Fault.INVALID_BODY)


@pytest.mark.parametrize("mode", PASSING)
def test_parts_of_the_definition_cannot_join_another_kind_of_body(mode: Mode) -> None:
    served = api(mode=mode, constants=(constant("k"),))
    refusal = refusal_of(
        lambda: sent(served, headers=[FORM], body=b"a=1"), Fault.INVALID_CONTENT_TYPE
    )
    assert refusal.parts == {"reason": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("mode", PASSING)
def test_a_body_of_another_kind_passes_where_nothing_is_declared(mode: Mode) -> None:
    given = ("Content-Type", "application/json")
    outbound = sent(api(mode=mode), headers=[given], body=b"{}")
    assert outbound.body == b"{}"
    assert given in outbound.headers


def test_mapping_drops_a_body_of_another_kind_where_nothing_is_declared() -> None:
    outbound = sent(api(), headers=[("Content-Type", "application/json")], body=b"{}")
    assert outbound.body == b""
    assert "Content-Type" not in dict(outbound.headers)


@pytest.mark.parametrize("mode", Mode)
def test_an_empty_body_takes_the_parts_of_the_definition_or_stays_empty(mode: Mode) -> None:
    served = api(mode=mode, constants=(constant("k"),))
    assert parts_in(sent(served, body=b"")) == (Part("k", b"v"),)
    assert sent(api(mode=mode), body=b"", headers=[]).body == b""


def test_no_part_is_no_body() -> None:
    outbound = sent(api(), Part("x", b"1"))
    assert (outbound.body, dict(outbound.headers).get("Content-Type")) == (b"", None)


def test_a_text_part_may_go_elsewhere() -> None:
    served = api(
        parameter("a", Location.BODY),
        parameter("b", Location.BODY),
        parameter("c", Location.BODY),
        backend_path="/v3/[seg]",
        backend_parameters=(
            to("a", "q", Location.QUERY),
            to("b", "X-B", Location.HEADER),
            to("c", "seg", Location.PATH),
        ),
    )
    outbound = sent(served, Part("a", b"1 2"), Part("b", b"3"), Part("c", b"4/5"))
    assert outbound.target == "/v3/4%2F5?q=1%202"
    assert ("X-B", "3") in outbound.headers
    assert outbound.body == b""


def test_the_backend_signature_covers_the_new_body_by_its_md5_and_no_part() -> None:
    from apigateway.model.app import Secret
    from apigateway.model.policy import SignatureKey
    from apigateway.signatures.caller import content_md5

    outbound = sent(api(parameter("a", Location.BODY)), Part("a", b"1"))
    key = SignatureKey(id="k", name="n", region="r", key="k", secret=Secret("s"))
    signed = dict(sign_outbound(outbound, key, debug=True).headers)
    assert signed["Content-MD5"] == content_md5(outbound.body)
    assert signed["X-Ca-Proxy-Signature-String-To-Sign"].endswith("|/v3/forecast")


def test_a_form_is_made_of_its_pairs_and_the_callers_own_bytes_are_not_touched() -> None:
    served = serve(an_api(method="POST"))
    call = a_pass(Validated, served, headers=[FORM], body=b"a=1")
    made = outbound_body(call, [("a", "x y")])
    assert made == OutboundBody(b"a=x+y", True, f"{FORM[1]}; charset=UTF-8", (("a", "x y"),))
    stream = serve(an_api(method="POST", request={"body": Body(format=BodyFormat.STREAM)}))
    call = a_pass(Validated, stream, body=b"\xff")
    assert outbound_body(call, []) == OutboundBody(b"\xff")
