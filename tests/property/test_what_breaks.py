"""What is said of a release, against what calls and documents meet: nothing that breaks is left
out, and what is no difference has none."""

import copy
import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest
import re2
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from property.test_definitions import GROUP, apis, json_values
from unit.lifecycle.drafts import WEATHER, api_of, document

from apigateway.definition.check_schema import faults_of_schema
from apigateway.definition.parse import parse_api
from apigateway.definition.problems import DefinitionError
from apigateway.json_schema.judging import DocumentSchema
from apigateway.lifecycle.breaking.patterns import takes_all_of
from apigateway.lifecycle.breaking.routes import (
    effects_of_route,
    route_of,
    tables_of,
    taken_calls,
)
from apigateway.lifecycle.breaking.rules import stricter_rules
from apigateway.lifecycle.breaking.schemas import stricter_parts
from apigateway.lifecycle.compare import (
    MISSING,
    NAMED,
    FieldChange,
    differences,
    labelled,
    normal_form,
    same,
)
from apigateway.model.api import Api, Location, Parameter, ParameterType
from apigateway.protocol.parameters import BrokenRule, compile_rule

often = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


def parsed(data: dict[str, Any]) -> Api:
    try:
        return parse_api(data, group=GROUP, account="1001")
    except DefinitionError:
        assume(False)
        raise


# --- comparing definitions


