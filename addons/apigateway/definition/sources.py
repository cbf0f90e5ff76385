"""Files of a project as documents. A file is read again when it may hold something else than when
it was read last; what then turns out to be the same text is the same `Source`."""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from apigateway.definition.document import MAX_FILE_BYTES, Document, Unreadable, read_document
from apigateway.definition.places import Place
from apigateway.definition.problems import Problem
from apigateway.definition.stamps import Stamp, says_enough, stamp_of
from apigateway.definition.syntax import Fault


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a file holds. `document` is None where that gives no data; of one with `problems` only
    what else is wrong is looked for."""

    digest: bytes
    document: Document | None
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True, eq=False)
class Seen:
    """A file with this stamp held `source`; with `settled`, it still does. It is brought up to date
    in place: ten thousand new ones at a time would keep the garbage collector busy."""

    stamp: Stamp
    settled: bool
    source: Source


@dataclass(slots=True)
class Sources:
    """The files that were read so far, by path. Those `edited` are taken for what stands there."""

    edited: Mapping[Path, bytes | None] = field(default_factory=dict)
    seen: dict[Path, Seen] = field(default_factory=dict)

    def at(self, place: Place, now_ns: int) -> Source:
        """`now_ns` is a moment of the clock before the call."""
        if (content := self.edited.get(place.path)) is not None:
            return read_source(place, content, digest_of(content))
        try:
            status = os.stat(place.path)
            if not stat.S_ISREG(status.st_mode):
                return _unread(place, "not a file")
            stamp, seen = stamp_of(status), self.seen.get(place.path)
            if seen is not None and seen.settled and seen.stamp == stamp:
                return seen.source
            content = _content(place.path, status.st_size)
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
            return _unread(place, "not a file" if gone else error.strerror or "unknown error")
        digest, settled = digest_of(content), says_enough(stamp, now_ns)
        if seen is None:
            source = read_source(place, content, digest)
            seen = self.seen[place.path] = Seen(stamp, settled, source)
        elif seen.source.digest != digest:
            seen.source = read_source(place, content, digest)
        seen.stamp, seen.settled = stamp, settled
        return seen.source


def digest_of(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def read_source(place: Place, content: bytes, digest: bytes) -> Source:
    try:
        document, faults = read_document(place.shown, place.path, content)
    except Unreadable as unreadable:
        return Source(digest, None, _problems(place, unreadable.faults))
    return Source(digest, document, _problems(place, faults))


def _content(path: Path, size: int) -> bytes:
    """At most one byte more than a definition may have; `size` is what it had a moment ago."""
    with path.open("rb", buffering=0) as file:
        content = file.read(min(size, MAX_FILE_BYTES) + 1) or b""
        while 0 < len(content) <= MAX_FILE_BYTES and (more := file.read(MAX_FILE_BYTES + 1)):
            content += more
    return content[: MAX_FILE_BYTES + 1]


def _problems(place: Place, faults: list[Fault] | tuple[Fault, ...]) -> tuple[Problem, ...]:
    return tuple(
        Problem(place.shown, fault.line, fault.column, fault.what, fault.mend) for fault in faults
    )


def _unread(place: Place, reason: str) -> Source:
    what, mend = f"the file cannot be read ({reason})", "check what it is and its permissions"
    return Source(b"", None, (Problem(place.shown, 1, 1, what, mend),))
