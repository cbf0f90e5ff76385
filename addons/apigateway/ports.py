"""What the stages ask of the world, as verbs of the domain.

Every verb is atomic: nobody reads a value and writes it back. An implementation that cannot
answer raises StoreUnavailable, which the chain turns into a refusal with 503; it never guesses.
Implementations live in `store`; stages see only this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from apigateway.model.group import Environment
from apigateway.model.policy import WindowUnit
from apigateway.model.record import CallRecord
from apigateway.model.release import Release


class StoreUnavailable(Exception):
    """The store cannot take part in a decision (not open, locked too long, not writable)."""


class Dimension(StrEnum):
    """What a limit counts. The value is the word in the product's throttling messages."""

    API = "API"
    USER = "USER"
    APP = "APP"
    CLIENT_IP = "CLIENT IP"
    GROUP = "GROUP"
    DOMAIN = "DOMAIN"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `ceiling` calls in one clock `unit` (UTC) for the counter named `key`.

    `key` names whose calls are counted, not the limit's size: a changed `ceiling` keeps the
    count. One key is always used with one unit.
    """

    key: str
    ceiling: int
    unit: WindowUnit
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands after a take: calls `used` in the window that ends at `resets_ms`."""

    limit: Limit
    used: int
    resets_ms: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit.ceiling - self.used)


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of a take. `refused` is the first limit (in the order asked) that was full."""

    standings: tuple[Standing, ...]
    refused: Standing | None = None


class Counters(Protocol):
    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        """Charge one call to every limit, or, when any is full, to none.

        Windows are fixed on clock units in UTC. A `now_ms` before the window on record counts
        in that window: a clock that moves back gives no free calls.

        Raises:
            StoreUnavailable: nothing was charged.
        """


class Nonces(Protocol):
    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        """True for the first claim of a nonce by an app within `lifetime_ms`, else False.

        Raises:
            StoreUnavailable: nothing was claimed.
        """


class Releases(Protocol):
    def put(
        self,
        *,
        api_id: str,
        group: str,
        api: str,
        environment: Environment,
        document: Mapping[str, Any],
        note: str,
        released_by: str,
        now_ms: int,
    ) -> Release:
        """Record a new version and make it the one served in `environment`."""

    def current(self) -> Sequence[Release]:
        """What is served now: at most one release an API and environment."""

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        """Every version ever released, newest first."""


class Calls(Protocol):
    def append(self, record: CallRecord) -> None:
        """Queue a record; it is written behind the path of the call, in batches.

        Never loses a record: a full queue is waited for, and after `close` of the store a
        record is written at once.
        """

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        """Written records, newest first."""


class Resolver(Protocol):
    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """IP addresses of a host, in order of preference; empty when it has none."""
