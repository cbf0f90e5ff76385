"""`sign --explain` as it prints."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apigateway.cli import main
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, sign, string_to_sign

SAMPLES = ["--definitions", str(Path(__file__).resolve().parents[3] / "definitions")]
KEY, SECRET = "203753385", "MySuperAppSecret-42"


def run(capture: str | Path, *words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        main, ["sign", "--explain", str(capture), *words, *SAMPLES], input=stdin, color=False
    )


def line(
    signed: str | None = None, *, url: str = "/a?b=1", secret: str = SECRET, **fields: str
) -> str:
    """A curl line whose client signed the text `signed`, or what it should."""
    headers = [("Accept", "*/*"), ("X-Ca-Key", KEY)]
    headers += [(name.replace("_", "-"), value) for name, value in fields.items()]
    path, _, query = url.partition("?")
    text = signed or string_to_sign(SignableRequest("GET", path, query, Headers(headers)))
    headers.append(("X-Ca-Signature", sign(secret, text)))
    words = ["curl", *(word for field in headers for word in ("-H", ": ".join(field)))]
    return shlex.join([*words, f"http://h.test{url}"])


def test_a_good_signature_is_said_with_the_string() -> None:
    done = run(line())
    assert done.exit_code == 0
    assert done.output == (
        "The signature verifies, by the documented rule.\n"
        "\n"
        "The string that the gateway signs (line feeds as #):\n"
        "  GET#*/*####/a?b=1\n"
    )


def test_a_later_string_is_named_and_shown_beside_the_documented_one() -> None:
    done = run(line("GET\n*/*\n\n\n\n/a?b=", url="/a?b="))
    assert done.exit_code == 0
    assert done.output == (
        "The signature verifies, by an older form that is accepted too (string 2).\n"
        "\n"
        "The strings differ from byte 15 (line feeds as #):\n"
        "  client  GET#*/*####/a?b=\n"
        "  server  GET#*/*####/a?b\n"
        "                         ^\n"
        "\n"
        "client, whole  GET#*/*####/a?b=\n"
        "server, whole  GET#*/*####/a?b\n"
    )


def test_a_mistake_is_named_and_the_first_byte_that_differs_is_marked() -> None:
    done = run(line("GET\n\n\n\n\n/a?b=1"))
    assert done.exit_code == 1
    assert done.output == (
        "The signature does not verify.\n"
        "  because the client signed no Accept, but Accept: */* arrived "
        "(the HTTP client added it after signing: set Accept yourself)\n"
        "\n"
        "The strings differ from byte 4 (line feeds as #):\n"
        "  client  GET#####/a?b=1\n"
        "  server  GET#*/*####/a?b=1\n"
        "              ^\n"
        "\n"
        "client, whole  GET#####/a?b=1\n"
        "server, whole  GET#*/*####/a?b=1\n"
    )


def test_long_strings_are_shown_around_the_difference_and_whole_below() -> None:
    url = "/" + "a" * 60 + "?q=" + "b" * 100
    done = run(line(f"GET\n*/*\n\n\n\n{url}b", url=url), "--secret", SECRET)
    assert "no usual mistake" in done.output
    path = "/" + "a" * 100
    done = run(line(f"GET\n*/*\n\n\n\n{path}", url=f"{path}?q={'b' * 100}"))
    marked = done.output.splitlines()[4:7]
    assert marked == [
        "  client  ..." + "a" * 24,
        "  server  ..." + "a" * 24 + "?q=" + "b" * 53,
        "             " + " " * 24 + "^",
    ]
    assert f"server, whole  GET#*/*####{path}?q={'b' * 100}\n" in done.output


def test_the_mark_stands_under_its_character_behind_wide_ones() -> None:
    done = run(line("GET\n*/*\n\n\n\n/a?q=中国&r=丰", url="/a?r=%E4%B8%AD&q=%E4%B8%AD%E5%9B%BD"))
    assert "no usual mistake" in done.output
    done = run(line("GET\n*/*\n\n\n\n/中", url="/%E4%B8%AD?q=1"))
    client, server, mark = done.output.splitlines()[4:7]
    assert client == "  client  GET#*/*####/中"
    assert server == "  server  GET#*/*####/中?q=1"
    assert mark == "          " + " " * (len("GET#*/*####/") + 2) + "^"


@pytest.mark.parametrize("raw", ["%FF%FE", "%1B%5B31m"])
def test_no_bytes_reach_the_terminal_that_could_move_it(raw: str) -> None:
    done = run(line("nothing", url=f"/a?b={raw}", secret="another"))
    assert done.exit_code == 1
    assert "/a?b=\ufffd" in done.output
    assert "\x1b" not in done.output


def test_json_has_what_was_found() -> None:
    done = run(line("GET\n\n\n\n\n/a?b=1"), "--json")
    assert done.exit_code == 1
    assert json.loads(done.output) == {
        "verified": False,
        "candidate": None,
        "client_string": "GET\n\n\n\n\n/a?b=1",
        "server_string": "GET\n*/*\n\n\n\n/a?b=1",
        "first_difference": 4,
        "causes": [
            "the client signed no Accept, but Accept: */* arrived "
            "(the HTTP client added it after signing: set Accept yourself)"
        ],
        "notes": [],
    }
    done = run(line(), "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["verified"], found["candidate"]) == (0, True, 1)
    assert (found["first_difference"], found["causes"]) == (None, [])


def test_json_is_text_whatever_bytes_came() -> None:
    done = run(line("nothing", url="/a?b=%FF", secret="another"), "--json")
    assert json.loads(done.output)["server_string"].endswith("?b=\udcff")
    done = run(line(url="/a?b=%E4%B8%AD"), "--json")
    assert "?b=中" in done.output


# --- where the capture and the secret come from


def test_a_capture_is_a_file_or_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "capture.txt"
    path.write_text(line())
    assert run(path).exit_code == 0
    assert run("-", stdin=line().encode()).exit_code == 0


def test_a_number_chooses_a_request_of_a_har(tmp_path: Path) -> None:
    def entry(signature: str) -> dict[str, Any]:
        named = {"x-ca-key": KEY, "x-ca-signature": signature}
        headers = [{"name": name, "value": value} for name, value in named.items()]
        return {"request": {"method": "GET", "url": "http://h.test/", "headers": headers}}

    good = sign(SECRET, "GET\n\n\n\n\n/")
    path = tmp_path / "two.har"
    path.write_text(json.dumps({"log": {"entries": [entry("bad"), entry(good)]}}))
    assert run(path).output.startswith("Request 2 of 2: GET /\nThe signature verifies")
    assert run(path, "--number", "2").exit_code == 0
    done = run(path, "--number", "1")
    assert done.exit_code == 1
    assert done.output.startswith("Request 1 of 2: GET /\nThe signature does not verify.")
    done = run(path, "--number", "3")
    assert (done.exit_code, "Error: there is no request 3, only 2" in done.output) == (1, True)


def test_the_secret_is_that_of_the_key_or_the_one_given() -> None:
    assert run(line(secret="other"), "--secret", "other").exit_code == 0
    assert run(line(X_Ca_Key="999"), "--key", KEY).exit_code == 0
    done = run(line().replace(KEY, "999"))
    assert done.exit_code == 2
    assert "no app has the AppKey '999'; give its secret with --secret" in done.output


def test_a_request_without_a_key_asks_for_one() -> None:
    bare = shlex.join(["curl", "-H", "X-Ca-Signature: eA==", "http://h.test/"])
    done = run(bare)
    assert done.exit_code == 2
    assert "the request has no X-Ca-Key; give --key or --secret" in done.output
    done = run(bare, "--key", KEY)
    assert done.exit_code == 1
    assert "  note: X-Ca-Key is missing\n" in done.output


def test_now_sets_the_clock_for_the_timestamp() -> None:
    capture = line(X_Ca_Timestamp="1700000000000")
    assert "note" not in run(capture, "--now", "1700000000000").output
    done = run(capture, "--now", "1700003600000")
    assert (
        "  note: X-Ca-Timestamp is 60 minutes off; the gateway takes 15 (--now MS)" in done.output
    )


def test_a_missing_signature_is_said() -> None:
    done = run(f"curl -H 'X-Ca-Key: {KEY}' http://h.test/", "--number", "1")
    assert done.exit_code == 1
    assert "  because there is no X-Ca-Signature\n" in done.output


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        ("nowhere.har", "nowhere.har: No such file or directory"),
        ("/", "/: Is a directory"),
        ("curl http://h.test/", "none of 1 requests has X-Ca-Signature"),
        ("curl 'http://h.test/", "the curl line cannot be read"),
    ],
)
def test_a_capture_that_cannot_be_read_is_said(capture: str, message: str) -> None:
    done = run(capture)
    assert done.exit_code == 1
    assert f"Error: {message}" in done.output


def test_the_curl_line_that_sign_prints_verifies() -> None:
    runner = CliRunner()
    words = ["sign", "POST", "http://h.test/a%20b?x=%E4%B8%AD", "--app", "demo", *SAMPLES]
    for body in (["-d", 'it\'s\n\\ "x"'], ["-F", "a=b c&中"], []):
        made = runner.invoke(main, [*words, *body, "--json"])
        assert made.exit_code == 0, made.output
        done = run(json.loads(made.output)["curl"])
        assert done.output.startswith("The signature verifies, by the documented rule."), (
            done.output
        )
