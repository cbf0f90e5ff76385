"""Seconds, minutes, hours and days of the wall clock, wherever that hangs."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apigateway.model.windows import UTC_ZONE, Window, WindowUnit, Zone, time_zone

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """Milliseconds since the epoch of a time on the wall."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.astimezone(UTC).timestamp() * 1000)


def window(unit: WindowUnit, now_ms: int, zone: str = "UTC") -> Window:
    return Zone(zone).window_at(unit, now_ms)


@pytest.mark.parametrize("unit", WindowUnit)
def test_in_utc_a_window_starts_at_a_whole_unit(unit: WindowUnit) -> None:
    now_ms = 1_700_000_000_123
    start_ms = now_ms - now_ms % unit.milliseconds
    expected = Window(start_ms, start_ms + unit.milliseconds)
    assert window(unit, now_ms) == window(unit, start_ms) == expected
    assert window(unit, expected.end_ms - 1) == expected
    assert window(unit, expected.end_ms).start_ms == expected.end_ms


def test_a_day_begins_at_midnight_of_the_zone() -> None:
    expected = Window(at("2026-11-23", "Asia/Shanghai"), at("2026-11-24", "Asia/Shanghai"))
    assert window(WindowUnit.DAY, at("2026-11-22T16:00"), "Asia/Shanghai") == expected
    assert window(WindowUnit.DAY, at("2026-11-23T15:59:59.999"), "Asia/Shanghai") == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-03-30", 24),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-11-01", 25),
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
        ("Africa/Cairo", "2026-04-24", 23),  # midnight does not come
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Pacific/Apia", "2011-12-29", 24),  # the 30th did not come
    ],
)
def test_a_day_has_the_hours_that_it_has(zone: str, day: str, hours: float) -> None:
    found = window(WindowUnit.DAY, at(f"{day}T12:00", zone), zone)
    assert found.end_ms - found.start_ms == hours * HOUR_MS


@pytest.mark.parametrize("minutes", [0, 30, 59, 60, 119, 120, 150, 179])
def test_the_hour_that_comes_twice_is_two_hours_of_one_day(minutes: int) -> None:
    """Berlin, 25 October 2026: from 2:00 to 3:00 summer time, then from 2:00 to 3:00 again."""
    first_ms = at("2026-10-25T01:00", "Europe/Berlin")
    now_ms = first_ms + minutes * MINUTE_MS
    hour = window(WindowUnit.HOUR, now_ms, "Europe/Berlin")
    assert hour.start_ms == first_ms + minutes // 60 * HOUR_MS
    assert hour.end_ms == hour.start_ms + HOUR_MS
    day = window(WindowUnit.DAY, now_ms, "Europe/Berlin")
    assert day.start_ms == at("2026-10-25", "Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "past_ms"), [("Asia/Kolkata", 30 * MINUTE_MS), ("Asia/Kathmandu", 15 * MINUTE_MS)]
)
def test_an_hour_begins_when_the_clock_on_the_wall_says_so(zone: str, past_ms: int) -> None:
    noon_ms = at("2026-11-23T12:00")
    assert window(WindowUnit.HOUR, noon_ms + past_ms, zone).start_ms == noon_ms + past_ms
    assert window(WindowUnit.HOUR, noon_ms, zone) == Window(
        noon_ms + past_ms - HOUR_MS, noon_ms + past_ms
    )


@pytest.mark.parametrize("unit", [WindowUnit.SECOND, WindowUnit.MINUTE])
def test_seconds_and_minutes_are_the_same_everywhere(unit: WindowUnit) -> None:
    now_ms = at("2026-11-23T12:34:56.789")
    assert window(unit, now_ms, "Asia/Kathmandu") == window(unit, now_ms)


def test_where_clocks_change_by_half_an_hour_an_hour_is_as_long_as_what_is_left_of_it() -> None:
    change_ms = at("2026-10-03T15:30")  # Lord Howe: 2:00 becomes 2:30
    zone = "Australia/Lord_Howe"
    assert window(WindowUnit.HOUR, change_ms - 1, zone) == Window(change_ms - HOUR_MS, change_ms)
    half = Window(change_ms, change_ms + HOUR_MS // 2)
    assert window(WindowUnit.HOUR, change_ms, zone) == half
    assert window(WindowUnit.HOUR, half.end_ms - 1, zone) == half
    assert window(WindowUnit.HOUR, half.end_ms, zone).start_ms == half.end_ms


@pytest.mark.parametrize("unit", [WindowUnit.HOUR, WindowUnit.DAY])
@pytest.mark.parametrize(
    ("zone", "moment_ms"),
    [
        ("UTC", -1),
        ("Asia/Shanghai", -1),
        ("America/New_York", at("1883-11-18T17:00")),  # from the sun's time to a zone's
        ("America/St_Johns", at("2011-11-06T02:31")),  # at 0:01 it became 23:01 of the day before
        ("America/Toronto", at("1919-03-31T04:30")),  # at 23:30 it became 0:30 of the next day
        ("Pacific/Apia", at("2011-12-30T10:00")),  # a day was left out
        ("Pacific/Kwajalein", at("1993-08-21T12:00")),
        ("Europe/Berlin", at("2499-03-29T01:00")),
        ("UTC", at("9998-12-30T23:59")),
    ],
)
def test_windows_leave_no_gap_and_do_not_overlap(
    zone: str, moment_ms: int, unit: WindowUnit
) -> None:
    now_ms, last_ms = moment_ms - 26 * HOUR_MS, moment_ms + 26 * HOUR_MS
    while now_ms < last_ms:
        found = window(unit, now_ms, zone)
        assert found.start_ms <= now_ms < found.end_ms
        assert window(unit, found.start_ms, zone) == window(unit, found.end_ms - 1, zone) == found
        assert window(unit, found.start_ms - 1, zone).end_ms == found.start_ms
        now_ms = found.end_ms


def test_a_window_is_remembered_and_left_when_time_goes_on_or_back() -> None:
    zone = Zone("Asia/Shanghai")
    now_ms = at("2026-11-23T12:00")
    today = zone.window_at(WindowUnit.DAY, now_ms)
    assert zone.window_at(WindowUnit.DAY, now_ms + 1) is today
    tomorrow = zone.window_at(WindowUnit.DAY, today.end_ms)
    assert tomorrow.start_ms == today.end_ms
    assert zone.window_at(WindowUnit.DAY, now_ms) == today


def test_zones_are_known_by_their_name() -> None:
    assert Zone("Asia/Shanghai") == Zone("Asia/Shanghai") != UTC_ZONE
    remembering = Zone("Asia/Shanghai")
    remembering.window_at(WindowUnit.DAY, 0)
    assert remembering == Zone("Asia/Shanghai")
    assert hash(remembering) == hash(Zone("Asia/Shanghai"))
    assert repr(remembering) == "Zone(name='Asia/Shanghai')"


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "Asia", "a\0b"]
)
def test_what_is_no_zone_is_one_of_three_errors(name: str) -> None:
    with pytest.raises((KeyError, ValueError, OSError)):
        time_zone(name)


def test_a_window_has_the_length_of_its_unit() -> None:
    assert [unit.milliseconds for unit in WindowUnit] == [1_000, 60_000, 3_600_000, 86_400_000]
