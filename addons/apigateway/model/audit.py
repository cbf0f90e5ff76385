"""The audit log: every change of what is served, with who made it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `at_ms` is milliseconds since the epoch, `by` who made it.

    `action` is a verb of the lifecycle (`release`, `switch`, `abolish`, `grant`, `revoke`,
    `reset-key`, `replace-signature-key`, `bind-domain`, `unbind-domain`, `verify-domain`,
    `checkout`, `delete`, `reload`); `subject` what it was done to (`group/api`, an app, a domain);
    `environment` is "" where it is for all. `before` and `after` are plain JSON data without
    secrets, None where there was or is nothing.
    """

    at_ms: int
    by: str
    action: str
    subject: str
    environment: str = ""
    note: str = ""
    before: Any = None
    after: Any = None
