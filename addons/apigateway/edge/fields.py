"""What a method, a target, a field or a host may look like, for HTTP/1.1 and HTTP/2 alike.

RFC 9110 and 9112, and stricter where readers are known to disagree: a disagreement about where
a request ends, or whom it is for, is how one is smuggled past the stages.
"""

import re
from collections.abc import Iterable

from apigateway.errors import Fault, Refusal

Field = tuple[bytes, bytes]

MOST_FIELDS = 1000
NOT_SERVED = frozenset({b"CONNECT", b"TRACE"})
CONNECTION_FIELDS = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_METHOD = re.compile(rb"[A-Z][A-Z_-]{0,31}")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_A_TARGET = re.compile(rb"[\x00-\x20\x7f#]")
_HOST = re.compile(rb"(?:[0-9A-Za-z_~.-]{1,255}|\[[0-9A-Fa-f:.]{2,64}\])(?::[0-9]{1,5})?")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")

is_token = _TOKEN.fullmatch


def malformed(detail: str) -> Refusal:
    return Refusal(Fault.INVALID_REQUEST, detail)


def invalid(name: str, reason: str) -> Refusal:
    return Refusal(Fault.INVALID_HEADER, f"{name} {reason}", name=name, reason=reason)


def check_method(method: bytes) -> None:
    """Raises Refusal: INVALID_REQUEST for what is no method, UNSUPPORTED_METHOD for what is not
    served. Methods are upper case (RFC 9110, 9.1: they are compared by case)."""
    if _METHOD.fullmatch(method) is None:
        if is_token(method) is None:
            raise malformed("the method is no token")
        raise Refusal(Fault.UNSUPPORTED_METHOD, "unknown", method=method[:32].decode("ascii"))
    if method in NOT_SERVED:
        raise Refusal(Fault.UNSUPPORTED_METHOD, "not served", method=method.decode("ascii"))


def check_target(target: bytes) -> None:
    """Only the origin form: a path with its query. Raises Refusal: INVALID_URI."""
    if not target.startswith(b"/"):
        raise Refusal(Fault.INVALID_URI, "not in origin form", reason="is not a path")
    if _NOT_IN_A_TARGET.search(target):
        raise Refusal(
            Fault.INVALID_URI, "control, space or fragment", reason="holds a forbidden character"
        )


def check_host(host: bytes) -> None:
    """A name or an address with an optional port: no user, no path, no list."""
    if not host:
        raise Refusal(Fault.HEADER_REQUIRED, "empty", name="Host")
    if _HOST.fullmatch(host) is None:
        raise invalid("Host", "is malformed")


def check_field(name: bytes, value: bytes) -> None:
    if is_token(name) is None:
        raise malformed("a field name is no token")
    if _CONTROL.search(value):
        raise malformed("a field value holds a control character")


def content_length(values: list[bytes]) -> int | None:
    """The one Content-Length, in the one way to write a number; None where there is none."""
    if not values:
        return None
    if len(values) > 1:
        raise invalid("Content-Length", "is repeated")
    if _LENGTH.fullmatch(values[0]) is None:
        raise invalid("Content-Length", "is not a number")
    return int(values[0])


def check_expect(values: list[bytes]) -> None:
    if values and (len(values) > 1 or values[0].lower() != b"100-continue"):
        raise invalid("Expect", "is not 100-continue")


def check_http2_request(fields: Iterable[Field], most_bytes: int) -> int | None:
    """The Content-Length of an HTTP/2 request that is as clear as an HTTP/1.1 one has to be.

    `fields` are those of the HEADERS frame, pseudo-fields first. What the h2 package checks is
    checked again: its versions differ in it (4.1 lets line breaks through).

    Raises:
        Refusal: anything malformed, ambiguous or too large.
    """
    pseudo: dict[bytes, bytes] = {}
    lengths: list[bytes] = []
    hosts: list[bytes] = []
    expects: list[bytes] = []
    size = count = 0
    for name, value in fields:
        size += len(name) + len(value) + 4
        count += 1
        if name.startswith(b":"):
            if name in pseudo or count > len(pseudo) + 1:
                raise malformed("pseudo-fields are repeated or out of place")
            pseudo[name] = value
            continue
        check_field(name, value)
        if name != name.lower() or name in CONNECTION_FIELDS:
            raise malformed("a field that HTTP/2 does not have")
        if name == b"content-length":
            lengths.append(value)
        elif name == b"host":
            hosts.append(value)
        elif name == b"expect":
            expects.append(value)
    _check_size(size, count, len(pseudo.get(b":path", b"")), most_bytes)
    _check_pseudo(pseudo, hosts)
    check_expect(expects)
    return content_length(lengths)


def _check_size(size: int, count: int, path: int, most_bytes: int) -> None:
    if path > most_bytes:
        raise Refusal(Fault.URL_TOO_LARGE, f"{path} bytes, {most_bytes} allowed")
    if size > most_bytes or count > MOST_FIELDS:
        raise Refusal(Fault.HEAD_TOO_LARGE, f"{size} bytes in {count} fields")


def _check_pseudo(pseudo: dict[bytes, bytes], hosts: list[bytes]) -> None:
    check_method(pseudo.get(b":method", b""))
    if pseudo.keys() - {b":method", b":scheme", b":authority", b":path"}:
        raise malformed("an unknown pseudo-field")
    if pseudo.get(b":scheme") not in (b"http", b"https"):
        raise malformed("the scheme is neither http nor https")
    check_target(pseudo.get(b":path", b""))
    authority = pseudo.get(b":authority")
    if authority is not None:
        hosts = [authority, *hosts]
    if not hosts:
        raise Refusal(Fault.HEADER_REQUIRED, "neither :authority nor host", name="Host")
    for host in hosts:
        check_host(host)
    if len(hosts) > 2 or (authority is None and len(hosts) > 1) or len(set(hosts)) > 1:
        raise invalid("Host", "is repeated")
