"""A flow's metadata with a trail in it that is made when it is first looked at.

Making a trail costs a few per cent of a call, and most flows are never looked at. What reads it
(saving, copying, filters, views, add-ons) finds plain data.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from apigateway.proxy.flows import TRAIL

Make = Callable[[], dict[str, Any] | None]


class PendingTrail(dict[str, Any]):
    """A dict that puts the trail under its key when anything but "is it there?" is asked of it.

    A copy of it is a plain dict. `make` gives None when no trail can be made.
    """

    __slots__ = ("_make",)

    def __init__(self, known: dict[str, Any], make: Make) -> None:
        super().__init__(known)
        self._make: Make | None = make

    def _settled(self) -> "PendingTrail":
        make, self._make = self._make, None
        if make is not None and (trail := make()) is not None:
            super().__setitem__(TRAIL, trail)
        return self

    def __contains__(self, key: object) -> bool:
        return (key == TRAIL and self._make is not None) or super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        return super(PendingTrail, self._settled()).__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key != TRAIL:
            return super().get(key, default)
        return super(PendingTrail, self._settled()).get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        super(PendingTrail, self._settled()).__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        super(PendingTrail, self._settled()).__delitem__(key)

    def __iter__(self) -> Iterator[str]:
        return super(PendingTrail, self._settled()).__iter__()

    def __reversed__(self) -> Iterator[str]:
        return super(PendingTrail, self._settled()).__reversed__()

    def __len__(self) -> int:
        return super(PendingTrail, self._settled()).__len__()

    def __eq__(self, other: object) -> bool:
        return super(PendingTrail, self._settled()).__eq__(other)

    def __ne__(self, other: object) -> bool:
        return super(PendingTrail, self._settled()).__ne__(other)

    __hash__ = None

    def __repr__(self) -> str:
        return super(PendingTrail, self._settled()).__repr__()

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self.copy(), memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self.copy(),)

    def copy(self) -> dict[str, Any]:
        return dict(super(PendingTrail, self._settled()).items())

    def items(self) -> Any:
        return super(PendingTrail, self._settled()).items()

    def keys(self) -> Any:
        return super(PendingTrail, self._settled()).keys()

    def values(self) -> Any:
        return super(PendingTrail, self._settled()).values()

    def pop(self, key: str, *default: Any) -> Any:
        return super(PendingTrail, self._settled()).pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        return super(PendingTrail, self._settled()).popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        return super(PendingTrail, self._settled()).setdefault(key, default)

    def update(self, *given: Any, **named: Any) -> None:
        super(PendingTrail, self._settled()).update(*given, **named)

    def clear(self) -> None:
        super(PendingTrail, self._settled()).clear()
