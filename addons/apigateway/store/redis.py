"""The store of several machines: counters, nonces, releases, the audit log and domain bindings in
Redis or Valkey.

Call records stay on the machine that served the call, in its SQLite file, and so does what its
processes say of themselves.
"""

import logging
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from apigateway.model.settings import RedisSettings
from apigateway.ports import StoreUnavailable
from apigateway.store.redis_audit import RedisAudit
from apigateway.store.redis_counters import RedisCounters, RedisLedger, RedisNonces
from apigateway.store.redis_desk import RedisDesk
from apigateway.store.redis_domain_bindings import RedisDomainBindings
from apigateway.store.redis_line import RedisLine
from apigateway.store.redis_releases import RedisReleases
from apigateway.store.scripts import script_text
from apigateway.store.sqlite import SqliteStore

logger = logging.getLogger(__name__)

_PATIENT_S = 30.0
"""For the release of thousands of APIs in one step, over a slow line."""

_MENDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "mend store.username and store.password in gateway.yaml"),
    (redis.exceptions.NoPermissionError, "permit it to that user (docs/throttling.md)"),
    (redis.ReadOnlyError, "name the primary in gateway.yaml, not a replica"),
    (redis.BusyLoadingError, "start again when it has read its data"),
    (redis.ConnectionError, "start Redis there, or mend store in gateway.yaml"),
    (redis.TimeoutError, "see whether that is a Redis server, or mend store in gateway.yaml"),
)


class RedisStore:
    """All ports on one Redis server and one local file. Made unopened, at no cost.

    A call that Redis does not answer within `timeout_s` is refused, and never asked again: it may
    have been counted. No restart is needed when Redis comes back.
    """

    def __init__(self, settings: RedisSettings, records: Path, *, own_clock: bool = True) -> None:
        """`own_clock` False: the time is what callers say, not that of the server (for tests)."""
        self._settings = settings
        self._local = SqliteStore(records)
        self.calls = self._local.calls
        self.workers = self._local.workers
        # Braces: one slot of a cluster, since a script needs all its keys in one place.
        self._prefix = f"{{{settings.prefix}}}:"
        self._options = _options(settings)
        self._desk = self._desk_client()
        self._patient = self._desk_client(max(settings.timeout_s, _PATIENT_S))
        self._line = RedisLine(self._client, timeout_s=settings.timeout_s)
        self.ledger = RedisLedger(self._line, self._prefix, own_clock=own_clock)
        self.counters = RedisCounters(self.ledger)
        self.nonces = RedisNonces(self._line, self._prefix)
        desk = RedisDesk(self._desk, self._prefix, self._patient)
        self.audit = RedisAudit(desk)
        self.releases = RedisReleases(desk, self.audit)
        self.domain_bindings = RedisDomainBindings(desk)

    def open(self) -> None:
        """
        Raises:
            StoreUnavailable: Redis cannot count for us, or the file of records cannot be opened.
        """
        try:
            self._count_once()
        except (redis.RedisError, OSError) as problem:
            raise StoreUnavailable(_explained(self._settings.url, problem)) from problem
        self._warn_of_eviction()
        self._local.open()
        self._line.open()

    def close(self) -> None:
        self._line.close()
        self._desk.close()
        self._patient.close()
        self._local.close()

    def _count_once(self) -> None:
        """A count of nothing: proves that the server is there, lets us in and may be written."""
        script, key = script_text("take"), f"{self._prefix}c:start"
        self._desk.eval(script, 1, key, "", "1", "1000000000 -1 0 1000")

    def _warn_of_eviction(self) -> None:
        """A server that makes room by forgetting counts gives calls away."""
        try:
            found = self._desk.info("memory")
        except redis.RedisError:  # a user that may not ask
            return
        policy = found.get("maxmemory_policy", "noeviction")
        if found.get("maxmemory") and policy != "noeviction":
            logger.warning(
                "store %s: with maxmemory-policy %s it forgets counts, nonces and releases when "
                "its memory is full; set noeviction",
                self._settings.url,
                policy,
            )

    def _desk_client(self, timeout_s: float | None = None) -> redis.Redis:
        """With `timeout_s`, one that waits so long for an answer, but not for a connection."""
        options = dict(self._options)
        if timeout_s is not None:
            options["socket_timeout"] = timeout_s
        return redis.Redis.from_url(self._settings.url, retry=Retry(NoBackoff(), 0), **options)

    def _client(self) -> redis.asyncio.Redis:
        pool = redis.asyncio.ConnectionPool.from_url(
            self._settings.url, retry=AsyncRetry(NoBackoff(), 0), **self._options
        )
        return redis.asyncio.Redis.from_pool(pool)


def _options(settings: RedisSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "protocol": 2,  # what every server and proxy speaks
        "socket_timeout": settings.timeout_s,
        "socket_connect_timeout": settings.timeout_s,
    }
    if settings.username:
        options["username"] = settings.username
    if settings.password is not None:
        options["password"] = settings.password.reveal()
    if urlsplit(settings.url).scheme == "rediss":
        options["ssl_cert_reqs"] = ssl.CERT_REQUIRED
        options["ssl_check_hostname"] = True
        if settings.ca is not None:
            options["ssl_ca_data"] = settings.ca
    return options


def _explained(url: str, problem: Exception) -> str:
    """Which store, why, and how to mend it. The definitions see to it that a URL holds no
    password."""
    why = str(problem).rstrip(".")
    mend = next(
        (mend for kind, mend in _MENDS if isinstance(problem, kind)), "see docs/throttling.md"
    )
    if "CERTIFICATE_VERIFY_FAILED" in why:
        mend = "name its CA in store.ca, and the host as the certificate does"
    return f"store {url}: {why}; {mend}"
