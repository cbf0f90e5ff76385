"""The sample definitions, called by a real client through a real mitmdump to a real backend."""

import re
from email.utils import parsedate_to_datetime

import pytest
from e2e.running import HOST, KEY, Backend, Gateway, Project, gateway
from e2e.signed import call, forecast


def test_get_forecast_reaches_the_backend_mapped_and_signed(demo_gateway: Gateway) -> None:
    reply = forecast(demo_gateway.port)
    assert reply.status == 200, reply.body
    seen = reply.json
    headers = dict(seen["headers"])
    assert (seen["method"], seen["path"]) == ("GET", "/v3/cities/hangzhou/forecast")
    assert seen["query"] == [["d", "3"]]
    assert headers["X-Source"] == "gateway"
    assert headers["X-Client-Ip"] == "127.0.0.1"
    assert headers["X-Request-Id"] == reply.headers["x-ca-request-id"]
    assert headers["X-App-Id"]
    assert parsedate_to_datetime(headers["X-Request-Time"]).year >= 2024
    assert seen["backend_signature"]["verified"], seen["backend_signature"]


def test_the_callers_own_signature_does_not_go_to_the_backend(demo_gateway: Gateway) -> None:
    names = {name.lower() for name, _ in forecast(demo_gateway.port).json["headers"]}
    assert "x-ca-key" not in names
    assert "x-ca-nonce" not in names


def test_a_default_value_is_filled_in(demo_gateway: Gateway) -> None:
    assert call(demo_gateway.port, "GET", "/forecast/hangzhou").json["query"] == [["d", "3"]]


def test_create_report_sends_a_form_under_backend_names(demo_gateway: Gateway) -> None:
    fields = {"city": "hangzhou", "temperature": "21.5", "note": "a b+c"}
    reply = call(demo_gateway.port, "POST", "/reports", form=fields)
    assert reply.status == 200, reply.body
    form = dict(reply.json["form"])
    assert form["note"] == "a b+c"
    assert "21.5" in form.values()
    assert reply.json["backend_signature"]["verified"], reply.json["backend_signature"]


def test_save_note_sends_the_document_unchanged(demo_gateway: Gateway) -> None:
    note = {"title": "晴", "text": "sunny", "tags": ["a"]}
    reply = call(demo_gateway.port, "POST", "/notes", json_body=note)
    assert reply.status == 200, reply.body
    assert reply.json["body"] == '{"title":"晴","text":"sunny","tags":["a"]}'
    assert reply.json["backend_signature"]["verified"], reply.json["backend_signature"]


def test_get_status_is_for_everyone(demo_gateway: Gateway, demo_backend: Backend) -> None:
    before = demo_backend.hits
    reply = demo_gateway.ask()
    assert (reply.status, reply.json) == (200, {"status": "ok"})
    assert demo_backend.hits == before


def test_every_answer_has_an_upper_case_request_id(demo_gateway: Gateway) -> None:
    for reply in (demo_gateway.ask(), demo_gateway.ask("GET", "/nowhere")):
        assert re.fullmatch(
            r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", reply.headers["x-ca-request-id"]
        )


@pytest.mark.parametrize(
    ("options", "status", "code", "message"),
    [
        pytest.param(
            {"secret": "wrong"},
            403,
            "A403IS",
            "Invalid Signature, Server StringToSign:`GET#",
            id="wrong secret",
        ),
        pytest.param({"key": "999"}, 400, "A400IK", "Invalid AppKey", id="unknown key"),
    ],
)
def test_a_caller_that_is_not_who_it_says_is_refused(
    demo_gateway: Gateway,
    demo_backend: Backend,
    options: dict[str, object],
    status: int,
    code: str,
    message: str,
) -> None:
    before = demo_backend.hits
    reply = forecast(demo_gateway.port, **options)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["x-ca-error-message"].startswith(message)
    assert reply.json["code"] == code
    assert demo_backend.hits == before


