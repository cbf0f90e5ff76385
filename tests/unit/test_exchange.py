"""The ladder of passes: frozen, complete, and never None for "not yet"."""

import dataclasses
import itertools
import ssl

import pytest
from unit.build import NOW_MS, a_pass

from apigateway.exchange import (
    Admitted,
    Authorized,
    HttpUpstream,
    Identified,
    Mapped,
    Outbound,
    Permitted,
    Received,
    Resolved,
    Routed,
    Signed,
    Throttled,
    Validated,
    rung,
)
from apigateway.model.catalog import TlsProfile

LADDER = (
    Received,
    Routed,
    Admitted,
    Identified,
    Authorized,
    Throttled,
    Validated,
    Mapped,
    Resolved,
    Permitted,
    Signed,
)


@rung
class Low:
    a: int


@rung
class High(Low):
    b: str


def test_each_pass_extends_the_one_before_and_adds_to_it() -> None:
    for before, after in itertools.pairwise(LADDER):
        assert after.__bases__ == (before,)
        known = {field.name for field in dataclasses.fields(before)}
        assert known < {field.name for field in dataclasses.fields(after)}


def test_a_pass_is_made_from_the_one_before_and_what_was_found_out() -> None:
    low = Low(a=1)
    high = High(**vars(low), b="x")
    assert (high.a, high.b) == (1, "x")


@pytest.mark.parametrize(
    ("given", "odd"),
    [({"a": 1}, "b"), ({"a": 1, "b": "x", "c": 2}, "c"), ({}, "a, b")],
)
def test_a_pass_refuses_missing_and_unknown_fields(given: dict[str, object], odd: str) -> None:
    with pytest.raises(TypeError, match=f"^High is missing or does not know: {odd}$"):
        High(**given)  # type: ignore[arg-type]


def test_a_pass_takes_no_positional_fields() -> None:
    with pytest.raises(TypeError):
        Low(1)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", LADDER, ids=lambda kind: kind.__name__)
def test_a_pass_is_frozen(kind: type[Received]) -> None:
    made = a_pass(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.received_ms = 1  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.received_ms
    assert made.received_ms == NOW_MS


def test_the_pass_that_a_new_one_was_made_from_is_unchanged() -> None:
    received = a_pass(Received)
    before = dict(vars(received))
    a_pass(Routed, catalog=received.catalog)
    assert vars(received) == before


def test_a_target_has_a_question_mark_only_before_a_query() -> None:
    plain = Outbound(method="GET", path="/a", query="", headers=(), body=b"")
    assert plain.target == "/a"
    assert dataclasses.replace(plain, query="b=1").target == "/a?b=1"


def test_a_certificate_must_be_for_the_host_unless_a_profile_names_another() -> None:
    upstream = HttpUpstream(scheme="https", host="a.test", port=443, timeout_ms=1)
    assert upstream.server_name == "a.test"
    context = ssl.create_default_context()
    for server_name, expected in ((None, "a.test"), ("b.test", "b.test")):
        profile = TlsProfile(name="p", context=context, server_name=server_name)
        assert dataclasses.replace(upstream, tls=profile).server_name == expected


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("http", "a.test", 80, "a.test"),
        ("http", "a.test", 443, "a.test:443"),
        ("https", "a.test", 443, "a.test"),
        ("https", "a.test", 80, "a.test:80"),
        ("http", "::1", 80, "[::1]"),
        ("http", "::1", 8080, "[::1]:8080"),
    ],
)
def test_an_authority_is_without_the_schemes_own_port(
    scheme: str, host: str, port: int, authority: str
) -> None:
    upstream = HttpUpstream(scheme=scheme, host=host, port=port, timeout_ms=1)
    assert upstream.authority == authority
