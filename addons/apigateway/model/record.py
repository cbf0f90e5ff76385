"""What is kept of one call (reference: the product's access log fields)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call, refused or served. Text fields are "" when the call ended before they were known.

    `status` is what the caller got, 0 when the caller was gone before an answer. `error_code`
    and `error_message` are the gateway's own refusal, and `refused_by` the stage it came from;
    `detail` is the reason for the operator. `api_version` is the release that the call met, and
    `process` the id of the gateway's process that answered. Times are milliseconds since the
    epoch; latencies are milliseconds; sizes are body bytes.

    `trail` is what every stage decided, where that is kept: of calls that were refused or whose
    backend failed. It is written with the record, and read by itself (`Calls.trail`).
    """

    request_id: str
    received_ms: int
    method: str
    scheme: str
    domain: str
    path: str
    client_ip: str
    group_id: str = ""
    group_name: str = ""
    api_id: str = ""
    api_name: str = ""
    environment: str = ""
    app_id: str = ""
    app_key: str = ""
    status: int
    error_code: str = ""
    error_message: str = ""
    refused_by: str = ""
    detail: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    backend_status: int = 0
    backend_ms: float = 0.0
    total_ms: float = 0.0
    api_version: str = ""
    process: int = 0
    trail: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
