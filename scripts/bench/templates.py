"""Files of other programs, in peers/: their own text, with words like @PORT@ to be filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "peers"


def filled(text: str, words: Mapping[str, str]) -> str:
    """
    Raises:
        KeyError: the text has a word that is not given.
    """
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], text)


def written_template(name: str, folder: Path, words: Mapping[str, str]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(filled((TEMPLATES / name).read_text(), words))
    return path
