"""What one gateway process does about domains in the background: it asks DNS, and keeps the record.

Of several workers the leading one does it. Where gateways of several machines share a store each
machine has one, which does no harm: they find the same, and only what changed is recorded.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from apigateway.definition.project import Project
from apigateway.domains.record import on_record, put_on_record
from apigateway.domains.states import DomainStanding, DomainState, standings
from apigateway.domains.steps import Changes, Record, after_finding
from apigateway.domains.verify import Finding, Question, leads_here, verify_domains
from apigateway.lifecycle.start import BY_ITSELF
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.settings import DomainProof, DomainSettings
from apigateway.ports import Audit, DomainBindings

logger = logging.getLogger(__name__)

RECHECK_MS = 24 * 3_600_000
"""A verified domain is asked about once a day: a CNAME that has changed is told, no more."""

Verify = Callable[[Sequence[Question], DomainSettings], Awaitable[Sequence[Finding]]]


class DomainKeeper:
    """One for the life of a process: it knows what it asked DNS, and when. The ports block, so
    they are called beside the event loop."""

    def __init__(
        self, bindings: DomainBindings, audit: Audit, verify: Verify = verify_domains
    ) -> None:
        self._bindings = bindings
        self._audit = audit
        self._verify = verify
        self._asked_ms: dict[tuple[str, str], int] = {}

    async def look(self, project: Project, now_ms: int) -> None:
        """One round: put on record what was declared since, ask DNS about what is due, withdraw
        what was not verified in time, forget what is no longer declared.

        Meant to be called every few seconds: without a change nothing is written.

        Raises:
            StoreUnavailable
        """
        settings = project.settings.domains
        if settings.verify is DomainProof.OFF:
            return
        before = await asyncio.to_thread(on_record, self._bindings)
        declared = list(standings(project, before.values(), now_ms))
        due = [standing for standing in declared if self._is_due(standing, settings, now_ms)]
        questions = [Question(one.domain.name, one.group.subdomain) for one in due]
        findings = await self._verify(questions, settings) if due else ()
        changes: dict[str, DomainBinding | None] = {
            standing.domain.name: after_finding(standing, finding, now_ms)
            for standing, finding in zip(due, findings, strict=True)
        }
        changes |= dict.fromkeys(before.keys() - {one.domain.name for one in declared})
        made = await asyncio.to_thread(self._record, project, before, changes, now_ms)
        _tell(project, made, now_ms)
        asked = {(one.domain.name, one.group.id): now_ms for one in due}
        kept = {(one.domain.name, one.group.id) for one in declared} & self._asked_ms.keys()
        self._asked_ms = {key: self._asked_ms[key] for key in kept} | asked

    def _record(self, project: Project, before: Record, changes: Changes, now_ms: int) -> Changes:
        return put_on_record(
            self._bindings, self._audit, project, before, changes, by=BY_ITSELF, now_ms=now_ms
        )

    def _is_due(self, standing: DomainStanding, settings: DomainSettings, now_ms: int) -> bool:
        """Whether to ask DNS now: at once about what this process has not asked yet, and once more
        about a binding whose time is over, before that is recorded; never about a withdrawn one."""
        if standing.state is DomainState.LAPSED:
            return standing.binding is None or not standing.binding.lapsed_ms
        asked_ms = self._asked_ms.get((standing.domain.name, standing.group.id))
        if asked_ms is None or standing.binding is None:
            return True
        verified = standing.state is DomainState.BOUND
        wait_ms = RECHECK_MS if verified else settings.every_seconds * 1000
        return not 0 <= now_ms - asked_ms < wait_ms  # a clock that went back waits for nothing


def _tell(project: Project, changes: Changes, now_ms: int) -> None:
    """What somebody who looks at the log should know of what was recorded."""
    put = [after for after in changes.values() if after is not None]
    for standing in standings(project, put, now_ms):
        if standing.domain.name not in changes:
            continue
        held = f" by {standing.holder}" if standing.holder else ""
        logger.log(
            logging.INFO if leads_here(standing.finding) else logging.WARNING,
            "domain %s of the group %s: %s%s; %s",
            standing.domain.name,
            standing.group.name,
            standing.state,
            held,
            standing.advice,
        )
