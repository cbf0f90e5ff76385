"""What the edge holds every connection to, taken from the settings that are served now."""

from dataclasses import dataclass, replace

from apigateway.model.settings import EdgeLimits, ErrorStyle, GatewaySettings, StandingLimits

LINGER_BYTES = 256 * 1024
LINGER_SECONDS = 2.0
"""How much, and how long, is read and thrown away behind a refusal. A socket that is closed with
unread bytes resets the connection, and the caller may lose the answer that is already on its
way."""

UNREAD_BYTES = 1024 * 1024
"""How much may wait for a client that sends requests ahead and does not fetch their answers. The
answer that finds more is the last of its connection."""

GRACE_SECONDS = 1.0
"""How long a connection of a process that is leaving may still bring its next request. It is told
to close with the answer; one that is closed at once could cross a request on its way."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`head_bytes` counts the request line and all fields; `body_bytes` the content alone.
    `leaving` once the process takes no new connections: every answer then is the last of its
    connection."""

    head_bytes: int
    body_bytes: int
    style: ErrorStyle
    limits: EdgeLimits
    leaving: bool = False

    @property
    def waiting_bytes(self) -> int:
        """How much may be sent ahead while a request is being answered: one more request."""
        return self.head_bytes + self.body_bytes


def rules_of(settings: GatewaySettings | None) -> Rules:
    """The rules of these settings; the defaults before anything is loaded."""
    if settings is None:
        standing = StandingLimits()
        return Rules(standing.head_bytes, standing.body_bytes, ErrorStyle.CODED, EdgeLimits())
    standing = settings.limits
    return Rules(standing.head_bytes, standing.body_bytes, settings.errors, settings.edge)


def leaving(rules: Rules) -> Rules:
    """These rules for a process that finishes what it has and ends."""
    idle = min(rules.limits.idle_seconds, GRACE_SECONDS)
    return replace(rules, limits=replace(rules.limits, idle_seconds=idle), leaving=True)
