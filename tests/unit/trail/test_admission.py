"""What Throttling and Validation say: every limit that counts, every argument, what broke."""

from dataclasses import replace
from typing import Any

import pytest
from unit.build import (
    GROUP,
    NOW_MS,
    SETTINGS,
    OpenCounters,
    a_catalog,
    an_api,
    parameter,
    serve,
    signed_fields,
)
from unit.trail.walked import decided, refused

from apigateway.model.api import Auth, AuthType, Body, BodyFormat, Location, Mode, ParameterType
from apigateway.model.catalog import ServedApi
from apigateway.model.policy import SecondMode, ThrottlingPolicy
from apigateway.model.settings import StandingLimits
from apigateway.model.windows import WindowUnit
from apigateway.ports import Limit, Standing, StoreUnavailable, Tally
from apigateway.store.memory import MemoryStore
from apigateway.trail import admission as module
from apigateway.trail.masking import MOST_ENTRIES


def policy(**changes: Any) -> ThrottlingPolicy:
    plain: dict[str, Any] = {"id": "p", "name": "slow", "region": "r", "unit": WindowUnit.MINUTE}
    return ThrottlingPolicy(**{**plain, "api": 4, "user": 3, "app": 2, **changes})


def for_apps(**bound: Any) -> ServedApi:
    return serve(an_api(auth=Auth(type=AuthType.APP)), **bound)


def limit(
    dimension: str, used: int, ceiling: int, unit: str = "minute", resets_in_ms: int = 40_000
) -> dict[str, Any]:
    return {
        "dimension": dimension,
        "used": used,
        "ceiling": ceiling,
        "unit": unit,
        "remaining": ceiling - used,
        "resets_in_ms": resets_in_ms,
    }


def standing(used: int) -> list[dict[str, Any]]:
    return [
        limit("CLIENT IP", used, 100, "second", 1_000),
        limit("GROUP", used, 500, "second", 1_000),
    ]


# --- Throttling


def test_every_limit_that_counts_is_told() -> None:
    counters = MemoryStore().counters
    found = decided(
        "Throttling", for_apps(throttling=policy()), headers=signed_fields(), counters=counters
    )
    assert found == {
        "policy": "slow",
        "limits": [*standing(1), limit("API", 1, 4), limit("USER", 1, 3), limit("APP", 1, 2)],
        "waited_ms": 0,
    }
    assert decided("Throttling", counters=MemoryStore().counters) == {
        "policy": None,
        "limits": standing(1),
        "waited_ms": 0,
    }
    assert decided("Throttling", counters=OpenCounters())["limits"] == []


def test_what_is_kept_of_limits_is_bounded_and_stays_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_LIMITS", 2)
    served = for_apps(throttling=policy())
    catalog = a_catalog(served)
    for _ in range(3):
        found = decided(
            "Throttling",
            catalog=catalog,
            headers=signed_fields(),
            counters=MemoryStore().counters,
        )
        assert found["limits"][:3] == [*standing(1), limit("API", 1, 4)]
    assert len(module._said.of(catalog)) <= 2


def test_a_wait_for_a_turn_is_told() -> None:
    queued = policy(
        unit=WindowUnit.SECOND, second_mode=SecondMode.QUEUE, api=1, user=None, app=None
    )
    counters = MemoryStore().counters
    served = for_apps(throttling=queued)
    decided("Throttling", served, headers=signed_fields(), counters=counters)
    found = decided("Throttling", served, headers=signed_fields(), counters=counters)
    (own,) = [one for one in found["limits"] if one["dimension"] == "API"]
    assert (own["queue"], own["remaining"]) == (1, 0)
    assert own["wait_ms"] == found["waited_ms"] > 0


def test_the_limit_that_is_full_is_told_and_how_the_others_stand() -> None:
    counters, served = MemoryStore().counters, for_apps(throttling=policy())
    for _ in range(2):
        decided("Throttling", served, headers=signed_fields(), counters=counters)
    found = refused("Throttling", served, headers=signed_fields(), counters=counters)
    assert found == {
        "fault": "THROTTLED_BY_APP",
        "policy": "slow",
        "limits": [*standing(2), limit("API", 2, 4), limit("USER", 2, 3), limit("APP", 2, 2)],
        "full": limit("APP", 2, 2),
        "retry_after_s": 40,
    }


