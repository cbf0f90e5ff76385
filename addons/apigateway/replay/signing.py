"""Signing a captured call anew, so that it can be sent again: another time and another nonce, and
all else as the client had it (which headers it signed, how it spelled them, by which method, which
of the strings that the product accepts). AppCodes and tokens stay.

What was wrong stays wrong: a signature that did not verify, a time that was out of the window, a
nonce that was used before.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from apigateway.model.api import SignatureMethod
from apigateway.model.secret import Secret
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.signatures.caller import (
    KEY,
    NONCE,
    SIGNATURE,
    SIGNATURE_METHOD,
    TIMESTAMP,
    SignableRequest,
    candidates,
    sign,
)
from apigateway.stages.authentication import LONGEST_NONCE


def signed_string(request: CallerRequest, secret: str) -> int | None:
    """The number, from 1, of the accepted string that the request's signature is of; None where
    it is of none."""
    method = method_of(request)
    given = (request.headers.first(SIGNATURE) or "").strip()
    if method is None or not given:
        return None
    for number, text in enumerate(candidates(request.signable), 1):
        if sign(secret, text, method) == given:
            return number
    return None


def method_of(request: CallerRequest) -> SignatureMethod | None:
    """HmacSHA256 where none is named; None for one that does not exist."""
    named = (request.headers.first(SIGNATURE_METHOD) or SignatureMethod.HMAC_SHA256).strip()
    return next((one for one in SignatureMethod if one.lower() == named.lower()), None)


def signed_anew(
    request: CallerRequest,
    secret: str,
    *,
    timestamp: str,
    nonce: str,
    string: int | None = None,
) -> CallerRequest:
    """The request with this time and nonce in place of its own, where it has them, and its
    signature made of them.

    `string` is the number of the string to sign (see `signed_string`), for a request whose own
    signature does not tell, since it was changed on purpose. Without it one that verifies as none
    keeps its signature, which is none of the new request either.
    """
    string = string or signed_string(request, secret)
    method = method_of(request)
    renewed = _with_values(request, {TIMESTAMP: timestamp, NONCE: nonce})
    if string is None or method is None:
        return renewed
    return signed_by(renewed, secret, string)


def signed_by(request: CallerRequest, secret: str, string: int) -> CallerRequest:
    """The request with a signature of the string of that number, in place of its own; as it is
    where the method that it names does not exist."""
    method = method_of(request)
    if method is None:
        return request
    text = _string(request.signable, string)
    return _with_values(request, {SIGNATURE: sign(secret, text, method)})


def _string(request: SignableRequest, number: int) -> str:
    """The string of that number; the last one where there are fewer."""
    return [*islice(candidates(request), number)][-1]


def _with_values(request: CallerRequest, values: Mapping[str, str]) -> CallerRequest:
    """Other values for fields that are there, under the names as they are spelled."""
    new = {name.lower(): value for name, value in values.items()}
    fields = (
        (name, new.get(name.lower(), value) if value else value)
        for name, value in request.headers.fields
    )
    return replace(request, headers=Headers(fields))


class Resigner:
    """Signs the calls of one replay anew.

    `secrets` are AppSecrets by AppKey. `run` names the replay: a nonce that the capture holds twice
    is the same new one both times, and another one in another run.
    """

    def __init__(self, secrets: Mapping[str, Secret], *, run: str = "") -> None:
        self._secrets = secrets
        self._run = uuid.UUID(run) if run else uuid.uuid4()

    def __call__(
        self, captured: CapturedCall, now_ms: int, *, string: int | None = None
    ) -> CapturedCall:
        """The call as of `now_ms`; one without a signature, or of an app that is not known, as it
        is. A timestamp is as far from `now_ms` as it was from the time of the call."""
        request = captured.request
        secret = self._secrets.get(request.headers.first(KEY) or "")
        if secret is None or not request.headers.first(SIGNATURE):
            return replace(captured, received_ms=now_ms)
        again = signed_anew(
            request,
            secret.reveal(),
            timestamp=_moved(request.headers.first(TIMESTAMP) or "", captured, now_ms),
            nonce=self._nonce(request.headers.first(NONCE) or "", request.headers.first(KEY) or ""),
            string=string,
        )
        return replace(captured, request=again, received_ms=now_ms)

    def _nonce(self, old: str, key: str) -> str:
        if len(old) > LONGEST_NONCE:
            return old
        return str(uuid.uuid5(self._run, f"{len(key)}:{key}{_plain(old)}"))


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _moved(timestamp: str, captured: CapturedCall, now_ms: int) -> str:
    text = timestamp.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return timestamp
    if captured.received_ms is None:
        return str(now_ms)
    return str(max(0, now_ms + int(text) - captured.received_ms))
