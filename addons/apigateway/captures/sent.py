"""What curl lines, HARs and texts come to: a request with where it was sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest

NO_HOST = "http://"
"""In front of a path whose host only a field names."""


class CaptureError(ValueError):
    """The capture cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class SentRequest(SignableRequest):
    """With where it was sent by its URL; "" where none is known."""

    scheme: str = ""
    authority: str = ""


def signable(
    method: str, url: str, fields: Iterable[tuple[str, str]], body: bytes, more_query: str = ""
) -> SentRequest:
    """
    Raises:
        CaptureError: a URL that is none, or text that cannot have been on the wire.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        query = "&".join(text for text in (parts.query, more_query) if text)
        headers = Headers(fields)
        texts = [text for field in headers.fields for text in field]
        for text in (method, parts.path, query, *texts):
            text.encode("utf-8", "surrogateescape")
    except ValueError as problem:
        raise CaptureError(f"{url[:200]!a} cannot have been sent: {problem}") from None
    authority = parts.netloc.rpartition("@")[2]
    scheme = parts.scheme if authority else ""
    return SentRequest(method, parts.path or "/", query, headers, body, scheme, authority)


def to_bytes(text: str) -> bytes:
    """The bytes that a capture's text was read from."""
    return text.encode("utf-8", "surrogateescape")
