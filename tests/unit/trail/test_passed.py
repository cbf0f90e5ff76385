"""Parts that trails of calls that are alike share: only where nothing that they say differs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from unit.build import (
    APP,
    DOMAIN,
    GROUP,
    NOW_MS,
    OUTBOUND,
    REQUEST_ID,
    SECRET,
    UPSTREAM,
    FixedResolver,
    a_catalog,
    a_pass,
    an_api,
    parameter,
    rooms,
    serve,
    signed_fields,
)
from unit.trail.walked import an_answer, timeless

from apigateway.chain import Call, link, walk
from apigateway.exchange import Received, Signed
from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Constant,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
)
from apigateway.model.app import Secret
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.catalog_memo import CatalogMemo
from apigateway.model.group import Environment
from apigateway.model.policy import SignatureKey
from apigateway.model.settings import ErrorStyle
from apigateway.protocol.multipart_body import Part
from apigateway.store.memory import MemoryStore
from apigateway.trail import passed as module
from apigateway.trail.declared import declared_of
from apigateway.trail.passed import STAGES, Alike, alike_of, passed
from apigateway.trail.trail import trail_of

KEY = SignatureKey(id="1", name="backend", region="r", key="k", secret=Secret("a-backend-secret"))
OTHER = replace(APP, id="101", owner="1002", key="13572468", secret=Secret("another-secret"))


def everything(**bound: Any) -> ServedApi:
    """An API whose calls can differ in many ways."""
    api = an_api(
        method="ANY",
        path="/f/[city]/*",
        backend_path="/b/[city]/*",
        auth=Auth(type=AuthType.APP),
        request={
            "mode": Mode.MAPPING_PASSTHROUGH,
            "protocols": frozenset({"http", "https"}),
            "parameters": (
                parameter("city", Location.PATH),
                parameter("days", default="3"),
                parameter("units"),
            ),
        },
        backend_parameters=(
            BackendParameter(source="days", name="X-D", location=Location.HEADER),
            BackendParameter(source="units", name="u", location=Location.QUERY),
        ),
        constants=(Constant(name="X-Source", location=Location.HEADER, value="gateway"),),
        claims=(BackendParameter(source="sub", name="who", location=Location.QUERY),),
    )
    granted = frozenset({APP.id, OTHER.id})
    return serve(api, signature_key=KEY, granted=granted, **bound)


class Gateway:
    """One chain and one catalog, as of a gateway that runs."""

    def __init__(self, *served: ServedApi) -> None:
        self.catalog: Catalog = a_catalog(*served, apps=(APP, OTHER))
        self.resolver = FixedResolver("127.0.0.1")
        counters = MemoryStore().counters
        self._steps = link(*rooms(counters=counters, resolver=self.resolver))

    def call(
        self, *, path: str = "/f/x/y", query: str = "", method: str = "GET", **changes: Any
    ) -> Call:
        signing = {one: changes.pop(one) for one in ("key", "secret") if one in changes}
        body = changes.get("body", b"")
        fields = changes.pop("headers", None)
        if fields is None:
            more = changes.pop("more", ())
            fields = signed_fields(
                method=method, path=path, query=query, headers=more, body=body, **signing
            )
        state = a_pass(
            Received,
            catalog=self.catalog,
            path=path,
            query=query,
            method=method,
            headers=fields,
            **changes,
        )
        call = asyncio.run(walk(Call(REQUEST_ID, NOW_MS, state), self._steps))
        assert call.refusal is None, call.refusal
        call.answer = an_answer()
        return call


def told(call: Call) -> dict[str, Any]:
    return timeless(trail_of(call, ErrorStyle.CODED))


def told_anew(call: Call, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """As the first call of a gateway."""
    with monkeypatch.context() as patched:
        patched.setattr(module, "_alike", CatalogMemo())
        return told(call)


WAYS: dict[str, dict[str, Any]] = {
    "another path": {"path": "/f/z/y/w"},
    "another host": {"host": GROUP.subdomain},
    "another method": {"method": "POST"},
    "a body": {"method": "POST", "body": b"{}", "more": [("Content-Type", "application/json")]},
    "the stage by name": {"more": [("X-Ca-Stage", "RELEASE")]},
    "another scheme": {"scheme": "https"},
    "another client": {"peer": "192.0.2.9"},
    "another app": {"key": OTHER.key, "secret": OTHER.secret.reveal()},
    "an argument": {"query": "days=4"},
    "one more argument": {"query": "units=c"},
    "an argument that is the default": {"query": "days=3"},
    "more in the query": {"query": "a=1&password=hunter2"},
    "another field": {"more": [("X-Other", "1")]},
    "a secret field": {"more": [("X-Api-Key", "0123456789abcdef")]},
    "two secret fields": {"more": [("X-A-Token", "0123456789abcdef"), ("Cookie", "a=1")]},
    "debug mode": {"more": [("X-Ca-Request-Mode", "debug")]},
    "a known secret": {"query": f"a={SECRET}"},
    "many fields": {"more": [(f"X-{number}", "1") for number in range(120)]},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ["the usual call", *WAYS])
def test_a_trail_is_the_same_after_any_other_call(
    first: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(everything())
    told(gateway.call(**WAYS.get(first, {})))
    call = gateway.call(**WAYS[way])
    assert told(call) == told_anew(call, monkeypatch)


def test_calls_that_are_alike_share_what_is_the_same_and_nothing_else() -> None:
    gateway = Gateway(everything())
    one, other = (told(gateway.call(path=f"/f/{city}/y")) for city in "ab")
    shared = [
        stage["stage"]
        for stage, same in zip(one["stages"], other["stages"], strict=True)
        if stage["decided"] is same["decided"]
    ]
    assert shared == ["Authorization", "Mapping", "Resolution", "VpcAllowList", "Signing"]
    assert one["verdict"] is other["verdict"]
    for path, found in (("/f/a/y", one), ("/f/b/y", other)):
        assert found["stages"][0]["decided"]["path"] == path
        assert found["backend_request"]["url"].endswith(f"/b/{path[3:]}")
    assert [limit["used"] for limit in one["stages"][4]["decided"]["limits"]] == [1, 1]
    assert [limit["used"] for limit in other["stages"][4]["decided"]["limits"]] == [2, 2]


def kind_of(gateway: Gateway, **changes: Any) -> Alike:
    state = gateway.call(**changes).state
    assert isinstance(state, Signed)
    return alike_of(state, declared_of(state.served))


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"many fields", "a body"}))
def test_what_a_kind_of_call_has_in_common_is_made_once(way: str) -> None:
    gateway = Gateway(everything())
    assert kind_of(gateway, **WAYS[way]) is kind_of(gateway, **WAYS[way])


BY_HAND: dict[str, dict[str, Any]] = {
    "the app": {"app": OTHER},
    "its proof": {"proof": "AppCode"},
    "what authorized it": {"authorized_by": "grant to app tablet"},
    "the backend": {"upstream": replace(UPSTREAM, timeout_ms=1)},
    "what the definition sends": {"dispatched": replace(OUTBOUND, defined=("X-A",))},
    "a claim": {"claims": {"sub": "1"}},
    "a file": {"files": {"f": Part("f", b"", "a.txt")}},
}


@pytest.mark.parametrize("what", BY_HAND)
def test_whatever_differs_makes_another_kind(what: str) -> None:
    served = everything()
    catalog = a_catalog(served)
    usual: dict[str, Any] = {"catalog": catalog, "bound": catalog.domains[DOMAIN], "app": APP}
    one = a_pass(Signed, served, **usual)
    other = a_pass(Signed, served, **{**usual, **BY_HAND[what]})
    declared = declared_of(served)
    assert alike_of(one, declared) is alike_of(a_pass(Signed, served, **usual), declared)
    assert alike_of(one, declared) is not alike_of(other, declared)


def test_another_api_is_another_kind_whatever_else_is_the_same() -> None:
    served = everything(), everything()
    catalog = a_catalog(served[0])
    bound = catalog.domains[DOMAIN]
    calls = [a_pass(Signed, one, catalog=catalog, bound=bound) for one in served]
    kinds = [alike_of(call, declared_of(call.served)) for call in calls]
    assert kinds[0] is not kinds[1]


def test_another_address_of_the_backend_is_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(everything())
    told(gateway.call())
    gateway.resolver.addresses = ("127.0.0.2",)
    call = gateway.call()
    found = told(call)
    assert found == told_anew(call, monkeypatch)
    assert found["stages"][8]["decided"]["pinned"] == "127.0.0.2"
    assert found["stages"][10]["decided"]["address"] == "127.0.0.2:9000"


def test_another_catalog_begins_with_nothing() -> None:
    served = everything()
    first, second = Gateway(served), Gateway(replace(served, version="2"))
    kept = kind_of(first)
    assert told(second.call())["stages"][0]["decided"]["version"] == "2"
    assert kind_of(first) is not kept


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ALIKE", 3)
    gateway = Gateway(everything())
    for number in range(9):
        call = gateway.call(more=[(f"X-{number}", "1")])
        assert told(call) == told_anew(call, monkeypatch)
        assert len(module._alike.of(gateway.catalog)) <= 3


@pytest.mark.parametrize(
    "fields", [[("X-" + "n" * 1_500, "1")], [(f"X-{number}", "1") for number in range(60)]]
)
def test_names_that_a_caller_makes_up_are_not_kept(fields: list[tuple[str, str]]) -> None:
    gateway = Gateway(everything())
    told(gateway.call(more=fields))
    assert len(module._alike.of(gateway.catalog)) == 0


def test_the_secret_of_an_app_that_only_says_its_key_is_found() -> None:
    """An anonymous API asks for no app, and its calls are alike whatever AppKey they bring."""
    gateway = Gateway(serve(an_api(request={"mode": Mode.PASSTHROUGH})))
    for app in (APP, OTHER):
        secret = app.secret.reveal()
        call = gateway.call(
            path="/forecast", query=f"a={secret}", headers=[("X-Ca-Key", app.key), ("X-B", secret)]
        )
        assert secret not in str(told(call))


def test_no_token_is_kept() -> None:
    served = everything()
    call = a_pass(Signed, served, app=APP, token="a.b.c")
    kind = alike_of(call, declared_of(served))
    assert (kind.secrets, kind.starts) == ([], ())


def test_what_stages_passed_before_a_refusal_is_told_of_these_alone() -> None:
    served = everything()
    state = a_pass(Signed, served, app=APP, proof="HmacSHA256, string 1")
    assert [name for name, _ in passed(state, 3)] == list(STAGES[:3])
    assert dict(passed(state, 10)).keys() == set(STAGES)


BACKENDS: dict[str, Callable[[], ServedApi]] = {
    "mock": lambda: serve(an_api(backend=MockBackend(status=200))),
    "https": lambda: serve(
        an_api(backend=HttpBackend(scheme="https", host="b.test", port=443, path="/"))
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_path_in_two_environments_is_two_kinds(backend: str) -> None:
    one = BACKENDS[backend]()
    gateway = Gateway(one, replace(one, environment=Environment.TEST, version="2"))
    for _ in range(2):
        for stage, version in (("RELEASE", one.version), ("TEST", "2")):
            found = told(gateway.call(path="/forecast", headers=[("X-Ca-Stage", stage)]))
            routed = found["stages"][0]["decided"]
            assert (routed["environment"], routed["version"]) == (stage, version)
            assert (routed["host"], routed["domain"]) == (DOMAIN, "independent")
