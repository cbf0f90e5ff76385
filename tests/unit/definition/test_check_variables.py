"""Stage variables: what is wrong with them, where it is told, and what is served all the same."""

from typing import Any

import pytest
from unit.definition.written import API, GATEWAY, GOOD, GROUP, VPC, Written, api

from apigateway.definition.check_variables import _NEVER_TOO_LONG, settle
from apigateway.definition.parse import parse_api
from apigateway.definition.shape import schema_of
from apigateway.model.api import HttpBackend
from apigateway.model.group import Environment, Group

TEST, PRE, RELEASE = Environment.TEST, Environment.PRE, Environment.RELEASE

HTTP = "type: http, address: 'http://#host#', "
AT_HOST = HTTP + "path: /b"


def declare(written: Written, variables: str, text: str = "") -> Written:
    """The group with variables (`TEST a=b c=d; PRE a=b`), and one API."""
    written.write(GROUP, group_yaml(variables))
    return written.write(API, text or api(backend=AT_HOST))


def group_yaml(variables: str) -> str:
    lines = ["name: weather", "subdomain: weather.test", "environments:"]
    for one in filter(None, variables.split("; ")):
        environment, *pairs = one.split(" ")
        lines += [f"  {environment}:", "    variables:"] if pairs else [f"  {environment}: {{}}"]
        for name, _, value in (pair.partition("=") for pair in pairs):
            mark = "§" if name.startswith("§") else ""
            lines.append(f"      {mark}{name.lstrip('§')}: '{value.replace('_', ' ')}'")
    return "\n".join(lines) + "\n"


@pytest.fixture(autouse=True)
def _one_api(written: Written) -> None:
    written.write("policies/grants.yaml", "[]\n")
    written.environ["DEMO_SECRET"] = "MySuperAppSecret-42"


# --- whether they are set


def test_variables_that_every_environment_sets_are_right(written: Written) -> None:
    declare(written, "TEST host=a; PRE host=b; RELEASE host=c")
    assert written.warnings() == []


def test_a_variable_that_no_environment_sets_is_an_error_where_it_stands(written: Written) -> None:
    declare(written, "TEST host=a", api(backend=HTTP + "path: §/#version#/#host#"))
    assert written.problems() == written.expected(
        "the variable #version# is set for no environment; "
        "set environments.RELEASE.variables.version in group.yaml"
    )


def test_a_name_that_is_nearly_one_that_is_set_is_suggested(written: Written) -> None:
    declare(written, "TEST host=a", api(backend="type: http, address: §'http://#hots#', path: /b"))
    assert written.problems() == written.expected(
        'the variable #hots# is set for no environment; did you mean "host"? '
        "Set environments.RELEASE.variables.hots in group.yaml"
    )


def test_names_differ_by_case(written: Written) -> None:
    declare(written, "TEST Host=a")
    (problem,) = written.problems()
    assert "the variable #host# is set for no environment" in problem


def test_an_environment_that_has_variables_and_lacks_one_is_warned_of(written: Written) -> None:
    text = api(backend="type: http, address: §'http://#host#', path: /b")
    declare(written, "TEST host=a; PRE; RELEASE host=b", text)
    assert written.warnings() == written.expected(
        "the variable #host# is not set for PRE: its calls are refused there; "
        "set environments.PRE.variables.host in group.yaml"
    )


def test_an_environment_nothing_is_declared_for_is_warned_of_if_drafts_are_released_to_it(
    written: Written,
) -> None:
    declare(written, "TEST host=a")
    (warning,) = written.warnings()
    assert "the variable #host# is not set for RELEASE: its calls are refused there" in warning
    written.write(GATEWAY, f"{GOOD[GATEWAY]}releases: {{environments: [PRE, TEST]}}\n")
    (warning,) = written.warnings()
    assert "the variable #host# is not set for PRE" in warning
    written.write(GATEWAY, f"{GOOD[GATEWAY]}releases: {{auto: never, environments: [PRE]}}\n")
    assert written.warnings() == []


