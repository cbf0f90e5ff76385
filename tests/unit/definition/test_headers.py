"""Header names and values a definition may use."""

import pytest

from apigateway.definition.headers import fault_of_header, is_header_value


@pytest.mark.parametrize("name", ["X-App", "Accept", "Authorization", "X-Ca-Mine", "x!y"])
def test_ordinary_names_may_be_declared(name: str) -> None:
    assert fault_of_header(name) is None


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Connection", "Transfer-Encoding", "Content_Length", "Upgrade"],
)
def test_names_of_http_itself_may_not(name: str) -> None:
    fault = fault_of_header(name)
    assert fault == (f"the header {name} belongs to HTTP itself", "choose another name")


@pytest.mark.parametrize(
    "name", ["X-Ca-Signature", "x-ca-key", "X-Ca-Proxy-Signature", "X-CA-PROXY-X"]
)
def test_names_of_the_gateway_may_not(name: str) -> None:
    fault = fault_of_header(name)
    assert fault == (f"the header {name} belongs to the gateway", "choose another name")


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "a\n"])
def test_what_is_no_token_is_no_name(name: str) -> None:
    fault = fault_of_header(name)
    assert fault is not None
    assert "is not a header name" in fault[0]


def test_a_value_is_one_plain_line() -> None:
    assert is_header_value("a b")
    assert is_header_value("")
    for value in ("a\r\nb", " a", "a\t", "\x00"):
        assert not is_header_value(value)
