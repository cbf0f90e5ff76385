"""`verify-backend` as it prints."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from unit.definition.written import API, APP, GOOD, GROUP, Written

from apigateway.cli import main
from apigateway.protocol.wire import Headers
from apigateway.signatures.backend import one_line, received_string
from apigateway.signatures.caller import SignableRequest, sign

SAMPLES = Path(__file__).resolve().parents[3] / "definitions"
NAME, SECRET = "WeatherBackendKey", "WeatherBackendSecret-1"
KEY = "X-Ca-Proxy-Signature-Secret-Key"
SHOWN = "X-Ca-Proxy-Signature-String-To-Sign"
LINE = f"GET||x-a:1|{KEY.lower()}:{NAME}|/v3/a"


def run(capture: str | Path, *words: str, stdin: bytes | None = None) -> Result:
    options = [] if "--key" in words else ["--definitions", str(SAMPLES)]
    return CliRunner().invoke(
        main, ["verify-backend", str(capture), *words, *options], input=stdin, color=False
    )


def fields_of(
    target: str = "/v3/a", *, debug: bool = False, key: str = NAME, secret: str = SECRET
) -> dict[str, str]:
    """The headers with which the gateway sends a GET of that target."""
    fields = {"X-A": "1", KEY: key, "X-Ca-Proxy-Signature-Headers": f"X-A,{KEY}"}
    path, _, query = target.partition("?")
    text = received_string(SignableRequest("GET", path, query, Headers(fields.items())))
    fields["X-Ca-Proxy-Signature"] = sign(secret, text)
    if debug:
        fields[SHOWN] = one_line(text)
    return fields


def line(sent: str = "/v3/a", came: str | None = None, **options: Any) -> str:
    """A curl line of what a backend received when the gateway sent `sent`."""
    fields = fields_of(sent, **options)
    words = [word for field in fields.items() for word in ("-H", ": ".join(field))]
    return shlex.join(["curl", *words, f"http://backend.test{sent if came is None else came}"])


def test_a_good_signature_is_said_with_its_key_and_the_string() -> None:
    done = run(line())
    assert done.exit_code == 0
    assert done.output == (
        "The gateway's signature verifies with the key WeatherBackendKey.\n"
        "\n"
        "The string that both sign (line feeds as |):\n"
        f"  {LINE}\n"
    )


def test_a_change_is_named_and_the_first_byte_that_differs_is_marked() -> None:
    for debug in (False, True):
        done = run(line("/v3/a?q=a%2Bb", "/v3/a?q=a+b", debug=debug))
        assert done.exit_code == 1
        assert done.output == (
            "The gateway's signature does not verify.\n"
            "  because %2B in the query became + on its way\n"
            "\n"
            "The strings differ from byte 70 (line feeds as |):\n"
            "  gateway  ...therBackendKey|/v3/a?q=a+b\n"
            "  backend  ...therBackendKey|/v3/a?q=a b\n"
            "                                      ^\n"
            "\n"
            f"gateway, whole  {LINE}?q=a+b\n"
            f"backend, whole  {LINE}?q=a b\n"
        )


def test_another_secret_is_said_with_the_string_that_both_sign() -> None:
    done = run(line(debug=True, secret="another"))
    assert done.exit_code == 1
    assert done.output == (
        "The gateway's signature does not verify.\n"
        "  because both strings are the same: the gateway has another secret for the key "
        "WeatherBackendKey\n"
        "\n"
        "The string that both sign (line feeds as |):\n"
        f"  {LINE}\n"
    )


def test_what_was_not_signed_is_said() -> None:
    done = run("curl http://h.test/a")
    assert done.exit_code == 1
    assert done.output.startswith(
        "The gateway's signature does not verify.\n  because there is no X-Ca-Proxy-Signature: "
    )
    assert done.output.endswith("The string that the backend signs (line feeds as |):\n  GET||/a\n")


def test_a_backend_that_lower_cases_names_is_told_apart() -> None:
    done = run(line().replace("X-A: 1", "x-a: 1"))
    assert done.exit_code == 0
    assert "  note: X-A came as x-a: a backend that looks names up exactly" in done.output


def test_the_prefix_that_a_proxy_took_is_found_among_the_backends_of_the_project() -> None:
    done = run(line("/v3/cities/hangzhou", "/hangzhou"))
    assert "because a proxy took /v3/cities from the front of the path" in done.output
    keys = ("--key", f"{NAME}={SECRET}")
    done = run(line("/v3/cities/hangzhou", "/hangzhou"), *keys)
    assert "no usual change gives this signature" in done.output
    done = run(line("/v3/notes", "/notes"), *keys, "--definitions", str(SAMPLES))
    assert "because a proxy took /v3 from the front of the path" in done.output


def test_a_prefix_that_a_stage_variable_makes_is_found_in_every_environment(
    tmp_path: Path,
) -> None:
    written = Written(tmp_path)
    values = "{TEST: {variables: {version: beta/v4}}, RELEASE: {variables: {version: v3}}}"
    written.write(GROUP, f"name: weather\nenvironments: {values}\n")
    written.write(API, GOOD[API].replace("/v3/", "/#version#/"))
    written.write(APP, "{name: demo, key: '203753385', secret: MySuperAppSecret-42}\n")
    written.remove("policies/signature-keys/backend.yaml")
    for prefix in ("/v3", "/beta/v4"):
        options = ("--key", f"{NAME}={SECRET}", "--definitions", str(tmp_path / "definitions"))
        done = run(line(f"{prefix}/hangzhou", "/hangzhou"), *options)
        assert f"because a proxy took {prefix} from the front of the path" in done.output


# --- keys


def test_of_two_keys_the_one_that_verified_is_named() -> None:
    keys = ("--key", f"{NAME}={SECRET}", "--key", "NewKey=a=b")
    for key, secret in ((NAME, SECRET), ("NewKey", "a=b")):
        done = run(line(key=key, secret=secret), *keys)
        assert done.output.startswith(f"The gateway's signature verifies with the key {key}.\n")
    done = run(line(key=NAME, secret="new"), "--key", f"{NAME}={SECRET}", "--key", f"{NAME}=new")
    assert done.output.startswith(
        "The gateway's signature verifies with the key WeatherBackendKey "
        "(number 2 of those given).\n"
    )


def test_a_key_that_was_given_takes_the_place_of_those_of_the_project() -> None:
    done = run(line(), "--key", "Other=x")
    assert done.exit_code == 1
    assert "because the key WeatherBackendKey is unknown; known: Other\n" in done.output


@pytest.mark.parametrize("text", ["hunter2", "=hunter2", "name=", "name=hunter2\udcff"])
def test_a_key_that_cannot_be_read_is_not_shown(text: str) -> None:
    done = run(line(), "--key", text)
    assert done.exit_code == 2
    assert "Invalid value for '--key': write NAME=SECRET" in done.output
    assert "hunter2" not in done.output


def test_no_secret_is_ever_printed() -> None:
    for words in ([], ["--json"]):
        for capture in (line(), line(secret="x"), line("/b", "/c", debug=True), line(key="x")):
            assert SECRET not in run(capture, *words).output
            assert SECRET not in run(capture, *words, "--key", f"{NAME}={SECRET}").output


# --- captures


def test_a_capture_is_the_text_of_a_request(tmp_path: Path) -> None:
    fields = "".join(f"{name}: {value}\r\n" for name, value in fields_of().items())
    text = f"GET /v3/a HTTP/1.1\r\nHost: backend\r\n{fields}\r\n"
    path = tmp_path / "request.txt"
    path.write_bytes(text.encode())
    assert run(path).exit_code == 0
    assert run("-", stdin=text.encode()).exit_code == 0
    assert run("-", stdin=text.replace("\r\n", "\n").encode()).exit_code == 0


def test_a_capture_is_an_answer_of_the_demo_backend(tmp_path: Path) -> None:
    answer = {
        "method": "GET",
        "path": "/v3/a",
        "query": [["q", "a b"]],
        "headers": list(fields_of("/v3/a?q=a%20b").items()),
        "body": "",
        "body_encoding": "text",
        "backend_signature": {"verified": True},
    }
    assert run("-", stdin=json.dumps(answer).encode()).exit_code == 0


def test_a_number_chooses_a_request_of_a_har(tmp_path: Path) -> None:
    def entry(path: str, fields: dict[str, str]) -> dict[str, Any]:
        headers = [{"name": name, "value": value} for name, value in fields.items()]
        return {"request": {"method": "GET", "url": f"http://h.test{path}", "headers": headers}}

    entries = [entry("/b", fields_of()), entry("/v3/a", fields_of()), entry("/c", {})]
    path = tmp_path / "three.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    done = run(path)
    assert done.exit_code == 0
    assert done.output.startswith("Request 2 of 3: GET /v3/a\nThe gateway's signature verifies")
    assert run(path, "--number", "2").exit_code == 0
    assert run(path, "--number", "1").exit_code == 1
    assert "there is no X-Ca-Proxy-Signature" in run(path, "--number", "3").output
    done = run(path, "--number", "4")
    assert (done.exit_code, done.output) == (1, "Error: there is no request 4, only 3\n")
    path.write_text('{"log": {"entries": []}}')
    done = run(path)
    assert (done.exit_code, done.output) == (1, "Error: there is no request in the capture\n")


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        ("nowhere.txt", "nowhere.txt: No such file or directory"),
        ("curl 'http://h.test/", "the curl line cannot be read"),
    ],
)
def test_a_capture_that_cannot_be_read_is_said(capture: str, message: str) -> None:
    done = run(capture)
    assert done.exit_code == 1
    assert f"Error: {message}" in done.output


# --- JSON


def test_json_has_what_was_found() -> None:
    done = run(line("/v3/a?q=1", "/v3/a?q=2", debug=True), "--json")
    assert done.exit_code == 1
    text = LINE.replace("|", "\n")
    assert json.loads(done.output) == {
        "verified": False,
        "key": None,
        "string": f"{text}?q=2",
        "gateway_string": f"{text}?q=1",
        "first_difference": 69,
        "causes": ["the parameter q was changed: '1' was signed, '2' was received"],
        "notes": [],
    }
    done = run(line(), "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["verified"], found["key"]) == (0, True, NAME)
    assert (found["first_difference"], found["causes"]) == (None, [])
    assert found["string"] == found["gateway_string"] == text


def test_no_bytes_reach_the_terminal_that_could_move_it() -> None:
    done = run(line("/v3/a?q=1", "/v3/a?q=%1B%5B31m", debug=True))
    assert "\x1b" not in done.output
    assert "q=\ufffd[31m" in done.output
    assert run(line("/v3/a", "/v3/%FF?%FF=%FF"), "--json").exit_code == 1
