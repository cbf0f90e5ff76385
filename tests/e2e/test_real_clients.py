"""Clients of the product, unmodified, with all that they can send.

`aliyun-api-gateway-python` and `alibabacloud_iot_api_gateway` install with the project. The others
clash with the first or connect to ports 80 and 443 only; what they send is in tests/golden,
recorded.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_iot_api_gateway.client import Client as IotClient
from alibabacloud_iot_api_gateway.models import CommonParams, Config, IoTApiRequest
from alibabacloud_tea_util.models import RuntimeOptions
from aliyun_api_gateway import ApiGatewayClient, ApiGatewayRequest
from aliyun_api_gateway.exceptions import ApiGatewayTransportError
from e2e.running import HOST, KEY, SECRET, Backend, Gateway, Project, gateway
from e2e.test_tls import authority, entry, make

SCHEMES = ("http", "https")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Gateway]:
    """Serves /echo/ over HTTP, and under the domain `localhost` over HTTPS too."""
    project = Project(tmp_path_factory.mktemp("clients") / "p", demo_backend.port)
    make(project, "localhost")
    project.edit("definitions/weather/group.yaml", "domains:\n", f"domains:\n{entry('localhost')}")
    apis = []
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
        name = f"Echo{method.title()}"
        apis.append(name)
        (project.folder / f"definitions/weather/{name}.yaml").write_text(
            f"name: {name}\nvisibility: private\n"
            "auth: {signature_methods: [HmacSHA256, HmacSHA1], force_nonce: true}\n"
            f"request: {{method: {method}, path: '/echo/*', mode: passthrough}}\n"
            f"backend: {{type: http, address: 'http://127.0.0.1:{demo_backend.port}', "
            "path: '/v3/*'}\n"
        )
    project.edit("policies/grants.yaml", "apis: [", f"apis: [{', '.join(apis)}, ")
    with gateway(project) as running:
        yield running


def client(gateway: Gateway, secret: str = SECRET, **options: Any) -> ApiGatewayClient:
    return ApiGatewayClient(f"http://127.0.0.1:{gateway.port}", KEY, secret, **options)


def ask(
    gateway: Gateway, method: str, path: str, options: dict[str, Any] | None = None, **more: Any
) -> Any:
    """What the backend saw of the call; it must be served."""
    headers = {"Host": HOST, **more.pop("headers", {})}
    answer = client(gateway, **(options or {})).request(method, path, headers=headers, **more)
    assert answer.status == 200, (answer.status, answer.headers, answer.body)
    return json.loads(answer.body) if answer.body else None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_is_served(echo: Gateway, method: str) -> None:
    assert ask(echo, method, "/echo/a")["method"] == method


def test_a_head_is_served_without_a_body(echo: Gateway) -> None:
    answer = client(echo).request("HEAD", "/echo/a", headers={"Host": HOST})
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/echo/a/b", "/v3/a/b"),
        ("/echo/%E4%B8%AD", "/v3/%E4%B8%AD"),
        ("/echo/a%20b+c", "/v3/a%20b+c"),
        ("/echo/a:b@c,d;e", "/v3/a:b@c,d;e"),
    ],
)
def test_paths_are_served_however_they_are_encoded(echo: Gateway, path: str, seen: str) -> None:
    assert ask(echo, "GET", path)["path"] == seen


@pytest.mark.parametrize(
    "query",
    [
        [("b", "2"), ("a", "1")],
        [("a", "2"), ("a", "1")],
        [("empty", ""), ("B", "1"), ("_", "2")],
        [("q", "a b+c&d=e%f/中~*'")],
        [("中", "😀")],
    ],
)
def test_queries_are_served_whatever_they_hold(echo: Gateway, query: list[tuple[str, str]]) -> None:
    assert ask(echo, "GET", "/echo/a", query=query)["query"] == [list(pair) for pair in query]


def test_a_query_in_the_path_and_one_beside_it_are_one(echo: Gateway) -> None:
    seen = ask(echo, "GET", "/echo/a?b=%E4%B8%AD&c=x+y", query={"a": "1"})
    assert sorted(seen["query"]) == [["a", "1"], ["b", "中"], ["c", "x y"]]


def test_forms_are_served_with_a_query_of_the_same_names(echo: Gateway) -> None:
    form = [("city", "杭州"), ("note", "a b+c&d"), ("empty", ""), ("x", "2"), ("x", "3")]
    seen = ask(echo, "POST", "/echo/a", query={"x": "1"}, form=form)
    assert seen["form"] == [list(pair) for pair in form]
    assert seen["query"] == [["x", "1"]]


def test_documents_and_bytes_are_served_as_they_are(echo: Gateway) -> None:
    document = {"a": [1, "中", None], "b": {"c": 1.5}}
    assert json.loads(ask(echo, "PUT", "/echo/a", json_body=document)["body"]) == document
    seen = ask(echo, "POST", "/echo/a", body=bytes(range(256)))
    assert seen["body_encoding"] == "base64"
    seen = ask(echo, "POST", "/echo/a", body="plain 中", content_type="text/plain; charset=utf-8")
    assert seen["body"] == "plain 中"


def test_both_algorithms_are_served(echo: Gateway) -> None:
    for name in ("HmacSHA256", "HmacSHA1"):
        ask(echo, "GET", "/echo/a", {"signature_method": name}, query={"a": "1"})


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, */*;q=0.8"])
def test_any_accept_is_served(echo: Gateway, accept: str | None) -> None:
    ask(echo, "GET", "/echo/a", accept=accept)


def test_signed_fields_of_ones_own_are_served(echo: Gateway) -> None:
    headers = {"X-Ca-Stage": "release", "X-Own": "a  b", "Date": "Mon, 23 Nov 2026 05:00:00 GMT"}
    seen = ask(echo, "GET", "/echo/a", headers=headers, additional_signed_headers=["X-Own"])
    assert dict(seen["headers"])["X-Own"] == "a  b"


def test_a_refusal_reaches_the_caller_as_an_answer(echo: Gateway) -> None:
    answer = client(echo, "wrong").request("GET", "/echo/a", headers={"Host": HOST})
    fields = dict(answer.headers)
    assert (answer.status, fields["X-Ca-Error-Code"]) == (403, "A403IS")
    message = fields["X-Ca-Error-Message"]
    assert message.startswith("Invalid Signature, Server StringToSign:`GET#application/json####")
    assert json.loads(answer.body)["message"] == message


def test_a_stage_without_a_release_is_not_found(echo: Gateway) -> None:
    headers = {"Host": HOST, "X-Ca-Stage": "TEST"}
    answer = client(echo).request("GET", "/echo/a", headers=headers)
    assert (answer.status, dict(answer.headers)["X-Ca-Error-Code"]) == (404, "I404NF")


def test_the_string_the_client_signed_is_the_one_that_the_gateway_shows(echo: Gateway) -> None:
    """Two implementations that share nothing agree on the string, byte for byte."""
    request = ApiGatewayRequest(
        "POST",
        "/echo/%E4%B8%AD",
        query=[("b", "x y"), ("a", ""), ("b", "2")],
        form=[("c", "1"), ("b", "3")],
        headers={"Host": HOST, "X-Ca-Stage": "RELEASE"},
    )
    right = client(echo).sign(request, timestamp=1, nonce="n")
    answer = client(echo, clock=lambda: 0.001).send(request)
    assert dict(answer.headers)["X-Ca-Error-Code"] == "S403TS"
    answer = client(echo, "wrong", nonce_factory=lambda: "n").send(request)
    shown = json.loads(answer.body)["message"].partition("`")[2].removesuffix("`")
    stamp = next(one for one in shown.split("#") if one.startswith("X-Ca-Timestamp:"))
    signed = right.string_to_sign.replace("X-Ca-Timestamp:1\n", f"{stamp}\n")
    assert shown == signed.replace("\n", "#").replace("/%E4%B8%AD", "/中")


# --- over HTTP and over HTTPS, with the domain in the URL


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def call_by_url(gateway: Gateway, scheme: str, secret: str = SECRET, **options: Any) -> Any:
    trust = str(authority(gateway)) if scheme == "https" else None
    client = ApiGatewayClient(f"{scheme}://localhost:{gateway.port}", KEY, secret, ca_file=trust)
    return client.request("POST", "/echo/%E4%B8%AD", query={"b": "x y", "a": "中"}, **options)


def call_iot(
    gateway: Gateway, scheme: str, path: str = "/echo/a", secret: str = SECRET, **headers: str
) -> Any:
    """Its trust in a CA is OpenSSL's own: the variable SSL_CERT_FILE."""
    config = Config(app_key=KEY, app_secret=secret, domain=f"localhost:{gateway.port}")
    body = IoTApiRequest(params={"city": "杭州"}, request=CommonParams(api_ver="1.0.0"))
    return IotClient(config).do_request(path, scheme, "POST", headers, body, RuntimeOptions())


