"""One definition, several environments: to whose backend a call goes, by the binding of its domain
or by X-Ca-Stage. A variable that is not set leads nowhere.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.odd_backends import OddBackend
from e2e.odd_backends import running as serving
from e2e.running import Gateway, Reply, Written, gateway, until

ANY, BOUND, SECOND_LEVEL = "any.localhost", "test.localhost", "second.localhost"
STAGE = "X-Ca-Stage"

GATEWAY_YAML = """\
account: "1001"
region: cn-hangzhou
limits: {client_ip_per_second: 100000, subdomain_per_day: 100000}
releases: {auto: first, environments: [TEST, PRE, RELEASE]}
"""
GROUP_YAML = """\
name: stages
subdomain: second.localhost
domains: [any.localhost, {name: test.localhost, environment: TEST}]
environments:
  TEST:
    variables: {host: 127.0.0.1, port: "%d", version: v4/beta, tier: silver, instance: first}
  PRE:
    variables: {host: 127.0.0.1, version: v3}
  RELEASE:
    variables: {host: 127.0.0.1, port: "%d", version: v3, tier: gold, instance: second}
"""
API_YAML = """\
name: %s
auth: {type: anonymous}
request: {method: ANY, path: "/%s/[what]", parameters: [{name: what, in: path}]}
backend: {%s, constants: [{name: X-Tier, in: header, value: "%s"}]}
"""
VPC_YAML = """\
name: %s
vpc_id: vpc-000001
instance_id: i-000001
port: %d
host: 127.0.0.1
"""
HTTP = 'type: http, address: "http://#host#:#port#", path: "/#version#/[what]"'


@dataclass
class Rig:
    gateway: Gateway
    test: OddBackend
    release: OddBackend

    def ask(self, target: str, stage: str | None = None, host: str = ANY) -> Reply:
        headers = {} if stage is None else {STAGE: stage}
        return self.gateway.ask(target=target, headers=headers, host=host)

    def whose(self, target: str, stage: str | None = None, host: str = ANY) -> str:
        """What the call came as, at the one backend that heard of it."""
        before = self.heard()
        reply = self.ask(target, stage, host)
        assert (reply.status, reply.body) == (200, b"ok"), reply
        more = [now - then for now, then in zip(self.heard(), before, strict=True)]
        assert sorted(more) == [0, 1]
        backend = "test" if more[0] else "release"
        head = (self.test if more[0] else self.release).heard[-1].decode()
        tier = re.search(r"\r\nX-Tier: (.+)\r\n", head)
        assert tier is not None
        return f"{backend} {head.split(' ')[1]} {tier[1]}"

    def heard(self) -> tuple[int, int]:
        return len(self.test.heard), len(self.release.heard)

    @contextlib.contextmanager
    def nobody_is_called(self) -> Iterator[None]:
        def state() -> tuple[int, ...]:
            return *self.heard(), self.test.connections, self.release.connections

        before = state()
        yield
        assert state() == before


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    test, release = OddBackend(), OddBackend()
    with serving(test, release):
        project = Written(tmp_path_factory.mktemp("stages"))
        define(project, test.port, release.port)
        with gateway(project) as running:
            yield Rig(running, test, release)


def define(project: Written, test: int, release: int) -> None:
    project.write("definitions/gateway.yaml", GATEWAY_YAML)
    project.write("definitions/stages/group.yaml", GROUP_YAML % (test, release))
    for name, backend, tier in (
        ("address", HTTP, "#tier# of #version#"),
        ("instance", 'type: vpc, access: "#instance#", path: "/[what]"', "#1"),
        ("literal", f'type: http, address: "http://127.0.0.1:{release}", path: "/[what]"', "#1#"),
        ("constant", f'type: http, address: "http://127.0.0.1:{test}", path: "/[what]"', "#tier#"),
    ):
        text = API_YAML % (f"Api-{name}", name, backend, tier)
        project.write(f"definitions/stages/{name}.yaml", text)
    for name, port in (("first", test), ("second", release)):
        text = (VPC_YAML % (name, port)).replace("i-000001", f"i-{name}-0001")
        project.write(f"policies/vpc-access/{name}.yaml", text)


AT_TEST, AT_RELEASE = "test /v4/beta/ok silver of v4/beta", "release /v3/ok gold of v3"


@pytest.mark.parametrize("host", [ANY, SECOND_LEVEL])
@pytest.mark.parametrize(
    ("stage", "there"),
    [
        (None, AT_RELEASE),
        ("RELEASE", AT_RELEASE),
        ("release", AT_RELEASE),
        ("TEST", AT_TEST),
        ("test", AT_TEST),
        ("tEsT", AT_TEST),
    ],
)
def test_the_stage_header_in_any_case_chooses_the_backend_and_release_is_the_default(
    rig: Rig, host: str, stage: str | None, there: str
) -> None:
    assert rig.whose("/address/ok", stage, host) == there


@pytest.mark.parametrize("stage", [None, "RELEASE", "PRE", "test", "nonsense"])
def test_a_domain_that_is_bound_to_an_environment_serves_it_whatever_the_header_says(
    rig: Rig, stage: str | None
) -> None:
    assert rig.whose("/address/ok", stage, BOUND) == AT_TEST


def test_a_stage_that_is_none_is_refused(rig: Rig) -> None:
    with rig.nobody_is_called():
        reply = rig.ask("/address/ok", "nonsense")
    assert (reply.status, reply.code) == (400, "I400SG")


def test_each_environment_may_have_a_vpc_access_of_its_own(rig: Rig) -> None:
    assert rig.whose("/instance/ok", "TEST") == "test /ok #1"
    assert rig.whose("/instance/ok") == "release /ok #1"


def test_an_api_without_variables_is_the_same_in_every_environment(rig: Rig) -> None:
    for stage in (None, "TEST", "PRE"):
        assert rig.whose("/literal/ok", stage) == "release /ok #1#"


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/address/ok", ("#port#", "#tier#")),
        ("/constant/ok", ("#tier#",)),
        ("/instance/ok", ("#instance#",)),
    ],
)
def test_where_a_variable_is_not_set_no_backend_is_called_and_the_record_names_it(
    rig: Rig, target: str, names: tuple[str, ...]
) -> None:
    with rig.nobody_is_called():
        reply = rig.ask(target, "pre")
    assert (reply.status, reply.code) == (504, "D504IL")
    assert reply.headers["x-ca-error-message"] == "Backend service invalid address"
    refused_by, detail = record_of(rig.gateway, reply)
    assert refused_by == "Resolution"
    assert detail == (
        ", ".join(f"the variable {name} is not set for PRE" for name in names)
        + " in environments.PRE.variables of group.yaml"
    )
    assert "#" not in reply.body.decode()


def record_of(running: Gateway, reply: Reply) -> tuple[str, str]:
    """Stage and reason of a refusal; records are written behind the calls."""

    def find() -> tuple[str, str] | None:
        with contextlib.closing(sqlite3.connect(running.project.database)) as database:
            found: tuple[str, str] | None = database.execute(
                "select refused_by, detail from calls where request_id = ?",
                [reply.headers["x-ca-request-id"]],
            ).fetchone()
            return found

    found: tuple[str, str] = until(find, "the record of the call")
    return found


def test_values_act_without_a_release_and_classic_errors_are_500(tmp_path: Path) -> None:
    test, release = OddBackend(), OddBackend()
    with serving(test, release):
        project = Written(tmp_path)
        define(project, test.port, release.port)
        with gateway(project) as running:
            assert Rig(running, test, release).whose("/address/ok", "test") == AT_TEST
        project.edit("definitions/gateway.yaml", "auto: first", "auto: never")
        project.edit("definitions/gateway.yaml", "account:", "errors: classic\naccount:")
        group = "definitions/stages/group.yaml"
        project.edit(group, f'port: "{test.port}"', f'port: "{release.port}"')
        project.edit(group, "tier: silver", "tier: bronze")
        with gateway(project) as running:
            rig = Rig(running, test, release)
            assert rig.whose("/address/ok", "test") == "release /v4/beta/ok bronze of v4/beta"
            with rig.nobody_is_called():
                reply = rig.ask("/address/ok", "PRE")
            assert (reply.status, reply.code, reply.body) == (500, "", b"")
            message = reply.headers["x-ca-error-message"]
            assert message == "Failed To Invoke Backend Service"
