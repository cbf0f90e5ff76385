"""The command as a user runs it: a process of its own against a running gateway."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from e2e.running import PATIENCE_S, ROOT, Gateway, Project


def run(project: Project, *words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "apigateway.cli", *words],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode == 0) is ok, done
    return done


def url(gateway: Gateway, path: str) -> str:
    return f"http://api.weather.localhost:{gateway.port}{path}"


def test_call_signs_and_prints_the_answer(demo_gateway: Gateway) -> None:
    done = run(
        demo_gateway.project,
        "call",
        "GET",
        url(demo_gateway, "/forecast/hangzhou?days=5"),
        *("--app", "demo"),
    )
    assert json.loads(done.stdout)["backend_signature"]["verified"]
    assert "HTTP 200" in done.stderr


def test_call_sends_forms_and_documents(demo_gateway: Gateway) -> None:
    form = run(
        demo_gateway.project,
        "call",
        "POST",
        url(demo_gateway, "/reports"),
        *("--app", "demo", "-F", "city=hangzhou", "-F", "temperature=21.5"),
    )
    assert dict(json.loads(form.stdout)["form"])["city"] == "hangzhou"
    document = run(
        demo_gateway.project,
        "call",
        "POST",
        url(demo_gateway, "/notes"),
        *("--app", "demo", "-d", '{"title":"t","text":"x"}'),
    )
    assert json.loads(document.stdout)["body"] == '{"title":"t","text":"x"}'


def test_the_curl_line_of_sign_works_as_it_is(demo_gateway: Gateway) -> None:
    done = run(
        demo_gateway.project,
        "sign",
        "POST",
        url(demo_gateway, "/reports?x=%E4%B8%AD"),
        *("--app", "demo", "-F", "city=hangzhou", "-F", "temperature=1", "-F", "note=it's"),
        "--json",
    )
    words = shlex.split(json.loads(done.stdout)["curl"])
    pinned = [*words, "--connect-to", f"::127.0.0.1:{demo_gateway.port}"]
    answer = subprocess.run(pinned, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert json.loads(answer.stdout)["backend_signature"]["verified"], answer


def test_an_unknown_app_names_those_there_are(demo_gateway: Gateway) -> None:
    done = run(
        demo_gateway.project,
        *("sign", "GET", url(demo_gateway, "/status"), "--app", "nobody"),
        ok=False,
    )
    assert "there is: demo" in done.stderr


def test_check_is_quiet_about_the_samples_and_loud_about_a_fault(tmp_path: Path) -> None:
    project = Project(tmp_path)
    done = run(project, "check")
    assert done.stdout.startswith("good: 2 groups, 11 APIs, 1 app"), done
    assert done.stderr == ""
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 50000")
    done = run(project, "check", ok=False)
    assert done.returncode == 1
    assert done.stdout.startswith("definitions/weather/get-forecast.yaml:"), done
