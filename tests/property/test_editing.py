"""Any file in any manner of YAML, edited to any other data: what was not meant stays as it was."""

import json
import re
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apigateway.editing.spans import end_of_line, spans_of
from apigateway.editing.text import data_of, revised, written

ODD_WORDS = [
    *["a", "b", "yes", "010", "1e3", "~", "null", "2024-01-01", "12:30", "<<", "0o7", "end "],
    *["# no", "a #b", "a: b", "- x", "*", "&a", "!t", "{", "[x]", "x,y", "%", "@", "?x", ":"],
    *["'", '"', "\\", "", " ", "é", "天气", "😀", "tab\there"],
    *["two\nlines", "two\nlines\n", " in\ndented", "\n"],
]
words = st.one_of(
    st.sampled_from(ODD_WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
scalars = st.one_of(
    words,
    st.integers(-1000, 1000),
    st.sampled_from([0.5, -1e22, 1.0]),
    st.booleans(),
    st.none(),
)
data = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(["name", "app", "in", "x"]), words), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
roots = st.one_of(
    st.lists(data, max_size=5),
    st.dictionaries(
        st.one_of(st.sampled_from(["name", "apis", "in", "x"]), words), data, max_size=5
    ),
)


def quoted(value: Any, ascii_only: bool) -> str:
    """JSON as YAML takes it: no escapes of two, no signs that cannot be seen."""
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(
        one
        if one.isprintable() and not (ascii_only and "\x7e" < one < "\uffff")
        else f"\\U{ord(one):08x}"
        for one in shown
    )


class Writer:
    """Writes data in a manner that is drawn: indents, brackets, quotes, blanks and comments."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self.comments = 0

    def choose(self, *choices: Any) -> Any:
        return self._draw(st.sampled_from(choices))

    def comment(self) -> str:
        self.comments += 1
        return f"# note {self.comments}"

    def behind(self) -> str:
        """What may stand behind a value."""
        return str(self.choose("", "", "", "  ", f"  {self.comment()}"))

    def above(self, margin: str) -> list[str]:
        """What may stand above a row."""
        found = self.choose([], [], [], [""], [f"{margin}{self.comment()}"], [self.comment()])
        return list(found)

    def inline(self, value: Any) -> str:
        """A value in JSON, which is YAML; some of it with blanks."""
        blank = str(self.choose("", " "))
        if isinstance(value, dict):
            inside = [f"{self.inline(key)}: {self.inline(one)}" for key, one in value.items()]
            return "{" + blank + f",{blank} ".join(inside) + blank + "}"
        if isinstance(value, list):
            return "[" + blank + ", ".join(map(self.inline, value)) + blank + "]"
        if isinstance(value, str) and value.isalpha() and value.isascii() and len(value) < 3:
            return str(self.choose(value, f'"{value}"', f"'{value}'"))
        return quoted(value, self.choose(True, False))

    def spread(self, value: list[Any] | dict[str, Any], margin: str) -> str:
        """In brackets, each part on a line of its own."""
        comma = self.choose("", ",")
        parts = (
            [f"{self.inline(key)}: {self.inline(one)}" for key, one in value.items()]
            if isinstance(value, dict)
            else [self.inline(one) for one in value]
        )
        signs = "{}" if isinstance(value, dict) else "[]"
        rows = [signs[0] + self.behind()]
        for number, part in enumerate(parts, 1):
            rows += self.above(margin + "    ")
            rows.append(f"{margin}    {part}{',' if number < len(parts) else comma}{self.behind()}")
        return "\n".join([*rows, f"{margin}  {signs[1]}"])

    def rows(self, value: Any, column: int, *, indent: bool = True) -> list[str]:
        """A list or mapping without brackets."""
        margin = " " * column
        found: list[str] = []
        if isinstance(value, dict):
            for key, one in value.items():
                found += self.above(margin)
                found += self.part(f"{margin}{self.inline(key)}:", one, column)
        else:
            for one in value:
                found += self.above(margin)
                if isinstance(one, dict) and one and self.choose(True, False):
                    first, *rest = self.strict(one, column + 2)
                    found += [f"{margin}- {first[column + 2 :]}", *rest]
                else:
                    found += self.part(f"{margin}-", one, column)
        return found

    def strict(self, value: dict[str, Any], column: int) -> list[str]:
        """The first row is a key and no comment."""
        while True:
            rows = self.rows(value, column)
            if rows[0].strip() and not rows[0].lstrip().startswith("#"):
                return rows

    def part(self, head: str, value: Any, column: int) -> list[str]:
        if isinstance(value, dict | list) and value:
            how = self.choose("rows", "rows", "spread", "inline")
            if how == "rows":
                flat = isinstance(value, list) and head.endswith(":") and self.choose(True, False)
                inner = column if flat else column + self.choose(1, 2, 4)
                return [head + self.behind(), *self.rows(value, inner)]
            if how == "spread":
                return [f"{head} {self.spread(value, ' ' * column)}{self.behind()}"]
        return [f"{head}{self.choose(' ', '  ')}{self.inline(value)}{self.behind()}"]


@st.composite
def files(draw: Any, of: st.SearchStrategy[Any] = roots) -> tuple[bytes, Any]:
    value = draw(of)
    writer = Writer(draw)
    rows = writer.rows(value, 0) if value else [writer.inline(value)]
    head = writer.choose([], ["# head", ""], ["---"])
    text = "\n".join([*head, *rows]) + writer.choose("\n", "", "\n\n# end\n")
    if writer.choose(False, False, True):
        text = text.replace("\n", "\r\n")
    return writer.choose(b"", b"", b"\xef\xbb\xbf") + text.encode(), value


def mutated(draw: Any, value: Any) -> Any:
    """`value` with a few parts another."""
    how = draw(st.sampled_from(["same", "same", "other", "drop", "add", "inside", "inside"]))
    if how == "other":
        return draw(data)
    if isinstance(value, dict):
        new = dict(value)
        if how == "drop" and new:
            new.pop(draw(st.sampled_from(list(new))))
        elif how == "add":
            new[draw(words)] = draw(data)
        elif how == "inside":
            new = {key: mutated(draw, one) for key, one in new.items()}
        return new
    if isinstance(value, list):
        items = list(value)
        place = draw(st.integers(0, max(0, len(items) - 1)))
        if how == "drop" and items:
            items.pop(place)
        elif how == "add":
            items.insert(place, draw(data))
        elif how == "inside":
            items = [mutated(draw, one) for one in items]
        return items
    return value


@st.composite
def edits(draw: Any) -> tuple[bytes, Any]:
    content, value = draw(files())
    new = value
    for _ in range(draw(st.integers(1, 3))):
        new = mutated(draw, new)
    assume(isinstance(new, dict | list))
    return content, new


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(roots)
def test_a_new_file_reads_back_as_its_data(value: Any) -> None:
    assert same(data_of(written(value)), value)


@given(edits())
@settings(max_examples=300)
def test_an_edited_file_reads_back_as_the_new_data(edit: tuple[bytes, Any]) -> None:
    content, new = edit
    assert same(data_of(revised(content, new)), new)


@given(files())
def test_a_file_that_says_so_already_is_the_same_to_the_byte(file: tuple[bytes, Any]) -> None:
    content, value = file
    assert revised(content, value) == content


rows = st.lists(
    st.fixed_dictionaries({"name": words, "x": scalars}),
    min_size=1,
    max_size=4,
    unique_by=lambda item: item["name"],
)
"""Lists of mappings, as grants, parameters and apps are."""


def lines_of(content: bytes) -> list[bytes]:
    return content.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)


def notes(content: bytes) -> list[str]:
    return re.findall(r"# note [0-9]+", content.decode("utf-8-sig"))


@given(files(rows), st.data())
def test_what_comes_leaves_every_line_as_it_was(file: tuple[bytes, Any], drawn: Any) -> None:
    content, value = file
    assume(not content.decode("utf-8-sig").lstrip().startswith("[") and content.endswith(b"\n"))
    place = drawn.draw(st.integers(0, len(value)))
    new = [*value[:place], {"name": "new", "x": 0.25}, *value[place:]]
    left = iter(lines_of(revised(content, new)))
    assert all(line in left for line in lines_of(content))


@given(files(rows), st.data())
def test_what_goes_takes_whole_lines_and_leaves_the_comments_of_others(
    file: tuple[bytes, Any], drawn: Any
) -> None:
    content, value = file
    assume(len(value) > 1)
    place = drawn.draw(st.integers(0, len(value) - 1))
    after = revised(content, [*value[:place], *value[place + 1 :]])
    left = iter(lines_of(content))
    assert all(line in left for line in lines_of(after))
    spans = spans_of(content.decode("utf-8-sig"))
    text = content.decode("utf-8-sig")
    gone = text[spans.dashes[place] : end_of_line(text, spans.values[place].end)]
    assert set(notes(content)) - set(notes(after)) == set(notes(gone.encode()))


@given(files(rows), st.data())
def test_one_value_that_is_another_changes_its_own_lines_alone(
    file: tuple[bytes, Any], drawn: Any
) -> None:
    content, value = file
    place = drawn.draw(st.integers(0, len(value) - 1))
    new = [dict(item) for item in value]
    new[place]["x"] = "another"
    assume(new != value)
    after = revised(content, new)
    assert notes(after) == notes(content)
    same_lines = set(content.splitlines()) & set(after.splitlines())
    text = content.decode("utf-8-sig")
    span = spans_of(text).values[place]
    index = list(span.data).index("x")
    changed = text[span.keys[index].start : end_of_line(text, span.values[index].end)]
    own = {line.strip() for line in changed.encode().splitlines()}
    touched = [line for line in content.splitlines() if line not in same_lines]
    assert all(any(part in line for part in own) for line in touched)
