"""What the tests of captures share."""

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
