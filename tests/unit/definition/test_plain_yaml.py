"""The quick pass gives what the careful one gives, or leaves the text to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apigateway.definition.document import _Reading
from apigateway.definition.plain_yaml import MAX_DEPTH, ODD, data_of

PLAIN = [
    "a: 1\nb: [x, 'y', \"z\", yes, 12:30, 010]\nc: {d: null, e: ~}\n",
    "- 1\n- - 2\n  - {}\n- []\n",
    "just text",
    "--- \n1.5\n...\n",
    "# only\na: |\n  lines\n  of text\n",
    '"1": quoted\n',
    "[" * MAX_DEPTH + "]" * MAX_DEPTH,
]
ODDITIES = [
    "",
    "# a comment",
    "null",
    "---\n---\n",
    "1\n---\n2\n",
    "a: 1\na: 2\n",
    "1: x\n",
    "? [a]\n: b\n",
    "? {a: b}\n: c\n",
    "<<: {a: 1}\n",
    "a: &x 1\nb: *x\n",
    "a: &x 1\n",
    "a: &x [1]\n",
    "a: !!str 1\n",
    "a: !x {b: 1}\n",
    "a: .nan\n",
    "a: .inf\n",
    f"a: {'9' * 2000}\n",
    "a: [1\n",
    "\tb: 1\n",
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
]


def carefully(text: str) -> object:
    reading = _Reading(keep_marks=False)
    reading.run(text)
    assert not reading.faults
    return reading.root


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_oddities_is_read(text: str) -> None:
    data = data_of(text)
    assert data is not ODD
    assert data == carefully(text)
    assert repr(data) == repr(carefully(text))


@pytest.mark.parametrize("text", ODDITIES)
def test_a_text_with_an_oddity_is_left_to_be_read_with_care(text: str) -> None:
    assert data_of(text) is ODD


SIGNS = ["[", "]", "{", "}", ", ", ": ", "'", '"', "- ", "? ", "| \n", "\n", "  ", "#", "---\n"]
WORDS = ["a", "b: ", "1", "true", "~", "&x ", "*x", "!t ", "<<: ", "0x1", ".nan", "null", "é"]
pieces = st.sampled_from([*SIGNS, *WORDS])


@given(st.lists(pieces, max_size=25).map("".join))
def test_both_ways_of_reading_give_the_same(text: str) -> None:
    data = data_of(text)
    if data is not ODD:
        assert repr(data) == repr(carefully(text))
