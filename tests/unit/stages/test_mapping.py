"""The outbound request: values in their places, and nothing that nobody defined."""

from typing import Any

import pytest
from unit.build import APP, REQUEST_ID, a_pass, an_api, parameter, refusal_of, serve

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Mapped, Outbound, Throttled, Validated
from apigateway.model.api import (
    AppCodeUse,
    Auth,
    BackendParameter,
    Body,
    BodyFormat,
    Constant,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
)
from apigateway.model.catalog import ServedApi
from apigateway.protocol.matching import parse_pattern
from apigateway.protocol.wire import Headers, parse_query
from apigateway.stages.mapping import Mapping, build_path
from apigateway.stages.validation import Validation

FORM = ("Content-Type", "application/x-www-form-urlencoded")
OUR_OWN = {"X-Ca-Request-Id", "X-Forwarded-For"}


def api(
    *parameters: Any,
    mode: Mode = Mode.MAPPING,
    body: Body | None = None,
    path: str = "/b",
    **rest: Any,
) -> ServedApi:
    request: dict[str, Any] = {"mode": mode, "parameters": parameters}
    if body is not None:
        request["body"] = body
    return serve(an_api(method="ANY", backend_path=path, request=request, **rest))


def mapped(served: ServedApi, **changes: Any) -> Outbound:
    """Outbound of a call; pairs of query and form are read from the call as validation does."""
    changes.setdefault("query_pairs", parse_query(changes.get("query", "")))
    return Mapping()(a_pass(Validated, served, **changes)).outbound


def fields(outbound: Outbound) -> list[tuple[str, str]]:
    return [field for field in outbound.headers if field[0] not in OUR_OWN]


def to(source: str, name: str, location: Location = Location.QUERY) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


# --- places


def test_an_argument_goes_to_its_backend_name_and_place() -> None:
    served = api(
        parameter("city", Location.PATH),
        parameter("days"),
        parameter("lang", Location.HEADER),
        path="/v3/[cityName]/x",
        backend_parameters=(
            to("city", "cityName", Location.PATH),
            to("days", "X-Days", Location.HEADER),
            to("lang", "l"),
        ),
    )
    sent = mapped(served, arguments={"city": "hangzhou", "days": "3", "lang": "zh"})
    assert sent.target == "/v3/hangzhou/x?l=zh"
    assert fields(sent) == [("X-Days", "3")]
    assert sent.defined == ("X-Days",)
    assert sent.query_pairs == (("l", "zh"),)


def test_an_argument_that_is_not_mapped_keeps_name_and_place() -> None:
    served = api(
        parameter("city", Location.PATH),
        parameter("q"),
        parameter("X-A", Location.HEADER),
        path="/[city]",
    )
    sent = mapped(served, arguments={"city": "a", "q": "b", "X-A": "c"})
    assert sent.target == "/a?q=b"
    assert fields(sent) == [("X-A", "c")]


def test_an_argument_may_be_mapped_twice() -> None:
    served = api(parameter("a"), backend_parameters=(to("a", "x"), to("a", "y")))
    assert mapped(served, arguments={"a": "1"}).query == "x=1&y=1"


def test_an_absent_argument_is_not_sent() -> None:
    served = api(parameter("a"), backend_parameters=(to("a", "x"),))
    assert mapped(served).query == ""


def test_constants_and_system_parameters_are_sent() -> None:
    served = api(
        constants=(
            Constant(name="k", location=Location.QUERY, value="v w"),
            Constant(name="X-Source", location=Location.HEADER, value="gateway"),
        ),
        system_parameters=(
            to("CaClientIp", "X-Client-Ip", Location.HEADER),
            to("CaRequestId", "rid"),
        ),
    )
    sent = mapped(served)
    assert sent.query == f"k=v%20w&rid={REQUEST_ID}"
    assert fields(sent) == [("X-Source", "gateway"), ("X-Client-Ip", "192.0.2.7")]
    assert sent.defined == ("X-Source", "X-Client-Ip")


@pytest.mark.parametrize("body_format", [BodyFormat.FORM, BodyFormat.MULTIPART])
def test_a_user_agent_that_is_no_utf8_is_sent_as_it_came(body_format: BodyFormat) -> None:
    agent = to("CaClientUa", "ua")
    served = api(
        body=Body(format=body_format),
        system_parameters=(agent, to("CaClientUa", "ua", Location.BODY)),
    )
    sent = mapped(served, headers=[("User-Agent", "\udcff")])
    assert sent.query == "ua=%FF"
    assert (b"ua=%FF" if body_format is BodyFormat.FORM else b"\r\n\r\n\xff\r\n") in sent.body


