"""What became of a call that a test made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers
from apigateway.replay.outcome import Outcome
from apigateway.trail.render import render, verdict_line


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JudgedCall:
    """`answer` is what the caller gets. `outcome` says how the call ended, with the request that
    the backend would get in `outcome.backend`; `trail` what every stage decided of it."""

    answer: Answer
    outcome: Outcome
    trail: Mapping[str, Any]

    @property
    def served(self) -> bool:
        """Whether every stage let it pass, and the backend (a fake one) answered."""
        return bool(self.trail["verdict"]["served"])

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def code(self) -> str:
        """X-Ca-Error-Code of a refusal, else "". The classic style has none."""
        return self.outcome.code

    @property
    def message(self) -> str:
        """X-Ca-Error-Message of a refusal, else ""."""
        return self.outcome.message

    @property
    def refused_by(self) -> str:
        """The stage that refused it, else ""."""
        return self.outcome.refused_by

    @property
    def backend_request(self) -> Mapping[str, Any] | None:
        """The request that the backend would get, without the values of secrets: `method`, `url`,
        `address`, `headers` (pairs), `body` and how it is written; None where nothing is sent."""
        sent: Mapping[str, Any] | None = self.trail["backend_request"]
        return sent

    def header(self, name: str) -> str | None:
        """The first value of a field of the answer, None without one."""
        return Headers(self.answer.headers).first(name)

    def json(self) -> Any:
        """The body of the answer, read as JSON."""
        return json.loads(self.answer.body)

    @property
    def report(self) -> str:
        """Stage by stage, for people."""
        return "\n".join(render(self.trail))

    def __repr__(self) -> str:
        return f"<{verdict_line(self.trail)}>"
