"""scripts/profile_stages.py: the stages that are profiled are those that serve."""

import asyncio

import pytest
from unit.build import rooms

from scripts.bench.scenarios import chosen
from scripts.profile_stages import Profile, flow_of, markdown, measure, profile_of, table_of

STAGES = [type(stage).__name__ for stage in rooms()]


def test_a_flow_is_what_the_request_said() -> None:
    flow = flow_of(b"POST /a?b=c HTTP/1.1\r\nHost: here\r\nX-Empty: \r\n\r\nbody")
    request = flow.request
    assert (request.method, request.path, request.content) == ("POST", "/a?b=c", b"body")
    assert request.headers.fields == ((b"Host", b"here"), (b"X-Empty", b""))


def test_each_room_has_the_median_of_its_rounds() -> None:
    rounds = [{"Reception": 5.0, "Routing": us} for us in (3.0, 1.0, 2.0)]
    profile = profile_of(rounds, ["Routing"])
    assert [(cost.us, cost.least_us) for cost in profile.stages] == [(2.0, 1.0)]
    assert profile.stages_us == 2.0 and profile.whole_us == 7.0
    lines = markdown(profile, "a machine").splitlines()
    assert "| Routing | 2.0 | 100% |" in lines and "| the whole call | 7.0 | |" in lines


@pytest.mark.parametrize("scenario", ["signed", "openid"])
def test_real_calls_go_through_all_ten_stages(scenario: str) -> None:
    (found,) = chosen([scenario])
    profile: Profile = asyncio.run(measure(found, count=4, rounds=1, at_once=2))
    assert [cost.room for cost in profile.stages] == STAGES
    assert len(profile.around) == 3 and profile.stages_us > 0
    assert table_of(profile).row_count == 15