@pytest.mark.parametrize(
    ("served", "changes", "fault", "dimension"),
    [
        (for_apps(throttling=policy(api=0)), {}, "THROTTLED_BY_API", "API"),
        (for_apps(throttling=policy(user=0)), {}, "THROTTLED_BY_USER", "USER"),
        (for_apps(group=replace(GROUP, traffic_limit=0)), {}, "THROTTLED_BY_GROUP", "GROUP"),
        (for_apps(), {"host": GROUP.subdomain}, "THROTTLED_BY_DOMAIN", "DOMAIN"),
        (for_apps(), {}, "THROTTLED_BY_CLIENT_IP", "CLIENT IP"),
    ],
)
def test_the_dimension_of_a_full_limit_is_told(
    served: ServedApi, changes: dict[str, Any], fault: str, dimension: str
) -> None:
    limits = StandingLimits()
    if dimension == "DOMAIN":
        limits = StandingLimits(subdomain_per_day=0)
    elif dimension == "CLIENT IP":
        limits = StandingLimits(client_ip_per_second=0)
    catalog = a_catalog(served, settings=replace(SETTINGS, limits=limits))
    found = refused(
        "Throttling",
        catalog=catalog,
        headers=signed_fields(),
        counters=MemoryStore().counters,
        **changes,
    )
    assert (found["fault"], found["full"]["dimension"]) == (fault, dimension)
    assert (found["full"]["used"], found["full"]["remaining"]) == (0, 0)
    assert found["full"] in found["limits"]


def test_a_store_that_is_away_leaves_no_limit_to_tell() -> None:
    class Away(OpenCounters):
        async def take(self, limits: Any, now_ms: int) -> Tally:
            raise StoreUnavailable("locked")

    found = refused("Throttling", counters=Away())
    assert found == {"fault": "BUSY", "policy": None, "retry_after_s": 1}


def test_more_used_than_there_is_leaves_nothing_and_not_less() -> None:
    class Over(OpenCounters):
        async def take(self, limits: Any, now_ms: int) -> Tally:
            one: Limit = limits[0]
            return Tally((Standing(one, one.ceiling + 5, NOW_MS + 10),))

    (only,) = decided("Throttling", counters=Over())["limits"]
    assert (only["used"], only["remaining"], only["resets_in_ms"]) == (105, 0, 10)


# --- Validation


def checked(*declared: Any, **request: Any) -> ServedApi:
    return serve(an_api(method="ANY", request={"parameters": declared, **request}))


def argument(name: str, value: str, kind: str = "String", place: str = "query") -> dict[str, Any]:
    return {"name": name, "in": place, "type": kind, "value": value}


def test_every_argument_is_told_with_its_type_and_place() -> None:
    served = checked(
        parameter("days", type=ParameterType.INT),
        parameter("X-Lang", Location.HEADER),
        parameter("note", Location.BODY),
        parameter("absent"),
    )
    headers = [("X-Lang", "d\u00e9"), ("Content-Type", "application/x-www-form-urlencoded")]
    found = decided(
        "Validation", served, method="POST", query="days=3", headers=headers, body=b"note=a+b"
    )
    assert found == {
        "arguments": [
            argument("days", "3", "Int"),
            argument("X-Lang", "dé", place="header"),
            argument("note", "a b", place="body"),
        ]
    }


def test_a_default_is_told_as_one_unless_it_was_given() -> None:
    served = checked(parameter("days", default="3"))
    assert decided("Validation", served)["arguments"] == [
        {**argument("days", "3"), "default": True}
    ]
    assert decided("Validation", served, query="days=3")["arguments"] == [argument("days", "3")]


def test_values_of_secrets_are_masked_also_within_a_document() -> None:
    served = checked(
        parameter("password"),
        parameter("apiKey"),
        parameter("filter", type=ParameterType.JSON),
    )
    query = "password=hunter2&apiKey=0123456789abcdef&filter=%7B%22pwd%22%3A%22x%22%7D"
    assert decided("Validation", served, query=query)["arguments"] == [
        argument("password", "…"),
        argument("apiKey", "0123…"),
        argument("filter", '{"pwd":"…"}', "JSON"),
    ]


def test_a_file_is_told_by_its_name_and_size() -> None:
    served = checked(
        parameter("picture", Location.BODY, type=ParameterType.FILE),
        body=Body(format=BodyFormat.MULTIPART),
    )
    assert decided("Validation", served, **multipart("picture", b"\x00\xff", "a.png")) == {
        "arguments": [{**argument("picture", "a.png", "File", "body"), "bytes": 2}]
    }


def multipart(name: str, content: bytes, filename: str | None = None) -> dict[str, Any]:
    named = f'name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    head = f"--b\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode()
    content_type = "multipart/form-data; boundary=b"
    return {
        "method": "POST",
        "headers": [("Content-Type", content_type)],
        "body": head + content + b"\r\n--b--\r\n",
    }


def test_a_body_that_matches_its_schema_is_told() -> None:
    body = Body(format=BodyFormat.STREAM, schema={"type": "object"})
    headers = [("Content-Type", "application/json")]
    found = decided("Validation", checked(body=body), method="POST", headers=headers, body=b"{}")
    assert found == {"arguments": [], "body": "matches its JSON Schema"}


