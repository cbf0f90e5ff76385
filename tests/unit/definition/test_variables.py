"""Stage variables: how they are written, read, put in and missed."""

from dataclasses import replace
from typing import Any

import pytest
from unit.definition.written import GROUP as GROUP_FILE
from unit.definition.written import Written

from apigateway.definition.dump import dump_api
from apigateway.definition.parse import parse_api
from apigateway.definition.variables import (
    as_written,
    missing,
    names_in,
    put_in,
    resolve,
    without_variables,
)
from apigateway.model.api import Api, Constant, HttpBackend, Location, MockBackend, VpcBackend
from apigateway.model.group import Environment, Group

TEST, PRE, RELEASE = Environment.TEST, Environment.PRE, Environment.RELEASE
GROUP = Group(
    id="a" * 32,
    name="weather",
    region="cn-hangzhou",
    subdomain="weather.test",
    variables={
        TEST: {"host": "Test.internal", "port": "9001", "version": "v4/beta", "tier": "silver"},
        RELEASE: {"host": "::1", "tier": "#host#"},
    },
)
ADDRESS = "https://#host#:#port#"


def an_api(**backend: Any) -> Api:
    target = {"type": "http", "address": ADDRESS} if "access" not in backend else {"type": "vpc"}
    document = {
        "name": "TestApi",
        "request": {"method": "GET", "path": "/a"},
        "backend": {**target, "path": "/b", **backend},
    }
    return parse_api(document, group=GROUP, account="1001")


