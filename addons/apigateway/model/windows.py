"""Windows of the clock: the second, minute, hour or day of a time zone that a moment lies in.

Guide, "What is throttling policy"; reference: protocol 4 (fixed windows, reset at the next unit).
A day is that of the calendar, so it has 23 or 25 hours when summer time begins or ends.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo


class WindowUnit(StrEnum):
    """The clock unit a limit counts in."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def milliseconds(self) -> int:
        """The length of a window; of a day, the usual one."""
        return _MILLISECONDS[self]


_MILLISECONDS = {
    WindowUnit.SECOND: 1_000,
    WindowUnit.MINUTE: 60_000,
    WindowUnit.HOUR: 3_600_000,
    WindowUnit.DAY: 86_400_000,
}


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ms` up to, not including, `end_ms`, in milliseconds since the epoch."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Zone:
    """The time zone that windows are counted in. It remembers the last window of each unit."""

    name: str = "UTC"
    _last: dict[WindowUnit, Window] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def window_at(self, unit: WindowUnit, now_ms: int) -> Window:
        last = self._last.get(unit)
        if last is not None and last.start_ms <= now_ms < last.end_ms:
            return last
        found = self._last[unit] = self._find(unit, now_ms)
        return found

    def _find(self, unit: WindowUnit, now_ms: int) -> Window:
        length_ms = unit.milliseconds
        if unit in (WindowUnit.SECOND, WindowUnit.MINUTE) or self.name == "UTC":
            start_ms = now_ms - now_ms % length_ms
            return Window(start_ms, start_ms + length_ms)
        zone = time_zone(self.name)
        return _hour(now_ms, zone) if unit is WindowUnit.HOUR else _day(now_ms, zone)


UTC_ZONE = Zone()

_A_DAY = timedelta(days=1)


def _hour(now_ms: int, zone: tzinfo) -> Window:
    """The hour of the wall clock; where clocks change by half an hour, what there is of it."""
    length_ms = WindowUnit.HOUR.milliseconds
    offset_ms = _offset_ms(now_ms, zone)
    start_ms = now_ms - (now_ms + offset_ms) % length_ms
    end_ms = start_ms + length_ms
    if (_offset_ms(start_ms, zone) - offset_ms) % length_ms:
        start_ms = _change_ms(start_ms, now_ms, zone)
    if (_offset_ms(end_ms - 1, zone) - offset_ms) % length_ms:
        end_ms = _change_ms(now_ms, end_ms, zone)
    return Window(start_ms, end_ms)


def _change_ms(before_ms: int, after_ms: int, zone: tzinfo) -> int:
    """When the offset that holds at `before_ms` gives way to another one, to the second."""
    before, after = before_ms // 1000, after_ms // 1000
    offset_ms = _offset_ms(before_ms, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_ms(middle * 1000, zone) == offset_ms:
            before = middle
        else:
            after = middle
    return after * 1000


def _offset_ms(moment_ms: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(moment_ms // 1000, zone).utcoffset() or timedelta(0)
    return int(offset.total_seconds()) * 1000


def _day(now_ms: int, zone: tzinfo) -> Window:
    """From midnight to midnight; of a midnight that comes twice, the first one counts."""
    day = datetime.fromtimestamp(now_ms // 1000, zone).date()
    while _midnight_ms(day, zone) > now_ms:  # clocks went on over midnight
        day -= _A_DAY
    while (end_ms := _midnight_ms(day + _A_DAY, zone)) <= now_ms:  # they went back over midnight
        day += _A_DAY
    return Window(_midnight_ms(day, zone), end_ms)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


@cache
def time_zone(name: str) -> tzinfo:
    """
    Raises:
        KeyError: no zone of that name (zoneinfo.ZoneInfoNotFoundError).
        ValueError: a name that is none.
    """
    return UTC if name == "UTC" else ZoneInfo(name)