@pytest.fixture
def iot_trust(echo: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority(echo)))


def test_a_call_is_served_over_both_schemes(echo: Gateway, scheme: str) -> None:
    answer = call_by_url(echo, scheme, form={"note": "a b"})
    assert answer.status == 200, (answer.headers, answer.body)
    seen = json.loads(answer.body)
    assert (seen["path"], seen["form"]) == ("/v3/%E4%B8%AD", [["note", "a b"]])
    assert sorted(seen["query"]) == [["a", "中"], ["b", "x y"]]


def test_a_wrong_secret_is_refused_over_both_schemes(echo: Gateway, scheme: str) -> None:
    answer = call_by_url(echo, scheme, "wrong")
    fields = {name.lower(): value for name, value in answer.headers}
    assert (answer.status, fields["x-ca-error-code"]) == (403, "A403IS")
    message = json.loads(answer.body)["message"]
    assert message.startswith("Invalid Signature, Server StringToSign:`POST#application/json##")
    assert message.endswith("#/echo/中?a=中&b=x y`")


def test_a_certificate_of_a_ca_that_the_client_does_not_know_is_not_taken(echo: Gateway) -> None:
    client = ApiGatewayClient(f"https://localhost:{echo.port}", KEY, SECRET)
    with pytest.raises(ApiGatewayTransportError, match="CERTIFICATE_VERIFY_FAILED"):
        client.request("GET", "/echo/a")


