"""From a project and its releases to the catalog."""

from dataclasses import replace
from pathlib import Path

from unit.definition.sample import sample_project
from unit.definition.written import API, GOOD, GROUP, Written

from apigateway.definition.compile import compile_catalog
from apigateway.lifecycle.start import release_at_start
from apigateway.model.api import Api, HttpBackend
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.model.policy import BackendTls
from apigateway.model.release import Release
from apigateway.protocol.matching import parse_pattern, split_path
from apigateway.store.memory import MemoryStore

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


VARIABLES = """\
name: weather
environments:
  TEST: {variables: {host: test.internal, version: v4}}
  RELEASE: {variables: {host: "release.internal:81", version: v3}}
"""


def test_each_environment_is_served_by_its_own_backend_and_by_none_without_its_variables(
    tmp_path: Path,
) -> None:
    text = GOOD[API].replace("127.0.0.1:9000", "#host#").replace("/v3/", "/#version#/")
    written = Written(tmp_path).write(GROUP, VARIABLES).write(API, text)
    project = written.load()
    releases = [released(project.apis[0], environment) for environment in Environment]
    test, pre, release = compile_catalog(project, releases).served
    assert test.api.backend == HttpBackend(
        scheme="http", host="test.internal", port=80, path="/v4/[city]"
    )
    assert test.backend_path == parse_pattern("/v4/[city]")
    assert release.api.backend == HttpBackend(
        scheme="http", host="release.internal", port=81, path="/v3/[city]"
    )
    assert release.backend_path == parse_pattern("/v3/[city]")
    assert (test.unresolved, release.unresolved) == ("", "")
    assert "#host# is not set for PRE" in pre.unresolved
    assert "#version# is not set for PRE" in pre.unresolved
    assert all(one.api.request == project.apis[0].request for one in (test, pre, release))


def test_new_values_act_on_what_was_released_and_bad_ones_leave_it_without_a_backend(
    tmp_path: Path,
) -> None:
    text = GOOD[API].replace("/v3/", "/#version#/")
    written = Written(tmp_path).write(GROUP, VARIABLES).write(API, text)
    releases = [released(written.load().apis[0], Environment.RELEASE)]
    written.write(API, GOOD[API])  # the draft is another now
    for value, path in (("v3", "/v3/[city]"), ("v5", "/v5/[city]"), ("..", "")):
        written.write(GROUP, VARIABLES.replace("version: v3", f"version: {value}"))
        (one,) = compile_catalog(written.load(), releases).served
        backend = one.api.backend
        assert isinstance(backend, HttpBackend)
        assert bool(one.unresolved) is (not path)
        assert backend.path == path or one.unresolved.startswith('the path holds the segment ".."')


def released(api: Api, environment: Environment) -> Release:
    return Release(
        api_id=api.id,
        group=api.group,
        api=api.name,
        environment=environment,
        version=f"2023111422132000{list(Environment).index(environment)}",
        document=dict(api.document),
        note="",
        released_by="somebody",
        released_ms=1,
    )


def test_a_release_of_a_group_that_is_gone_is_not_served() -> None:
    gone = replace(PROJECT, groups=(), apis=(), grants=(), bindings=())
    assert compile_catalog(gone, releases_of().releases.current()).served == ()


def test_a_release_whose_api_is_no_longer_declared_is_not_served() -> None:
    apis = tuple(api for api in PROJECT.apis if api.name != "GetStatus")
    catalog = compile_catalog(replace(PROJECT, apis=apis), releases_of().releases.current())
    assert "GetStatus" not in {one.api.name for one in catalog.served}