def by_label(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """A document with its named lists as mappings, as the paths of changes lead through it, and
    without the order of the other lists that have none."""
    if path in NAMED and isinstance(value, list):
        value = labelled(value, path)
    if isinstance(value, Mapping):
        found = {key: by_label(item, (*path, key)) for key, item in value.items()}
        return {key: item for key, item in found.items() if item != {} or (*path, key) not in NAMED}
    is_unordered = path and path[-1] in ("protocols", "signature_methods", "enum")
    return sorted(value, key=repr) if is_unordered else value


def applied(document: Any, changes: tuple[FieldChange, ...]) -> Any:
    """`document`, by labels, with the changes made, each where it says."""
    root = copy.deepcopy(document)
    for change in changes:
        *steps, last = change.path
        inner = root
        for at, step in enumerate(steps):
            if tuple(steps[: at + 1]) in NAMED:
                inner.setdefault(step, {})
            inner = inner[step]
        if change.after is MISSING:
            del inner[last]
        else:
            inner[last] = change.after
    return by_label(root)


@often
@given(data=apis())
def test_a_definition_does_not_differ_from_itself(data: dict[str, Any]) -> None:
    form = normal_form(parsed(data))
    assert differences(form, copy.deepcopy(form)) == ()
    assert differences(data, copy.deepcopy(data)) == ()


@often
@given(one=apis(), other=apis())
def test_the_changes_make_one_definition_the_other(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    before, after = normal_form(parsed(one)), normal_form(parsed(other))
    made = applied(by_label(before), differences(before, after))
    assert same(made, by_label(after))


@often
@given(data=apis(), seed=st.integers())
def test_definitions_that_differ_in_the_order_of_parameters_do_not_differ(
    data: dict[str, Any], seed: int
) -> None:
    other = copy.deepcopy(data)
    random.Random(seed).shuffle(other["request"]["parameters"])
    assert differences(normal_form(parsed(data)), normal_form(parsed(other))) == ()


@often
@given(data=apis())
def test_the_normal_form_means_the_same_and_is_its_own(data: dict[str, Any]) -> None:
    api = parsed(data)
    again = parse_api(normal_form(api), group=GROUP, account="1001")
    assert normal_form(again) == normal_form(api)
    assert sorted(map(repr, again.backend_parameters)) == sorted(map(repr, api.backend_parameters))


@often
@given(one=json_values, other=json_values)
def test_two_values_differ_when_they_are_not_the_same(one: Any, other: Any) -> None:
    assert bool(differences({"x": one}, {"x": other})) == (not same(one, other))


# --- rules of parameters

pieces = st.sampled_from(
    ["a", "[ab]", "[^a]", "(ab|b)", "{1,2}", "{2,3}", "{1,}", "{2}", "|", "b", r"\{", "[{1,2}]"]
)
patterns = st.lists(pieces, min_size=1, max_size=6).map("".join)


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(before=patterns, data=st.data())
def test_a_pattern_that_is_said_to_take_all_takes_all(before: str, data: st.DataObject) -> None:
    old = re2.compile(before) if is_pattern(before) else assume(False)
    words = [piece for piece in ("{1,2}", "{2,3}", "{2}") if piece in before]
    after = before
    for word in words:
        after = after.replace(word, data.draw(st.sampled_from([word, "{1,3}", "{2,}", "{1}"])))
    after += data.draw(st.sampled_from(["", "|b", "b"]))
    assume(is_pattern(after) and takes_all_of(after, before))
    new = re2.compile(after)
    for text in data.draw(st.lists(st.text("ab{12,}", max_size=8), max_size=20)):
        assert not old.fullmatch(text) or new.fullmatch(text), (before, after, text)


def is_pattern(text: str) -> bool:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error:
        return False
    return True


few = st.none() | st.integers(0, 4)
names = st.sampled_from(
    ["", "a", "ab", "abc", "b", "1", "-2", "+1", "2.0", "true", "True", '{"a":1}']
)
numbers = st.none() | st.integers(-3, 3) | st.sampled_from([0.5, 1e10, -(2.0**40)])
choices = st.lists(st.sampled_from(["a", "ab", "1", "b"]), max_size=3, unique=True).map(tuple)
counted = st.lists(st.sampled_from(["1", "2", "-2"]), max_size=3, unique=True).map(tuple)


def parameter(kind: str, **rules: Any) -> st.SearchStrategy[Parameter]:
    fixed: dict[str, Any] = {"name": "p", "location": Location.QUERY, "type": ParameterType(kind)}
    return st.fixed_dictionaries(rules).map(lambda drawn: Parameter(**fixed, **drawn))


parameters = st.one_of(
    parameter(
        "String",
        min_length=few,
        max_length=few,
        enum=choices,
        pattern=st.none()
        | st.sampled_from(["[a-z]*", "[a-z]{1,3}", "[a-z]{2}", "a|b", "a", "[0-9]+"]),
    ),
    *(
        parameter(kind, minimum=numbers, maximum=numbers, enum=counted)
        for kind in ("Int", "Long", "Float", "Double", "Number")
    ),
    parameter("Boolean"),
    parameter("JSON", schema=st.sampled_from([None, True, {"type": "object"}, {"maximum": 1}])),
)
values = names | st.text("ab1-.e", max_size=4) | st.integers(-(2**70), 2**70).map(str)


def takes(parameter: Parameter, text: str) -> bool:
    try:
        compile_rule(parameter).check(text)
    except BrokenRule:
        return False
    return True


@settings(deadline=None, max_examples=800, suppress_health_check=list(HealthCheck))
@given(before=parameters, after=parameters, texts=st.lists(values, max_size=30))
def test_where_nothing_is_said_no_value_is_refused(
    before: Parameter, after: Parameter, texts: list[str]
) -> None:
    if list(stricter_rules(before, after, ())):
        return
    for text in (*texts, *before.enum):
        assert not takes(before, text) or takes(after, text), text


# --- JSON Schemas

small = st.integers(0, 3)
leaf_schemas: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["integer", "number", "string", "object", ["array", "null"]]),
            "maximum": small,
            "minimum": small,
            "exclusiveMaximum": small,
            "maxLength": small,
            "minLength": small,
            "maxItems": small,
            "minProperties": small,
            "enum": st.lists(st.sampled_from([1, 1.5, "a", None, True]), min_size=1, max_size=3),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["a", "a|b", "^[ab]{1,2}$", "^[ab]{1,3}$"]),
        },
    ),
)


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    several = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": members,
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
            "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
            "items": inner,
            "prefixItems": several,
            "allOf": several,
            "anyOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "propertyNames": inner,
            "contains": inner,
            "minContains": small,
            "unevaluatedProperties": st.booleans(),
            "type": st.sampled_from(["object", "array"]),
        },
    )


