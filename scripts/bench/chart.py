"""A chart of calls a second as SVG: two bars a scenario, the ratio behind them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 800, 290, 150
BAR, GAP, TOP, BOTTOM = 14, 18, 56, 34
ROW = 2 * BAR + GAP

STOCK, GATEWAY, INK, FAINT, PAPER = "#9aa5b1", "#1f6f8b", "#1f2933", "#d9dee3", "#ffffff"


@dataclass(frozen=True, slots=True)
class Pair:
    """Calls a second of both sides."""

    label: str
    stock: float
    gateway: float


def chart(pairs: Sequence[Pair], title: str) -> str:
    """
    Raises:
        ValueError: there is nothing to show.
    """
    if not pairs:
        raise ValueError("no scenario has both sides")
    height = TOP + ROW * len(pairs) + BOTTOM
    most = ceiling(max(max(pair.stock, pair.gateway) for pair in pairs))
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _text(16, 22, title, size=15, weight="600"),
        *_legend(),
        *_grid(most, scale, height),
    ]
    for number, pair in enumerate(pairs):
        parts += _bars(pair, TOP + ROW * number, scale)
    return "\n".join([*parts, "</svg>", ""])


def ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten that is not below `value`."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _legend() -> list[str]:
    return [
        f'<rect x="16" y="34" width="10" height="10" fill="{STOCK}"/>',
        _text(31, 43, "stock mitmdump, nothing to do"),
        f'<rect x="250" y="34" width="10" height="10" fill="{GATEWAY}"/>',
        _text(265, 43, "the gateway, every stage at work"),
    ]


def _grid(most: float, scale: float, height: int) -> list[str]:
    parts = []
    for fifth in range(6):
        value = most * fifth / 5
        x = LEFT + value * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{height - BOTTOM}" '
            f'stroke="{FAINT}"/>'
        )
        parts.append(_text(x, height - BOTTOM + 16, f"{value:g}", anchor="middle"))
    return [*parts, _text(WIDTH - 16, height - BOTTOM + 16, "calls a second", anchor="end")]


def _bars(pair: Pair, y: int, scale: float) -> list[str]:
    ratio = f"{pair.gateway / pair.stock:.2f} x"
    longest = LEFT + max(pair.stock, pair.gateway) * scale
    return [
        _text(LEFT - 10, y + BAR + 4, pair.label, anchor="end"),
        _bar(y, pair.stock * scale, STOCK),
        _bar(y + BAR, pair.gateway * scale, GATEWAY),
        _text(longest + 8, y + BAR + 4, ratio, weight="600"),
    ]


def _bar(y: int, width: float, colour: str) -> str:
    return f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{INK}">{escape(text)}</text>'
    )