@pytest.mark.usefixtures("iot_trust")
def test_the_iot_client_is_served(echo: Gateway, scheme: str) -> None:
    """It sends no timestamp, and signs the date instead."""
    answer = call_iot(echo, scheme)
    assert answer.status_code == 200, (answer.headers, answer.body)
    seen = json.loads(answer.body)
    assert (seen["method"], seen["path"]) == ("POST", "/v3/a")
    assert json.loads(seen["body"])["params"] == {"city": "杭州"}
    names = {name.lower() for name, _ in seen["headers"]}
    assert "date" in names and "x-ca-timestamp" not in names


@pytest.mark.usefixtures("iot_trust")
def test_a_wrong_secret_of_the_iot_client_is_refused(echo: Gateway, scheme: str) -> None:
    answer = call_iot(echo, scheme, secret="wrong")
    assert (answer.status_code, answer.headers["x-ca-error-code"]) == (403, "A403IS")
    message = answer.headers["x-ca-error-message"]
    assert message.startswith("Invalid Signature, Server StringToSign:`POST#application/json#")
    assert "#application/octet-stream#" in message
    assert f"#x-ca-key:{KEY}#x-ca-nonce:" in message
    assert message.endswith("#x-ca-signaturemethod:HmacSHA256#/echo/a`")


@pytest.mark.parametrize("path", ["/echo/%E4%B8%AD", "/echo/中", "/echo/a?a=1&b="])
def test_the_iot_client_signs_what_it_sends_and_is_served(echo: Gateway, path: str) -> None:
    assert call_iot(echo, "http", path).status_code == 200


@pytest.mark.parametrize("path", ["/echo/a?b=1&a=2", "/echo/a?a=%2F"])
def test_the_iot_client_is_refused_where_its_query_is_not_what_the_rule_says(
    echo: Gateway, path: str
) -> None:
    """It signs the query as written: neither sorted nor decoded. The product refuses it too."""
    answer = call_iot(echo, "http", path)
    assert (answer.status_code, answer.headers["x-ca-error-code"]) == (403, "A403IS")


def test_headers_of_ones_own_are_signed_by_the_iot_client(echo: Gateway) -> None:
    answer = call_iot(echo, "http", **{"x-own": "a  b", "x-ca-stage": "RELEASE"})
    assert answer.status_code == 200, answer.headers
    assert dict(json.loads(answer.body)["headers"])["x-own"] == "a  b"
    answer = call_iot(echo, "http", **{"x-ca-stage": "TEST"})
    assert (answer.status_code, answer.headers["x-ca-error-code"]) == (404, "I404NF")