def test_a_wrong_parameter_is_named(demo_gateway: Gateway, demo_backend: Backend) -> None:
    before = demo_backend.hits
    reply = call(demo_gateway.port, "GET", "/forecast/hangzhou", query={"days": "99"})
    assert (reply.status, reply.code) == (400, "I400IP")
    assert reply.headers["x-ca-error-message"] == "Invalid parameter days is greater than 14"
    reply = call(demo_gateway.port, "POST", "/reports", form={"city": "hangzhou"})
    assert (reply.status, reply.code) == (400, "I400MP")
    assert reply.headers["x-ca-error-message"] == "Parameter temperature is required"
    assert demo_backend.hits == before


def test_an_unknown_path_domain_and_stage_are_refused(demo_gateway: Gateway) -> None:
    reply = call(demo_gateway.port, "GET", "/nowhere")
    assert (reply.status, reply.code) == (404, "I404NF")
    assert reply.headers["x-ca-error-message"] == "API not found with `GET /nowhere`"
    reply = demo_gateway.ask(host="other.localhost")
    assert (reply.status, reply.code) == (404, "I404DO")
    reply = demo_gateway.ask(headers={"X-Ca-Stage": "nowhere"})
    assert (reply.status, reply.code) == (400, "I400SG")


def test_a_json_document_against_its_schema_is_refused(
    demo_gateway: Gateway, demo_backend: Backend
) -> None:
    before = demo_backend.hits
    reply = call(demo_gateway.port, "POST", "/notes", json_body={"title": "t", "extra": 1})
    assert (reply.status, reply.code) == (400, "I400BD")
    assert demo_backend.hits == before


def test_without_a_grant_the_call_is_refused(project: Project, demo_backend: Backend) -> None:
    project.folder.joinpath("policies/grants.yaml").write_text(
        "- {app: demo, group: weather, apis: [SaveNote]}\n"
    )
    with gateway(project) as running:
        before = demo_backend.hits
        reply = forecast(running.port)
        assert (reply.status, reply.code) == (403, "I403AA")
        assert reply.headers["x-ca-error-message"] == "Unauthorized"
        assert demo_backend.hits == before


def test_the_fourth_call_over_a_limit_of_three_is_refused(
    project: Project, demo_backend: Backend
) -> None:
    project.folder.joinpath("policies/throttling/forecast-standard.yaml").write_text(
        "name: forecast-standard\nregion: cn-hangzhou\nunit: day\napi: 100\nuser: 10\napp: 3\n"
    )
    with gateway(project) as running:
        before = demo_backend.hits
        replies = [forecast(running.port) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        last = replies[-1]
        assert last.code == "T429PR"
        assert last.headers["x-ca-error-message"] == "Throttled by APP Flow Control"
        assert int(last.headers["retry-after"]) >= 1
        assert demo_backend.hits == before + 3


def test_classic_errors_are_text_only(project: Project) -> None:
    settings = project.folder / "definitions" / "gateway.yaml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("errors")]
    settings.write_text("\n".join([*lines, "errors: classic", ""]))
    with gateway(project) as running:
        reply = forecast(running.port, key="999")
        assert (reply.status, reply.body) == (400, b"")
        assert reply.headers["x-ca-error-message"] == "Invalid AppKey"
        assert "x-ca-error-code" not in reply.headers


def test_a_nonce_is_good_for_one_call(demo_gateway: Gateway) -> None:
    from aliyun_api_gateway import ApiGatewayClient

    client = ApiGatewayClient(
        f"http://127.0.0.1:{demo_gateway.port}",
        KEY,
        "MySuperAppSecret-42",
        nonce_factory=lambda: "the-same-nonce",
    )
    first, second = (
        client.request("GET", "/forecast/hangzhou", headers={"Host": HOST}) for _ in range(2)
    )
    assert first.status == 200
    assert (second.status, dict(second.headers)["X-Ca-Error-Code"]) == (403, "S403NU")
