"""What `sign` makes of its options."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apigateway.cli import main
from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, sign, string_to_sign

DEFINITIONS = ["--definitions", str(Path(__file__).resolve().parents[3] / "definitions")]
URL = "http://api.weather.localhost:8080/forecast/hangzhou?days=3"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["sign", *words, *DEFINITIONS])


def signed(*words: str) -> tuple[dict[str, str], str]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    return dict(document["headers"]), document["curl"]


def verifies(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> bool:
    request = SignableRequest(method, path, query, Headers(headers.items()), body)
    used = SignatureMethod(headers["X-Ca-Signature-Method"])
    expected = sign("MySuperAppSecret-42", string_to_sign(request), used)
    return headers["X-Ca-Signature"] == expected


def test_a_get_is_signed_with_everything_the_server_needs() -> None:
    headers, _ = signed("get", URL, "--app", "demo", "--stage", "test", "--debug")
    assert verifies("GET", "/forecast/hangzhou", "days=3", headers, b"")
    assert headers["X-Ca-Stage"] == "TEST"
    assert headers["X-Ca-Request-Mode"] == "debug"


def test_a_form_and_a_document_are_signed_with_their_types() -> None:
    headers, _ = signed("POST", URL, "--app", "demo", "-F", "a=b c", "-F", "d=e")
    assert verifies("POST", "/forecast/hangzhou", "days=3", headers, b"a=b+c&d=e")
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    headers, _ = signed("POST", URL, "--app", "demo", "-d", "{}")
    assert verifies("POST", "/forecast/hangzhou", "days=3", headers, b"{}")
    assert headers["Content-MD5"] == "mZFLkyvTelC5g8XnyQrpOw=="


def test_sha1_and_own_keys_can_be_chosen() -> None:
    words = ["--key", "203753385", "--secret", "MySuperAppSecret-42"]
    headers, _ = signed("GET", URL, *words, "--signature-method", "HmacSHA1")
    assert verifies("GET", "/forecast/hangzhou", "days=3", headers, b"")


def test_the_curl_line_can_be_pasted_whatever_the_body_holds() -> None:
    _, curl = signed("POST", URL, "--app", "demo", "-d", "it's $HOME `x`", "-H", 'X-A: "q"')
    words = shlex.split(curl)
    assert words[words.index("--data-raw") + 1] == "it's $HOME `x`"
    assert 'X-A: "q"' in words
    assert words[-1] == URL


def test_a_body_that_starts_with_an_at_sign_is_not_a_file_to_curl(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_text("@/etc/hostname")
    _, curl = signed("POST", URL, "--app", "demo", "-d", f"@{body}")
    words = shlex.split(curl)
    assert words[words.index("--data-raw") + 1] == "@/etc/hostname"


def test_text_in_an_address_is_encoded_and_escapes_stay() -> None:
    headers, curl = signed("GET", "http://h.localhost/a b?q=中&r=%2F", "--app", "demo")
    assert shlex.split(curl)[-1] == "http://h.localhost/a%20b?q=%E4%B8%AD&r=%2F"
    assert verifies("GET", "/a%20b", "q=%E4%B8%AD&r=%2F", headers, b"")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["G T", URL, "--app", "demo"], "is not a method"),
        (["GET", "api.weather.localhost/x", "--app", "demo"], "is not an http://"),
        (["GET", URL, "--app", "nobody"], "there is: demo"),
        (["GET", URL, "--app", "demo", "--key", "1"], "cannot be used together"),
        (["GET", URL, "--key", "1"], "--key needs --secret"),
        (["GET", URL, "--app", "demo", "-H", "nonsense"], "is not 'Name: value'"),
        (["POST", URL, "--app", "demo", "-d", "x", "-F", "a=b"], "cannot be used together"),
        (["POST", URL, "--app", "demo", "-F", "ab"], "is not name=value"),
        (["POST", URL, "--app", "demo", "-d", "@/nowhere"], "-d @/nowhere"),
    ],
)
def test_what_cannot_be_read_is_said(words: list[str], message: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.output
