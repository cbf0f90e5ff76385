"""What changes for the backend."""

from typing import Any

from unit.lifecycle.drafts import document, project_of, released

from apigateway.lifecycle.breaking.backend import effects_of_backend
from apigateway.lifecycle.compare import compare_api

CONSTANT = {"name": "X-Source", "in": "header", "value": "gateway"}


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    project = project_of(after)
    changes = compare_api(project, released(before), project.apis[0]).changes
    found = list(effects_of_backend(changes))
    assert {effect.severity.value for effect in found} <= {"notice"}
    return [f"{'.'.join(map(str, effect.path))}: {effect.what}" for effect in found]


def at(**backend: Any) -> dict[str, Any]:
    return document(backend=backend)


def test_another_target_is_told_with_both() -> None:
    assert told(at(), at(address="https://b:443", path="/v4", method="POST")) == [
        'backend.address: is "https://b:443" now, and was "http://127.0.0.1:9000"',
        'backend.path: is "/v4" now, and was "/v3"',
        "backend.method: the backend is called with POST, and was with the caller's",
    ]
    assert told(at(method="POST"), at()) == [
        "backend.method: the backend is called with the caller's method, and was with POST"
    ]


def test_a_shorter_time_is_told_and_a_longer_one_is_not() -> None:
    assert told(at(timeout_ms=5000), at(timeout_ms=3000)) == [
        "backend.timeout_ms: answers are waited for 3000 ms, and were 5000 ms"
    ]
    assert told(at(timeout_ms=3000), at()) == []


def test_what_the_backend_gets_is_told_item_by_item() -> None:
    system = {"from": "CaStage", "name": "X-Stage", "in": "header"}
    before = at(constants=[CONSTANT, {**CONSTANT, "name": "X-Other"}])
    after = at(constants=[{**CONSTANT, "value": "gate"}], system=[system])
    assert told(before, after) == [
        "backend.constants.X-Source in header: the backend gets X-Source in header in another way",
        "backend.constants.X-Other in header: the backend does not get X-Other in header any more",
        "backend.system.X-Stage in header: the backend gets X-Stage in header, and did not before",
    ]


def test_another_kind_of_backend_is_told_once() -> None:
    mock = document()
    mock["backend"] = {"type": "mock", "status": 204}
    assert told(at(), mock) == [
        "backend.type: calls are answered by a mock, and were by an HTTP backend"
    ]


def test_another_answer_of_a_mock_is_told() -> None:
    mock, other = document(), document()
    mock["backend"] = {"type": "mock", "body": "a", "headers": {"A": "x"}}
    other["backend"] = {"type": "mock", "body": "b", "headers": {"A": ["x", "y"]}}
    assert told(mock, other) == [
        "backend.headers: callers get another answer",
        "backend.body: callers get another answer",
    ]


def test_what_is_not_of_the_backend_is_not_told() -> None:
    assert told(at(), document(description="d")) == []
