"""Any request signed with any one usual mistake is explained: by that cause, with both strings."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers, decode_path, parse_query
from apigateway.signatures.caller import (
    SignableRequest,
    candidates,
    sign,
    signed_header_names,
    string_to_sign,
)
from apigateway.signatures.caller_explain import explain, first_difference

FORM = "application/x-www-form-urlencoded"
SECRET = "an-app-secret"


@dataclass(frozen=True)
class Parts:
    """What a client signs, in pieces that a mistake can change."""

    accept: str
    content_type: str
    date: str
    headers: list[tuple[str, str]]
    path: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    sort: bool = True

    @property
    def text(self) -> str:
        first: dict[str, str] = {}
        for name, value in [*self.query, *self.form]:
            first.setdefault(name, value)
        items = sorted(first.items()) if self.sort else list(self.query)
        parameters = "&".join(f"{name}={value}" if value else name for name, value in items)
        lines = ["POST", self.accept, "", self.content_type, self.date]
        lines += [f"{name}:{value}" for name, value in self.headers]
        return "\n".join(lines) + f"\n{self.path}" + (f"?{parameters}" if parameters else "")


def changed(**of: Callable[[Parts], object]) -> Callable[[Parts], Parts]:
    return lambda parts: Parts(**{**vars(parts), **{name: how(parts) for name, how in of.items()}})


MISTAKES: dict[str, Callable[[Parts], Parts]] = {
    "signed no Accept": changed(accept=lambda _: ""),
    "signed Accept: */*": changed(accept=lambda _: "*/*"),
    "signed Accept: application/json": changed(accept=lambda _: "application/json"),
    "signed no Content-Type": changed(content_type=lambda _: ""),
    "signed Content-Type: ": changed(content_type=lambda p: p.content_type.partition(";")[0]),
    "signed no Date": changed(date=lambda _: ""),
    "signed no headers": changed(headers=lambda _: []),
    "not sorted": changed(headers=lambda p: list(reversed(p.headers))),
    "in lower case": changed(headers=lambda p: sorted((n.lower(), v) for n, v in p.headers)),
    "path percent-encoded": changed(path=lambda p: quote(p.path)),
    "path without its last slash": changed(path=lambda p: p.path.rstrip("/")),
    "path with a slash": changed(path=lambda p: p.path + "/"),
    "did not sign the query": changed(query=lambda _: []),
    "did not sign the fields of the form": changed(form=lambda _: []),
    "signed neither query nor form": changed(query=lambda _: [], form=lambda _: []),
    "took the form's value": changed(query=lambda p: [*p.form, *p.query], form=lambda _: []),
    "took the last value": changed(
        query=lambda p: list(reversed(p.query)), form=lambda p: list(reversed(p.form))
    ),
    "joined the values": changed(
        query=lambda p: list(grouped([*p.query, *p.form]).items()), form=lambda _: []
    ),
    "percent-encoded the values again": changed(
        query=lambda p: [(quote(n, safe=""), quote(v, safe="")) for n, v in p.query],
        form=lambda p: [(quote(n, safe=""), quote(v, safe="")) for n, v in p.form],
    ),
}


def grouped(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


words = st.text("abAB12-_.", min_size=1, max_size=4)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=5)
pairs = st.lists(st.tuples(words, texts), max_size=4)
own = st.lists(st.tuples(words.map("X-Ca-Z".__add__), texts.map(str.strip)), max_size=4)


def encoded(found: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in found)


@st.composite
def requests(draw: st.DrawFn) -> SignableRequest:
    fields = draw(own.filter(lambda f: len({name.lower() for name, _ in f}) == len(f)))
    listed = sorted((name for name, _ in fields), reverse=True)
    fields = [("X-Ca-Key", "1"), *fields]
    if listed:
        fields.append(("X-Ca-Signature-Headers", ",".join(listed)))
    for name, values in (
        ("Accept", ["*/*", "text/html", "application/json"]),
        ("Date", ["Mon, 23 Nov 2026 05:00:00 GMT"]),
        ("Content-Type", [FORM, f"{FORM}; charset=utf-8", "application/json; charset=utf-8"]),
    ):
        value = draw(st.sampled_from([None, *values]))
        if value is not None:
            fields.append((name, value))
    # An encoded backslash stays as it is spelled, so a client could not sign it encoded twice.
    segments = draw(st.lists(texts.filter(lambda text: "\\" not in text), max_size=3))
    path = "/" + quote("/".join(segments))
    body = encoded(draw(pairs)).encode()
    return SignableRequest("POST", path, encoded(draw(pairs)), Headers(fields), body)


def parts_of(request: SignableRequest) -> Parts:
    """What the documented rule signs of a request that has no oddity."""
    headers = request.headers
    kind = headers.first("Content-Type") or ""
    return Parts(
        accept=headers.first("Accept") or "",
        content_type=kind,
        date=headers.first("Date") or "",
        headers=[(name, headers.first(name) or "") for name in signed_header_names(headers)],
        path=decode_path(request.path) or "",
        query=list(parse_query(request.query)),
        form=list(parse_query(request.body.decode())) if FORM in kind else [],
    )


def signed(request: SignableRequest, text: str) -> SignableRequest:
    fields = [*request.headers.fields, ("X-Ca-Signature", sign(SECRET, text))]
    return SignableRequest(
        request.method, request.path, request.query, Headers(fields), request.body
    )


@settings(deadline=None, max_examples=300)
@given(request=requests(), mistake=st.sampled_from(sorted(MISTAKES)))
def test_any_single_usual_mistake_is_explained_by_one_cause(
    request: SignableRequest, mistake: str
) -> None:
    right = parts_of(request)
    assert right.text == string_to_sign(request)
    wrong = MISTAKES[mistake](right).text
    assume(wrong not in candidates(request))
    found = explain(signed(request, wrong), SECRET)
    assert not found.verified
    assert (found.client_string, found.server_string) == (wrong, right.text)
    assert found.first_difference == first_difference(wrong, right.text)
    assert len(found.causes) == 1
    same_text = [name for name, change in MISTAKES.items() if change(right).text == wrong]
    others = [
        "lists X-Ca",
        "listed headers",
        "encoded on the wire",
        "is no form's",
        "encoded again",
    ]
    assert any(name in found.causes[0] for name in [*same_text, *others]), found.causes


@settings(deadline=None, max_examples=200)
@given(request=requests(), pair=st.permutations(sorted(MISTAKES)).map(lambda all_: all_[:2]))
def test_any_two_usual_mistakes_are_explained_by_at_most_two_causes(
    request: SignableRequest, pair: list[str]
) -> None:
    """Two mistakes in one part may make a string that nobody foresaw; in two parts never."""
    right = parts_of(request)
    one, other = (vars(MISTAKES[name](right)) for name in pair)
    touched = [
        {name for name, value in made.items() if value != vars(right)[name]}
        for made in (one, other)
    ]
    parameters = {"query", "form", "sort"}
    assume(not touched[0] & touched[1])
    assume(not (touched[0] & parameters and touched[1] & parameters))
    made = {**vars(right), **{name: one[name] for name in touched[0]}}
    made.update({name: other[name] for name in touched[1]})
    wrong = Parts(**made).text
    assume(wrong not in candidates(request))
    found = explain(signed(request, wrong), SECRET)
    assert found.client_string == wrong
    assert 1 <= len(found.causes) <= 2


@settings(deadline=None, max_examples=100)
@given(request=requests())
def test_what_is_signed_by_the_rule_or_a_later_string_verifies(request: SignableRequest) -> None:
    for number, text in enumerate(candidates(request), 1):
        found = explain(signed(request, text), SECRET)
        assert (found.verified, found.candidate, found.causes) == (True, number, ())


raw = st.binary(max_size=12).map(lambda part: part.decode("utf-8", "surrogateescape"))


@settings(deadline=None, max_examples=100)
@given(
    path=raw,
    query=raw,
    body=st.binary(max_size=12),
    names=st.sampled_from(["", "X-Ca-Key,X-Ca-Nonce", "accept,,x-ca-note"]),
    note=raw,
    timestamp=raw,
    kind=st.sampled_from([FORM, "", "text/plain"]),
    method=st.sampled_from(SignatureMethod),
)
def test_no_bytes_make_the_explanation_raise(
    path: str,
    query: str,
    body: bytes,
    names: str,
    note: str,
    timestamp: str,
    kind: str,
    method: SignatureMethod,
) -> None:
    fields = [("X-Ca-Signature-Headers", names), ("X-Ca-Note", note), ("X-Ca-Signature", note)]
    fields += [("X-Ca-Timestamp", timestamp), ("Content-Type", kind), ("Accept", note)]
    fields += [("Content-MD5", note), ("Date", note), ("X-Ca-Signature-Method", method.value)]
    found = explain(
        SignableRequest("POST", "/" + path, query, Headers(fields), body), SECRET, now_ms=0
    )
    assert found.causes
