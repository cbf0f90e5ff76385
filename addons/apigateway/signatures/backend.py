"""The gateway's own signature, as the gateway and a backend both compute it.

Guide, "Backend HTTP service signature"; reference: protocol 2 and the vendor's backend demo, which
is what backends are made from.
"""

from apigateway.protocol.wire import Headers, Pairs, form_fields, is_form, parse_query
from apigateway.signatures.caller import SIGNATURE, SignableRequest, content_md5

PROXY_SIGNATURE = "X-Ca-Proxy-Signature"
PROXY_SIGNATURE_HEADERS = "X-Ca-Proxy-Signature-Headers"
PROXY_SIGNATURE_KEY = "X-Ca-Proxy-Signature-Secret-Key"
PROXY_STRING_TO_SIGN = "X-Ca-Proxy-Signature-String-To-Sign"


def document_md5(method: str, body: bytes, content_type: str) -> str:
    """What stands for the body in the string: only that of a POST or PUT, and of no form."""
    if method.upper() in ("POST", "PUT") and body and not is_form(content_type):
        return content_md5(body)
    return ""


def backend_string_to_sign(
    method: str, md5: str, signed: Pairs, path: str, parameters: Pairs
) -> str:
    """METHOD LF Content-MD5 LF name:value LF ... path[?k=v&...].

    Names of headers are sorted as spelled and then lower-cased; parameters are query and form
    together, decoded, the first value of each name, `k=` kept when empty.
    """
    return f"{method.upper()}\n{md5}\n{header_lines(signed)}{path}{resource_query(parameters)}"


def header_lines(signed: Pairs) -> str:
    return "".join(f"{name.lower()}:{value}\n" for name, value in sorted(signed))


def resource_query(parameters: Pairs) -> str:
    """`?k=v&...`, or nothing. Names are in the order of Java, in which the vendor's demo is written
    (by UTF-16 units, which differs from code points beyond U+FFFF)."""
    values: dict[str, str] = {}
    for name, value in parameters:
        values.setdefault(name, value)
    if not values:
        return ""
    if all(map(str.isascii, values)):
        names = sorted(values)
    else:
        names = sorted(values, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "?" + "&".join(f"{name}={values[name]}" for name in names)


def one_line(text: str) -> str:
    """A string as debug mode shows it: line feeds as `|`; other control characters, which a value
    may hold, as `?`."""
    return "".join("|" if c == "\n" else "?" if ord(c) < 32 or ord(c) == 127 else c for c in text)


# --- the backend's side


def received_signature(headers: Headers) -> str:
    """The signature, under the name that real backends read or else the guide's; "" for none."""
    return (headers.first(PROXY_SIGNATURE) or headers.first(SIGNATURE) or "").strip()


def listed_names(headers: Headers) -> list[str]:
    """Names in X-Ca-Proxy-Signature-Headers as spelled there, each once, sorted."""
    listed = headers.first(PROXY_SIGNATURE_HEADERS) or ""
    return sorted({name for item in listed.split(",") if (name := item.strip())})


def received_fields(headers: Headers) -> Pairs:
    """The listed headers that were received, in any case; one that was not is skipped."""
    found = ((name, headers.first(name)) for name in listed_names(headers))
    return tuple((name, value) for name, value in found if value is not None)


def received_form(request: SignableRequest) -> Pairs:
    """The fields of a form; none of a form that nobody can read in the charset it names."""
    content_type = request.headers.first("Content-Type") or ""
    if not is_form(content_type):
        return ()
    try:
        return form_fields(request.body, content_type)
    except (LookupError, UnicodeDecodeError):
        return ()


def received_string(request: SignableRequest) -> str:
    """The string as a backend computes it from what it received; the path as on the wire."""
    content_type = request.headers.first("Content-Type") or ""
    return backend_string_to_sign(
        request.method,
        document_md5(request.method, request.body, content_type),
        received_fields(request.headers),
        request.path,
        (*parse_query(request.query), *received_form(request)),
    )
