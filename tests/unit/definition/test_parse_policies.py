"""Groups, apps and policies as the model's objects."""

import pytest
from unit.definition.written import (
    APP,
    GRANTS,
    GROUP,
    IP_CONTROL,
    KEY,
    THROTTLING,
    VPC,
    Written,
)

from apigateway.model.cors import Cors
from apigateway.model.group import DomainKind, Environment
from apigateway.model.policy import SecondMode, SpecialLimit
from apigateway.model.windows import WindowUnit


def test_a_group_has_a_second_level_domain_of_its_own(written: Written) -> None:
    written.write(GROUP, "name: weather\n")
    group = written.load().groups[0]
    assert group.subdomain == f"{group.id}-cn-hangzhou.apigw.localhost"
    assert group.region == "cn-hangzhou"


def test_a_domain_may_serve_one_environment_only(written: Written) -> None:
    written.write(GROUP, "name: weather\ndomains: [A.test, {name: b.test, environment: TEST}]\n")
    domains = written.load().groups[0].domains
    assert [(d.name, d.environment) for d in domains] == [
        ("a.test", None),
        ("b.test", Environment.TEST),
    ]
    assert {domain.kind for domain in domains} == {DomainKind.INDEPENDENT}


def test_an_app_belongs_to_the_account_unless_it_names_its_owner(written: Written) -> None:
    assert written.load().apps[0].owner == "1001"
    written.write(APP, "name: demo\nkey: abcd\nsecret: env:DEMO_SECRET\nowner: a@example.com\n")
    assert written.load().apps[0].owner == "a@example.com"


def test_a_throttling_policy_keeps_its_special_limits(written: Written) -> None:
    written.write(
        THROTTLING,
        "name: standard\nunit: hour\napi: 10\nuser: 9\napp: 8\nspecial: [{app: demo, limit: 10}]\n",
    )
    policy = written.load().throttling_policies[0]
    assert (policy.unit, policy.api, policy.user, policy.app) == (WindowUnit.HOUR, 10, 9, 8)
    assert policy.special == (SpecialLimit(app="demo", limit=10),)
    assert (policy.second_mode, policy.queue) == (SecondMode.QUEUE, None)


@pytest.mark.parametrize("mode", SecondMode)
def test_a_policy_a_second_says_how_it_is_kept(written: Written, mode: SecondMode) -> None:
    text = f"name: standard\nunit: second\napi: 10\nsecond_mode: {mode}\n"
    assert written.write(THROTTLING, text).load().throttling_policies[0].second_mode is mode


