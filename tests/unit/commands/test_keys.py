"""`apigateway keys`."""

from pathlib import Path

import pytest
from unit.commands.released import Released

from apigateway.commands.exits import REFUSED, USAGE

APP = "definitions/apps/demo.yaml"
KEY = "policies/signature-keys/weather-backend.yaml"
REPLACE = ("keys", "replace-signature-key", "weather-backend")


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_keys_are_listed_with_where_their_secrets_are(project: Released) -> None:
    found = project.json("keys", by=None)
    assert found["signature_keys"] == [
        {
            "name": "weather-backend",
            "key": "WeatherBackendKey",
            "secret": "file:weather-backend.secret",
            "bound": ["weather/*", "accounts/*"],
        }
    ]
    assert found["apps"] == [
        {
            "app": "demo",
            "app_key": "203753385",
            "secret": "file:demo.secret",
            "code": "file:demo.code",
        }
    ]
    output = project.run("keys", "list", by=None).output
    assert "weather/*, accounts/*" in output
    assert "MySuperAppSecret" not in output


def test_what_a_key_is_bound_to_is_told_by_environment(project: Released) -> None:
    (project.folder / "policies/bindings.yaml").write_text(
        "signature_keys:\n"
        "  - {policy: weather-backend, group: weather, apis: [GetForecast]}\n"
        "  - policy: weather-backend\n    group: weather\n    apis: [SaveNote]\n"
        "    environments: [TEST, PRE]\n"
    )
    (row,) = project.json("keys", by=None)["signature_keys"]
    assert row["bound"] == ["weather/GetForecast", "weather/SaveNote TEST PRE"]


def test_an_app_gets_a_new_secret_which_is_told_once(project: Released) -> None:
    definition = (project.folder / APP).read_text()
    found = project.json("keys", "reset-app", "demo")
    (app,) = project.project.apps
    assert found == {"app": "demo", "app_id": app.id, "app_secret": app.secret.reveal()}
    assert app.key == "203753385"
    assert (project.folder / APP).read_text() == definition
    (entry,) = project.audit(action="reset-key")
    assert (entry.subject, entry.after) == ("demo", {"key": "203753385", "new": ["secret"]})
    assert app.secret.reveal() not in str(entry)


def test_an_app_gets_a_new_key_secret_and_code(project: Released) -> None:
    before = (project.folder / APP).read_text()
    done = project.run("keys", "reset-app", "demo", "--key", "--secret", "--code")
    (app,) = project.project.apps
    assert app.code is not None
    assert done.stdout == (
        f"AppKey    {app.key}\nAppSecret {app.secret.reveal()}\nAppCode   {app.code.reveal()}\n"
    )
    assert (project.folder / APP).read_text() == before.replace("203753385", app.key)


def test_a_key_alone_is_reset_alone(project: Released) -> None:
    project.run("keys", "reset-app", "demo", "--key")
    (app,) = project.project.apps
    assert app.key != "203753385"
    assert app.secret.reveal() == "MySuperAppSecret-42"


def test_a_secret_in_the_definition_is_replaced_with_a_warning(project: Released) -> None:
    project.edit(APP, "secret: file:demo.secret", "secret: InTheFile-1")
    done = project.run("keys", "reset-app", "demo")
    assert "definitions/apps/demo.yaml holds the secret itself" in done.stderr
    assert project.project.apps[0].secret.reveal() in done.stdout


def test_a_secret_of_the_environment_is_refused(project: Released) -> None:
    project.edit(APP, "secret: file:demo.secret", "secret: env:HOME")
    done = project.run("keys", "reset-app", "demo")
    assert done.exit_code == REFUSED
    assert "the secret of demo is the environment variable HOME" in done.stderr
    assert project.audit(action="reset-key") == []


def test_a_pair_is_proposed_and_nothing_is_changed(project: Released) -> None:
    found = project.json(*REPLACE, "--propose")
    assert (found["replaced"], found["old_key"]) == (False, "WeatherBackendKey")
    assert project.project.signature_keys[0].key == "WeatherBackendKey"
    done = project.run(*REPLACE, "--propose")
    assert "nothing was changed" in done.stdout
    assert project.audit(action="replace-signature-key") == []


def test_the_pair_that_the_backend_knows_is_put_in(project: Released, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("NewBackendSecret-2\n")
    done = project.run(*REPLACE, "--key", "NewKey7", "--secret-file", str(tmp_path / "new"))
    assert done.exit_code == 0
    assert done.stderr == (
        "weather-backend signs calls of weather/*, accounts/*: until their backends know the new "
        "pair beside WeatherBackendKey, they refuse those calls\n"
    )
    assert "NewBackendSecret-2" not in done.output
    (key,) = project.project.signature_keys
    assert (key.key, key.secret.reveal()) == ("NewKey7", "NewBackendSecret-2")
    assert "secret: file:weather-backend.secret  # or env" in (project.folder / KEY).read_text()
    (entry,) = project.audit(action="replace-signature-key")
    assert (entry.before, entry.after) == ({"key": "WeatherBackendKey"}, {"key": "NewKey7"})


def test_a_random_pair_is_told_once(project: Released) -> None:
    found = project.json(*REPLACE)
    (key,) = project.project.signature_keys
    assert (found["key"], found["secret"]) == (key.key, key.secret.reveal())


@pytest.mark.parametrize(
    ("words", "answer", "message", "code"),
    [
        (["--key", "WeatherBackendKey"], None, "the Key WeatherBackendKey is in use", USAGE),
        (["--key", "1"], None, "write 6 to 20 letters, digits or '_', a letter first", REFUSED),
        (["--secret-file", "-"], "short", "write 6 to 30 letters, digits or _@#!*-", REFUSED),
        (["--secret-file", "-"], "", "--secret-file: there is nothing in it", USAGE),
    ],
)
def test_a_pair_that_will_not_do_is_told(
    project: Released, words: list[str], answer: str | None, message: str, code: int
) -> None:
    done = project.run(*REPLACE, *words, answer=answer)
    assert done.exit_code == code
    assert message in done.output
    assert project.project.signature_keys[0].key == "WeatherBackendKey"


def test_a_key_that_is_not_there_is_told(project: Released) -> None:
    done = project.run("keys", "replace-signature-key", "wether-backend")
    assert done.exit_code == USAGE
    assert 'did you mean "weather-backend"?' in done.output
