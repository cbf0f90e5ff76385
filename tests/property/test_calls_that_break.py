"""Calls that worked before a release and are refused after it: each is told of."""

import copy
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from unit.lifecycle.drafts import api_of, document

from apigateway.definition.problems import DefinitionError
from apigateway.errors import Refusal
from apigateway.lifecycle.breaking.finding import Severity
from apigateway.lifecycle.breaking.parameters import (
    effects_of_body,
    effects_of_mode,
    effects_of_parameters,
)
from apigateway.model.api import Api, Location, Mode
from apigateway.protocol.parameters import compile_rule
from apigateway.stages.validation import argument_of

RULES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "String": st.fixed_dictionaries(
        {},
        optional={
            "max_length": st.integers(1, 3),
            "min_length": st.integers(0, 1),
            "pattern": st.sampled_from(["[a-z]*", "[a-z]{1,2}", "[a-z]{1,3}", "a|b", "a"]),
            "enum": st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, unique=True),
        },
    ),
    "Int": st.fixed_dictionaries(
        {}, optional={"minimum": st.integers(-2, 0), "maximum": st.integers(0, 3)}
    ),
    "Number": st.fixed_dictionaries({}, optional={"maximum": st.sampled_from([0.5, 2, 3])}),
    "Boolean": st.just({}),
}


@st.composite
def declared(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(RULES)))
    return {
        "name": draw(st.sampled_from(["p", "q", "r"])),
        "in": draw(st.sampled_from(["query", "header"])),
        "type": kind,
        "required": draw(st.booleans()),
        **draw(RULES[kind]),
    }


parameters = st.lists(declared(), max_size=3, unique_by=lambda one: one["name"])
modes = st.sampled_from([mode.value for mode in Mode])
texts = st.none() | st.sampled_from(["a", "b", "ab", "abcd", "1", "-1", "0.5", "7", "true", ""])


def edited(draw: st.DrawFn, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parameters with one of them gone, moved, another, or with other rules."""
    after = copy.deepcopy(before)
    for one in after:
        change = draw(st.sampled_from(["keep", "keep", "move", "rules", "require", "other"]))
        if change == "move":
            one["in"] = draw(st.sampled_from(["query", "header"]))
        elif change == "require":
            one["required"] = not one["required"]
        elif change in ("rules", "other"):
            kind = one["type"] if change == "rules" else draw(st.sampled_from(sorted(RULES)))
            kept = {key: one[key] for key in ("name", "in", "required")}
            one.clear()
            one.update({**kept, "type": kind, **draw(RULES[kind])})
    return after if draw(st.booleans()) else after[:-1] + draw(parameters)[:1]


def api(listed: list[dict[str, Any]], mode: str) -> Api:
    try:
        return api_of(document(method="POST", parameters=listed, request={"mode": mode}))
    except DefinitionError:
        assume(False)
        raise


Call = dict[tuple[Location, str], str]


def is_let_through(api: Api, call: Call) -> bool:
    if api.request.mode is Mode.PASSTHROUGH:
        return True
    try:
        for parameter in api.request.parameters:
            given = call.get((parameter.location, parameter.name))
            argument_of(compile_rule(parameter), given)
    except Refusal:
        return False
    return True


def reaches_backend(api: Api, call: Call) -> Call:
    """What of the caller's values the backend gets, under which name and where."""
    declared = {(one.location, one.name) for one in api.request.parameters}
    if api.request.mode is Mode.PASSTHROUGH:
        return call
    targets = {item.source: (item.location, item.name) for item in api.backend_parameters}
    mapped = {targets[key[1]]: text for key, text in call.items() if key in declared}
    passed = {} if api.request.mode is Mode.MAPPING else call
    return {**{key: text for key, text in passed.items() if key not in declared}, **mapped}


@st.composite
def releases(draw: st.DrawFn) -> tuple[Api, Api]:
    listed = draw(parameters)
    mode = draw(modes)
    other = mode if draw(st.booleans()) else draw(modes)
    return api(listed, mode), api(edited(draw, listed), other)


@settings(deadline=None, max_examples=800, suppress_health_check=list(HealthCheck))
@given(pair=releases(), data=st.data())
def test_a_call_that_was_let_through_and_is_not_is_told_of(
    pair: tuple[Api, Api], data: st.DataObject
) -> None:
    """Of what is undeclared before, in mode mapping, only what it may not be now is not told."""
    before, after = pair
    effects = [
        *effects_of_parameters(before, after),
        *effects_of_mode(before, after),
        *effects_of_body(before, after),
    ]
    is_told = any(effect.severity is Severity.BREAKING for effect in effects)
    for _ in range(10):
        values = data.draw(st.lists(texts, min_size=3, max_size=3))
        call = {
            (one.location, one.name): text
            for one, text in zip(before.request.parameters, values, strict=False)
            if text is not None
        }
        if not is_let_through(before, call):
            continue
        assert is_told or is_let_through(after, call), call
        same = reaches_backend(before, call) == reaches_backend(after, call)
        assert effects or same, call
