"""YAML's complaints in plain words."""

import yaml

from apigateway.definition.syntax import syntax_fault


def test_an_unknown_complaint_still_has_a_place_and_a_way_to_mend() -> None:
    mark = yaml.Mark("a", 0, 4, 2, None, 0)
    fault = syntax_fault(yaml.MarkedYAMLError(problem="found something odd", problem_mark=mark), "")
    assert (fault.line, fault.column) == (5, 3)
    assert fault.what == "this is not valid YAML (found something odd)"
    assert fault.mend


def test_a_complaint_that_quotes_the_text_is_not_repeated() -> None:
    fault = syntax_fault(yaml.MarkedYAMLError(problem='unknown directive "secret"'), "")
    assert fault.what == "this is not valid YAML"
