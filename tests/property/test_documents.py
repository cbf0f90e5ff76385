"""The strict reader agrees with the plain one on what both take, and raises one error only."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.json_schema.judging import DocumentSchema
from apigateway.protocol.documents import DEEPEST, DocumentError, parse_json

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)
ODD = (b" ", b"\xff", b"\xef\xbb\xbf")
tokens = st.sampled_from(
    [*rb'{ } [ ] " : , 1 - . e9 true null NaN \ \u d800 "a" "a": 1e999'.split(), *ODD]
)
documents = st.lists(st.one_of(tokens, st.binary(max_size=3)), max_size=30).map(b"".join)


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@settings(deadline=None, max_examples=300)
@given(value=values, indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans())
def test_a_valid_document_is_read_as_json_reads_it(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8")
    assert same(parse_json(raw), json.loads(raw))


@settings(deadline=None, max_examples=500)
@given(raw=documents)
def test_any_bytes_are_a_document_or_a_document_error(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except DocumentError:
        return
    assert same(value, json.loads(raw.decode("utf-8")))
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


@settings(deadline=None, max_examples=50)
@given(
    opening=st.lists(st.sampled_from([b"[", b'{"a":']), min_size=1, max_size=2 * DEEPEST),
)
def test_depth_is_counted_over_both_kinds_of_brackets(opening: list[bytes]) -> None:
    closing = b"".join(b"]" if part == b"[" else b"}" for part in reversed(opening))
    raw = b"".join(opening) + b"0" + closing
    try:
        parse_json(raw)
    except DocumentError:
        assert len(opening) > DEEPEST
    else:
        assert len(opening) <= DEEPEST


@settings(deadline=None, max_examples=100)
@given(digits=st.integers(1, 500), sign=st.sampled_from(["", "-"]))
def test_no_number_is_larger_than_a_double_however_it_is_written(digits: int, sign: str) -> None:
    for text in (f"{sign}{'9' * digits}", f"{sign}{'9' * digits}.0"):
        try:
            value = parse_json(text.encode())
        except DocumentError:
            assert digits > 300
        else:
            assert math.isfinite(float(text))
            assert value == json.loads(text)


@settings(deadline=None, max_examples=150)
@given(value=values)
def test_a_schema_never_raises_on_a_value_and_keeps_its_verdict(value: Any) -> None:
    schema = DocumentSchema(
        {
            "type": ["object", "array", "string", "number", "boolean", "null"],
            "properties": {"a": {"type": "integer", "multipleOf": 3}, "b": {"pattern": "^[a-z]*$"}},
            "patternProperties": {"^x": {"maxLength": 2}},
            "items": {"not": {"type": "null"}},
            "maxProperties": 2,
        }
    )
    first = schema.first_violation(value)
    assert first == schema.first_violation(value)
    assert first is None or first.startswith("/")
