"""What the tests of captures share."""

import json
from typing import Any

import pytest

from apigateway.captures.reading import read_capture
from apigateway.captures.sent import CaptureError
from apigateway.signatures.caller import SignableRequest

FORM = "application/x-www-form-urlencoded"


def fields(request: SignableRequest) -> dict[str, str]:
    return dict(request.headers.fields)


def problem(content: bytes) -> str:
    with pytest.raises(CaptureError) as caught:
        read_capture(content)
    return str(caught.value)


def echo(**changes: Any) -> bytes:
    """What scripts/demo-backend.py answers."""
    answer = {
        "method": "POST",
        "path": "/v3/a%20b",
        "query": [["q", "a b&中"], ["q", ""]],
        "headers": [["Host", "h.test"], ["X-A", "中"]],
        "body": "a=1",
        "body_encoding": "text",
        "form": [["a", "1"]],
        "backend_signature": {"verified": True, "reason": "ok", "string_to_sign": ""},
    }
    return json.dumps({**answer, **changes}).encode()