def test_a_queue_may_be_of_any_length_and_of_none(written: Written) -> None:
    for queue in (0, 300):
        written.write(THROTTLING, f"name: standard\nunit: second\napi: 10\nqueue: {queue}\n")
        assert written.load().throttling_policies[0].queue == queue


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            APP,
            "name: demo\nkey: §203753385\nsecret: env:DEMO_SECRET\n",
            "key must be text, not the number 203753385; put it in quotes",
        ),
        (
            APP,
            "name: §abc\nkey: abcd\nsecret: env:DEMO_SECRET\n",
            "name \"abc\" is not permitted; write 4 to 26 letters, digits, '_' or '-', "
            "a letter first",
        ),
        (
            KEY,
            "name: backend\nkey: §1BackendKey\nsecret: env:BACKEND_SECRET\n",
            'key "1BackendKey" is not permitted; '
            "write 6 to 20 letters, digits or '_', a letter first",
        ),
        (
            KEY,
            "name: backend\nkey: BackendKey\nsecret: §env:SHORT\n",
            "the secret is not one of a signature key; write 6 to 30 letters, digits or _@#!*-",
        ),
        (
            VPC,
            "name: notes\nvpc_id: vpc-000001\ninstance_id: i-000001\nport: §65536\nhost: a\n",
            "port is 65536, more than 65535; write 1 to 65535",
        ),
        (
            VPC,
            "name: notes\nvpc_id: §vpc\ninstance_id: i-000001\nport: 1\nhost: a\n",
            "vpc_id \"vpc\" is not permitted; write 6 to 30 letters, digits, '_' or '-', "
            "a letter first",
        ),
        (
            VPC,
            "name: notes\nvpc_id: vpc-000001\ninstance_id: i-000001\nport: 1\nhost: §http://a\n",
            '"http://a" is neither a host name nor an IP address; '
            "write one, without scheme, port or brackets",
        ),
        (
            IP_CONTROL,
            "name: office\nallow: [§10.0.0.300]\n",
            'allow[0] "10.0.0.300" is not a network; write one such as 10.0.0.0/8',
        ),
        (
            IP_CONTROL,
            "name: §office\n",
            "the IP control neither allows nor denies anyone; add allow: [...] or deny: [...]",
        ),
        (
            THROTTLING,
            "name: standard\nunit: minute\napi: §0\n",
            "api is 0, less than 1; write 1 to 1000000000",
        ),
        (
            THROTTLING,
            "name: standard\nunit: second\napi: 9\nsecond_mode: §quene\n",
            'second_mode is "quene"; did you mean "queue"? Write one of: queue, refuse, window',
        ),
        (
            THROTTLING,
            "name: standard\nunit: second\napi: 9\nqueue: §-1\n",
            "queue is -1, less than 0; write 0 to 100000",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(
    written: Written, path: str, text: str, message: str
) -> None:
    written.environ["SHORT"] = "abc"
    written.write(GRANTS, "[]")
    assert written.write(path, text).problems() == written.expected(message)


def test_a_vpc_name_starts_with_a_letter_or_a_chinese_character(written: Written) -> None:
    written.write(VPC, "{name: 笔记实例, vpc_id: vpc-01, instance_id: i-0001, port: 1, host: a}")
    assert written.load().vpc_accesses[0].name == "笔记实例"


def test_a_group_answers_pages_as_the_product_does_unless_it_says_otherwise(
    written: Written,
) -> None:
    assert written.load().groups[0].cors == Cors()
    written.write(
        GROUP,
        """\
        name: weather
        cors:
          origins: [https://app.example.com, "http://localhost:5173", "null"]
          methods: [GET, PUT]
          headers: [X-Ca-Key, X-Own]
          expose: []
          max_age_s: 60
          credentials: true
        """,
    )
    assert written.load().groups[0].cors == Cors(
        origins=("https://app.example.com", "http://localhost:5173", "null"),
        methods=("GET", "PUT"),
        headers=("X-Ca-Key", "X-Own"),
        expose=(),
        max_age_s=60,
        credentials=True,
    )
    written.write(GROUP, "name: weather\ncors: {enabled: false}\n")
    assert written.load().groups[0].cors == Cors(enabled=False)


@pytest.mark.parametrize(
    ("cors", "message"),
    [
        ("origins: [§app.example.com]", "write an origin such as https://app.example.com, or *"),
        ("origins: [§'https://a.test/']", "write an origin such as https://app.example.com, or *"),
        ("origins: [§'https://*/x']", "write an origin such as https://app.example.com, or *"),
        ("origins: §[]", "origins"),
        ("methods: [§TRACE]", "methods"),
        ("methods: [§get]", "GET"),
        ("headers: [§'X A']", "write a header name"),
        ("expose: [§'X:A']", "write a header name"),
        ("max_age_s: §-1", "max_age_s"),
        ("credentials: §1", "credentials"),
        ("§origin: [x]", 'did you mean "origins"?'),
    ],
)
def test_a_word_for_pages_that_is_none_is_a_problem_at_its_place(
    written: Written, cors: str, message: str
) -> None:
    written.write(GROUP, f"name: weather\ncors:\n  {cors}\n")
    (problem,) = written.problems()
    assert problem.startswith(f"{written.marks[0]}: "), problem
    assert message in problem


# --- what system parameters tell backends


def test_what_system_parameters_tell_of_an_app_is_read_and_has_defaults(written: Written) -> None:
    app = written.load().apps[0]
    assert (app.extend_info, app.market_instance_id) == ("", "")
    written.write(APP, f"{CALLER}extend_info: gold 中\nmarket_instance_id: cmapi-1\n")
    app = written.load().apps[0]
    assert (app.extend_info, app.market_instance_id) == ("gold 中", "cmapi-1")


CALLER = "name: demo\nkey: '203753385'\nsecret: env:DEMO_SECRET\n"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            APP,
            CALLER + 'extend_info: §"a\\r\\nX-Admin: 1"\n',
            "extend_info holds a line break, control sign or outer blank; write one plain line",
        ),
        (
            APP,
            CALLER + 'extend_info: §" a"\n',
            "extend_info holds a line break, control sign or outer blank; write one plain line",
        ),
        (
            APP,
            CALLER + "market_instance_id: §a b\n",
            'market_instance_id "a b" is not permitted; '
            "write up to 64 letters, digits, '_' or '-'",
        ),
    ],
)
def test_what_no_backend_could_get_is_pointed_at(
    written: Written, path: str, text: str, message: str
) -> None:
    assert written.write(path, text).problems() == written.expected(message)