def tier(value: str, name: str = "X-Tier") -> dict[str, str]:
    return {"name": name, "in": "header", "value": value}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("http://#host#:#port#", ("host", "port")),
        ("#a#", ("a",)),
        ("#a#b#c#", ("a", "c")),
        ("##a##", ("a",)),
        ("#A-1_b#", ("A-1_b",)),
        (f"#{'n' * 50}#", ("n" * 50,)),
        (f"#{'n' * 51}#", ()),
        ("#1#", ()),
        ("#a b#", ()),
        ("##", ()),
        ("#a", ()),
        ("#中#", ()),
        ("", ()),
    ],
)
def test_a_variable_is_a_name_between_two_hashes(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names


def test_what_stands_for_a_variable_holds_no_hash_and_has_a_way_back() -> None:
    text = "/#a#/x#y/##b##"
    assert without_variables("/#a#/b").count("#") == 0
    assert without_variables(text).count("#") == 3
    assert as_written(without_variables(text)) == text


def test_a_value_is_put_in_once_and_what_has_none_stays() -> None:
    assert put_in("#a#-#b#-#c", {"a": "#b#", "b": r"\1\g<0>"}) == r"#b#-\1\g<0>-#c"
    assert put_in("#a##A#", {"a": "x"}) == "x#A#"


def test_an_api_names_its_variables_once_each_wherever_they_stand() -> None:
    constants = [tier("a #tier# of #version#"), tier("#1", "X-Number")]
    api = an_api(path="/#version#/#host#", constants=constants)
    assert api.variables == ("host", "port", "version", "tier")
    vpc = an_api(access="#instance#", path="/#version#")
    assert vpc.variables == ("instance", "version")


def test_an_api_without_any_is_as_it_was() -> None:
    api = an_api(address="http://a:1", constants=[tier("#fff; #1")])
    assert api.variables == ()
    assert api.backend == HttpBackend(scheme="http", host="a", port=1, path="/b")
    for environment in Environment:
        assert resolve(api, GROUP, environment) is api
        assert missing(api, GROUP, environment) == []


def test_a_mock_has_none_whatever_it_answers() -> None:
    api = an_api()
    mock = replace(api, backend=MockBackend(body="#host#"), variables=("host",))
    assert resolve(mock, GROUP, TEST).backend == mock.backend


def test_each_environment_has_its_own_backend() -> None:
    api = an_api(path="/#version#/x", constants=[tier("#tier#")], timeout_ms=5)
    assert resolve(api, GROUP, TEST) == replace(
        api,
        backend=HttpBackend(
            scheme="https", host="test.internal", port=9001, path="/v4/beta/x", timeout_ms=5
        ),
        constants=(Constant(name="X-Tier", location=Location.HEADER, value="silver"),),
        variables=(),
    )


def test_a_variable_may_be_a_whole_address_or_the_name_of_a_vpc_access() -> None:
    group = replace(GROUP, variables={TEST: {"backend": "http://[::1]:8080", "vpc": "notes"}})
    whole = resolve(an_api(address="#backend#"), group, TEST).backend
    assert whole == HttpBackend(scheme="http", host="::1", port=8080, path="/b")
    access = resolve(an_api(access="#vpc#"), group, TEST).backend
    assert access == VpcBackend(access="notes", scheme="http", path="/b")


def test_what_an_environment_does_not_set_is_named_in_order() -> None:
    api = an_api(path="/#version#", constants=[tier("#tier#")])
    assert missing(api, GROUP, TEST) == []
    assert missing(api, GROUP, RELEASE) == ["port", "version"]
    assert missing(api, GROUP, PRE) == ["host", "port", "version", "tier"]


def test_what_is_not_set_stays_as_it_is_written_and_leaves_no_address() -> None:
    api = an_api(path="/#version#", constants=[tier("#tier#")])
    found = resolve(api, GROUP, RELEASE)
    assert found.variables == ("port", "version")
    assert found.backend == HttpBackend(
        scheme="", host="", port=0, path="/#version#", template="https://::1:#port#"
    )
    assert found.constants[0].value == "#host#"


@pytest.mark.parametrize("value", ["a b", "a/b", "u@a", "#port#", "http://a"])
def test_an_address_that_is_none_keeps_its_text_and_has_no_host(value: str) -> None:
    group = replace(GROUP, variables={TEST: {"host": value}})
    found = resolve(an_api(address="http://#host#"), group, TEST)
    assert found.backend == HttpBackend(
        scheme="", host="", port=0, path="/b", template=f"http://{value}"
    )


def test_a_document_keeps_its_variables_when_it_is_dumped() -> None:
    api = an_api(path="/#version#", constants=[tier("#tier#")])
    dumped = dump_api(api)
    assert dumped["backend"]["address"] == ADDRESS
    assert dumped["backend"]["path"] == "/#version#"
    assert dumped["backend"]["constants"] == [tier("#tier#")]
    assert parse_api(dumped, group=GROUP, account="1001") == api


def test_a_group_has_the_variables_of_each_environment_it_declares(written: Written) -> None:
    written.write(
        GROUP_FILE,
        """\
        name: weather
        environments:
          PRE: {}
          TEST: {variables: {host: "127.0.0.1", Host: "::1"}}
        """,
    )
    assert written.load().groups[0].variables == {
        PRE: {},
        TEST: {"host": "127.0.0.1", "Host": "::1"},
    }
    written.write(GROUP_FILE, "name: weather\n")
    assert written.load().groups[0].variables == {}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            "{§1st: a}",
            '"1st" is not the name of a variable; '
            "write 1 to 50 letters, digits, '_' or '-', a letter first",
        ),
        (
            '{§"#host#": a}',
            '"#host#" is not the name of a variable; '
            "write 1 to 50 letters, digits, '_' or '-', a letter first",
        ),
        (
            "{port: §9000}",
            "environments.TEST.variables.port must be text, not the number 9000; put it in quotes",
        ),
        ('{a: §""}', "environments.TEST.variables.a is empty; write a value"),
        (
            '{a: §"b\\nc"}',
            'environments.TEST.variables.a "b\\nc" is not permitted; '
            "write it on one line, without control characters",
        ),
        (
            f"{{a: §{'b' * 257}}}",
            "environments.TEST.variables.a has 257 characters, more than 256; "
            "write at most 256 characters",
        ),
        (
            f"{{{', '.join(f'v{n}: a' for n in range(50))}, §last: a}}",
            "an environment has at most 50 variables; remove the others",
        ),
    ],
)
def test_what_is_no_variable_is_told_with_its_place(
    written: Written, variables: str, message: str
) -> None:
    written.write(
        GROUP_FILE, f"name: weather\nenvironments: {{TEST: {{variables: {variables}}}}}\n"
    )
    assert written.problems() == written.expected(message)


def test_an_environment_that_is_none_is_told(written: Written) -> None:
    written.write(GROUP_FILE, "name: weather\nenvironments: {§test: {}}\n")
    assert written.problems() == written.expected(
        'unknown key "test" in environments; known keys: TEST, PRE, RELEASE'
    )