def test_a_user_agent_that_is_no_utf8_fills_a_path_as_it_came() -> None:
    agent = to("CaClientUa", "ua", Location.PATH)
    served = api(path="/v3/[ua]", system_parameters=(agent,))
    assert mapped(served, headers=[("User-Agent", "a\udcff/")]).path == "/v3/a%FF%2F"


def test_the_app_of_an_anonymous_call_is_empty_and_still_sent() -> None:
    served = api(system_parameters=(to("CaAppId", "X-App", Location.HEADER),))
    assert dict(mapped(served).headers)["X-App"] == ""


# --- nothing can be forged


@pytest.mark.parametrize("spelling", ["X-App-Id", "x-app-id", "X_App_Id", "x-APP_id"])
@pytest.mark.parametrize("mode", Mode)
def test_a_caller_cannot_forge_a_system_header_in_any_spelling(mode: Mode, spelling: str) -> None:
    served = api(mode=mode, system_parameters=(to("CaAppId", "X-App-Id", Location.HEADER),))
    sent = mapped(served, app=APP, headers=[(spelling, "999")])
    assert fields(sent) == [("X-App-Id", "100")]


@pytest.mark.parametrize("mode", [Mode.MAPPING_PASSTHROUGH, Mode.PASSTHROUGH])
@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("a=1;app=9", "a=1%3Bapp=9"),
        ("a=1;%61pp=9;b=;c", "a=1%3B%61pp=9%3Bb=%3Bc"),
        ("app;a=9", "app%3Ba=9"),
        ("a=1;b=2", "a=1;b=2"),
    ],
)
def test_a_backend_that_splits_at_semicolons_sees_no_forged_name(
    mode: Mode, query: str, left: str
) -> None:
    sent = mapped(api(mode=mode, system_parameters=(to("CaAppId", "app"),)), app=APP, query=query)
    assert sent.query == f"{left}&app=100"
    assert parse_query(sent.query) == sent.query_pairs


@pytest.mark.parametrize("mode", Mode)
def test_a_caller_cannot_forge_a_system_query_or_a_constant(mode: Mode) -> None:
    served = api(
        mode=mode,
        system_parameters=(to("CaAppId", "app"),),
        constants=(Constant(name="k", location=Location.QUERY, value="1"),),
    )
    sent = mapped(served, app=APP, query="app=9&k=2&app=8")
    assert sorted(sent.query_pairs) == [("app", "100"), ("k", "1")]
    assert parse_query(sent.query) == sent.query_pairs


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "name",
    [
        "X-Ca-Proxy-Signature",
        "x-ca-proxy-signature-secret-key",
        "X_Ca_Proxy_Signature",
        "X-Ca-Key",
        "X-Ca-Signature",
        "X-Ca-Request-Id",
        "X-Forwarded-For",
        "x_forwarded_for",
    ],
)
def test_fields_of_the_gateways_protocol_are_the_gateways(mode: Mode, name: str) -> None:
    sent = mapped(api(mode=mode), headers=[(name, "forged")])
    assert "forged" not in repr(sent.headers)
    assert dict(sent.headers)["X-Forwarded-For"] == "192.0.2.7"
    assert dict(sent.headers)["X-Ca-Request-Id"] == REQUEST_ID


def test_a_connection_field_cannot_take_a_gateways_field_away() -> None:
    served = api(
        mode=Mode.PASSTHROUGH,
        constants=(Constant(name="X-K", location=Location.HEADER, value="1"),),
    )
    nominated = ("Connection", "X-K, X-Forwarded-For, X-Mine")
    sent = mapped(served, headers=[nominated, ("X-Mine", "1"), ("X-Other", "2")])
    assert fields(sent) == [("X-Other", "2"), ("X-K", "1")]
    assert dict(sent.headers)["X-Forwarded-For"] == "192.0.2.7"


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "content_length",
        "Transfer-Encoding",
        "Transfer_Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Authorization",
    ],
)
def test_fields_of_the_callers_connection_stay_there(name: str) -> None:
    assert fields(mapped(api(mode=Mode.PASSTHROUGH), headers=[(name, "x")])) == []


