"""Without the type checks messages of the right types are what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from apigateway.fast import checks
from apigateway.fast.checks import skip_type_checks
from apigateway.fast.known import Unknown

fields = st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=4).map(tuple)


def made(status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes | None) -> object:
    response = http.Response(b"HTTP/1.1", status, b"OK", headers, body, None, 1.0, 2.0)
    request = http.Request(
        "h", 1, b"GET", b"http", b"", b"/", b"HTTP/1.1", headers, body, None, 1.0, None
    )
    return response.get_state(), request.get_state()


@given(st.integers(100, 599), fields, st.none() | st.binary(max_size=8))
def test_messages_of_the_right_types_are_the_same(
    status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes | None
) -> None:
    stock = made(status, headers, body)
    undo = skip_type_checks()
    try:
        assert made(status, headers, body) == stock
    finally:
        undo()


def test_a_wrong_type_is_no_longer_found_and_is_again_when_taken_out() -> None:
    undo = skip_type_checks()
    try:
        made("200", (), b"")  # type: ignore[arg-type]
    finally:
        undo()
    with pytest.raises(TypeError):
        made("200", (), b"")  # type: ignore[arg-type]


def test_left_out_twice_it_comes_back_once() -> None:
    first = skip_type_checks()
    skip_type_checks()()
    made("200", (), b"")  # type: ignore[arg-type]
    first()
    with pytest.raises(TypeError):
        made("200", (), b"")  # type: ignore[arg-type]


def test_where_python_makes_no_checks_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(http.MessageData, checks.POST_INIT)
    skip_type_checks()()
    assert not hasattr(http.MessageData, checks.POST_INIT)


def test_another_mitmproxy_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(message: object) -> None:
        """Not what is known."""

    monkeypatch.setattr(http.MessageData, checks.POST_INIT, other)
    with pytest.raises(Unknown):
        skip_type_checks()
    assert getattr(http.MessageData, checks.POST_INIT) is other
