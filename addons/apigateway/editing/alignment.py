"""Which part of a list or mapping is which, before and after."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from apigateway.editing.rendering import canonical

Step = tuple[int | None, Any]
"""The index of an old part and the key (of a mapping) or index (of a list) of the new one: None
for what goes, or what comes."""

GONE: Any = None

_NAMING = ("name", "app", "policy", "group", "from", "code", "key_id", "in")
"""Keys by which a part of a list is known again when something else in it has changed."""


def steps_of_keys(old: Sequence[str], new: Mapping[str, Any]) -> list[Step]:
    """In the order in which they are to stand: old keys keep theirs, a new one comes behind the
    one before it in `new`."""
    order: list[Step] = [(index, key if key in new else GONE) for index, key in enumerate(old)]
    names = list(old)
    place = 0
    for key in new:
        if key in names:
            place = names.index(key) + 1
        else:
            names.insert(place, key)
            order.insert(place, (None, key))
            place += 1
    return order


def steps_of_items(old: Sequence[Any], new: Sequence[Any]) -> list[Step]:
    """In the order in which they are to stand: equal items first, then those with one name."""
    steps: list[Step] = []
    for alike, ours, theirs in _blocks(
        [canonical(item) for item in old], list(map(canonical, new))
    ):
        if alike:
            steps += zip(ours, theirs, strict=True)
        else:
            steps += _steps_by_name(old, new, ours, theirs)
    return steps


def _steps_by_name(
    old: Sequence[Any], new: Sequence[Any], ours: range, theirs: range
) -> Iterator[Step]:
    names = [_name(old[index]) for index in ours]
    for alike, mine, others in _blocks(names, [_name(new[index]) for index in theirs]):
        from_old = [ours[index] for index in mine]
        to_new = [theirs[index] for index in others]
        pairs = len(to_new) if alike else 0
        yield from zip(from_old[:pairs], to_new[:pairs], strict=True)
        yield from ((index, GONE) for index in from_old[pairs:])
        yield from ((None, index) for index in to_new[pairs:])


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[bool, range, range]]:
    """Parts that are equal, in turn with parts that are not. Where equal ones stand several times,
    those at the same end are one."""
    head = _length_of_common(old, new)
    tail = _length_of_common(old[head:][::-1], new[head:][::-1])
    end, new_end = len(old) - tail, len(new) - tail
    matcher = SequenceMatcher(None, old[head:end], new[head:new_end], autojunk=False)
    yield True, range(head), range(head)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        yield tag == "equal", range(head + i1, head + i2), range(head + j1, head + j2)
    yield True, range(end, len(old)), range(new_end, len(new))


def _length_of_common(old: Sequence[str], new: Sequence[str]) -> int:
    pairs = zip(old, new, strict=False)
    return next(
        (at for at, (one, other) in enumerate(pairs) if one != other), min(len(old), len(new))
    )


def _name(item: Any) -> str:
    """What an item is known by: scalars are any scalar, so one is written in another's place."""
    if isinstance(item, dict):
        return canonical([item.get(key) for key in _NAMING])
    return "list" if isinstance(item, list) else "scalar"