def test_a_long_list_and_a_long_value_are_cut_with_a_mark() -> None:
    served = checked(*(parameter(f"p{at}", default="x" * 2_000) for at in range(120)))
    arguments = decided("Validation", served)["arguments"]
    assert len(arguments) == MOST_ENTRIES + 1
    assert arguments[-1] == argument("…", "… (20 more)", "", "")
    assert arguments[0]["value"] == "x" * 1_000 + "… (1000 more)"


# --- Validation, refused


def test_a_parameter_that_is_missing_is_told() -> None:
    served = checked(parameter("city", required=True))
    assert refused("Validation", served) == {
        "fault": "PARAMETER_REQUIRED",
        "parameter": "city",
        "rule": "is required",
        "in": "query",
        "type": "String",
    }


@pytest.mark.parametrize(
    ("location", "changes"),
    [
        (Location.QUERY, {"query": "p=15&p=1"}),
        (Location.HEADER, {"headers": [("p", "15")]}),
        (
            Location.BODY,
            {
                "method": "POST",
                "headers": [("Content-Type", "application/x-www-form-urlencoded")],
                "body": b"p=15",
            },
        ),
    ],
)
def test_which_parameter_broke_which_rule_with_which_value_is_told(
    location: Location, changes: dict[str, Any]
) -> None:
    served = checked(parameter("p", location, type=ParameterType.INT, maximum=14))
    assert refused("Validation", served, **changes) == {
        "fault": "INVALID_PARAMETER",
        "parameter": "p",
        "rule": "is greater than 14",
        "in": str(location),
        "type": "Int",
        "value": "15",
    }


def test_a_path_value_that_broke_a_rule_is_told() -> None:
    city = parameter("city", Location.PATH, pattern="[a-z]+")
    served = serve(
        an_api(path="/f/[city]", backend_path="/[city]", request={"parameters": (city,)})
    )
    found = refused("Validation", served, path="/f/%41")
    assert (found["rule"], found["value"]) == ("does not match [a-z]+", "A")


def test_a_secret_that_broke_a_rule_is_not_told() -> None:
    served = checked(parameter("access_token", max_length=3))
    found = refused("Validation", served, query="access_token=0123456789abcdefgh")
    assert (found["rule"], found["value"]) == ("is longer than 3", "0123…")


def test_a_file_or_a_text_of_a_form_that_broke_a_rule_is_told() -> None:
    body = Body(format=BodyFormat.MULTIPART)
    served = checked(
        parameter("f", Location.BODY, type=ParameterType.FILE, max_bytes=1),
        parameter("t", Location.BODY, max_length=1),
        body=body,
    )
    found = refused("Validation", served, **multipart("f", b"12", "a.png"))
    assert (found["rule"], found["value"], found["bytes"]) == (
        "is larger than 1 bytes",
        "a.png",
        2,
    )
    found = refused("Validation", served, **multipart("t", b"12"))
    assert (found["rule"], found["value"]) == ("is longer than 1", "12")
    assert "bytes" not in found


@pytest.mark.parametrize(
    ("body", "headers", "fault", "rule"),
    [
        (b"", [], "EMPTY_BODY", "is required"),
        (b"{}", [("Content-Type", "text/plain")], "INVALID_CONTENT_TYPE", "text/plain"),
        (b"{", [("Content-Type", "application/json")], "INVALID_BODY", "not JSON"),
        (
            b"[]",
            [("Content-Type", "application/json")],
            "INVALID_BODY",
            "/: type: object",
        ),
        (
            b"{}",
            [("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
            "INVALID_HEADER",
            "is not supported",
        ),
    ],
)
def test_a_body_that_broke_a_rule_is_told(
    body: bytes, headers: list[tuple[str, str]], fault: str, rule: str
) -> None:
    served = checked(body=Body(format=BodyFormat.STREAM, schema={"type": "object"}))
    assert refused("Validation", served, method="POST", headers=headers, body=body) == {
        "fault": fault,
        "body_rule": rule,
        "content_type": headers[0][1] if headers else None,
        "body_bytes": len(body),
    }


def test_a_body_that_is_no_form_is_told() -> None:
    served = checked(parameter("a", Location.BODY))
    headers = [("Content-Type", "text/plain")]
    found = refused("Validation", served, method="POST", headers=headers, body=b"a=1")
    assert (found["fault"], found["content_type"]) == ("INVALID_CONTENT_TYPE", "text/plain")


def test_in_passthrough_mode_nothing_is_checked_and_nothing_told() -> None:
    served = checked(parameter("p", required=True), mode=Mode.PASSTHROUGH)
    assert decided("Validation", served) == {"arguments": []}
