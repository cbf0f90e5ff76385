"""A problem reads as one line; an error lists them all."""

from apigateway.definition.document import Document
from apigateway.definition.problems import DefinitionError, Problem, Report


def test_a_problem_reads_as_place_what_and_mend() -> None:
    problem = Problem("definitions/a.yaml", 3, 7, "it is wrong", "make it right")
    assert str(problem) == "definitions/a.yaml:3:7: it is wrong; make it right"


def test_a_problem_without_a_file_has_no_line() -> None:
    assert str(Problem("weather/GetForecast", 0, 0, "wrong", "mend it")) == (
        "weather/GetForecast: wrong; mend it"
    )


def test_a_problem_stays_one_line_whatever_a_name_holds() -> None:
    shown = str(Problem("a.yaml", 1, 1, "key \n\x1b[31m" + "x" * 5000, "mend"))
    assert shown.isprintable()
    assert len(shown) == 1000


def test_an_error_reads_as_all_its_problems() -> None:
    problems = (Problem("a", 1, 1, "x", "y"), Problem("b", 2, 2, "x", "y"))
    error = DefinitionError(problems)
    assert str(error) == "a:1:1: x; y\nb:2:2: x; y"
    assert error.problems == problems


def test_a_report_keeps_errors_and_warnings_apart_and_in_order() -> None:
    report = Report()
    document = report.on(Document("b", {}))
    document.warn("odd", "look")
    assert not document.failed
    document.error("wrong", "mend")
    report.on(Document("a", {})).error("wrong", "mend")
    document.error("wrong", "mend")
    assert document.failed
    assert [p.file for p in report.in_order(report.errors)] == ["a", "b"]
    assert len(report.warnings) == 1
