"""Grants and policies that do nothing, and APIs that nobody can call."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from unit.build import KEY, SECRET
from unit.lifecycle.drafts import RELEASE, WEATHER, document, project_of, released

from apigateway.definition.project import Project
from apigateway.lifecycle.breaking.finding import Finding
from apigateway.lifecycle.breaking.leftovers import (
    idle_grants,
    out_of_reach,
    undeclared,
    unused_policies,
)
from apigateway.model.app import Grant
from apigateway.model.group import Certificate, Domain, DomainKind, Environment
from apigateway.model.policy import (
    BackendTls,
    Binding,
    IpControl,
    PolicyKind,
    SignatureKey,
    ThrottlingPolicy,
    VpcAccess,
)
from apigateway.model.secret import Secret
from apigateway.model.windows import WindowUnit

HOST = Domain(
    name="api.test",
    kind=DomainKind.INDEPENDENT,
    certificate=Certificate(name="c", chain="", key=Secret("k"), chain_file=Path("c.pem")),
)


def texts(found: Any) -> list[str]:
    findings: list[Finding] = list(found)
    return [f"{one.severity} {one.subject}: {one.what}" for one in findings]


def test_grants_of_what_is_not_released_are_told_by_app_and_group() -> None:
    names = [f"Get{index}" for index in range(6)]
    project = project_of(
        *(document(name, path=f"/{name}") for name in names),
        grants=[("demo", name) for name in names] + [("phone", "Get0"), ("phone", "Get5")],
    )
    assert texts(idle_grants(project, project.apis[:1], RELEASE)) == [
        "notice app demo: is granted what is not released to RELEASE: Get1, Get2, Get3 and 2 more "
        "of weather",
        "notice app phone: is granted what is not released to RELEASE: Get5 of weather",
    ]
    assert texts(idle_grants(project, project.apis, RELEASE)) == []
    assert texts(idle_grants(project, [], Environment.TEST)) == []


def policies(**more: Any) -> Project:
    id_and_region: dict[str, Any] = {"id": "1", "region": "cn-hangzhou"}
    return project_of(
        document(),
        throttling_policies=(
            ThrottlingPolicy(name="slow", unit=WindowUnit.MINUTE, api=1, **id_and_region),
        ),
        signature_keys=(
            SignatureKey(name="gate", key=KEY, secret=Secret(SECRET), **id_and_region),
        ),
        ip_controls=(IpControl(name="office", allow=(ip_network("10.0.0.0/8"),), **id_and_region),),
        vpc_accesses=(
            VpcAccess(
                name="notes", region="cn", vpc_id="v", instance_id="i", port=1, host="127.0.0.1"
            ),
        ),
        backend_tls=(BackendTls(name="internal"),),
        **more,
    )


def test_policies_that_nothing_uses_are_told() -> None:
    assert texts(unused_policies(policies(), [])) == [
        "notice throttling policy slow: is bound to no API in policies/bindings",
        "notice signature key gate: is bound to no API in policies/bindings",
        "notice IP control office: is bound to no API in policies/bindings",
        "notice VPC access notes: is no API's backend",
        "notice backend TLS profile internal: is named by no backend",
    ]


def test_a_policy_that_is_bound_anywhere_is_used() -> None:
    bindings = tuple(
        Binding(
            kind=kind,
            policy=name,
            group="weather",
            api="GetForecast",
            environment=Environment.TEST,
        )
        for kind, name in (
            (PolicyKind.THROTTLING, "slow"),
            (PolicyKind.SIGNATURE_KEY, "gate"),
            (PolicyKind.IP_CONTROL, "office"),
        )
    )
    assert [
        one.split(":")[0] for one in texts(unused_policies(policies(bindings=bindings), []))
    ] == [
        "notice VPC access notes",
        "notice backend TLS profile internal",
    ]


def vpc(access: str, **more: Any) -> dict[str, Any]:
    data = document(**more)
    data["backend"] = {
        "type": "vpc",
        "access": access,
        "path": "/a",
        "scheme": "https",
        "tls": "internal",
    }
    return data


def test_what_a_release_uses_is_used_though_no_draft_does() -> None:
    left = texts(unused_policies(policies(), [released(vpc("notes"))]))
    assert [one.split(":")[0] for one in left] == [
        "notice throttling policy slow",
        "notice signature key gate",
        "notice IP control office",
    ]


def test_a_stage_variable_may_lead_to_an_access() -> None:
    group = replace(WEATHER, variables={RELEASE: {"kind": "notes"}})
    project = policies(groups=[group])
    left = texts(unused_policies(project, [released(vpc("#kind#"))]))
    assert not any("VPC access" in one for one in left)


def test_a_profile_that_an_access_names_is_used() -> None:
    project = policies()
    access = replace(project.vpc_accesses[0], tls="internal")
    left = texts(unused_policies(replace(project, vpc_accesses=(access,)), []))
    assert not any("TLS" in one for one in left)


def reach(project: Project, *chosen: str) -> list[str]:
    ids = frozenset(api.id for api in project.apis if api.name in chosen)
    return texts(out_of_reach(project, project.apis, ids, RELEASE))


def test_an_api_for_apps_without_a_grant_can_be_called_by_nobody() -> None:
    assert reach(project_of(document()), "GetForecast") == [
        "notice weather/GetForecast: no app has a grant in RELEASE: nobody can call it"
    ]
    assert reach(project_of(document(), grants=[("demo", "GetForecast")]), "GetForecast") == []
    assert reach(project_of(document())) == []
    assert reach(project_of(document(auth={"type": "anonymous"})), "GetForecast") == []


def test_a_grant_of_another_environment_is_none() -> None:
    grant = Grant(app="demo", group="weather", api="GetForecast", environment=Environment.TEST)
    assert len(reach(replace(project_of(document()), grants=(grant,)), "GetForecast")) == 1


def test_tokens_that_nobody_gives_are_refused() -> None:
    openid = {"type": "service", "token": "IdToken"}
    service = document(
        parameters=[{"name": "IdToken", "in": "query"}], auth={"type": "openid", "openid": openid}
    )
    assert reach(project_of(service), "GetForecast") == [
        "notice weather/GetForecast: no API that gives tokens is released to RELEASE: every token "
        "is refused"
    ]
    from unit.minted import KID, public_jwk, rsa_key

    keys = [{"key_id": KID, "public_key": public_jwk(rsa_key())}]
    giver = document(
        "LogIn",
        path="/login",
        auth={"type": "openid", "openid": {"type": "authorization", "keys": keys}},
    )
    assert reach(project_of(service, giver), "GetForecast") == []


def test_https_alone_needs_a_certificate() -> None:
    data = document(request={"protocols": ["https"]}, auth={"type": "anonymous"})
    assert reach(project_of(data), "GetForecast") == [
        "notice weather/GetForecast: no domain of weather has a certificate: nobody can call it"
    ]
    bound = replace(WEATHER, domains=(HOST,))
    assert reach(project_of(data, groups=[bound]), "GetForecast") == []


def test_a_vpc_access_that_is_not_there_is_told() -> None:
    data = vpc("gone", auth={"type": "anonymous"})
    assert reach(project_of(data), "GetForecast") == [
        'notice weather/GetForecast: there is no VPC access "gone": its calls are refused'
    ]


def test_a_release_whose_definition_is_gone_is_told() -> None:
    left = [released(document("OldOne")), released(document()), released(document("InTest"))]
    left[2] = replace(left[2], environment=Environment.TEST)
    assert texts(undeclared(project_of(document()), left, RELEASE)) == [
        "notice weather/OldOne: version 20231114221320000 is released to RELEASE but not served: "
        "the API is not declared any more; abolish it, or put its definition back"
    ]
