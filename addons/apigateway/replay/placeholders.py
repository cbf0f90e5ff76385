"""What stands in a scrubbed capture in place of a secret, and what can be read of it.

    X-Ca-Signature: scrubbed:signature:203753385:HmacSHA256:1    of app 203753385, by string 1
    X-Ca-Signature: scrubbed:signature                           of none: it did not verify
    Authorization: APPCODE scrubbed:appcode:203753385            the code of that app
    eyJhbGciOi...eyJpc3MiOi...scrubbed                           an id_token that verified
    eyJhbGciOi...e30.scrubbed-unverified                         and one that did not
    scrubbed:password, scrubbed:password-2                       values that names tell

All are of characters that stand for themselves in a URL, a form, a header field and JSON.
"""

import re
from dataclasses import dataclass

from apigateway.reception import CallerRequest

MARK = "scrubbed"
_SIGNATURE = f"{MARK}:signature"
_APP_CODE = f"{MARK}:appcode"
_SIGNED = re.compile(rf"{_SIGNATURE}:([A-Za-z0-9_-]+):[A-Za-z0-9]+:([1-9])")

TOKEN = re.compile(
    rf"(?P<header>[A-Za-z0-9_-]+)\.(?P<claims>[A-Za-z0-9_-]*)"
    rf"\.{MARK}(?P<unverified>-unverified)?(?:-\d+)?(?![A-Za-z0-9_-])"
)
"""A token without its signature."""


@dataclass(frozen=True, slots=True)
class SignatureMark:
    """By which app, and of which of the accepted strings (from 1), a request was signed."""

    app_key: str
    string: int


def signature_mark(app_key: str, method: str, string: int) -> str:
    return f"{_SIGNATURE}:{app_key}:{method}:{string}"


UNVERIFIED_SIGNATURE = _SIGNATURE
"""Of a signature that did not verify: it is none again."""


def read_signature(text: str) -> SignatureMark | None:
    found = _SIGNED.fullmatch(text.strip())
    return SignatureMark(found[1], int(found[2])) if found else None


def app_code_mark(app_key: str) -> str:
    return f"{_APP_CODE}:{app_key}"


UNKNOWN_APP_CODE = _APP_CODE
"""Of an AppCode that no app had."""


def read_app_code(text: str) -> str:
    """The AppKey of the app whose code stood there; "" where it is no placeholder of one."""
    start, _, app_key = text.strip().rpartition(":")
    return app_key if start == _APP_CODE else ""


def was_scrubbed(request: CallerRequest) -> bool:
    """Whether a placeholder may stand in it."""
    return (
        any(MARK in value for _, value in request.headers.fields)
        or MARK in request.target
        or MARK.encode("ascii") in request.body
    )
