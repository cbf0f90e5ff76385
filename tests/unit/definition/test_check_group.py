"""Names, counts and paths within a group; and that another group's are no matter of it.

test_check has the messages.
"""

import pytest
from unit.build import an_api
from unit.definition.written import BINDINGS, GRANTS, SIMPLE_API, Written

from apigateway.definition.check_group import MAX_APIS, names_taken
from apigateway.definition.document import Document
from apigateway.definition.placed import Placed
from apigateway.definition.problems import Report


def add(written: Written, file: str, name: str, method: str, path: str) -> None:
    written.write(
        f"definitions/{file}.yaml", SIMPLE_API.format(name=name, method=method, path=path)
    )


def test_names_and_paths_are_those_of_one_group(written: Written) -> None:
    written.write("definitions/goods/group.yaml", "name: goods\n")
    add(written, "goods/a", "GetForecast", "GET", "/forecast")
    assert written.problems() == []
    add(written, "weather/a", "GetForecast", "POST", "/a")
    add(written, "weather/b", "Other", "POST", "/a")
    assert [problem.split(": ", 1)[1].split(";")[0] for problem in written.problems()] == [
        'POST /a is already taken by "GetForecast"',
        'the name "GetForecast" is already that of the API in definitions/weather/a.yaml',
    ]


@pytest.mark.parametrize("count", [MAX_APIS, MAX_APIS + 1])
def test_a_group_has_so_many_apis_and_no_more(written: Written, count: int) -> None:
    written.write(GRANTS, "[]\n").write(BINDINGS, "{}\n")
    for number in range(1, count):
        add(written, f"weather/x{number:03}", f"Api{number:03}", "GET", f"/{number}")
    assert len(written.problems()) == count - MAX_APIS


def test_a_name_that_is_taken_is_told_with_the_first_that_has_it() -> None:
    report = Report()
    first, other, second, third = (
        Placed(an_api(name=name), report.on(Document(name, {}))) for name in ("a", "b", "a", "a")
    )
    pairs = names_taken([first, other, second, third])
    assert [(id(item), id(taken)) for item, taken in pairs] == [
        (id(second), id(first)),
        (id(third), id(first)),
    ]
