"""What the edge holds every connection to, taken from the settings that are served now."""

from dataclasses import dataclass

from apigateway.model.settings import EdgeLimits, ErrorStyle, GatewaySettings, StandingLimits

LINGER_BYTES = 256 * 1024
LINGER_SECONDS = 2.0
"""How much, and how long, is read and thrown away behind a refusal. A socket that is closed with
unread bytes resets the connection, and the caller may lose the answer that is already on its
way."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`head_bytes` counts the request line and all fields; `body_bytes` the content alone."""

    head_bytes: int
    body_bytes: int
    style: ErrorStyle
    limits: EdgeLimits

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