def test_a_variable_that_no_api_uses_is_warned_of_once_where_it_is_set_first(
    written: Written,
) -> None:
    declare(written, "TEST host=a §hots=b; RELEASE host=a hots=b")
    assert written.warnings() == written.expected(
        "no API of the group uses the variable #hots#; remove it, unless a release still needs it"
    )


def test_the_variables_of_one_group_are_none_of_another(written: Written) -> None:
    declare(written, "RELEASE host=a")
    written.write("definitions/zone/group.yaml", "name: zone\n")
    written.write("definitions/zone/x.yaml", api(backend=AT_HOST))
    assert [problem.partition(": ")[2] for problem in written.problems()] == [
        "the variable #host# is set for no environment; "
        "set environments.RELEASE.variables.host in group.yaml"
    ]


def test_a_group_that_cannot_be_read_makes_no_second_fault(written: Written) -> None:
    written.write(GROUP, "name: weather\n§enviroments: {TEST: {variables: {host: a}}}\n")
    written.write(API, api(backend=AT_HOST))
    assert len(written.problems()) == 1


# --- what they come to


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        pytest.param(
            api(backend="type: http, address: §'http://#host#', path: /b"),
            "a_b",
            'the address "http://a b" names no host (in TEST, where #host# is "a b"); '
            "write scheme://host:port, for example http://127.0.0.1:9000",
            id="no-host",
        ),
        pytest.param(
            api(backend="type: http, address: §'http://#host#', path: /b"),
            "127.0.0.1/x",
            'the address "http://127.0.0.1/x" holds more than scheme, host and port '
            '(in TEST, where #host# is "127.0.0.1/x"); '
            "write scheme://host:port, for example http://127.0.0.1:9000",
            id="address-with-path",
        ),
        pytest.param(
            api(backend="type: http, address: §'http://#host#', path: /b"),
            "user@a",
            'the address "http://user@a" holds a user name '
            '(in TEST, where #host# is "user@a"); '
            "write scheme://host:port, for example http://127.0.0.1:9000",
            id="address-with-user",
        ),
        pytest.param(
            api(backend="type: http, address: §'http://#host#', path: /b"),
            "#host#",
            'the address "http://#host#" holds a "#" that is not part of a variable such as '
            '#backend_host# (in TEST, where #host# is "#host#"); '
            "write scheme://host:port, for example http://127.0.0.1:9000",
            id="address-with-a-variable-from-a-value",
        ),
        pytest.param(
            api(backend="type: http, address: '#host#', path: /b, §tls: internal"),
            "http://a",
            "backend.tls has no effect over http "
            '(in TEST, where #host# is "http://a"); '
            "write https:// in backend.address, or remove it",
            id="tls-over-http",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "..",
            'the path holds the segment ".." (in TEST, where #host# is ".."); '
            "write the path it leads to",
            id="path-that-leads-up",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "%2e%2E",
            'the segment "%2e%2E" has no single meaning (dot segment) '
            '(in TEST, where #host# is "%2e%2E"); write it plainly',
            id="path-that-leads-up-in-disguise",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "a?b=c",
            'the path holds a query or fragment (in TEST, where #host# is "a?b=c"); '
            "declare query parameters instead",
            id="path-with-query",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "a#b",
            'the segment "a#b" holds a "#" that is not part of a variable '
            '(in TEST, where #host# is "a#b"); '
            "write #name#: a letter, then letters, digits, '_' or '-'",
            id="path-with-fragment",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "#host#",
            'the segment "#host#" holds a "#" that is not part of a variable '
            '(in TEST, where #host# is "#host#"); '
            "write #name#: a letter, then letters, digits, '_' or '-'",
            id="path-with-a-variable-from-a-value",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b"),
            "/a",
            'the path holds an empty segment ("//") (in TEST, where #host# is "/a"); '
            'write one "/" between segments and none at the end',
            id="path-with-an-empty-segment",
        ),
        pytest.param(
            api(
                request="method: POST, path: '/a/[c]'",
                parameters="name: c, in: path",
                backend="type: http, address: 'http://a', path: §'/#host#/x/[c]'",
            ),
            "[c]",
            '[c] stands twice in the path (in TEST, where #host# is "[c]"); give each its own name',
            id="path-with-a-parameter",
        ),
        pytest.param(
            api(
                request="method: POST, path: '/a/*'",
                backend="type: http, address: 'http://a', path: §/b/#host#",
            ),
            "*",
            'the path "/b/*" gets a parameter or "*" from a variable '
            '(in TEST, where #host# is "*"); write these in the path itself',
            id="path-with-a-rest",
        ),
        pytest.param(
            api(backend=f"type: http, address: 'http://a', path: §/{'b' * 500}#host#"),
            "x" * 12,
            "backend.path has 513 characters, more than 512 "
            '(in TEST, where #host# is "xxxxxxxxxxxx"); write at most 512 characters',
            id="path-that-is-too-long",
        ),
        pytest.param(
            api(
                backend="type: http, address: 'http://a', path: '/b/[p]', "
                "constants: [{name: p; in: path; value: §'#host#'}]"
            ).replace(";", ","),
            "..;x",
            'the constant "p" cannot be a segment of a path '
            '(in TEST, where #host# is "..;x"); write one that is neither empty nor dots',
            id="constant-in-path",
        ),
        pytest.param(
            api(
                backend="type: http, address: 'http://a', path: /b, "
                "constants: [{name: p; in: header; value: §'#host#'}]"
            ).replace(";", ","),
            "a_",
            'the constant "p" holds a line break, control sign or outer blank '
            '(in TEST, where #host# is "a "); write one plain line',
            id="constant-in-header",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_the_environment_and_the_value(
    written: Written, text: str, value: str, message: str
) -> None:
    written.write("policies/backend-tls/internal.yaml", "name: internal\nserver_name: a.test\n")
    declare(written, f"TEST host={value}", text)
    assert message in [problem.partition(": ")[2] for problem in written.problems()]
    assert all(problem.startswith(written.marks[0]) for problem in written.problems())


def test_no_place_of_a_variable_permits_less_text_than_is_looked_at() -> None:
    parts = schema_of("api")["$defs"]
    limits = [
        parts["httpBackend"]["properties"]["address"]["maxLength"],
        parts["backendPath"]["maxLength"],
        parts["constants"]["items"]["properties"]["value"]["maxLength"],
    ]
    assert min(limits) == _NEVER_TOO_LONG
    assert "maxLength" not in parts["vpcBackend"]["properties"]["access"]


def test_each_environment_that_is_wrong_is_told(written: Written) -> None:
    declare(written, "TEST host=a_b; PRE host=fine; RELEASE host=c_d")
    assert [problem.partition("(in ")[2][:7] for problem in written.problems()] == [
        "TEST, w",
        "RELEASE",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            api(backend="type: http, address: §'http://#host#:#1#', path: /b"),
            'the address "http://#host#:#1#" holds a "#" that is not part of a variable such as '
            "#backend_host#; write scheme://host:port, for example http://127.0.0.1:9000",
            id="address-with-half-a-variable",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §/#host#/b#c"),
            'the segment "b#c" holds a "#" that is not part of a variable; '
            "write #name#: a letter, then letters, digits, '_' or '-'",
            id="path-with-half-a-variable",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §'/[#host#]'"),
            'the segment "[#host#]" is not a parameter; '
            "write [name] as a whole segment: letters, digits, '_' or '-', a letter first",
            id="variable-in-brackets",
        ),
        pytest.param(
            api(backend="type: http, address: 'http://a', path: §'#host#/b'"),
            'the path "#host#/b" does not start with "/"; write "/#host#/b"',
            id="path-that-begins-with-a-variable",
        ),
    ],
)
def test_half_a_variable_and_one_in_a_wrong_place_are_told_once(
    written: Written, text: str, message: str
) -> None:
    declare(written, "TEST host=a; RELEASE host=b", text)
    assert written.problems() == written.expected(message)


