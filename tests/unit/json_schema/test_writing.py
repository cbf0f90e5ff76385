"""What the library gets of a schema: the words that judge, and an outline without choices."""

from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from apigateway.json_schema.judging import DocumentSchema
from apigateway.json_schema.writing import outlined, plain


def test_every_word_of_the_draft_that_judges_is_kept() -> None:
    judging = set(jsonschema.Draft202012Validator.VALIDATORS) - {"$dynamicRef", "format"}
    assert plain(dict.fromkeys(judging, 1)).keys() == judging


def test_words_that_name_a_draft_or_a_place_are_left_out_and_names_of_members_are_not() -> None:
    words = dict.fromkeys(["$schema", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef"], "x")
    members: dict[str, Any] = {"$id": {}, "$schema": {"type": "string"}, "dependencies": True}
    schema = {**words, "dependencies": {}, "items": {**words, "properties": members}}
    assert plain(schema) == {"items": {"properties": members}}
    assert plain({"const": {"$id": "x"}}) == {"const": {"$id": "x"}}
    assert plain(True) is True


@pytest.mark.parametrize("name", ["用户", "a b", "100%25", "a#b", "x~1y", "%E7%94%A8", "a"])
def test_a_reference_may_be_written_with_any_letters(name: str) -> None:
    key = unquote(name).replace("~1", "/")
    schema = DocumentSchema({"$ref": f"#/$defs/{name}", "$defs": {key: {"maximum": 1}}})
    assert schema.first_violation(2) == "/: maximum: 1"


def test_an_outline_has_its_choices_behind_a_double_negation() -> None:
    schema = {
        "anyOf": [{"oneOf": [True]}],
        "allOf": [{"$ref": "#/$defs/a"}],
        "$defs": {"a": {"items": {"$ref": "#/anyOf/0"}}, "unused": {}},
    }
    one = {"allOf": [{"not": {"not": {"oneOf": [True]}}}]}
    assert outlined(schema) == {
        "allOf": [{"$ref": "#/$defs/0"}, {"not": {"not": {"anyOf": [one]}}}],
        "$defs": {"0": {"items": {"$ref": "#/$defs/1"}}, "1": one},
    }
    assert outlined({"items": {"maximum": 1}}) == {"items": {"maximum": 1}}
