"""Changes of a text at its places, made all at once."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Patches:
    """Places are those of the text as it was; no two patches overlap. What is put at one place
    comes in the order of the calls, before what replaces the text from there on."""

    text: str
    _found: list[tuple[int, int, str]] = field(default_factory=list)

    def put(self, start: int, end: int, shown: str) -> None:
        """`shown`, whose lines end in `\\n`, in the place of `text[start:end]`."""
        if "\r\n" in self.text:
            shown = shown.replace("\n", "\r\n")
        self._found.append((start, end, shown))

    def put_lines(self, place: int, lines: list[str]) -> None:
        """Whole lines before the line that begins at `place`, or behind the last one."""
        if not lines:
            return
        shown = "".join(f"{line}\n" for line in lines)
        if place == len(self.text) and not self.text.endswith("\n"):
            shown = "\n" + shown.removesuffix("\n")
        self.put(place, place, shown)

    def applied(self) -> str:
        """The new text.

        Raises: ValueError, when patches overlap.
        """
        parts, done = [], 0
        for start, end, shown in sorted(self._found, key=lambda patch: patch[:2]):
            if start < done:
                raise ValueError("two changes of one place")
            parts += [self.text[done:start], shown]
            done = end
        return "".join([*parts, self.text[done:]])