def test_a_fault_of_the_definition_itself_is_told_once(written: Written) -> None:
    declare(
        written,
        "TEST host=a; RELEASE host=b",
        api(backend="type: http, address: 'http://#host#', path: §'/#host#/[c]'"),
    )
    assert written.problems() == written.expected(
        "nothing fills [c] of the backend path; "
        "add {from: ..., name: c, in: path} to backend.parameters"
    )


def test_a_path_may_get_several_segments_and_a_constant_any_text(written: Written) -> None:
    declare(
        written,
        "RELEASE host=v3/beta;x note=#note#_&=é",
        api(
            backend="type: http, address: 'http://a', path: /#host#/b, "
            "constants: [{name: n; in: query; value: '#note#'}]"
        ).replace("; ", ", "),
    )
    assert written.problems() == written.warnings() == []


# --- VPC accesses


def at(access: str) -> str:
    return api(backend=f"type: vpc, access: '{access}', path: /b")


def test_a_vpc_access_may_be_another_in_each_environment(written: Written) -> None:
    other = GOOD[VPC].replace("notes", "other").replace("9000", "9001")
    written.write("policies/vpc-access/other.yaml", other)
    declare(written, "TEST vpc=notes; RELEASE vpc=other", at("#vpc#"))
    assert written.warnings() == []


