"""scripts/bench/project.py: what is measured is a project that the gateway takes."""

from pathlib import Path

import pytest

from apigateway.definition.load import load_project
from scripts.bench.project import NO_LIMIT, Project, write_project


@pytest.mark.parametrize(("project", "ceiling"), [(Project.OPEN, NO_LIMIT), (Project.FULL, 1)])
def test_every_api_of_the_samples_has_the_limit_and_the_backends_port(
    tmp_path: Path, project: Project, ceiling: int
) -> None:
    write_project(tmp_path, project, 8123, tls=False)
    loaded = load_project(tmp_path / "definitions", tmp_path / "policies")
    (policy,) = loaded.throttling_policies
    assert policy.api == ceiling
    bound = {one.api for one in loaded.bindings if one.policy == policy.name}
    assert bound == {api.name for api in loaded.apis}
    text = "".join(path.read_text() for path in (tmp_path / "definitions").rglob("*.yaml"))
    assert "127.0.0.1:8123" in text and ":9000" not in text


def test_with_tls_the_domain_has_a_certificate(tmp_path: Path) -> None:
    write_project(tmp_path, Project.OPEN, 8123, tls=True)
    loaded = load_project(tmp_path / "definitions", tmp_path / "policies")
    assert not [one for one in loaded.warnings if "certificate" in str(one)]
    assert (tmp_path / "certificates" / "api.weather.localhost.pem").is_file()
