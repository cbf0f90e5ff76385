"""A call that was captured, as a value: the request, its time, the answer, what was decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apigateway.answers import REQUEST_ID
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRefusal:
    """What refused a request before any stage. Its bytes are not in the capture as they came, so
    that it cannot be judged again."""

    fault: Fault
    detail: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    def again(self) -> Refusal:
        refusal = Refusal(self.fault, self.detail)
        refusal.parts.update(self.parts)
        return refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCall:
    """`received_ms` is None and `request.peer` "" where the capture does not tell. `answer` is the
    one that the caller got, None where there is none. `trail` is what every stage decided, where
    that was kept. `lacks` says what of the request is not in the capture; "" for a whole one.

    `comment` and `marker` are those of mitmweb's list; `peer_port` and `alpn` are of the
    connection.
    """

    request: CallerRequest
    received_ms: int | None = None
    answer: Answer | None = None
    trail: Mapping[str, Any] | None = None
    edge: EdgeRefusal | None = None
    lacks: str = ""
    flow_id: str = ""
    comment: str = ""
    marker: str = ""
    peer_port: int = 0
    alpn: str = ""

    @property
    def request_id(self) -> str:
        """X-Ca-Request-Id of the answer, or as the trail has it; "" without either."""
        if self.answer and (given := Headers(self.answer.headers).first(REQUEST_ID)):
            return given
        kept = (self.trail or {}).get("request_id")
        return kept if isinstance(kept, str) else ""

    @property
    def refused_by(self) -> str:
        """The stage that refused it, "" for a served one and where that was not kept."""
        verdict = (self.trail or {}).get("verdict")
        if isinstance(verdict, Mapping) and isinstance(by := verdict.get("by"), str):
            return "" if verdict.get("served") else by
        said, _, rest = self.comment.partition("refused by ")
        return rest.partition(":")[0] if rest and not said else ""

    @property
    def refused_why(self) -> str:
        """The reason for the operator, "" where it was not kept."""
        verdict = (self.trail or {}).get("verdict")
        if isinstance(verdict, Mapping) and isinstance(detail := verdict.get("detail"), str):
            return detail
        return ""


def in_order(calls: Iterable[CapturedCall]) -> list[CapturedCall]:
    """The calls as they came in. A file has them as they ended; those without a time stay where
    they are, behind the call before."""
    latest, timed = 0, []
    for call in calls:
        latest = latest if call.received_ms is None else call.received_ms
        timed.append((latest, call))
    return [call for _, call in sorted(timed, key=lambda one: one[0])]
