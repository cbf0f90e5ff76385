import pytest

from apigateway.edge.fields import (
    MOST_FIELDS,
    Field,
    check_host,
    check_http2_request,
    check_method,
    check_target,
    content_length,
)
from apigateway.errors import Fault, Refusal

PSEUDO: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"a.localhost"),
    (b":path", b"/"),
]


def fault_of(fields: list[Field], most_bytes: int = 1000) -> Fault:
    with pytest.raises(Refusal) as refused:
        check_http2_request(fields, most_bytes)
    return refused.value.fault


@pytest.mark.parametrize("method", [b"GET", b"PATCH", b"M-SEARCH"])
def test_a_method_in_capitals_is_one(method: bytes) -> None:
    check_method(method)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        (b"", Fault.INVALID_REQUEST),
        (b"GE T", Fault.INVALID_REQUEST),
        (b"get", Fault.UNSUPPORTED_METHOD),
        (b"CONNECT", Fault.UNSUPPORTED_METHOD),
        (b"TRACE", Fault.UNSUPPORTED_METHOD),
    ],
)
def test_another_method_is_refused(method: bytes, fault: Fault) -> None:
    with pytest.raises(Refusal) as refused:
        check_method(method)
    assert refused.value.fault is fault


@pytest.mark.parametrize("target", [b"*", b"http://a/", b"", b"/a b", b"/a#b", b"/\0", b"/\r\n"])
def test_only_a_clean_path_is_a_target(target: bytes) -> None:
    with pytest.raises(Refusal):
        check_target(target)


@pytest.mark.parametrize("host", [b"a.localhost", b"127.0.0.1:80", b"[::1]:8080", b"a_b.c", b"a."])
def test_a_name_or_address_is_a_host(host: bytes) -> None:
    check_host(host)


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a@b", b"a/b", b"a,b", b"a:b", b"a:", b"[::1", b"a?"]
)
def test_anything_else_is_no_host(host: bytes) -> None:
    with pytest.raises(Refusal):
        check_host(host)


@pytest.mark.parametrize(
    "values", [[b"+1"], [b"01"], [b"-1"], [b"1 1"], [b""], [b"1"] * 2, [b"9" * 19], ["١".encode()]]
)
def test_a_length_is_written_in_one_way(values: list[bytes]) -> None:
    with pytest.raises(Refusal):
        content_length(values)


def test_a_length_is_a_number_or_absent() -> None:
    assert content_length([]) is None
    assert content_length([b"0"]) == 0
    assert content_length([b"2097152"]) == 2097152


def test_an_http2_request_gives_its_length() -> None:
    assert check_http2_request(PSEUDO, 1000) is None
    assert check_http2_request([*PSEUDO, (b"content-length", b"5")], 1000) == 5
    assert check_http2_request([*PSEUDO, (b"host", b"a.localhost")], 1000) is None


def test_an_http2_request_has_a_size() -> None:
    size = sum(len(name) + len(value) + 4 for name, value in PSEUDO)
    check_http2_request(PSEUDO, size)
    assert fault_of(PSEUDO, size - 1) is Fault.HEAD_TOO_LARGE
    assert fault_of([*PSEUDO[:3], (b":path", b"/" * 2000)]) is Fault.URL_TOO_LARGE
    many: list[Field] = [*PSEUDO, *[(b"a", b"")] * MOST_FIELDS]
    assert fault_of(many, 10**6) is Fault.HEAD_TOO_LARGE


@pytest.mark.parametrize("missing", range(4))
def test_an_http2_request_without_a_pseudo_field_is_refused(missing: int) -> None:
    fault_of([*PSEUDO[:missing], *PSEUDO[missing + 1 :]])


def test_an_http2_request_for_two_hosts_is_refused() -> None:
    assert fault_of([*PSEUDO, (b"host", b"b.localhost")]) is Fault.INVALID_HEADER


@pytest.mark.parametrize("name", [b"a b", b"A", b"", b"a:b", b"a\r\nb", b"connection", b"upgrade"])
def test_an_http2_field_that_http1_would_read_otherwise_is_refused(name: bytes) -> None:
    assert fault_of([*PSEUDO, (name, b"x")]) is Fault.INVALID_REQUEST


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b", b"\x7f"])
def test_an_http2_value_with_a_control_character_is_refused(value: bytes) -> None:
    assert fault_of([*PSEUDO, (b"x", value)]) is Fault.INVALID_REQUEST
