"""Rules agree with a plain reading of what they say."""

import re
from decimal import Decimal, InvalidOperation

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.model.api import Location, Parameter, ParameterType
from apigateway.protocol.parameters import BrokenRule, compile_rule

bounds = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(-(10.0**6), 10.0**6, allow_nan=False, allow_infinity=False),
)
numbers = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.decimals(-(10**6), 10**6, allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.from_regex(r"[+-]?[0-9]{0,5}(\.[0-9]{0,5})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(max_size=6),
)
texts = st.text(max_size=12)
any_text = st.one_of(
    texts, st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)


def passes(parameter: Parameter, text: str) -> bool:
    try:
        compile_rule(parameter).check(text)
    except BrokenRule:
        return False
    return True


def parameter(kind: ParameterType, **rules: object) -> Parameter:
    return Parameter(name="p", location=Location.QUERY, type=kind, **rules)  # type: ignore[arg-type]


def within(number: Decimal, low: float | int | None, high: float | int | None) -> bool:
    return (low is None or number >= Decimal(str(low))) and (
        high is None or number <= Decimal(str(high))
    )


@settings(deadline=None, max_examples=300)
@given(text=numbers, low=bounds, high=bounds)
def test_numbers_are_compared_as_decimals(
    text: str, low: float | int | None, high: float | int | None
) -> None:
    accepted = passes(parameter(ParameterType.NUMBER, minimum=low, maximum=high), text)
    plain = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII)
    try:
        number = Decimal(text)
    except InvalidOperation:
        assert not accepted
        return
    held = number.is_finite() and abs(number) <= Decimal("1.7976931348623157e308")
    assert accepted == (plain is not None and held and within(number, low, high))


@settings(deadline=None, max_examples=300)
@given(text=numbers, low=bounds, high=bounds, kind=st.sampled_from(["Int", "Long"]))
def test_integers_are_decimal_digits_in_their_range(
    text: str, low: float | int | None, high: float | int | None, kind: str
) -> None:
    accepted = passes(parameter(ParameterType(kind), minimum=low, maximum=high), text)
    if not re.fullmatch(r"[+-]?[0-9]{1,20}", text):
        assert not accepted
        return
    bits = 31 if kind == "Int" else 63
    number = int(text)
    fits = -(2**bits) <= number < 2**bits
    assert accepted == (fits and within(Decimal(number), low, high))


@settings(deadline=None, max_examples=100)
@given(
    choices=st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=4),
    number=st.decimals(-1000, 1000, places=2),
    zeros=st.integers(0, 4),
)
def test_a_choice_of_numbers_is_by_value_and_not_by_spelling(
    choices: list[Decimal], number: Decimal, zeros: int
) -> None:
    declared = parameter(ParameterType.DOUBLE, enum=tuple(str(choice) for choice in choices))
    assert passes(declared, f"{number}{'0' * zeros}") == (number in choices)


@settings(deadline=None, max_examples=200)
@given(
    text=texts,
    shortest=st.none() | st.integers(0, 8),
    longest=st.none() | st.integers(0, 8),
    choices=st.lists(texts, max_size=3),
)
def test_text_is_held_to_lengths_and_choices(
    text: str, shortest: int | None, longest: int | None, choices: list[str]
) -> None:
    declared = parameter(
        ParameterType.STRING, min_length=shortest, max_length=longest, enum=tuple(choices)
    )
    assert passes(declared, text) == (
        (shortest is None or len(text) >= shortest)
        and (longest is None or len(text) <= longest)
        and (not choices or text in choices)
    )


@settings(deadline=None, max_examples=200)
@given(text=any_text, kind=st.sampled_from(ParameterType))
def test_no_text_makes_a_rule_raise_anything_but_broken_rule(
    text: str, kind: ParameterType
) -> None:
    pattern = "(a+)+|.*b" if kind is ParameterType.STRING else None
    passes(parameter(kind, pattern=pattern), text)


@settings(deadline=None, max_examples=200)
@given(text=texts, pattern=st.sampled_from(["[a-z]+", "a|bc", ".{0,3}", "", "[^a]*", "(ab)*"]))
def test_a_pattern_matches_the_whole_text(text: str, pattern: str) -> None:
    expected = re.fullmatch(pattern, text) is not None
    assert passes(parameter(ParameterType.STRING, pattern=pattern), text) == expected
