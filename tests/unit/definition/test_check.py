"""The rules between definitions: each with a bad file and the place."""

import pytest
from unit.definition.written import (
    API,
    APP,
    GATEWAY,
    GOOD,
    GROUP,
    KEY,
    SIMPLE_API,
    THROTTLING,
    VPC,
    Written,
)

OTHER_GROUP = "definitions/zone/group.yaml"
OTHER_API = "definitions/weather/other.yaml"
OTHER_APP = "definitions/apps/other.yaml"
OTHER_KEY = "policies/signature-keys/other.yaml"
SECRET = "secret: env:DEMO_SECRET"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        pytest.param(
            OTHER_GROUP,
            "name: §weather\n",
            f'the name "weather" is already that of the group in {GROUP}; give one of them another',
            id="name-of-a-group",
        ),
        pytest.param(
            OTHER_API,
            SIMPLE_API.format(name="§GetForecast", method="GET", path="/other"),
            f'the name "GetForecast" is already that of the API in {API}; give one of them another',
            id="name-of-an-api",
        ),
        pytest.param(
            OTHER_APP,
            f"name: §demo\nkey: '1234'\nid: '7'\n{SECRET}",
            f'the name "demo" is already that of the app in {APP}; give one of them another',
            id="name-of-an-app",
        ),
        pytest.param(
            OTHER_APP,
            f"name: other\nkey: §'203753385'\n{SECRET}",
            f'the AppKey "203753385" is already that of the app in {APP}; give one of them another',
            id="app-key",
        ),
        pytest.param(
            OTHER_KEY,
            "name: §backend\nid: '7'\nkey: OtherKey\nsecret: env:BACKEND_SECRET",
            f'the name "backend" is already that of the signature key in {KEY}; '
            "give one of them another",
            id="name-of-a-key",
        ),
        pytest.param(
            "policies/vpc-access/other.yaml",
            "name: other\nvpc_id: vpc-000001\ninstance_id: §i-000001\nport: 9000\nhost: a\n",
            f'the instance and port "vpc-000001 i-000001 9000" is already that of the VPC access '
            f"in {VPC}; give one of them another",
            id="instance-of-a-vpc",
        ),
        pytest.param(
            OTHER_GROUP,
            "name: other\nsubdomain: §Weather.test\n",
            f'the domain "weather.test" already belongs to {GROUP}; bind a domain once',
            id="subdomain",
        ),
        pytest.param(
            OTHER_GROUP,
            "name: other\ndomains: [a.test, {name: b.test}, §A.TEST]\n",
            f'the domain "a.test" already belongs to {OTHER_GROUP}; bind a domain once',
            id="domain",
        ),
        pytest.param(
            OTHER_GROUP,
            "name: other\ndomains: [a.test, b.test, c.test, d.test, e.test, §f.test]\n",
            "a group has at most 5 independent domains; remove the others",
            id="six-domains",
        ),
        pytest.param(
            OTHER_GROUP,
            "name: other\nbase_path: §/v1/\n",
            'the base path ends with "/"; write "/v1"',
            id="base-path",
        ),
        pytest.param(
            OTHER_API,
            SIMPLE_API.format(name="Other", method="get", path="§'/forecast/[town]'").replace(
                "}\nb", ", parameters: [{name: town, in: path}]}\nb"
            ),
            'GET /forecast/[town] is already taken by "GetForecast"; '
            "change the method or the path of one of them",
            id="route",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\nuser: §11\n",
            "the user limit 11 is more than the API limit 10; write at most 10",
            id="user-beyond-api",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\nuser: 5\napp: §6\n",
            "the app limit 6 is more than the user limit 5; write at most 5",
            id="app-beyond-user",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\napp: §11\n",
            "the app limit 11 is more than the API limit 10; write at most 10",
            id="app-beyond-api",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\nspecial: [{app: demo, limit: §11}]\n",
            "the special limit 11 is more than the API limit 10; write at most 10",
            id="special-beyond-api",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\nspecial: [{app: §demp, limit: 1}]\n",
            'there is no app "demp"; did you mean "demo"? Declare it in definitions/apps',
            id="special-app",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\nspecial: [§{limit: 1}]\n",
            "a special limit is for one app or one user; write one of the two",
            id="special-of-nobody",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\n"
            "special: [{app: demo, limit: 1}, §{app: demo, limit: 2}]\n",
            "this app or user has a special limit already; remove one",
            id="special-twice",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: minute\napi: 10\n§second_mode: queue\n",
            "second_mode is for the unit second, and this is minute; "
            "remove it, or write unit: second",
            id="mode-of-a-minute",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: day\napi: 10\n§queue: 5\n",
            "queue is for the unit second, and this is day; remove it, or write unit: second",
            id="queue-of-a-day",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: second\napi: 10\nsecond_mode: refuse\n§queue: 5\n",
            "nobody waits in mode refuse; remove queue, or write second_mode: queue",
            id="queue-of-nobody",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: second\napi: 10\napp: 4\nqueue: §121\n",
            "the last of 121 would wait more than 30 seconds; write at most 120",
            id="queue-too-long",
        ),
        pytest.param(
            THROTTLING,
            "name: standard\nunit: second\napi: 10\nspecial: [{app: demo, limit: 1}]\nqueue: §31\n",
            "the last of 31 would wait more than 30 seconds; write at most 30",
            id="queue-too-long-for-a-special-limit",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(
    written: Written, path: str, text: str, message: str
) -> None:
    written.write("policies/bindings.yaml", "{}")
    assert written.write(path, text).problems() == written.expected(message)


def test_ids_are_unique_even_where_they_are_declared(written: Written) -> None:
    same = "a" * 32
    written.write(GROUP, f"{GOOD[GROUP]}id: {same}\n")
    written.write(OTHER_GROUP, f"name: other\nid: §{same}\n")
    assert written.problems() == written.expected(
        f'the GroupId "{same}" is already that of the group in {GROUP}; give one of them another'
    )


def test_an_app_code_is_unique_and_not_shown(written: Written) -> None:
    written.environ["CODE"] = "TheAppCode"
    written.write(APP, GOOD[APP] + "code: env:CODE\n")
    written.write(OTHER_APP, f"name: other\nkey: '1234'\n{SECRET}\ncode: §env:CODE\n")
    assert written.problems() == written.expected(
        f"the AppCode is already that of the app in {APP}; give one of them another"
    )


def test_an_account_has_at_most_fifty_groups(written: Written) -> None:
    for number in range(50):
        mark = "§" if number == 49 else ""
        written.write(f"definitions/z{number:02}/group.yaml", f"name: {mark}group{number}\n")
    assert written.problems() == written.expected(
        "an account has at most 50 groups, and this one is beyond them; "
        "put its APIs into another group"
    )


def test_a_group_has_at_most_two_hundred_apis(written: Written) -> None:
    for number in range(200):
        name = ("§" if number == 199 else "") + f"Api{number}"
        text = SIMPLE_API.format(name=name, method="GET", path=f"/{number}")
        written.write(f"definitions/weather/z{number:03}.yaml", text)
    assert written.problems() == written.expected(
        "a group has at most 200 APIs, and this one is beyond them; put it into another group"
    )


def test_a_vpc_access_is_of_the_region_of_its_group(written: Written) -> None:
    written.write(GROUP, "name: weather\nregion: cn-beijing\n")
    written.write(THROTTLING, GOOD[THROTTLING] + "region: cn-beijing\n")
    text = "name: Other\nrequest: {method: GET, path: /other}\n"
    written.write(OTHER_API, text + "backend: {type: vpc, access: §notes, path: /}\n")
    assert written.problems() == written.expected(
        'the VPC access "notes" is in cn-hangzhou, the group in cn-beijing; '
        "use one of the same region"
    )


def test_a_method_beside_any_is_a_warning(written: Written) -> None:
    text = SIMPLE_API.format(name="Other", method="§ANY", path="'/forecast/[city]'")
    parameters = ", parameters: [{name: city, in: path}]}\nb"
    written.write(OTHER_API, text.replace("}\nb", parameters))
    assert written.warnings() == written.expected(
        'ANY /forecast/[city] leaves GET to "GetForecast"; name the methods, if that is not meant'
    )


def test_a_vpc_access_that_is_not_there_is_a_warning_since_its_removal_must_act(
    written: Written,
) -> None:
    backend = "backend: {type: vpc, access: §note, path: /}\n"
    written.write(OTHER_API, f"name: Other\nrequest: {{method: GET, path: /other}}\n{backend}")
    assert written.warnings() == written.expected(
        'there is no VPC access "note": its calls are refused; '
        'did you mean "notes"? Declare it in policies/vpc-access'
    )


def test_a_special_limit_of_an_unknown_user_is_a_warning(written: Written) -> None:
    written.write(
        THROTTLING,
        "name: standard\nunit: day\napi: 9\n"
        "special: [{user: '1001', limit: 1}, {user: §'1002', limit: 1}]\n",
    )
    assert written.warnings() == written.expected(
        'no app belongs to the user "1002"; check the account'
    )


def test_one_fault_does_not_look_like_many(written: Written) -> None:
    written.write(GATEWAY, 'account: "1001"\n§regoin: cn-hangzhou\n')
    written.write(APP, "name: demo\n§kye: '1234'\nsecret: env:DEMO_SECRET\n")
    written.write(THROTTLING, "name: standard\nunit: §minut\napi: 1\n")
    written.write(GROUP, "name: weather\n§nmae: x\n")
    problems = written.problems()
    assert [problem.split(": ")[0] for problem in problems] == sorted(
        [*written.marks, f"{GATEWAY}:1:1", f"{APP}:1:1"]
    )
