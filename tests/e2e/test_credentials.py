"""AppCodes, and where the secrets of apps come from."""

import pytest
from e2e.lab import CODE, Lab, error_of
from e2e.running import Backend, Project
from e2e.test_command import run


@pytest.mark.parametrize("scheme", ["APPCODE", "appcode", "AppCode "])
def test_an_app_code_in_its_field_stands_in_for_a_signature(lab: Lab, scheme: str) -> None:
    for target in ("/by-code?a=1", "/by-field?a=1"):
        reply = lab.send("GET", target, [("Authorization", f"{scheme} {CODE}")])
        assert reply.status == 200, reply
        assert CODE not in reply.body.decode()
        assert "authorization" not in {name.lower() for name, _ in reply.json["headers"]}


@pytest.mark.parametrize("name", ["AppCode", "appcode", "APPCODE", "%41ppCode"])
def test_an_app_code_in_the_query_does_not_reach_the_backend(lab: Lab, name: str) -> None:
    reply = lab.send("GET", f"/by-code?a=1&{name}={CODE}&b=2")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["b", "2"]])
    assert CODE not in reply.body.decode()


def test_an_app_code_is_refused_where_it_is_wrong_or_not_permitted(lab: Lab) -> None:
    right, wrong = ("Authorization", f"APPCODE {CODE}"), ("Authorization", "APPCODE x")
    with lab.no_backend_is_asked():
        assert error_of(lab.send("GET", "/by-code", [wrong])) == (
            400,
            "A400AC",
            "Invalid AppCode `not exists`",
        )
        assert error_of(lab.send("GET", "/by-code?AppCode=x"))[1] == "A400AC"
        assert error_of(lab.send("GET", f"/by-field?AppCode={CODE}"))[1] == "A400MA"
        assert error_of(lab.send("GET", "/echo", [right]))[1] == "I400MH"
        assert error_of(lab.send("GET", f"/echo?AppCode={CODE}"))[1] == "I400MH"


def test_the_secret_reference_is_not_the_secret(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for text in ("file:demo.secret", "", "MySuperAppSecret-42\n"):
            assert lab.call(secret=text).code == "A403IS"


def test_a_secret_reference_that_leads_nowhere_is_no_secret(
    project: Project, demo_backend: Backend
) -> None:
    project.edit("definitions/apps/demo.yaml", "file:demo.secret", "env:NO_SUCH_VARIABLE_HERE")
    done = run(project, "check", ok=False)
    assert "definitions/apps/demo.yaml:" in done.stdout
    assert "NO_SUCH_VARIABLE_HERE" in done.stdout