def test_a_vpc_access_that_is_not_there_is_warned_of(written: Written) -> None:
    declare(written, "TEST vpc=nots; RELEASE vpc=notes", at("#vpc#").replace("'#", "§'#"))
    assert written.warnings() == written.expected(
        'there is no VPC access "nots": its calls are refused '
        '(in TEST, where #vpc# is "nots"); did you mean "notes"? Declare it in policies/vpc-access'
    )


def test_a_vpc_access_of_another_region_is_an_error(written: Written) -> None:
    written.write(VPC, GOOD[VPC].replace("{", "{region: cn-beijing, "))
    declare(written, "RELEASE vpc=notes", at("#vpc#").replace("'#", "§'#"))
    assert written.problems() == written.expected(
        'the VPC access "notes" is in cn-beijing, the group in cn-hangzhou '
        '(in RELEASE, where #vpc# is "notes"); use one of the same region'
    )


def test_what_is_said_of_an_access_that_is_written_out_is_not_said_again(
    written: Written,
) -> None:
    text = at("gone").replace("/b", "/#version#")
    declare(written, "TEST version=v3; RELEASE version=v3", text)
    (warning,) = written.warnings()
    assert 'there is no VPC access "gone": its calls are refused; declare it' in warning


# --- what is served


def a_group(**variables: dict[str, str]) -> Group:
    return Group(
        id="a" * 32,
        name="weather",
        region="cn-hangzhou",
        subdomain="weather.test",
        variables={Environment(name): values for name, values in variables.items()},
    )


def released(**backend: Any) -> Any:
    document = {
        "name": "TestApi",
        "request": {"method": "GET", "path": "/a"},
        "backend": {"type": "http", "address": "http://#host#", "path": "/#version#/b", **backend},
    }
    return parse_api(document, group=a_group(), account="1001")


def test_what_an_environment_sets_is_served_from_its_own_backend() -> None:
    group = a_group(TEST={"host": "a:1", "version": "v3"}, RELEASE={"host": "b", "version": "v4"})
    for environment, backend in (
        (TEST, HttpBackend(scheme="http", host="a", port=1, path="/v3/b")),
        (RELEASE, HttpBackend(scheme="http", host="b", port=80, path="/v4/b")),
    ):
        api, why = settle(released(), group, environment)
        assert (api.backend, why) == (backend, "")


def test_what_is_not_set_is_named_and_leaves_no_backend() -> None:
    api, why = settle(released(), a_group(PRE={"version": "v3"}), PRE)
    assert why == (
        "the variable #host# is not set for PRE in environments.PRE.variables of group.yaml"
    )
    assert isinstance(api.backend, HttpBackend)
    assert (api.backend.host, api.backend.port) == ("", 0)
    assert "#" not in api.backend.path


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"host": "a b", "version": "v3"}, 'the address "http://a b" names no host'),
        ({"host": "a", "version": "../x"}, 'the path holds the segment ".."'),
        ({"host": "a", "version": "[x]"}, "nothing fills [x] of the backend path"),
    ],
)
def test_values_that_do_not_fit_a_released_definition_leave_no_backend(
    values: dict[str, str], why: str
) -> None:
    _, found = settle(released(), a_group(RELEASE=values), RELEASE)
    assert found.startswith(f"{why} (in RELEASE, where ")
