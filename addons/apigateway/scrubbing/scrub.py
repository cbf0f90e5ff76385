"""One captured call without its secrets.

First go the secrets that the definitions hold, wherever they stand; then the values whose names
tell; then each of these values wherever else it stands, in an answer that repeats it, in a trail.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apigateway.exchange import Answer, Routed
from apigateway.model.catalog import Catalog
from apigateway.protocol.wire import Headers, Pairs, decode_form_text, decode_path, parse_query
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.placeholders import MARK, UNVERIFIED_SIGNATURE, signature_mark
from apigateway.replay.restoring import with_body
from apigateway.replay.signing import method_of, signed_string
from apigateway.scrubbing.bodies import scrubbed_body, unpacked_and
from apigateway.scrubbing.hiding import Hiding, Known, known_of
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.spelled import Swap, present, replaced
from apigateway.scrubbing.texts import Texts
from apigateway.scrubbing.tokens import TokenMarks
from apigateway.scrubbing.trails import scrubbed_trail
from apigateway.signatures.caller import KEY, content_md5
from apigateway.trail.declared import declared_of

_OWN_WORDS = frozenset({MARK, "signature", "appcode", "appsecret", "unverified", "signature-key"})


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """`counts` are the secrets by kind; what is no secret of the definitions, a signature, a token
    or a cookie is of the kind of its name."""

    call: CapturedCall
    counts: Counter[str]


class Scrub:
    """By the apps, keys and APIs of a catalog, and by names that the user keeps or adds."""

    def __init__(self, catalog: Catalog, names: Names) -> None:
        self._catalog = catalog
        self._names = names
        self._known = known_of(catalog)
        self._tokens = TokenMarks(catalog, names.scrub)

    def __call__(
        self, call: CapturedCall, routed: Routed | None = None, *, alike: bool = False
    ) -> Scrubbed:
        """`routed` says which API the call led to; `alike` see `Hiding`."""
        names = self._names
        if routed is not None:
            hidden = declared_of(routed.served).hidden
            names = replace(names, declared=hidden)
        hiding = Hiding(
            known=self._known,
            app_keys=self._catalog.apps,
            tokens=self._tokens,
            signature=self._signature_of(call.request),
            alike=alike,
        )
        original = call
        call = _without(call, self._known_swaps(call, hiding))
        call = _structured(call, names, hiding, routed)
        call = _without(call, _findable(hiding, original, self._catalog))
        call = replace(call, request=_fitting_request(original.request, call.request))
        if call.answer is not None and original.answer is not None:
            call = replace(call, answer=_fitting_answer(original.answer, call.answer))
        return Scrubbed(call, hiding.counts)

    def _signature_of(self, request: CallerRequest) -> str:
        key = request.headers.first(KEY) or ""
        app, method = self._catalog.apps.get(key), method_of(request)
        string = signed_string(request, app.secret.reveal()) if app is not None else None
        if string is None or method is None:
            return UNVERIFIED_SIGNATURE
        return signature_mark(key, method.value, string)

    def _known_swaps(self, call: CapturedCall, hiding: Hiding) -> list[Swap]:
        found = present(_everything(call), (known.secret for known in self._known))
        chosen: dict[str, Known] = {}
        for known in self._known:
            if known.secret in found:
                chosen.setdefault(known.secret, known)
        return [
            (secret, hiding.note(secret, known.mark, known.kind))
            for secret, known in chosen.items()
        ]


def _findable(hiding: Hiding, call: CapturedCall, catalog: Catalog) -> list[Swap]:
    """The values that are looked for everywhere: not those that are names too (the password
    `password`), for a name must stay one."""
    names = {name.lower() for name in _names_in(call)} | _OWN_WORDS
    return [
        swap
        for swap in hiding.swaps()
        if swap[0].lower() not in names and swap[0] not in catalog.apps and swap[0] not in swap[1]
    ]


def _names_in(call: CapturedCall) -> list[str]:
    request = call.request
    found = [name for name, _ in request.headers.fields]
    found += [name for name, _ in parse_query(request.query)]
    body = request.body[:65_536].decode("utf-8", "surrogateescape")
    found += [decode_form_text(item.partition("=")[0]) for item in body.split("&") if "=" in item]
    if call.answer is not None:
        found += [name for name, _ in call.answer.headers]
    return found


# --- every text of a call


def _mapped(call: CapturedCall, change: Callable[[bytes], bytes]) -> CapturedCall:
    def text(value: str) -> str:
        raw = value.encode("utf-8", "surrogateescape")
        return change(raw).decode("utf-8", "surrogateescape")

    def fields(pairs: Pairs) -> Pairs:
        return tuple((text(name).replace(":", "-"), text(value)) for name, value in pairs)

    def data(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, Mapping):
            return {data(name): data(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [data(item) for item in value]
        return value

    request, answer, edge = call.request, call.answer, call.edge
    request = replace(
        request,
        target=text(request.target),
        headers=Headers(fields(request.headers.fields)),
        body=unpacked_and(request.body, request.headers, change),
    )
    if answer is not None:
        answer = replace(
            answer,
            reason=text(answer.reason),
            headers=fields(answer.headers),
            body=unpacked_and(answer.body, Headers(answer.headers), change),
        )
    if edge is not None:
        parts = {name: text(part) for name, part in edge.parts.items()}
        edge = replace(edge, detail=text(edge.detail), parts=parts)
    return replace(
        call,
        request=request,
        answer=answer,
        edge=edge,
        trail=data(call.trail),
        comment=text(call.comment),
        lacks=text(call.lacks),
    )


def _without(call: CapturedCall, swaps: list[Swap]) -> CapturedCall:
    if not swaps:
        return call
    found = present(_everything(call), (secret for secret, _ in swaps))
    swaps = [swap for swap in swaps if swap[0] in found]
    return _mapped(call, lambda raw: replaced(raw, swaps)) if swaps else call


def _everything(call: CapturedCall) -> bytes:
    """Every text of a call, one after another."""
    found: list[bytes] = []

    def note(raw: bytes) -> bytes:
        found.append(raw)
        return raw

    _mapped(call, note)
    return b"\n".join(found)


# --- by names


def _structured(
    call: CapturedCall, names: Names, hiding: Hiding, routed: Routed | None
) -> CapturedCall:
    texts = Texts(names, hiding)
    request, answer = call.request, call.answer
    path, mark, query = request.target.partition("?")
    request = replace(
        request,
        target=_path(path, names, texts, routed) + mark + texts.query(query),
        headers=Headers(_fields(request.headers.fields, names, texts)),
        body=scrubbed_body(request.body, request.headers, texts, names),
    )
    if answer is not None:
        body = scrubbed_body(answer.body, Headers(answer.headers), texts, names)
        answer = replace(answer, headers=_fields(answer.headers, names, texts), body=body)
    trail = call.trail
    if trail is not None:
        trail = scrubbed_trail(dict(trail), Texts(names, hiding, masked=True), names)
    return replace(
        call, request=request, answer=answer, trail=trail, comment=texts.inline(call.comment)
    )


def _path(path: str, names: Names, texts: Texts, routed: Routed | None) -> str:
    path = texts.inline(path)
    if routed is None:
        return path
    hidden = {value: name for name, value in routed.path_values.items() if names.tell(name)}
    if not hidden:
        return path
    segments = path.split("/")
    for at, segment in enumerate(segments):
        plain = decode_path(segment) or segment
        if segment and plain in hidden:
            segments[at] = texts.value(hidden[plain], plain)
    return "/".join(segments)


def _fields(pairs: Pairs, names: Names, texts: Texts) -> Pairs:
    return tuple((name, _field(name, value, names, texts)) for name, value in pairs)


def _field(name: str, value: str, names: Names, texts: Texts) -> str:
    lower = name.lower()
    if lower == "cookie":
        return value if names.keeps(name) else texts.cookies(value)
    if lower == "set-cookie":
        return value if names.keeps(name) else texts.set_cookie(value)
    if names.tell(name):
        return texts.value(name, value)
    return texts.document(value, is_form=False)


# --- lengths and digests


def _fitting_request(old: CallerRequest, new: CallerRequest) -> CallerRequest:
    """What was right of the body is right of the new one: its length, and its Content-MD5."""
    if old.body == new.body:
        return new
    fitting = with_body(replace(new, body=old.body), new.body)
    old_md5, new_md5 = content_md5(old.body), content_md5(new.body)
    fields = (
        (name, new_md5 if name.lower() == "content-md5" and value.strip() == old_md5 else value)
        for name, value in fitting.headers.fields
    )
    return replace(fitting, headers=Headers(fields))


def _fitting_answer(old: Answer, new: Answer) -> Answer:
    was, now = str(len(old.body)), str(len(new.body))
    fields = tuple(
        (name, now if name.lower() == "content-length" and value == was and was != now else value)
        for name, value in new.headers
    )
    return replace(new, headers=fields)
