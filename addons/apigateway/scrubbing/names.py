"""Which names of fields, parameters and members tell of a secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from apigateway.signatures.caller import SIGNATURE
from apigateway.trail.masking import is_secret

_OPEN = frozenset(
    {
        "access-control-allow-credentials",
        "idempotency-key",
        "sec-websocket-key",
        "sec-websocket-accept",
        "token_type",
    }
)
"""They sound like secrets and are none."""

ALWAYS = frozenset({SIGNATURE.lower(), "authorization", "proxy-authorization", "appcode"})
"""What proves who calls: nothing keeps it in a capture."""


@dataclass(frozen=True, slots=True)
class Names:
    """`keep` and `scrub` are of the user, in lower case; `declared` are those that the definition
    of an API shows to be secrets (the parameter of the token), spelled as there."""

    keep: frozenset[str] = frozenset()
    scrub: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()

    @classmethod
    def chosen(cls, keep: Iterable[str], scrub: Iterable[str]) -> "Names":
        return cls(frozenset(map(str.lower, keep)), frozenset(map(str.lower, scrub)))

    def tell(self, name: str) -> bool:
        lower = name.strip().lower()
        if lower in self.scrub or lower in ALWAYS:
            return True
        if lower in self.keep or lower in _OPEN:
            return False
        return name in self.declared or is_secret(name.strip())

    def keeps(self, name: str) -> bool:
        """Whether the user wants it kept."""
        return name.strip().lower() in self.keep

    def is_chosen(self, name: str) -> bool:
        """Whether the user wants it scrubbed."""
        return name.strip().lower() in self.scrub
