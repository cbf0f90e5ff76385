"""scripts/lib/many_apis.py: a large project is a good one, of every kind of API."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from apigateway.definition.compile import compile_catalog
from apigateway.definition.load import load_project
from apigateway.definition.project import Project
from apigateway.lifecycle.start import release_at_start
from apigateway.model.api import BodyFormat, HttpBackend, MockBackend, VpcBackend
from apigateway.model.group import Environment
from apigateway.protocol.matching import split_path
from apigateway.store.memory import MemoryStore

ROOT = Path(__file__).resolve().parents[3]
GROUPS, APIS, APPS = 3, 80, 4


def load_script() -> ModuleType:
    path = ROOT / "scripts" / "lib" / "many_apis.py"
    spec = importlib.util.spec_from_file_location("scripts_many_apis", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


many = load_script()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    many.write_project(tmp_path, groups=GROUPS, apis=APIS, apps=APPS)
    return tmp_path


def load(folder: Path) -> Project:
    return load_project(folder / "definitions", folder / "policies", {"HOME": "/home/somebody"})


def test_it_is_good_and_as_large_as_asked_for(folder: Path) -> None:
    project = load(folder)
    assert project.warnings == ()
    counts = (len(project.groups), len(project.apis), len(project.apps))
    assert counts == (GROUPS, GROUPS * APIS, APPS)
    assert project.grants and project.bindings


def test_every_kind_of_api_is_in_it(folder: Path) -> None:
    apis = load(folder).apis
    assert {type(api.backend) for api in apis} == {HttpBackend, MockBackend, VpcBackend}
    assert {api.request.body.format for api in apis} == set(BodyFormat)
    assert {type(api.auth.openid).__name__ for api in apis} == {
        *("NoneType", "TokenIssuer", "TokenRules")
    }
    assert any(api.variables for api in apis)
    assert any(parameter.schema for api in apis for parameter in api.request.parameters)


def test_no_two_apis_are_the_same(folder: Path) -> None:
    documents = [
        {key: value for key, value in api.document.items() if key != "description"}
        for api in load(folder).apis
    ]
    assert len({json.dumps(document) for document in documents}) == GROUPS * APIS


def test_a_revision_edits_every_api_and_is_good_too(folder: Path) -> None:
    before = load(folder)
    many.write_apis(folder, groups=GROUPS, apis=APIS, revision=7)
    after = load(folder)
    assert after.warnings == ()
    pairs = zip(before.apis, after.apis, strict=True)
    assert all(old.id == new.id and old.document != new.document for old, new in pairs)
    mock = after.apis[many.MOCK].backend
    assert isinstance(mock, MockBackend)
    assert '"revision":7,' in mock.body


def test_each_api_is_called_by_its_host_method_and_path(folder: Path) -> None:
    project = load(folder)
    releases = MemoryStore().releases
    release_at_start(releases, project, 1)
    catalog = compile_catalog(project, releases.current())
    for group in range(GROUPS):
        bound = catalog.domains[many.host_of(group)].group
        table = catalog.routes[bound.id, Environment.RELEASE]
        for number in range(APIS):
            found = table.match(many.method_of(number), split_path(many.path_of(number)))
            assert found is not None
            assert found.endpoint.api.name == many.api_name(number)
