"""A HAR, and the answer of the demo backend."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from apigateway.captures.sent import NO_HOST, CaptureError, signable, to_bytes
from apigateway.signatures.caller import SignableRequest


def json_requests(text: str) -> Iterator[SignableRequest]:
    """The requests of a HAR, or the one that the demo backend received.

    Raises:
        CaptureError: it is neither, or holds what cannot have been sent.
    """
    kind = "a HAR"
    try:
        document = json.loads(text)
        if "log" not in document and "backend_signature" in document:
            kind = "an answer of the demo backend"
            yield _echoed_request(document)
            return
        for entry in document["log"]["entries"]:
            request = entry["request"]
            fields = [(str(field["name"]), str(field["value"])) for field in request["headers"]]
            yield signable(
                str(request["method"]),
                str(request["url"]),
                [field for field in fields if not field[0].startswith(":")],
                _har_body(request.get("postData") or {}),
            )
    except CaptureError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise CaptureError(f"not {kind}: {type(problem).__name__} {problem}") from None


def _echoed_request(document: Mapping[str, Any]) -> SignableRequest:
    """What the demo backend says it received; the query is there decoded."""
    body = str(document["body"])
    return signable(
        str(document["method"]),
        NO_HOST + str(document["path"]),
        [(str(name), str(value)) for name, value in document["headers"]],
        base64.b64decode(body) if document["body_encoding"] == "base64" else to_bytes(body),
        urlencode([(str(name), str(value)) for name, value in document["query"]]),
    )


def _har_body(posted: dict[str, object]) -> bytes:
    """The text, or the fields (their values decoded, as the format has them) as a form."""
    text = str(posted.get("text") or "")
    if posted.get("encoding") == "base64":
        return base64.b64decode(text)
    params = posted.get("params")
    if not text and isinstance(params, list):
        pairs = [(str(one["name"]), str(one.get("value") or "")) for one in params]
        text = urlencode(pairs, errors="surrogateescape")
    return to_bytes(text)
