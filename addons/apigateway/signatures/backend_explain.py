"""Why the gateway's signature does not verify at a backend: what was changed on the way to it.

In debug mode the gateway's string came along, and its parts are compared with those received.
Otherwise the usual changes are tried, alone and together, until a string gives the signature that
was received: then it is known to the byte what the gateway signed.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apigateway.protocol.wire import Headers, is_form
from apigateway.signatures.backend import (
    PROXY_SIGNATURE,
    PROXY_SIGNATURE_KEY,
    PROXY_STRING_TO_SIGN,
    document_md5,
    header_lines,
    listed_names,
    one_line,
    received_form,
    received_signature,
    received_string,
)
from apigateway.signatures.backend_changes import (
    FEW,
    fronts,
    header_blocks,
    method_cause,
    parameters,
    paths,
    some,
    stripped,
)
from apigateway.signatures.caller import KEY, SignableRequest, content_md5, sign
from apigateway.signatures.caller_explain import MOST_TRIED, Variant, first_difference

MOST_CHANGES = 3
"""Parts of the string that are taken to be changed at once."""


@dataclass(frozen=True, slots=True)
class BackendExplanation:
    """`key` is the name of the key that verified and `key_number` which of those given, from 1.
    `string` is what a backend computes, `gateway_string` what the gateway signed, where that is
    known. `first_difference` counts bytes from 0 in both. `causes` say in words why not."""

    verified: bool
    key: str | None
    key_number: int | None
    string: str
    gateway_string: str | None
    first_difference: int | None
    causes: tuple[str, ...]
    notes: tuple[str, ...]


def explain_backend(
    request: SignableRequest, keys: Sequence[tuple[str, str]], *, prefixes: Sequence[str] = ()
) -> BackendExplanation:
    """Judge the gateway's signature as a backend would, and find out what went wrong.

    `keys` are (name, secret), one name possibly with several secrets. `prefixes` are paths that a
    proxy may have taken from the front of the path.
    """
    string = received_string(request)
    given = received_signature(request.headers)
    name = _key_name(request)
    for number, (key, secret) in enumerate(keys, 1):
        if given and key == name and sign(secret, string) == given:
            notes = tuple(_notes(request, ()))
            return BackendExplanation(True, key, number, string, string, None, (), notes)
    gateway, causes = _why_not(request, keys, prefixes)
    difference = None if gateway is None else first_difference(gateway, string)
    notes = tuple(_notes(request, causes))
    return BackendExplanation(False, None, None, string, gateway, difference, causes, notes)


def _key_name(request: SignableRequest) -> str:
    return (request.headers.first(PROXY_SIGNATURE_KEY) or "").strip()


def _why_not(
    request: SignableRequest, keys: Sequence[tuple[str, str]], prefixes: Sequence[str]
) -> tuple[str | None, tuple[str, ...]]:
    """The gateway's string where it can be known, and the causes."""
    given, name = received_signature(request.headers), _key_name(request)
    if not given:
        cause = (
            f"there is no {PROXY_SIGNATURE}: no signature key is bound to the API, the call did "
            "not come through the gateway, or something on the way took it"
        )
        return None, (cause,)
    string = received_string(request)
    received = _received(request, prefixes)
    shown = _shown_strings(request, string)
    changes = tuple(_changes(request, received)) if shown and shown[0] != string else ()
    secrets = [secret for key, secret in keys if key == name]
    if not secrets:
        return next(iter(shown), None), (_unknown(name, keys), *changes)
    for key, secret in keys:
        if sign(secret, string) == given:
            return string, (f"the signature is that of the key {key}, but {name} is named",)
    for secret, how in itertools.chain.from_iterable(map(_with_blanks, secrets)):
        if sign(secret, string) == given:
            return string, (f"the gateway has the secret of {name} {how}",)
    for text, secret in itertools.product(shown, secrets):
        if sign(secret, text) == given:
            return text, changes
    if shown[:1] == (string,):
        cause = f"both strings are the same: the gateway has another secret for the key {name}"
        return string, (cause,)
    for secret in secrets:
        for causes, text in _suspects(received):
            if sign(secret, text) == given:
                return text, causes
    if shown:
        why = "the gateway's string, as shown, gives another signature"
        return shown[0], (*changes, f"{why}: it has another secret for {name}")
    cause = (
        f"no usual change gives this signature: the gateway has another secret for the key {name}, "
        "or something rarer was changed (a call with X-Ca-Request-Mode: debug brings the gateway's "
        "string along)"
    )
    return None, (*_missing(request.headers), cause)


