"""The demo backend against the vendor's own backend demo, and over a real socket."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jwt
import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "demo-backend.py"
VECTORS: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "golden" / "vectors.json").read_text("utf-8")
)["backend_vectors"]
KEY, SECRET = "WeatherBackendKey", "WeatherBackendSecret-1"
PATIENCE_S = 60.0


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_backend", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


backend = load_script()


def parameters_of(vector: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in vector["params_decoded"].items()
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_the_string_and_the_signature_are_those_of_the_vendors_backend_demo(
    vector: dict[str, Any],
) -> None:
    body = vector["body_utf8"].encode()
    text = backend.string_to_sign(
        vector["method"], vector["path"], vector["headers"], parameters_of(vector), body
    )
    assert text == vector["string_to_sign"]
    assert backend.sign(vector["signature_secret"], text) == vector["x_ca_proxy_signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_a_vendor_signed_request_verifies_and_a_changed_one_does_not(
    vector: dict[str, Any],
) -> None:
    headers = {
        **vector["headers"],
        "X-Ca-Proxy-Signature-Secret-Key": vector["signature_key"],
        "X-Ca-Proxy-Signature": vector["x_ca_proxy_signature"],
    }
    keys = {vector["signature_key"]: vector["signature_secret"]}
    body = vector["body_utf8"].encode()

    def verify(path: str, keys: Mapping[str, str]) -> tuple[bool, str]:
        verdict = backend.verify(vector["method"], path, headers, parameters_of(vector), body, keys)
        return verdict.verified, verdict.reason

    assert verify(vector["path"], keys) == (True, "ok")
    assert verify(vector["path"] + "x", keys) == (False, "signature differs")
    assert verify(vector["path"], {}) == (False, f"unknown key {vector['signature_key']}")


def describe(
    method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes = b""
) -> dict[str, Any]:
    echo = backend.Echo({KEY: SECRET})
    described: dict[str, Any] = echo.describe(method, path, query, headers, body)
    return described


def signed(text: str) -> list[tuple[str, str]]:
    return [("X-Ca-Proxy-Signature-Secret-Key", KEY), ("X-Ca-Proxy-Signature", _sign(text))]


def _sign(text: str) -> str:
    signature: str = backend.sign(SECRET, text)
    return signature


def test_a_path_may_be_signed_as_sent_or_decoded() -> None:
    for text in ("GET\n\n/caf%C3%A9", "GET\n\n/café"):
        assert describe("GET", "/caf%C3%A9", "", signed(text))["backend_signature"] == {
            "verified": True,
            "reason": "ok",
            "string_to_sign": text,
        }


def test_query_and_form_are_signed_together_with_the_first_value_of_the_query() -> None:
    headers = [
        *signed("POST\n\n/a?city=hang zhou&empty=&n=1"),
        ("content-type", "application/x-www-form-urlencoded; charset=UTF-8"),
    ]
    told = describe("POST", "/a", "n=1&n=2&empty", headers, b"n=3&city=hang+zhou")
    assert told["backend_signature"]["verified"], told
    assert told["query"] == [("n", "1"), ("n", "2"), ("empty", "")]
    assert told["form"] == [("n", "3"), ("city", "hang zhou")]


def test_a_form_is_read_in_its_own_charset() -> None:
    headers = [("Content-Type", 'application/x-www-form-urlencoded; charset="GBK"')]
    body = "city=杭州".encode("gbk") + b"&also=%BA%BC%D6%DD"
    assert describe("POST", "/a", "", headers, body)["form"] == [("city", "杭州"), ("also", "杭州")]


def test_a_listed_header_sent_in_another_case_is_pointed_out() -> None:
    text = "GET\n\nx-client-ip:192.0.2.1\n/a"
    headers = [
        *signed(text),
        ("X-Ca-Proxy-Signature-Headers", "X-Client-Ip"),
        ("x-client-ip", "192.0.2.1"),
    ]
    told = describe("GET", "/a", "", headers)["backend_signature"]
    assert told["verified"] is False
    assert told["reason"] == "X-Client-Ip is listed but was sent as x-client-ip"


def test_a_missing_signature_or_key_name_is_named() -> None:
    assert describe("GET", "/a", "", [])["backend_signature"] == {
        "verified": False,
        "reason": "no X-Ca-Proxy-Signature",
        "string_to_sign": "GET\n\n/a",
    }
    told = describe("GET", "/a", "", [("X-Ca-Proxy-Signature", "x")])["backend_signature"]
    assert told["reason"] == "no X-Ca-Proxy-Signature-Secret-Key"


def test_bytes_that_are_not_utf8_are_shown_in_base64() -> None:
    told = describe("POST", "/a", "", [], b"\xff\x00")
    assert (told["body_encoding"], base64.b64decode(told["body"])) == ("base64", b"\xff\x00")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    command = [sys.executable, str(SCRIPT), "--port", "0", "--key", "Other=secret"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"demo backend listening on http://127\.0\.0\.1:(\d+)\n", line)
    assert found is not None, line
    yield int(found[1])
    process.terminate()
    assert process.wait(timeout=PATIENCE_S) == 0
    process.stdout.close()


def call(
    port: int, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, target, body, headers or {})
        answered: dict[str, Any] = json.loads(connection.getresponse().read())
        return answered
    finally:
        connection.close()


def test_any_method_and_path_is_echoed_and_counted(port: int) -> None:
    before = call(port, "GET", "/_hits")["hits"]
    told = call(port, "PURGE", "/%7Ea//b/../c?x=%20&status=503&x", b"{}", {"X-Some": "thing"})
    assert (told["method"], told["path"], told["body"]) == ("PURGE", "/%7Ea//b/../c", "{}")
    assert told["query"] == [["x", " "], ["status", "503"], ["x", ""]]
    assert ["X-Some", "thing"] in told["headers"]
    assert call(port, "GET", "/_hits") == {"hits": before + 1}


def test_a_key_given_on_the_command_line_is_known(port: int) -> None:
    headers = {
        "X-Ca-Proxy-Signature-Secret-Key": "Other",
        "X-Ca-Proxy-Signature": backend.sign("secret", "GET\n\n/a"),
    }
    assert call(port, "GET", "/a", b"", headers)["backend_signature"]["verified"] is True


def test_large_bodies_compressed_bodies_and_foreign_bytes_are_taken_as_they_come(port: int) -> None:
    assert call(port, "POST", "/a", b"x" * 3_000_000)["body"] == "x" * 3_000_000
    told = call(port, "POST", "/a", b"not gzip", {"Content-Encoding": "gzip"})
    assert told["body"] == "not gzip"
    assert call(port, "GET", "/" + "a" * 100_000)["path"] == "/" + "a" * 100_000
    headers = {
        "X-Bytes": b"\xff".decode("latin-1"),
        "X-Ca-Proxy-Signature-Headers": "X-Bytes",
        "X-Ca-Proxy-Signature-Secret-Key": KEY,
        "X-Ca-Proxy-Signature": _sign("GET\n\nx-bytes:\udcff\n/a"),
    }
    assert call(port, "GET", "/a", b"", headers)["backend_signature"]["verified"] is True


def log_in(port: int, body: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/v1/login", body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_user_who_logs_in_gets_a_token_that_the_samples_key_verifies(port: int) -> None:
    status, answer = log_in(port, "user=alice&password=wonderland")
    assert status == 200
    public = json.loads((ROOT / "definitions/accounts/login-public.jwk.json").read_text())
    claims = jwt.decode(
        answer["id_token"],
        jwt.PyJWK(public).key,
        algorithms=["RS256"],
        audience="sample-app",
        issuer="https://accounts.localhost",
    )
    assert (claims["sub"], claims["userId"]) == ("alice", "u-alice")
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    assert jwt.get_unverified_header(answer["id_token"])["kid"] == public["kid"]


@pytest.mark.parametrize(
    "body", ["user=alice&password=looking-glass", "user=mallory&password=wonderland", "", "user=x"]
)
def test_nobody_else_gets_one(port: int, body: str) -> None:
    status, answer = log_in(port, body)
    assert status == 401
    assert "id_token" not in answer
