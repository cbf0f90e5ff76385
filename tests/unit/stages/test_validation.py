"""Declared parameters to arguments, and the body to its document."""

from typing import Any
from urllib.parse import quote

import pytest
from unit.build import a_pass, an_api, parameter, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Throttled, Validated
from apigateway.model.api import Body, BodyFormat, Location, Mode, ParameterType
from apigateway.model.catalog import ServedApi
from apigateway.protocol.multipart_body import Part, write_parts
from apigateway.stages.validation import Validation

FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


def api(*parameters: Any, mode: Mode = Mode.MAPPING, body: Body | None = None) -> ServedApi:
    request: dict[str, Any] = {"parameters": parameters, "mode": mode}
    if body is not None:
        request["body"] = body
    return serve(an_api(method="POST", request=request))


def validate(served: ServedApi, **changes: Any) -> Validated:
    return Validation()(a_pass(Throttled, served, **changes))


def test_each_parameter_is_read_from_its_place() -> None:
    served = api(
        parameter("city", Location.PATH),
        parameter("days"),
        parameter("X-Lang", Location.HEADER),
        parameter("note", Location.BODY),
    )
    call = validate(
        served,
        path_values={"city": "hangzhou"},
        query="days=3&x=1",
        headers=[("x-lang", "zh"), FORM],
        body=b"note=a+b&y=2",
    )
    assert call.arguments == {"city": "hangzhou", "days": "3", "X-Lang": "zh", "note": "a b"}
    assert call.query_pairs == (("days", "3"), ("x", "1"))
    assert call.form_pairs == (("note", "a b"), ("y", "2"))


def test_a_parameter_in_another_place_is_not_given() -> None:
    served = api(parameter("a", required=True))
    refusal = refusal_of(
        lambda: validate(served, headers=[("a", "1"), FORM], body=b"a=1", path_values={"a": "1"}),
        Fault.PARAMETER_REQUIRED,
    )
    assert refusal.parts == {"name": "a"}


def test_the_first_of_several_values_counts() -> None:
    call = validate(api(parameter("a")), query="a=1&a=2")
    assert call.arguments == {"a": "1"}
    assert call.query_pairs == (("a", "1"), ("a", "2"))


def test_an_absent_parameter_is_its_default_or_nothing() -> None:
    served = api(parameter("a", default="7"), parameter("b"))
    assert validate(served).arguments == {"a": "7"}
    assert validate(api(parameter("a", default=""))).arguments == {"a": ""}
    assert validate(api(parameter("a", default="7", required=True))).arguments == {"a": "7"}


def test_a_default_is_for_an_absent_parameter_and_not_for_an_empty_one() -> None:
    assert validate(api(parameter("a", default="7")), query="a=").arguments == {"a": ""}


def test_a_required_parameter_that_is_empty_counts_as_given_and_its_rules_decide() -> None:
    assert validate(api(parameter("a", required=True)), query="a").arguments == {"a": ""}
    served = api(parameter("a", required=True, type=ParameterType.INT))
    refusal = refusal_of(lambda: validate(served, query="a="), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "a", "reason": "is not of type Int"}


def test_a_broken_rule_names_the_parameter_and_the_rule() -> None:
    served = api(parameter("days", type=ParameterType.INT, minimum=1, maximum=14))
    refusal = refusal_of(lambda: validate(served, query="days=15"), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "days", "reason": "is greater than 14"}


def test_passthrough_reads_path_parameters_only() -> None:
    served = api(
        parameter("city", Location.PATH, pattern="[a-z]+"),
        parameter("days", type=ParameterType.INT, required=True),
        mode=Mode.PASSTHROUGH,
    )
    call = validate(served, path_values={"city": "x"}, query="days=soon", body=b"\xff")
    assert call.arguments == {"city": "x"}
    refusal_of(lambda: validate(served, path_values={"city": "X"}), Fault.INVALID_PARAMETER)


def test_mapping_passthrough_checks_what_is_declared() -> None:
    served = api(parameter("a", type=ParameterType.INT), mode=Mode.MAPPING_PASSTHROUGH)
    refusal_of(lambda: validate(served, query="a=x"), Fault.INVALID_PARAMETER)
    assert validate(served, query="a=1&b=x").arguments == {"a": "1"}