def test_an_app_code_is_not_shown_to_the_backend_and_other_authorization_is() -> None:
    served = api(mode=Mode.PASSTHROUGH)
    assert fields(mapped(served, headers=[("Authorization", " appcode x")])) == []
    bearer = ("Authorization", "Bearer x")
    assert fields(mapped(served, headers=[bearer])) == [bearer]


# --- path


def segments_after(value: str, pattern: str = "/v3/[a]/end") -> list[str]:
    return build_path(parse_pattern(pattern), {"a": value}, ()).split("/")


@pytest.mark.parametrize(
    "value",
    [
        "@127.0.0.1:22/",
        "../../etc",
        "..\\..",
        "a/b",
        "a?b=1",
        "a#b",
        "a\r\nX: y",
        "a%2Fb",
        "%2e%2e",
        "中 +",
        "//x",
        "a\x00",
    ],
)
def test_a_value_fills_one_segment_whatever_it_holds(value: str) -> None:
    parts = segments_after(value)
    assert len(parts) == 4
    assert (parts[0], parts[1], parts[3]) == ("", "v3", "end")
    assert not set(parts[2]) & set("/?#\r\n\\ \x00")
    from urllib.parse import unquote

    assert unquote(parts[2]) == value


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_would_move_up_is_refused(value: str) -> None:
    with pytest.raises(Refusal):
        segments_after(value)


@pytest.mark.parametrize("value", ["..;", "..;x=1", ".;", ";x"])
def test_a_value_that_a_servlet_backend_would_move_up_by_does_not_reach_it(value: str) -> None:
    """Tomcat and its kin drop `;...` of a segment before they resolve `..`."""
    try:
        segment = segments_after(value)[2]
    except Refusal:
        return
    assert segment.partition(";")[0] not in ("", ".", "..")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_callers_value_that_cannot_be_a_segment_is_the_callers_fault(value: str) -> None:
    served = api(
        parameter("city"),
        path="/v3/[city]",
        backend_parameters=(to("city", "city", Location.PATH),),
    )
    with pytest.raises(Refusal) as caught:
        mapped(served, arguments={"city": value})
    assert caught.value.fault.value.status == 400


def test_an_encoded_slash_reaches_the_backend_encoded() -> None:
    served = api(parameter("city", Location.PATH), path="/[city]")
    assert mapped(served, arguments={"city": "a/b"}).path == "/a%2Fb"


def test_an_open_end_takes_the_rest_of_the_path() -> None:
    pattern = parse_pattern("/x/*")
    assert build_path(pattern, {}, ("a b", "c/d", "")) == "/x/a%20b/c%2Fd/"
    assert build_path(parse_pattern("/x"), {}, ("a",)) == "/x"
    assert build_path(parse_pattern("/"), {}, ()) == "/"


# --- headers


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        (
            "Application/x-www-form-urlencoded; charset=gbk",
            "application/x-www-form-urlencoded; charset=UTF-8",
        ),
    ],
)
def test_a_form_made_anew_is_not_said_to_be_of_the_callers_charset(sent: str, arrives: str) -> None:
    served = api(parameter("Content-Type", Location.HEADER), parameter("a", Location.BODY))
    made = mapped(
        served,
        method="POST",
        headers=[("Content-Type", sent)],
        arguments={"Content-Type": sent, "a": "中"},
        form_pairs=(("a", "中"),),
        body=b"a=%D6%D0",
    )
    assert made.body == b"a=%E4%B8%AD"
    assert Headers(made.headers).all("Content-Type") == [arrives]


def test_a_tab_inside_may_go_to_a_header() -> None:
    """RFC 9110, 5.5, and `check` lets it pass in a constant."""
    served = api(constants=(Constant(name="X-A", location=Location.HEADER, value="a\tb"),))
    assert ("X-A", "a\tb") in mapped(served).headers


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00", "\x7f"])
def test_a_control_character_cannot_go_to_a_header(value: str) -> None:
    served = api(parameter("a"), backend_parameters=(to("a", "X-A", Location.HEADER),))
    refusal = refusal_of(lambda: mapped(served, arguments={"a": value}), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "X-A", "reason": "holds a control character"}


def test_blanks_at_the_ends_of_a_header_go_and_other_spaces_stay() -> None:
    served = api(parameter("a"), backend_parameters=(to("a", "X-A", Location.HEADER),))
    assert dict(mapped(served, arguments={"a": " x y "}).headers)["X-A"] == "x y"
    wide = "\u3000中\u00a0"
    assert dict(mapped(served, arguments={"a": wide}).headers)["X-A"] == wide