def _unknown(name: str, keys: Sequence[tuple[str, str]]) -> str:
    if not name:
        return f"there is no {PROXY_SIGNATURE_KEY}, which names the key"
    known = ", ".join(dict.fromkeys(key for key, _ in keys)) or "none"
    return f"the key {name} is unknown; known: {known}"


def _with_blanks(secret: str) -> Iterator[tuple[str, str]]:
    if secret != secret.strip():
        yield secret.strip(), "without the blanks at its ends"
    yield secret + "\n", "with a line feed at its end"


# --- what else is off


def _notes(request: SignableRequest, causes: Sequence[str]) -> Iterator[str]:
    headers = request.headers
    spelled = {name.lower(): name for name, _ in reversed(headers.fields)}
    others = [
        (name, spelled[name.lower()])
        for name in listed_names(headers)
        if name in headers and name not in dict(headers.fields)
    ]
    if others:
        listed, came = (some([pair[at] for pair in others]) for at in (0, 1))
        yield (
            f"{listed} came as {came}: a backend that looks names up exactly as they are listed, "
            "as the vendor's demo does, does not find them"
        )
    for name in listed_names(headers):
        if len(headers.all(name)) > 1 and not any(cause.startswith(name) for cause in causes):
            yield (
                f"{name} was received twice, and the gateway sends it once: a backend may take the "
                "other value"
            )
    for missing in _missing(headers):
        if not any(cause.startswith(missing.partition(" ")[0] + " ") for cause in causes):
            yield missing
    content_type = headers.first("Content-Type") or ""
    md5 = headers.first("Content-MD5") or ""
    covered = document_md5(request.method, request.body, content_type)
    if md5 and request.body and not covered and md5 != content_md5(request.body):
        what = "a form" if is_form(content_type) else f"the body of a {request.method.upper()}"
        yield f"Content-MD5 is not the body's, and the signature does not cover {what} by it"
    if request.body.strip(b"&=") and is_form(content_type) and not received_form(request):
        yield "the form cannot be read in its charset: the signature does not cover its fields"
    if KEY in headers and PROXY_SIGNATURE not in headers:
        yield f"{KEY} is a caller's: `apigateway sign --explain` explains a caller's signature"


def _missing(headers: Headers) -> list[str]:
    return [
        f"{name} is listed but was not received: it is skipped"
        for name in listed_names(headers)
        if name not in headers
    ]


# --- the usual changes


def _received(request: SignableRequest, prefixes: Sequence[str]) -> list[list[Variant]]:
    """The parts of the string in their order, each as received and as it could have been sent."""
    return [
        fronts(request),
        header_blocks(request.headers),
        paths(request, prefixes),
        parameters(request),
    ]


