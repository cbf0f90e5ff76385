"""Releases that were read before. A release never changes, so none is read twice."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from apigateway.model.release import Release
from apigateway.store.release_changes import by_name

Id = TypeVar("Id")

_AT_A_TIME = 500


class Shelf(Generic[Id]):
    """The releases that are served, as they were last looked at. For any number of threads: they
    may read the same release twice, and nothing worse."""

    def __init__(self, read: Callable[[Sequence[Id]], Mapping[Id, Release]]) -> None:
        """`read` returns those of some releases that are there. It is asked for a few hundred at
        a time, so that others get at the store in between."""
        self._read = read
        # Replaced whole, so that a thread sees the two fit each other.
        self._shown: tuple[Mapping[Id, Release], Sequence[Release]] = ({}, ())

    def show(self, ids: Iterable[Id]) -> Sequence[Release]:
        """The releases that these ids name, by group, API and environment. Others are let go."""
        wanted = dict.fromkeys(ids)
        known, listed = self._shown
        if wanted.keys() == known.keys():
            return listed
        missing = [each for each in wanted if each not in known]
        found = {each: known[each] for each in wanted if each in known}
        for start in range(0, len(missing), _AT_A_TIME):
            found.update(self._read(missing[start : start + _AT_A_TIME]))
        listed = tuple(sorted(found.values(), key=by_name))
        self._shown = (found, listed)
        return listed