def test_mapping_passes_what_describes_the_answer_and_drops_other_fields() -> None:
    given = [("Accept", "a/b"), ("User-Agent", "u"), ("Cookie", "c"), ("X-Own", "1")]
    assert fields(mapped(api(), headers=given)) == [("Accept", "a/b"), ("User-Agent", "u")]


@pytest.mark.parametrize("mode", [Mode.PASSTHROUGH, Mode.MAPPING_PASSTHROUGH])
def test_the_passthrough_modes_pass_other_fields_in_order_and_repeated(mode: Mode) -> None:
    given = [("X-A", "1"), ("Cookie", "c"), ("x-a", "2")]
    assert fields(mapped(api(mode=mode), headers=given)) == given


def test_passthrough_keeps_the_callers_content_md5_since_the_body_is_unchanged() -> None:
    from apigateway.signatures.caller import content_md5

    md5 = ("Content-MD5", content_md5(b"{}"))
    sent = mapped(api(mode=Mode.PASSTHROUGH), method="POST", headers=[md5], body=b"{}")
    assert md5 in sent.headers


# --- query


def test_a_query_is_encoded_and_decodes_to_the_same() -> None:
    value = "a b+c&d=e#f%中/\r\n"
    sent = mapped(api(parameter("q")), arguments={"q": value})
    assert parse_query(sent.query) == (("q", value),)
    assert sent.query.isascii()
    assert not set(sent.query) & set(" #\r\n")


def test_mapping_drops_what_is_not_declared() -> None:
    sent = mapped(api(parameter("a")), query="a=1&b=2", arguments={"a": "1"})
    assert sent.query == "a=1"


def test_mapping_passthrough_passes_what_is_not_declared() -> None:
    served = api(parameter("a"), mode=Mode.MAPPING_PASSTHROUGH, backend_parameters=(to("a", "x"),))
    sent = mapped(served, query="b=2&a=1&c=3&a=9", arguments={"a": "1"})
    assert sent.query_pairs == (("b", "2"), ("c", "3"), ("x", "1"))


def test_passthrough_sends_every_value_of_a_repeated_name() -> None:
    sent = mapped(api(mode=Mode.PASSTHROUGH), query="a=1&a=2")
    assert sent.query == "a=1&a=2"


@pytest.mark.parametrize(
    "query",
    [
        "a",
        "a=",
        "q=x+y",
        "q=x%20y",
        "q=%e4%b8%ad",
        "q=%D6%D0",
        "q=a:b/c,d",
        "q=100%",
        "&a=1&&b",
        "=x",
        "a;b",
    ],
)
def test_passthrough_sends_the_query_unchanged(query: str) -> None:
    assert mapped(api(mode=Mode.PASSTHROUGH), query=query).query == query


def test_a_number_sign_in_a_query_cannot_cut_it_off() -> None:
    sent = mapped(api(mode=Mode.PASSTHROUGH), query="a=b#c&d=1")
    assert "#" not in sent.target
    assert parse_query(sent.query) == sent.query_pairs == (("a", "b#c"), ("d", "1"))


# --- body


