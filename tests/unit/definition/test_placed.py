"""The APIs of a group remember what was found to be wrong between them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from unit.build import an_api

from apigateway.definition.document import Document
from apigateway.definition.placed import ApisOfGroup, Placed
from apigateway.definition.problems import Report
from apigateway.model.api import Api, Auth, MockBackend, VpcBackend
from apigateway.model.openid import TokenIssuer

SOURCE = Path("definitions/weather/a.yaml")


def placed(report: Report, api: Api) -> Placed[Api]:
    return Placed(api, report.on(Document("a.yaml", {"name": "a"}, SOURCE, "name: a\n")))


def test_what_was_found_is_told_again_without_another_look() -> None:
    report, looks = Report(), 0
    one = placed(report, an_api())
    apis = ApisOfGroup("weather", [one], [])

    def look() -> None:
        nonlocal looks
        looks += 1
        one.report.error("wrong", "mend it", "name")
        one.report.warn("odd", "look at it", "name")

    apis.find_once("this", 1, report, look)
    first = (list(report.errors), list(report.warnings))
    report.errors.clear()
    report.warnings.clear()
    apis.find_once("this", 1, report, look)
    assert (looks, (report.errors, report.warnings)) == (1, first)
    assert len(first[0]) == len(first[1]) == 1


def test_something_else_that_is_given_is_a_reason_to_look_again() -> None:
    report = Report()
    one = placed(report, an_api())
    apis = ApisOfGroup("weather", [one], [])
    for given in ("a", "b", "b", "a"):
        look = partial(one.report.error, given, "mend it", "name")
        apis.find_once("this", given, report, look)
        apis.find_once("that", given, report, lambda: None)
    assert [problem.what for problem in report.errors] == ["a", "b", "b", "a"]


def test_what_was_found_by_others_before_is_not_taken_for_its_own() -> None:
    report = Report()
    one = placed(report, an_api())
    apis = ApisOfGroup("weather", [one], [])
    one.report.error("before", "mend it", "name")
    apis.find_once("this", 1, report, lambda: None)
    report.errors.clear()
    apis.find_once("this", 1, report, lambda: None)
    assert report.errors == []


def test_those_that_have_to_be_looked_at_are_at_hand() -> None:
    report = Report()
    vpc = VpcBackend(access="notes", scheme="http", path="/")
    kinds = {
        "plain": placed(report, an_api(name="Plain")),
        "mock": placed(report, an_api(name="Mock", backend=MockBackend())),
        "vpc": placed(report, replace(an_api(name="Vpc"), backend=vpc)),
        "issuer": placed(report, an_api(name="LogIn", auth=Auth(openid=TokenIssuer(keys=())))),
        "variable": placed(report, an_api(name="Var", variables=("host",))),
    }
    apis = ApisOfGroup("weather", list(kinds.values()), [])
    assert apis.names == ["Plain", "Mock", "Vpc", "LogIn", "Var"]
    assert (apis.vpc, apis.issuers, apis.tls) == ([kinds["vpc"]], [kinds["issuer"]], [])
    assert apis.variables == {"host"}
