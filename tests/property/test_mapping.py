"""Whatever an argument holds, it stays in the place it was mapped to."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.build import a_pass, an_api, parameter, serve

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Outbound, Validated
from apigateway.model.api import BackendParameter, Location, Mode
from apigateway.protocol.wire import parse_query
from apigateway.stages.mapping import Mapping

evil = st.sampled_from(
    ["/", "..", ".", "?", "#", "\r\n", "%2f", "%2F..", "@host:1/", ";", "\\", "\x00", "&", "=", "+"]
)
values = st.one_of(
    st.text(max_size=12),
    st.lists(st.one_of(evil, st.text(max_size=3)), max_size=5).map("".join),
).map(lambda text: text.encode("utf-8", "replace").decode())
pairs = st.lists(st.tuples(values.filter(bool), values), max_size=5).map(tuple)


def to(location: Location, name: str) -> BackendParameter:
    return BackendParameter(source="a", name=name, location=location)


SERVED = {
    location: serve(
        an_api(
            path="/x",
            backend_path="/v3/[seg]/end" if location is Location.PATH else "/v3/end",
            method="ANY",
            request={"parameters": (parameter("a"),)},
            backend_parameters=(to(location, "seg"),),
        )
    )
    for location in Location
}


def mapped(served: Any, **changes: Any) -> Outbound:
    return Mapping()(a_pass(Validated, served, **changes)).outbound


@settings(deadline=None, max_examples=300)
@given(value=values)
def test_the_backend_path_keeps_its_shape(value: str) -> None:
    try:
        sent = mapped(SERVED[Location.PATH], arguments={"a": value})
    except Refusal:
        assert value.partition(";")[0] in ("", ".", "..")
        return
    parts = sent.path.split("/")
    assert [parts[0], parts[1], parts[3:]] == ["", "v3", ["end"]]
    assert unquote(parts[2]) == value
    assert sent.target.isascii() and sent.target.isprintable()
    assert not set(sent.target) & set("?# \\")
    assert parts[2].partition(";")[0] not in ("", ".", ".."), "a servlet backend would move up"


@settings(deadline=None, max_examples=300)
@given(value=values)
def test_a_query_value_decodes_to_itself_and_adds_no_field(value: str) -> None:
    sent = mapped(SERVED[Location.QUERY], arguments={"a": value})
    assert sent.path == "/v3/end"
    assert parse_query(sent.query) == (("seg", value),)
    assert parse_qsl(sent.query, keep_blank_values=True) == [("seg", value)]


@settings(deadline=None, max_examples=300)
@given(value=values)
def test_a_form_value_decodes_to_itself_and_adds_no_field(value: str) -> None:
    sent = mapped(SERVED[Location.BODY], arguments={"a": value})
    assert parse_query(sent.body.decode()) == (("seg", value),)


@settings(deadline=None, max_examples=300)
@given(value=values)
def test_a_header_value_holds_no_line_break_and_adds_no_field(value: str) -> None:
    try:
        sent = mapped(SERVED[Location.HEADER], arguments={"a": value})
    except Refusal as refusal:
        assert refusal.fault is Fault.INVALID_PARAMETER
        assert any(ord(c) < 32 or ord(c) == 127 for c in value)
        return
    assert [name for name, _ in sent.headers] == ["seg", "X-Ca-Request-Id", "X-Forwarded-For"]
    for name, text in sent.headers:
        assert not set(name + text) & set("\r\n\x00")


@settings(deadline=None, max_examples=200)
@given(pairs=pairs, form=pairs, mode=st.sampled_from([Mode.MAPPING_PASSTHROUGH, Mode.MAPPING]))
def test_query_and_form_decode_to_the_pairs_that_are_signed(
    pairs: tuple[tuple[str, str], ...], form: tuple[tuple[str, str], ...], mode: Mode
) -> None:
    served = serve(an_api(method="POST", request={"mode": mode, "parameters": (parameter("a"),)}))
    sent = mapped(
        served,
        method="POST",
        headers=[("Content-Type", "application/x-www-form-urlencoded")],
        query=urlencode(pairs),
        query_pairs=pairs,
        form_pairs=form,
        body=b"x" if form else b"",
    )
    assert parse_query(sent.query) == sent.query_pairs
    assert parse_query(sent.body.decode()) == sent.form_pairs
    if mode is Mode.MAPPING:
        assert (sent.query_pairs, sent.form_pairs) == ((), ())
    else:
        assert sent.query_pairs == tuple(pair for pair in pairs if pair[0] != "a")
        assert sent.form_pairs == form
