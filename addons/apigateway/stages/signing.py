"""The gateway's own signature, by which a backend knows who calls it.

Guide, "Backend HTTP service signature"; reference: protocol 2. Backends of both ages are served:
the signature stands in X-Ca-Proxy-Signature (what real backends read) and in X-Ca-Signature
(what the guide names). Content-MD5 of a POST or PUT document is computed and sent.
"""

from functools import lru_cache

from apigateway.exchange import MockUpstream, Outbound, Permitted, Signed
from apigateway.model.policy import SignatureKey
from apigateway.protocol.wire import Headers, Pairs, is_form
from apigateway.signatures.backend import (
    PROXY_SIGNATURE,
    PROXY_SIGNATURE_HEADERS,
    PROXY_SIGNATURE_KEY,
    PROXY_STRING_TO_SIGN,
    backend_string_to_sign,
    document_md5,
    one_line,
)
from apigateway.signatures.caller import SIGNATURE, sign

REQUEST_MODE = "X-Ca-Request-Mode"


def is_debug(headers: Headers) -> bool:
    """Whether the caller asked for debug mode (`X-Ca-Request-Mode: debug`, any case)."""
    return (headers.first(REQUEST_MODE) or "").strip().lower() == "debug"


def sign_outbound(outbound: Outbound, key: SignatureKey, *, debug: bool) -> Outbound:
    """The request with the gateway's signature headers added."""
    headers = list(outbound.headers)
    content_type = _content_type(outbound.headers)
    md5 = document_md5(outbound.method, outbound.body, content_type)
    if md5:
        headers = [field for field in headers if field[0].lower() != "content-md5"]
        headers.append(("Content-MD5", md5))
    headers.append((PROXY_SIGNATURE_KEY, key.key))
    fields = dict(headers)
    names = [name for name in _names_signed(outbound.defined) if name in fields]
    signed = tuple([(name, fields[name]) for name in names])
    parameters = outbound.query_pairs
    if outbound.form_pairs and is_form(content_type):
        parameters += outbound.form_pairs
    text = backend_string_to_sign(outbound.method, md5, signed, outbound.path, parameters)
    signature = sign(key.secret.reveal(), text)
    headers.append((PROXY_SIGNATURE_HEADERS, ",".join(names)))
    headers.append((PROXY_SIGNATURE, signature))
    headers.append((SIGNATURE, signature))
    if debug:
        headers.append((PROXY_STRING_TO_SIGN, one_line(text)))
    return outbound.with_headers(tuple(headers))


@lru_cache(maxsize=4096)
def _names_signed(defined: tuple[str, ...]) -> tuple[str, ...]:
    """Sorted, each once: those that the definition sends, which are nearly always the same."""
    return tuple(sorted({*defined, PROXY_SIGNATURE_KEY}))


def _content_type(fields: Pairs) -> str:
    for name, value in fields:
        if len(name) == len("Content-Type") and name.lower() == "content-type":
            return value
    return ""


class Signing:
    """Permitted -> Signed."""

    def __call__(self, call: Permitted) -> Signed:
        key = call.served.signature_key
        outbound = call.outbound
        if key is not None and not isinstance(call.upstream, MockUpstream):
            outbound = sign_outbound(outbound, key, debug=is_debug(call.headers))
        return Signed.after(call, dispatched=outbound)
