"""Two strings and the first byte in which they differ, as lines for a terminal."""

import unicodedata

_BEFORE, _AFTER = 24, 56


def terminal_line(text: str, line_feed: str = "#") -> str:
    """Line feeds as the product shows them; what no terminal should get is U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.replace("\n", line_feed))


def columns(text: str) -> int:
    """Columns of a terminal that a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def marked_difference(
    one: tuple[str, str], other: tuple[str, str], at: int, line_feed: str = "#"
) -> list[str]:
    """Two strings, each with a label, around the byte `at` from which they differ, and a mark
    under it."""
    (label, text), (other_label, other_text) = one, other
    wide = max(len(label), len(other_label))
    first, column = window(text, at, line_feed)
    second, _ = window(other_text, at, line_feed)
    return [
        f"{label:{wide}}  {first}",
        f"{other_label:{wide}}  {second}",
        f"{'':{wide}}  {' ' * column}^",
    ]


def window(text: str, at: int, line_feed: str = "#") -> tuple[str, int]:
    """The text around a byte, and how many columns stand before the character it is in."""
    raw = text.encode("utf-8", "surrogateescape")
    while 0 < at < len(raw) and raw[at] & 0xC0 == 0x80:
        at -= 1
    position = len(raw[:at].decode("utf-8", "surrogateescape"))
    start = max(0, position - _BEFORE)
    lead = "..." if start else ""
    before = lead + terminal_line(text[start:position], line_feed)
    after = terminal_line(text[position : position + _AFTER], line_feed)
    return before + after, columns(before)
