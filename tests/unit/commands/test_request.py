"""A signed call as data and as a curl line."""

import shlex

from apigateway.commands.request import SignedCall


def words(
    method: str = "GET", headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> list[str]:
    return shlex.split(SignedCall(method, "http://h/x?a=[1]", headers, body).curl)


def test_a_curl_line_leaves_the_address_alone() -> None:
    assert words()[:3] == ["curl", "-sS", "--globoff"]
    assert "--path-as-is" in words()
    assert words()[-1] == "http://h/x?a=[1]"


def test_a_head_does_not_wait_for_a_body() -> None:
    assert "--head" in words("HEAD")
    assert "-X" not in words("HEAD")


def test_an_empty_header_is_written_as_curl_wants_it() -> None:
    assert "X-Empty;" in words(headers=(("X-Empty", ""),))
    assert "X-A: b" in words(headers=(("X-A", "b"),))


def test_a_body_is_never_read_as_the_name_of_a_file() -> None:
    line = words("POST", body=b"@/etc/hostname")
    assert line[line.index("--data-raw") + 1] == "@/etc/hostname"