def test_a_form_is_made_of_the_mapped_fields() -> None:
    served = api(parameter("a", Location.BODY), backend_parameters=(to("a", "x", Location.BODY),))
    sent = mapped(
        served,
        headers=[FORM],
        body=b"a=1&b=2",
        form_pairs=(("a", "1"), ("b", "2")),
        arguments={"a": "中 &"},
    )
    assert sent.body == b"x=%E4%B8%AD+%26"
    assert sent.form_pairs == (("x", "中 &"),)
    assert fields(sent) == [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")]


def test_mapping_passthrough_passes_fields_that_are_not_declared() -> None:
    served = api(parameter("a", Location.BODY), mode=Mode.MAPPING_PASSTHROUGH)
    pairs = (("b", "2"), ("a", "1"), ("b", "3"))
    sent = mapped(served, headers=[FORM], body=b"x", form_pairs=pairs, arguments={"a": "1"})
    assert sent.form_pairs == (("b", "2"), ("b", "3"), ("a", "1"))


def test_a_query_parameter_may_become_a_field() -> None:
    served = api(parameter("a"), backend_parameters=(to("a", "x", Location.BODY),))
    assert mapped(served, arguments={"a": "1"}).body == b"x=1"


def test_a_form_without_fields_is_no_body() -> None:
    sent = mapped(api(), headers=[FORM], body=b"b=2", form_pairs=(("b", "2"),))
    assert (sent.body, fields(sent)) == (b"", [])


@pytest.mark.parametrize("mode", [Mode.PASSTHROUGH, Mode.MAPPING_PASSTHROUGH])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
def test_a_document_passes_unchanged_in_the_passthrough_modes(mode: Mode, kind: str) -> None:
    given = [("Content-Type", kind)] if kind else []
    sent = mapped(api(mode=mode), method="POST", headers=given, body=b'{"a": 1}')
    assert sent.body == b'{"a": 1}'
    assert fields(sent) == given


@pytest.mark.parametrize("mode", Mode)
def test_a_stream_passes_byte_for_byte_with_its_type(mode: Mode) -> None:
    given = [("Content-Type", "application/json")]
    served = api(mode=mode, body=Body(format=BodyFormat.STREAM))
    sent = mapped(served, headers=given, body=b'\xff{"a":1}')
    assert sent.body == b'\xff{"a":1}'
    assert fields(sent) == given
    assert sent.form_pairs == ()


@pytest.mark.parametrize("mode", Mode)
def test_a_stream_that_is_compressed_says_so_to_the_backend(mode: Mode) -> None:
    served = api(mode=mode, body=Body(format=BodyFormat.STREAM))
    sent = mapped(served, headers=[("Content-Encoding", "gzip")], body=b"\x1f\x8b")
    assert ("Content-Encoding", "gzip") in sent.headers


def test_a_form_in_passthrough_is_unchanged_and_its_fields_are_signed() -> None:
    sent = mapped(api(mode=Mode.PASSTHROUGH), headers=[FORM], body=b"a=x+y&b")
    assert sent.body == b"a=x+y&b"
    assert sent.form_pairs == (("a", "x y"), ("b", ""))


@pytest.mark.parametrize("mode", [Mode.PASSTHROUGH, Mode.MAPPING_PASSTHROUGH])
def test_a_constant_field_joins_the_callers_fields_and_does_not_replace_them(mode: Mode) -> None:
    own = Constant(name="k", location=Location.BODY, value="v")
    served = api(mode=mode, constants=(own,))
    call = a_pass(Throttled, served, method="POST", headers=[FORM], body=b"a=1&b=2")
    sent = Mapping()(Validation()(call)).outbound
    assert sorted(sent.form_pairs) == [("a", "1"), ("b", "2"), ("k", "v")]
    assert parse_query(sent.body.decode()) == sent.form_pairs


def test_a_content_type_that_the_definition_sets_is_the_one_that_is_sent() -> None:
    text = Constant(name="Content-Type", location=Location.HEADER, value="text/x")
    sent = mapped(api(constants=(text,)), headers=[FORM])
    assert set(sent.defined) <= {name for name, _ in sent.headers}
    assert fields(sent) == [("Content-Type", "text/x")]


# --- method, mock


def test_the_method_is_the_callers_unless_the_backend_has_its_own() -> None:
    assert mapped(api(), method="PUT").method == "PUT"
    own = HttpBackend(scheme="http", host="b", port=1, path="/b", method="POST")
    served = serve(an_api(backend=own))
    assert mapped(served, method="GET").method == "POST"


def test_a_mock_is_sent_nothing() -> None:
    served = serve(an_api(backend=MockBackend()))
    made = Mapping()(a_pass(Validated, served, method="POST", body=b"x", headers=[("A", "b")]))
    assert type(made) is Mapped
    assert (made.outbound.headers, made.outbound.body) == ((), b"")


# --- AppCode


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("query", ["AppCode=x&a=1", "a=1&APPCODE=x", "a=1&%61ppcode=x&appCode=y"])
def test_an_app_code_in_the_query_is_not_shown_to_the_backend(mode: Mode, query: str) -> None:
    auth = Auth(app_code=AppCodeUse.HEADER_OR_QUERY)
    sent = mapped(api(parameter("a"), mode=mode, auth=auth), query=query, arguments={"a": "1"})
    assert (sent.query, sent.query_pairs) == ("a=1", (("a", "1"),))


@pytest.mark.parametrize("use", [AppCodeUse.DISABLED, AppCodeUse.HEADER])
def test_a_parameter_called_app_code_is_an_ordinary_one_elsewhere(use: AppCodeUse) -> None:
    served = api(mode=Mode.PASSTHROUGH, auth=Auth(app_code=use))
    assert mapped(served, query="AppCode=x").query == "AppCode=x"
