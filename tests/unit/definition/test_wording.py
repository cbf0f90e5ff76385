"""The words of problems."""

from apigateway.definition.wording import did_you_mean, place, shown_value


def test_a_place_is_written_as_people_write_it() -> None:
    assert place(("request", "parameters", 1, "in")) == "request.parameters[1].in"
    assert place((0, "apis")) == "[0].apis"
    assert place(()) == "the file"


def test_a_long_value_is_shortened() -> None:
    assert shown_value("x" * 100) == '"' + "x" * 56 + "..."


def test_a_near_word_is_offered_before_what_to_do_and_a_far_one_not() -> None:
    offered = did_you_mean("methd", ["method", "path"], "write it")
    assert offered == 'did you mean "method"? Write it'
    assert did_you_mean("zzz", ["method", "path"], "write it") == "write it"
