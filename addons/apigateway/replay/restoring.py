"""The placeholders of a scrubbed capture put back: AppCodes, signatures and, offline, tokens.

Each is put back only where the gateway reads it, so that a capture that somebody else wrote cannot
have an AppCode sent to a place of its choice.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from apigateway.model.catalog import Catalog
from apigateway.model.secret import Secret
from apigateway.protocol.wire import APP_CODE_PARAMETER, Headers, decode_form_text, is_form
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.placeholders import read_app_code, read_signature, was_scrubbed
from apigateway.replay.remade import tokens_made_again
from apigateway.replay.signing import method_of, signed_by
from apigateway.signatures.caller import KEY, SIGNATURE


class Restorer:
    """By what the definitions say: `secrets` and `codes` are by AppKey.

    `tokens` signs id_tokens again, which only the offline chain takes (see `remade`).
    """

    def __init__(
        self, secrets: Mapping[str, Secret], codes: Mapping[str, Secret], *, tokens: bool
    ) -> None:
        self._secrets = secrets
        self._codes = codes
        self._tokens = tokens

    @classmethod
    def of(cls, catalog: Catalog, *, tokens: bool) -> "Restorer":
        return cls(
            {key: app.secret for key, app in catalog.apps.items()},
            {key: app.code for key, app in catalog.apps.items() if app.code is not None},
            tokens=tokens,
        )

    def __call__(self, captured: CapturedCall) -> CapturedCall:
        """The call as it was, as far as that is known; one without placeholders as it is."""
        if not was_scrubbed(captured.request):
            return captured
        return replace(captured, request=self._restored(captured.request))

    def _restored(self, request: CallerRequest) -> CallerRequest:
        path, mark, query = request.target.partition("?")
        request = replace(
            request,
            target=self._token(path) + mark + "&".join(map(self._item, query.split("&"))),
            headers=Headers(
                (name, self._field(name, value)) for name, value in request.headers.fields
            ),
        )
        if self._tokens and is_form(request.headers.first("Content-Type") or ""):
            request = self._with_form(request)
        return self._with_signature(request)

    def _token(self, text: str) -> str:
        return tokens_made_again(text) if self._tokens else text

    def _item(self, item: str) -> str:
        """Of a query."""
        name, equals, value = item.partition("=")
        if decode_form_text(name).lower() == APP_CODE_PARAMETER:
            code = self._codes.get(read_app_code(decode_form_text(value)))
            return item if code is None else name + equals + quote(code.reveal(), safe="")
        return self._token(item)

    def _field(self, name: str, value: str) -> str:
        scheme, _, rest = value.strip().partition(" ")
        if name.lower() == "authorization" and scheme.upper() == "APPCODE":
            code = self._codes.get(read_app_code(rest))
            return value if code is None else f"{scheme} {code.reveal()}"
        return self._token(value)

    def _with_form(self, request: CallerRequest) -> CallerRequest:
        text = request.body.decode("utf-8", "surrogateescape")
        body = tokens_made_again(text).encode("utf-8", "surrogateescape")
        return with_body(request, body) if body != request.body else request

    def _with_signature(self, request: CallerRequest) -> CallerRequest:
        """It is made last, of all that was put back."""
        found = read_signature(request.headers.first(SIGNATURE) or "")
        if found is None or found.app_key != request.headers.first(KEY):
            return request
        secret = self._secrets.get(found.app_key)
        if secret is None or method_of(request) is None:
            return request
        return signed_by(request, secret.reveal(), found.string)


def with_body(request: CallerRequest, body: bytes) -> CallerRequest:
    """The request with another body, and with its length where it said that of the other."""
    old, new = str(len(request.body)), str(len(body))
    fields = (
        (name, new if name.lower() == "content-length" and value.strip() == old else value)
        for name, value in request.headers.fields
    )
    return replace(request, body=body, headers=Headers(fields))
