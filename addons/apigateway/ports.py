"""What the stages ask of the world, as verbs of the domain.

Every verb is atomic: nobody reads a value and writes it back. An implementation that cannot
answer raises StoreUnavailable, which the chain turns into a refusal with 503; it never guesses.
Implementations live in `store`; stages see only this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Environment
from apigateway.model.record import CallRecord
from apigateway.model.release import Change, Conflict, Release
from apigateway.model.windows import UTC_ZONE, WindowUnit, Zone
from apigateway.model.worker import WorkerStatus


class StoreUnavailable(Exception):
    """The store cannot take part in a decision (not open, locked too long, not writable)."""


class NonceUsed(Exception):
    """The nonce of a call was spent before."""


class ReleasedMeanwhile(Exception):
    """What is served is not what somebody who wants to change it took it for."""

    def __init__(self, *conflicts: Conflict) -> None:
        super().__init__("; ".join(map(str, conflicts)))
        self.conflicts = conflicts


class NoSuchVersion(Exception):
    """A switch to a version that was never released."""


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
    """At most `ceiling` calls in one clock `unit` of `zone` for the counter named `key`.

    With a `queue` that is not None (unit second only) it is a bucket instead, which refills
    steadily and holds `ceiling` calls: as many as `queue` further calls wait for their turn, and
    only those beyond are refused.

    `key` names whose calls are counted, not the limit's size: a changed `ceiling` keeps the
    count. One key is always used with one unit, and either as a window or as a bucket.
    """

    key: str
    ceiling: int
    unit: WindowUnit
    dimension: Dimension
    queue: int | None = None
    zone: Zone = UTC_ZONE


class Standing(NamedTuple):
    """How one limit stands after a take.

    `used` calls of a window that ends at `resets_ms`; of a bucket, the calls it holds, which is
    empty again (or, when it refused, has room again) at `resets_ms`. `wait_ms` is how long the
    call has to wait for its turn. (A tuple: several are made for every call.)
    """

    limit: Limit
    used: int
    resets_ms: int
    wait_ms: int = 0

    @property
    def remaining(self) -> int:
        return max(0, self.limit.ceiling - self.used)


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of a take. `refused` is the first limit (in the order asked) that was full."""

    standings: tuple[Standing, ...]
    refused: Standing | None = None

    @property
    def wait_ms(self) -> int:
        """How long a call that was let through waits: as long as the slowest limit says."""
        return max((standing.wait_ms for standing in self.standings), default=0)


class Counters(Protocol):
    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        """Charge one call to every limit, or, when any is full, to none.

        A `now_ms` before the window on record counts in that window: a clock that moves back
        gives no free calls. Where several machines count together, the time is that of the store,
        and `now_ms` is only what standings are told in.

        Raises:
            StoreUnavailable: nothing was charged.
        """

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        """How the limits stand, without a charge: `refused` is the one that would refuse.

        Raises:
            StoreUnavailable
        """


class Nonces(Protocol):
    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        """True for the first claim of a nonce by an app within `lifetime_ms`, else False.

        Raises:
            StoreUnavailable: nothing was claimed.
        """


@dataclass(frozen=True, slots=True)
class NonceClaim:
    """A nonce of an app that is to be spent: for `lifetime_ms`, nobody else may spend it."""

    app_key: str
    nonce: str
    lifetime_ms: int


class Ledger(Protocol):
    async def spend(self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int) -> Tally:
        """Spend the nonce of a call, if it has one, and charge the call as `Counters.take` does:
        all of it in one step. A call that a limit refuses has spent its nonce.

        Raises:
            NonceUsed: nothing was charged.
            StoreUnavailable: nothing was spent or charged.
        """


class Releases(Protocol):
    def apply(
        self, changes: Sequence[Change], *, note: str, by: str, now_ms: int
    ) -> Sequence[Release | None]:
        """Make every change or none, with an audit entry for each; a process that is killed at
        any moment leaves what was before or what is after.

        Returns what is served by then, in the order of the changes: None for an abolished API.
        No two changes are of one API and environment.

        Raises:
            ReleasedMeanwhile: a change's `served` or `after` is not so; nothing was changed.
            NoSuchVersion: of a Switch; nothing was changed.
            TypeError, ValueError: a document is not plain JSON data; nothing was changed.
            StoreUnavailable
        """

    def current(self) -> Sequence[Release]:
        """What is served now: at most one release an API and environment, by group, API and
        environment. Releases that were read before are not read again."""

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        """Every version ever released, newest first."""

    def last_versions(self) -> Mapping[tuple[str, Environment], str]:
        """The newest version ever released, by API id and environment; served or not."""

    def at(self, api_id: str, environment: Environment, version: str) -> Release | None:
        """One version."""

    def announce(self) -> None:
        """Tell every process and machine that something else which acts at once has changed."""

    def changes(self) -> int:
        """A number that rises with each `apply` and each `announce`: another one than before
        means that what is served has changed."""


class Audit(Protocol):
    def write(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries, all or none. (`Releases.apply` writes its own.)"""

    def entries(
        self, *, subject: str = "", action: str = "", limit: int = 100
    ) -> Sequence[AuditEntry]:
        """Newest first. `subject` is a whole subject, or a group of `group/api`."""


class DomainBindings(Protocol):
    def all(self) -> Sequence[DomainBinding]:
        """Every binding on record, by domain: at most one a domain."""

    def record(self, bindings: Sequence[DomainBinding]) -> None:
        """Put these on record, each in place of what was there of its domain, and announce it."""

    def forget(self, domains: Sequence[str]) -> None:
        """Remove what is on record of these, and announce it."""


class Workers(Protocol):
    """The processes of this machine."""

    def report(self, status: WorkerStatus) -> None:
        """Put a process's status on record, in place of its last one."""

    def statuses(self) -> Sequence[WorkerStatus]:
        """The last of every process, by number and process; also of those that are gone."""

    def forget(self, machine: str, process: int) -> None:
        """Remove a process that has ended."""


class Calls(Protocol):
    def append(self, record: CallRecord) -> None:
        """Queue a record; it is written behind the path of the call, in batches.

        Never loses a record: a full queue is waited for, and after `close` of the store a
        record is written at once.
        """

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        """Written records, newest first, without their trails."""

    def trail(self, request_id: str) -> Mapping[str, Any] | None:
        """The trail of a written record; None where none was kept."""


class Resolver(Protocol):
    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """IP addresses of a host, in order of preference; empty when it has none."""