# --- forms


def test_a_body_that_is_no_form_is_refused_where_fields_are_declared() -> None:
    served = api(parameter("a", Location.BODY))
    refusal = refusal_of(
        lambda: validate(served, headers=[JSON], body=b"{}"), Fault.INVALID_CONTENT_TYPE
    )
    assert refusal.parts == {"reason": "application/json"}


def test_a_form_in_mixed_case_with_a_charset_is_a_form() -> None:
    served = api(parameter("a", Location.BODY))
    kind = ("content-type", "Application/X-WWW-Form-URLEncoded; Charset=utf-8")
    assert validate(served, headers=[kind], body=b"a=%E4%B8%AD").arguments == {"a": "中"}


def test_a_form_is_read_in_the_charset_it_names() -> None:
    served = api(parameter("a", Location.BODY))
    kind = ("Content-Type", "application/x-www-form-urlencoded; charset=GBK")
    body = ("a=" + quote("中", encoding="gbk")).encode()
    assert validate(served, headers=[kind], body=body).arguments == {"a": "中"}


@pytest.mark.parametrize(
    "charset", ["undefined", "idna", "punycode", "utf-7", "unicode_escape", "zlib", "no-such"]
)
@pytest.mark.parametrize("value", ["%FF", "%5Cud800", "%2B2AA-", "a"])
def test_a_form_in_a_charset_that_is_none_of_the_web_is_refused(charset: str, value: str) -> None:
    """Some of Python's codecs crash, take quadratic time or make lone surrogates."""
    served = api(parameter("a", Location.BODY))
    kind = ("Content-Type", f"application/x-www-form-urlencoded; charset={charset}")
    refusal_of(
        lambda: validate(served, headers=[kind], body=f"a={value}".encode()),
        Fault.INVALID_CONTENT_TYPE,
    )


def test_a_form_that_is_not_utf8_is_an_invalid_body() -> None:
    served = api(parameter("a", Location.BODY))
    refusal = refusal_of(
        lambda: validate(served, headers=[FORM], body=b"a=\xff"), Fault.INVALID_BODY
    )
    assert refusal.parts == {"reason": "not of its charset"}


def test_a_field_that_is_required_is_required_of_an_empty_body_too() -> None:
    served = api(parameter("a", Location.BODY, required=True))
    refusal_of(lambda: validate(served), Fault.PARAMETER_REQUIRED)


def test_a_body_that_is_required_is_required_of_a_form_too() -> None:
    served = api(body=Body(format=BodyFormat.FORM, required=True))
    refusal_of(lambda: validate(served, headers=[FORM]), Fault.EMPTY_BODY)


# --- parts

PARTS = ("Content-Type", "multipart/form-data; boundary=x")
MULTIPART = Body(format=BodyFormat.MULTIPART)
FILE = ParameterType.FILE


def validate_parts(served: ServedApi, *parts: Part, **changes: Any) -> Validated:
    body = write_parts(parts, "x")
    return validate(served, **{"headers": [PARTS], "body": body, **changes})


def test_text_parts_are_arguments_and_files_are_files() -> None:
    served = api(
        parameter("note", Location.BODY),
        parameter("days", Location.BODY, type=ParameterType.INT),
        parameter("photo", Location.BODY, type=FILE),
        parameter("left", Location.BODY, default="7"),
        body=MULTIPART,
    )
    photo = Part("photo", b"\x00\xff", "a.png", "image/png")
    gbk = Part("note", "中".encode("gbk"), content_type="text/plain; charset=gbk")
    sent = (photo, gbk, Part("days", b"3"), Part("note", b"second"), Part("x", b"\xff"))
    call = validate_parts(served, *sent)
    assert call.arguments == {"note": "中", "days": "3", "left": "7"}
    assert call.files == {"photo": photo}
    assert call.parts == sent
    assert call.form_pairs == ()


