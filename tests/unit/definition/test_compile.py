"""From a project and its releases to the catalog."""

from dataclasses import replace

from unit.definition.sample import sample_project

from apigateway.definition.compile import compile_catalog
from apigateway.lifecycle import release_at_start
from apigateway.matching import split_path
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.model.policy import BackendTls, Binding, PolicyKind, ThrottlingPolicy
from apigateway.store.memory import MemoryStore
from apigateway.windows import WindowUnit

PROJECT = sample_project()


def releases_of(project: object = PROJECT) -> MemoryStore:
    store = MemoryStore()
    release_at_start(store.releases, PROJECT, 1)
    return store


def served(catalog: Catalog, name: str) -> ServedApi:
    return next(one for one in catalog.served if one.api.name == name)


def test_what_is_released_is_found_under_its_group_and_environment() -> None:
    catalog = compile_catalog(PROJECT, releases_of().releases.current())
    group = catalog.domains["api.weather.localhost"].group
    table = catalog.routes[group.id, Environment.RELEASE]
    match = table.match("GET", split_path("/forecast/hangzhou"))
    assert match is not None
    assert match.endpoint.api.name == "GetForecast"
    assert (group.id, Environment.TEST) not in catalog.routes


def test_both_kinds_of_domain_lead_to_the_group() -> None:
    catalog = compile_catalog(PROJECT, ())
    assert {"weather.apigw.localhost", "api.weather.localhost"} <= catalog.domains.keys()


def test_the_path_of_a_base_path_alone_is_served() -> None:
    group = replace(PROJECT.groups[0], base_path="/v1")
    api = next(api for api in PROJECT.apis if api.group == group.name)
    root = replace(api, request=replace(api.request, path="/", method="GET", parameters=()))
    root = replace(root, document={**api.document, "request": {"method": "GET", "path": "/"}})
    project = replace(PROJECT, groups=(group,), apis=(root,), grants=(), bindings=())
    store = MemoryStore()
    release_at_start(store.releases, project, 1)
    table = compile_catalog(project, store.releases.current()).routes[group.id, Environment.RELEASE]
    assert table.match("GET", split_path("/v1")) is not None
    assert table.match("GET", split_path("/v1/x")) is None


def test_nothing_released_means_nothing_served() -> None:
    catalog = compile_catalog(PROJECT, ())
    assert catalog.served == ()
    assert catalog.routes == {}


def test_grants_and_policies_hold_without_a_release() -> None:
    current = releases_of().releases.current()
    bare = replace(PROJECT, grants=(), bindings=())
    forecast = served(compile_catalog(bare, current), "GetForecast")
    assert (forecast.granted, forecast.throttling) == (frozenset(), None)
    forecast = served(compile_catalog(PROJECT, current), "GetForecast")
    assert forecast.granted == {PROJECT.apps[0].id}
    assert forecast.throttling is not None
    assert forecast.signature_key is not None


def test_of_two_bindings_the_last_wins() -> None:
    policy = ThrottlingPolicy(
        id="1", name="other", region="cn-hangzhou", unit=WindowUnit.DAY, api=1
    )
    binding = Binding(
        kind=PolicyKind.THROTTLING,
        policy="other",
        group="weather",
        api="GetForecast",
        environment=Environment.RELEASE,
    )
    project = replace(
        PROJECT,
        throttling_policies=(*PROJECT.throttling_policies, policy),
        bindings=(*PROJECT.bindings, binding),
    )
    catalog = compile_catalog(project, releases_of().releases.current())
    assert served(catalog, "GetForecast").throttling == policy


def test_each_profile_of_backend_tls_is_made_once_ready_for_use() -> None:
    named = [BackendTls(name=name, server_name=f"{name}.internal") for name in ("one", "two")]
    catalog = compile_catalog(replace(PROJECT, backend_tls=tuple(named)), ())
    assert {
        name: (profile.name, profile.server_name) for name, profile in catalog.tls_profiles.items()
    } == {"one": ("one", "one.internal"), "two": ("two", "two.internal")}
    one, two = (catalog.tls_profiles[name].context for name in ("one", "two"))
    assert one is not two
    assert one.check_hostname and two.check_hostname


def test_the_released_definition_is_served_and_not_the_draft() -> None:
    edited = sample_project(edit=("path: /forecast/", "path: /weather/"))
    catalog = compile_catalog(edited, releases_of().releases.current())
    assert served(catalog, "GetForecast").api.request.path == "/forecast/[city]"


def test_a_release_of_a_group_that_is_gone_is_not_served() -> None:
    gone = replace(PROJECT, groups=(), apis=(), grants=(), bindings=())
    assert compile_catalog(gone, releases_of().releases.current()).served == ()


def test_a_release_whose_api_is_no_longer_declared_is_not_served() -> None:
    apis = tuple(api for api in PROJECT.apis if api.name != "GetStatus")
    catalog = compile_catalog(replace(PROJECT, apis=apis), releases_of().releases.current())
    assert "GetStatus" not in {one.api.name for one in catalog.served}