def _suspects(received: list[list[Variant]]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Strings that the gateway may have signed, with what was changed; few changes first."""
    tried = 0
    for count in range(1, MOST_CHANGES + 1):
        for changed in itertools.combinations(range(len(received)), count):
            options = [
                variants[1:] if place in changed else variants[:1]
                for place, variants in enumerate(received)
            ]
            for chosen in itertools.product(*options):
                text = "".join(part for _, part in chosen)
                tried += len(text)
                if tried > MOST_TRIED:
                    return
                yield tuple(cause for cause, _ in chosen if cause), text


# --- the gateway's own string, in debug mode


@dataclass(frozen=True, slots=True)
class _Shown:
    """The gateway's string in its parts; `signed` under the names as listed."""

    method: str
    md5: str
    signed: tuple[tuple[str, str], ...]
    path: str
    parameters: str

    @property
    def parts(self) -> tuple[str, ...]:
        front = f"{self.method}\n{self.md5}\n"
        return front, header_lines(self.signed), self.path, self.parameters


def _shown_line(request: SignableRequest) -> str:
    return (request.headers.first(PROXY_STRING_TO_SIGN) or "").strip(" \t")


def _shown_strings(request: SignableRequest, string: str) -> tuple[str, ...]:
    """The strings that the line of debug mode can stand for, the likeliest first.

    None without debug mode. Blanks at the end of the line were lost with those of the header.
    """
    line = _shown_line(request)
    if not line:
        return ()
    if one_line(string).strip(" \t") == line:
        return (string,)
    plain = line.replace("|", "\n")
    found = _shown_parts(line, listed_names(request.headers))
    text = plain if found is None else "".join(found.parts)
    blanks = string[len(string.rstrip(" ")) :]
    return tuple(dict.fromkeys((text, text + blanks, plain)))


def _shown_parts(line: str, names: Sequence[str]) -> _Shown | None:
    """Takes the line apart at the names that are listed, for a `|` may belong to a value."""
    method, _, rest = line.partition("|")
    md5, bar, rest = rest.partition("|")
    signed = []
    for at, name in enumerate(names):
        lead = f"{name.lower()}:"
        if not rest.startswith(lead):
            continue
        ends = (rest.find(f"|{later.lower()}:") for later in names[at + 1 :])
        end = next((end for end in ends if end >= 0), rest.find("|/"))
        if end < 0:
            return None
        signed.append((name, rest[len(lead) : end]))
        rest = rest[end + 1 :]
    if not bar or not rest.startswith("/"):
        return None
    path, mark, query = rest.partition("?")
    return _Shown(method, md5, tuple(signed), path, mark + query)


def _changes(request: SignableRequest, received: list[list[Variant]]) -> Iterator[str]:
    """What differs between the string shown and the one computed, in words."""
    found = _shown_parts(_shown_line(request), listed_names(request.headers))
    if found is None:
        yield "the gateway's string has other parts than the request"
        return
    generic = (_front_change, _header_change, _path_change, _parameter_change)
    for variants, text, in_words in zip(received, found.parts, generic, strict=True):
        if text.rstrip(" ") == variants[0][1].rstrip(" "):
            continue
        known = [cause for cause, part in variants if part == text]
        yield from known or in_words(request, found)


def _front_change(request: SignableRequest, found: _Shown) -> Iterator[str]:
    if found.method != request.method.upper():
        yield method_cause(found.method, request)
    content_type = request.headers.first("Content-Type") or ""
    md5 = document_md5(found.method, request.body, content_type)
    if found.md5 != md5:
        yield f"the body was changed: its MD5 is {md5 or 'none'}, {found.md5 or 'none'} was signed"


def _header_change(request: SignableRequest, found: _Shown) -> Iterator[str]:
    signed = dict(found.signed)
    for name in listed_names(request.headers):
        sent, came = signed.get(name), request.headers.first(name)
        if sent is None and came is not None:
            yield f"{name} was received, but the gateway did not sign it"
        elif sent is not None and came is None:
            yield f"{name} was not received; the gateway signed {_short(sent)}"
        elif sent is not None and came is not None and sent != came:
            yield f"{name} was changed: {_short(sent)} was signed, {_short(came)} was received"


def _path_change(request: SignableRequest, found: _Shown) -> Iterator[str]:
    if found.path.endswith(request.path):
        yield stripped(found.path[: -len(request.path)])
    else:
        yield f"the path was changed: {found.path} was signed, {request.path} was received"


def _parameter_change(request: SignableRequest, found: _Shown) -> Iterator[str]:
    sent, came = (
        dict(item.partition("=")[::2] for item in text[1:].split("&") if item)
        for text in (found.parameters, parameters(request)[0][1])
    )
    names = [name for name in {**sent, **came} if sent.get(name) != came.get(name)]
    for name in names[:FEW]:
        if name not in came:
            yield f"the parameter {name} was not received"
        elif name not in sent:
            yield f"the parameter {name} was added"
        else:
            signed, received = _short(sent[name]), _short(came[name])
            yield f"the parameter {name} was changed: {signed} was signed, {received} was received"
    if len(names) > FEW:
        yield f"{len(names) - FEW} more parameters differ"


def _short(text: str) -> str:
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"