@pytest.mark.parametrize(
    ("rules", "part", "reason"),
    [
        ({"type": FILE}, Part("a", b"text"), "is not a file"),
        ({"type": FILE, "max_bytes": 2}, Part("a", b"123", "f"), "is larger than 2 bytes"),
        ({}, Part("a", b"1", "f"), "is a file"),
        ({}, Part("a", b"1", ""), "is a file"),
        ({"type": ParameterType.INT}, Part("a", b"x"), "is not of type Int"),
        ({"pattern": "[a-z]"}, Part("a", b"1"), "does not match [a-z]"),
        ({}, Part("a", b"\xff"), "is not of its charset"),
        ({}, Part("a", b"1", None, "a/b; charset=utf-7"), "is of an unknown charset"),
    ],
)
def test_a_part_that_breaks_a_rule_names_its_parameter(
    rules: dict[str, Any], part: Part, reason: str
) -> None:
    served = api(parameter("a", Location.BODY, **rules), body=MULTIPART)
    refusal = refusal_of(lambda: validate_parts(served, part), Fault.INVALID_PARAMETER)
    assert refusal.parts == {"name": "a", "reason": reason}


def test_a_file_of_the_greatest_size_and_an_empty_one_pass() -> None:
    served = api(parameter("a", Location.BODY, type=FILE, max_bytes=3), body=MULTIPART)
    for part in (Part("a", b"123", "f"), Part("a", b"", "f")):
        assert validate_parts(served, part).files == {"a": part}


def test_an_input_without_a_file_in_it_is_not_given() -> None:
    """Browsers send `filename=""` and no content."""
    empty = Part("a", b"", "", "application/octet-stream")
    served = api(parameter("a", Location.BODY, type=FILE), body=MULTIPART)
    assert validate_parts(served, empty).files == {}
    served = api(parameter("a", Location.BODY, type=FILE, required=True), body=MULTIPART)
    refusal_of(lambda: validate_parts(served, empty), Fault.PARAMETER_REQUIRED)


@pytest.mark.parametrize("kind", [FILE, ParameterType.STRING])
def test_a_part_that_is_required_is_required_of_an_empty_body_too(kind: ParameterType) -> None:
    served = api(parameter("a", Location.BODY, type=kind, required=True), body=MULTIPART)
    refusal_of(lambda: validate(served), Fault.PARAMETER_REQUIRED)
    refusal_of(lambda: validate_parts(served), Fault.PARAMETER_REQUIRED)
    optional = api(parameter("a", Location.BODY, type=kind), body=MULTIPART)
    assert validate(optional, headers=[PARTS]).parts == ()
    required = api(body=Body(format=BodyFormat.MULTIPART, required=True))
    refusal_of(lambda: validate(required, headers=[PARTS]), Fault.EMPTY_BODY)


@pytest.mark.parametrize(
    ("taken", "kind"),
    [
        (MULTIPART, FORM[1]),
        (MULTIPART, "application/json"),
        (MULTIPART, "multipart/mixed; boundary=x"),
        (MULTIPART, ""),
        (Body(), PARTS[1]),
    ],
)
def test_a_body_of_another_type_is_refused_where_parameters_are_declared(
    taken: Body, kind: str
) -> None:
    served = api(parameter("a", Location.BODY), body=taken)
    refusal = refusal_of(
        lambda: validate_parts(served, Part("a", b"1"), headers=[("Content-Type", kind)]),
        Fault.INVALID_CONTENT_TYPE,
    )
    assert refusal.parts == {"reason": kind.partition(";")[0]}
    assert validate(api(body=taken), headers=[("Content-Type", kind)], body=b"x=1").arguments == {}


def test_a_type_without_a_boundary_and_a_broken_body_are_refused() -> None:
    served = api(parameter("a", Location.BODY), body=MULTIPART)
    bare = [("Content-Type", "multipart/form-data")]
    refusal = refusal_of(
        lambda: validate_parts(served, Part("a", b"1"), headers=bare), Fault.INVALID_CONTENT_TYPE
    )
    assert refusal.parts == {"reason": "no boundary"}
    refusal = refusal_of(lambda: validate_parts(served, body=b"--x\r\n"), Fault.INVALID_BODY)
    assert refusal.parts == {"reason": "has no closing boundary"}


