"""The gateway's own signature, by which a backend knows who calls it.

Guide, "Backend HTTP service signature"; reference: protocol 2. Backends of both ages are served:
the signature stands in X-Ca-Proxy-Signature (what real backends read) and in X-Ca-Signature
(what the guide names). Content-MD5 of a POST or PUT document is computed and sent.
"""

from dataclasses import replace

from apigateway.exchange import MockUpstream, Outbound, Permitted, Signed
from apigateway.model.policy import SignatureKey
from apigateway.signature import SIGNATURE, content_md5, sign
from apigateway.wire import Headers, Pairs, is_form

PROXY_SIGNATURE = "X-Ca-Proxy-Signature"
PROXY_SIGNATURE_HEADERS = "X-Ca-Proxy-Signature-Headers"
PROXY_SIGNATURE_KEY = "X-Ca-Proxy-Signature-Secret-Key"
PROXY_STRING_TO_SIGN = "X-Ca-Proxy-Signature-String-To-Sign"
REQUEST_MODE = "X-Ca-Request-Mode"


def is_debug(headers: Headers) -> bool:
    """Whether the caller asked for debug mode (`X-Ca-Request-Mode: debug`, any case)."""
    return (headers.first(REQUEST_MODE) or "").strip().lower() == "debug"


def backend_string_to_sign(
    method: str, md5: str, signed: Pairs, path: str, parameters: Pairs
) -> str:
    """METHOD LF Content-MD5 LF name:value LF ... path[?k=v&...].

    Names of headers are sorted as spelled and then lower-cased; parameters are query and form
    together, decoded, the first value of each name, `k=` kept when empty.
    """
    lines = [method.upper(), md5]
    lines.extend(f"{name.lower()}:{value}" for name, value in sorted(signed))
    values: dict[str, str] = {}
    for name, value in parameters:
        values.setdefault(name, value)
    query = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
    return "\n".join([*lines, f"{path}?{query}" if query else path])


def sign_outbound(outbound: Outbound, key: SignatureKey, *, debug: bool) -> Outbound:
    """The request with the gateway's signature headers added."""
    headers = list(outbound.headers)
    content_type = Headers(headers).first("Content-Type") or ""
    md5 = ""
    if (
        outbound.method in ("POST", "PUT")
        and outbound.body
        and not (outbound.form_pairs or is_form(content_type))
    ):
        md5 = content_md5(outbound.body)
        headers = [field for field in headers if field[0].lower() != "content-md5"]
        headers.append(("Content-MD5", md5))
    headers.append((PROXY_SIGNATURE_KEY, key.key))
    fields = dict(headers)
    names = sorted({name for name in (*outbound.defined, PROXY_SIGNATURE_KEY) if name in fields})
    signed = tuple((name, fields[name]) for name in names)
    text = backend_string_to_sign(
        outbound.method,
        md5,
        signed,
        outbound.path,
        (*outbound.query_pairs, *outbound.form_pairs),
    )
    signature = sign(key.secret.reveal(), text)
    headers += [
        (PROXY_SIGNATURE_HEADERS, ",".join(names)),
        (PROXY_SIGNATURE, signature),
        (SIGNATURE, signature),
    ]
    if debug:
        headers.append((PROXY_STRING_TO_SIGN, _one_line(text)))
    return replace(outbound, headers=tuple(headers))


def _one_line(text: str) -> str:
    """Line feeds as `|`; other control characters, which a value may hold, as `?`."""
    return "".join("|" if c == "\n" else "?" if ord(c) < 32 or ord(c) == 127 else c for c in text)


class Signing:
    """Permitted -> Signed."""

    def __call__(self, call: Permitted) -> Signed:
        key = call.served.signature_key
        outbound = call.outbound
        if key is not None and not isinstance(call.upstream, MockUpstream):
            outbound = sign_outbound(outbound, key, debug=is_debug(call.headers))
        return Signed(**vars(call), dispatched=outbound)