schemas = st.recursive(leaf_schemas, compound, max_leaves=5)
instances = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 4)
    | st.sampled_from([0.5, 1.0, 1.5])
    | st.text("abc", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "ab", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def pairs_of_schemas(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas, mostly nearly the same: one part of the first is another in the second."""
    before = draw(schemas)
    after = copy.deepcopy(before)
    for _ in range(draw(st.integers(1, 2))):
        inner = after
        while isinstance(inner, dict) and inner:
            word = draw(st.sampled_from(sorted(inner)))
            if isinstance(inner[word], dict) and inner[word] and draw(st.booleans()):
                inner = inner[word]
                continue
            change = draw(st.sampled_from(["drop", "swap", "more"]))
            other = draw(schemas)
            if change == "drop":
                del inner[word]
            elif change == "swap" and isinstance(other, dict) and word in other:
                inner[word] = other[word]
            elif isinstance(other, dict):
                inner.update({key: other[key] for key in sorted(other)[:1]})
            break
    return before, after


@settings(deadline=None, max_examples=800, suppress_health_check=list(HealthCheck))
@given(pair=pairs_of_schemas(), documents=st.lists(instances, min_size=5, max_size=25))
def test_where_nothing_is_said_of_a_schema_no_document_is_refused(
    pair: tuple[Any, Any], documents: list[Any]
) -> None:
    before, after = pair
    assume(not faults_of_schema(before) and not faults_of_schema(after))
    if list(stricter_parts(before, after)):
        return
    old, new = DocumentSchema(before), DocumentSchema(after)
    for value in documents:
        if old.first_violation(value) is None:
            assert new.first_violation(value) is None, (before, after, value)


# --- routes

segments = st.sampled_from(["a", "b", "[x]", "[y]"])


@st.composite
def paths(draw: st.DrawFn) -> str:
    parts = draw(
        st.lists(segments, max_size=3, unique_by=lambda part: part if part[0] == "[" else object())
    )
    if draw(st.booleans()):
        parts.append("*")
    return "/" + "/".join(parts)


methods = st.sampled_from(["GET", "POST", "ANY"])
tables = st.dictionaries(
    st.sampled_from(["Api1", "Api2", "Api3"]), st.tuples(methods, paths()), max_size=3
)
CALLS = [
    (method, tuple(call))
    for method in ("GET", "POST", "PUT")
    for length in range(5)
    for call in itertools.product("abz", repeat=length)
]


def declared(name: str, route: tuple[str, str]) -> Api:
    method, path = route
    found = [part[1:-1] for part in path.split("/") if part.startswith("[")]
    return api_of(
        document(
            name,
            method=method,
            path=path,
            parameters=[{"name": one, "in": "path"} for one in found],
        )
    )


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(before=tables, after=tables)
def test_every_call_that_goes_elsewhere_is_told(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> None:
    """No API goes away by a release: what was served and is not in `after` stays as it was."""
    after = {**before, **after}
    groups = {"weather": WEATHER}
    old = [route_of(declared(*item), groups) for item in before.items()]
    new = [route_of(declared(*item), groups) for item in after.items()]
    for routes in (old, new):
        assume(len({(one.shape, one.api.request.method) for one in routes}) == len(routes))
    table, other_table = tables_of(old), tables_of(new)
    now = {one.api.id: one.api for one in new}
    told = {one.loser.name for one in taken_calls(old, new)}
    told |= {
        one.api.name
        for one in old
        if list(effects_of_route(one.api, now[one.api.id], groups, table, other_table))
    }
    lost = set()
    for method, call in CALLS:
        taker = table.destination("weather", method, call)
        found = other_table.destination("weather", method, call)
        if taker is not None and (found is None or found.id != taker.id):
            lost.add(taker.name)
    assert lost <= told


def test_there_are_calls_to_look_at() -> None:
    assert len(CALLS) == 3 * (1 + 3 + 9 + 27 + 81)
    with pytest.raises(DefinitionError):
        parse_api({}, group=GROUP, account="1001")