def test_passthrough_reads_no_part_and_no_rule() -> None:
    served = api(
        parameter("a", Location.BODY, type=FILE, required=True),
        mode=Mode.PASSTHROUGH,
        body=MULTIPART,
    )
    call = validate(served, headers=[PARTS], body=b"\xff")
    assert (call.arguments, call.files, call.parts) == ({}, {}, ())


# --- documents

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
STREAM = Body(format=BodyFormat.STREAM, schema=SCHEMA)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/Geo+JSON"])
def test_a_document_of_its_schema_passes(kind: str) -> None:
    call = validate(api(body=STREAM), headers=[("Content-Type", kind)], body=b'{"a": 1}')
    assert call.body == b'{"a": 1}'
    assert call.form_pairs == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "/: required: a"),
        (b'{"a": "x"}', "/a: type: integer"),
        (b'{"a": 1, "a": "x"}', "a key stands twice in one object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1e999}', "a number out of range"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "nested deeper than 64"),
        (b"\xff", "not UTF-8"),
        (b"{", "not JSON"),
    ],
)
def test_a_document_that_breaks_its_schema_or_is_none_is_an_invalid_body(
    body: bytes, reason: str
) -> None:
    refusal = refusal_of(
        lambda: validate(api(body=STREAM), headers=[JSON], body=body), Fault.INVALID_BODY
    )
    assert refusal.parts == {"reason": reason}


@pytest.mark.parametrize("fields", [[], [("Content-Type", "text/plain")], [FORM]])
def test_a_document_of_another_type_is_refused(fields: list[tuple[str, str]]) -> None:
    refusal_of(
        lambda: validate(api(body=STREAM), headers=fields, body=b'{"a": 1}'),
        Fault.INVALID_CONTENT_TYPE,
    )


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-7", b'{"a": 1}'),
        ("utf-16", b'{"a": 1}'),
        ("gbk", '{"a": 1, "b": "中"}'.encode()),
        ("utf-8; charset=gbk", b'{"a": 1}'),
    ],
)
def test_a_document_that_a_backend_would_read_in_another_charset_is_refused(
    charset: str, body: bytes
) -> None:
    kind = ("Content-Type", f"application/json; charset={charset}")
    refusal = refusal_of(
        lambda: validate(api(body=STREAM), headers=[kind], body=body), Fault.INVALID_CONTENT_TYPE
    )
    assert refusal.parts == {"reason": "not of its charset"}


def test_a_document_in_ascii_is_the_same_in_every_charset_of_the_web() -> None:
    kind = ("Content-Type", "application/json;charset=ISO-8859-1")
    assert validate(api(body=STREAM), headers=[kind], body=b'{"a": 1}').body == b'{"a": 1}'


def test_a_checked_document_that_a_backend_would_decode_first_is_refused() -> None:
    fields = [JSON, ("Content-Encoding", "deflate")]
    refusal_of(
        lambda: validate(api(body=STREAM), headers=fields, body=b'{"a": 1}'), Fault.INVALID_HEADER
    )
    fields = [JSON, ("Content-Encoding", "identity")]
    assert validate(api(body=STREAM), headers=fields, body=b'{"a": 1}').body == b'{"a": 1}'


def test_a_missing_document_is_an_empty_body_where_one_is_asked_for() -> None:
    refusal_of(lambda: validate(api(body=STREAM), headers=[JSON]), Fault.EMPTY_BODY)
    required = api(body=Body(format=BodyFormat.STREAM, required=True))
    refusal_of(lambda: validate(required), Fault.EMPTY_BODY)
    assert validate(api(body=Body(format=BodyFormat.STREAM))).body == b""


def test_a_stream_without_a_schema_is_not_read() -> None:
    served = api(body=Body(format=BodyFormat.STREAM))
    assert validate(served, headers=[FORM], body=b"\xff\x00").form_pairs == ()


def test_a_schema_of_true_asks_for_json_and_no_more() -> None:
    served = api(body=Body(format=BodyFormat.STREAM, schema=True))
    validate(served, headers=[JSON], body=b"[]")
    refusal_of(lambda: validate(served, headers=[JSON], body=b"x"), Fault.INVALID_BODY)
