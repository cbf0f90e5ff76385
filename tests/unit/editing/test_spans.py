"""Where values stand in a text."""

from textwrap import dedent

import pytest

from apigateway.editing.spans import Span, Unsuited, end_of_line, spans_of, start_of_line

TEXT = dedent(
    """\
    # é 😀 head
    name: weather   # plain
    "quoted" : 'text'
    items:
      - x: 1
        y: |
          two
          lines

      # between
      - [a, b, # c
         d,]
      -
    flat:
    - 2
    keep: |+
      end


    flow: {x: 1, y: }
    """
)


def at(*keys: str | int) -> Span:
    span = spans_of(TEXT)
    for key in keys:
        index = key if isinstance(key, int) else list(span.data).index(key)
        span = span.values[index]
    return span


def shown(span: Span) -> str:
    return TEXT[span.start : span.end]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (("name",), "weather"),
        (("quoted",), "'text'"),
        (("items", 0, "y"), "|\n      two\n      lines"),
        (("items", 0), "x: 1\n    y: |\n      two\n      lines"),
        (("items", 1), "[a, b, # c\n     d,]"),
        (("items", 2), ""),
        (("flat",), "- 2"),
        (("keep",), "|+\n  end\n\n"),
        (("flow",), "{x: 1, y: }"),
    ],
)
def test_a_span_is_the_value_without_what_stands_around_it(
    keys: tuple[str | int, ...], text: str
) -> None:
    assert shown(at(*keys)) == text


def test_values_are_read_by_the_rules_of_definitions() -> None:
    assert spans_of("a: yes\nb: 010\nc: ~\nd: '1'\n").data == {
        "a": "yes",
        "b": 10,
        "c": None,
        "d": "1",
    }


def test_styles_and_brackets_are_known() -> None:
    assert [at(key).style for key in ("name", "quoted", "keep")] == ["", "'", "|"]
    assert [at(key).flow for key in ("flow", "items")] == [True, False]


def test_the_dashes_of_a_list_are_found_behind_texts_and_comments() -> None:
    rows = [
        TEXT[start_of_line(TEXT, dash) : end_of_line(TEXT, dash)] for dash in at("items").dashes
    ]
    assert rows == ["  - x: 1\n", "  - [a, b, # c\n", "  -\n"]


def test_lists_in_lists_have_dashes_of_their_own() -> None:
    outer = spans_of("- - a\n  - b\n-  - c\n")
    assert (outer.dashes, outer.values[0].dashes, outer.values[1].dashes) == ([0, 12], [2, 8], [15])


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: [1\n", "a: *b\n", "[*a]"])
def test_what_gives_no_value_is_refused(text: str) -> None:
    with pytest.raises(Unsuited):
        spans_of(text)


def test_the_last_line_may_have_no_end() -> None:
    assert end_of_line("a\nb", 2) == 3
    assert start_of_line("a\nb", 3) == 2
