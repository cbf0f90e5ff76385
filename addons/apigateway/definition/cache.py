"""What the APIs' files came to, kept beside the store so that the next start need not find out.

Lines of JSON: who wrote it, the APIs, each behind the path of its file, and a digest of it all.
What is not whole, was written by another version of anything that judges definitions, or could have
been written by somebody else, is as good as nothing. Apps, certificates and keys are never in it.
An API's file holds no secret, but it is nobody else's business, so this one is for its owner alone.
"""

import contextlib
import json
import logging
import os
import platform
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

import apigateway
from apigateway.definition.api_file import ApiFile, KeptApi
from apigateway.definition.document import Document
from apigateway.definition.group_files import Memory
from apigateway.definition.places import Place
from apigateway.definition.problems import Problem
from apigateway.definition.sources import Seen, Source
from apigateway.definition.stamps import Stamp
from apigateway.model.settings import GatewaySettings
from apigateway.steps import step

logger = logging.getLogger(__name__)

NAME = "definitions.cache"

_JUDGES = ("PyYAML", "google-re2", "jsonschema", "jsonschema-rs", "cryptography", "PyJWT")
_ABANDONED_S = 600


WORTH_WRITING = 100
"""How many APIs have to be another than what is written: a start reads so many in some hundredths
of a second."""

_State = tuple[Stamp, bool, bytes, str]
_Good = tuple[Path, Seen, ApiFile]


class Cache:
    """What is known of a folder's APIs from before this process, and what is written for the next.

    It lies beside the store.
    """

    def __init__(self, definitions: Path) -> None:
        self._definitions = definitions
        self._path: Path | None = None
        self._lines: dict[str, bytes] = {}
        self._written: dict[Path, _State] = {}

    def open(self, settings: GatewaySettings) -> None:
        """Read what is written, once."""
        if self._path is None:
            self._path = settings.store.parent / NAME
            self._lines = written_lines(self._path, self._definitions)

    def kept(self, place: Place) -> tuple[Seen, KeptApi] | None:
        """What is written of a file, once."""
        line = self._lines.pop(os.fspath(place.path), None)
        if line is None:
            return None
        try:
            seen, api = _restored(place, line)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            logger.debug("%s: a line is not used: %s", self._path, problem)
            return None
        self._written[place.path] = _state(seen, api)
        return seen, api

    def due(self, memory: Memory) -> Sequence[_Good]:
        """What is worth writing of `memory`: everything that has no faults, or nothing."""
        good = [
            (path, seen, file)
            for path, file in memory.apis.items()
            if (seen := memory.sources.seen.get(path)) is not None
            and seen.source is file.source
            and not file.failed
        ]
        state = {path: _state(seen, file) for path, seen, file in good}
        another = {path for path, _ in self._written.items() ^ state.items()}
        if len(another) + len(self._lines) < WORTH_WRITING:
            return ()
        return [(path, replace(seen), file) for path, seen, file in good]  # as they are by now

    def write(self, due: Sequence[_Good]) -> None:
        """Write it in place of what is written."""
        if self._path is None:
            return
        if write_lines(self._path, self._definitions, (_kept(*api) for api in due)):
            self._written = {path: _state(seen, file) for path, seen, file in due}
            self._lines = {}


def _state(seen: Seen, api: ApiFile | KeptApi) -> _State:
    return seen.stamp, seen.settled, seen.source.digest, api.home


class _Unusable(Exception):
    """The text says why."""


def written_lines(path: Path, definitions: Path) -> dict[str, bytes]:
    """What is written at `path` of the folder `definitions`, by the path of each API's file;
    nothing where it cannot be used."""
    try:
        about, *lines = _lines(path)
        if about != _about(definitions):
            raise _Unusable("another version wrote it, or it is of another folder")
        parts = (line.partition(b"\t") for line in lines)
        return {json.loads(name): rest for name, _, rest in parts}
    except (OSError, _Unusable, ValueError, TypeError) as problem:
        logger.debug("%s is not used: %s", path, problem)
        return {}


def write_lines(path: Path, definitions: Path, lines: Iterable[bytes]) -> bool:
    """Write these in place of what is at `path`; whether that was done."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if time.time() - new.lstat().st_mtime > _ABANDONED_S:
                new.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(new, flags, 0o600)
    except OSError as problem:  # another process writes it, or nobody can
        logger.debug("%s is not written: %s", new, problem)
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            seal = blake2b()
            for line in chain([_about(definitions)], lines):
                step()
                file.write(line + b"\n")
                seal.update(line + b"\n")
            file.write(seal.hexdigest().encode())
        new.replace(path)
    except BaseException as problem:
        new.unlink(missing_ok=True)
        if not isinstance(problem, OSError):
            raise
        logger.debug("%s is not written: %s", path, problem)
        return False
    return True


def _lines(path: Path) -> list[bytes]:
    """The first line and those of the APIs."""
    # A pipe in its place would be waited for without O_NONBLOCK.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise _Unusable("it is no file of ours")
        if status.st_mode & 0o022:
            raise _Unusable("others may write to it")
        content = file.read()
    body, end, seal = content.rpartition(b"\n")
    if blake2b(body + end).hexdigest().encode() != seal:
        raise _Unusable("it is not whole")
    return body.split(b"\n")


def _about(definitions: Path) -> bytes:
    return _json({"definitions": str(definitions), "judges": _judges()})


@cache
def _judges() -> dict[str, str]:
    """Everything whose change may make something else of a file, and which it is."""
    found = {"python": platform.python_version(), "code": _digest_of_code()}
    for name in _JUDGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _digest_of_code() -> str:
    """Of the whole package, schemas included: what a check depends on is all over it."""
    digest, home = blake2b(apigateway.__version__.encode()), Path(apigateway.__file__).parent
    for path in sorted(home.rglob("*")):
        if path.suffix in (".py", ".json"):
            digest.update(f"\0{path.relative_to(home)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _kept(path: Path, seen: Seen, file: ApiFile) -> bytes:
    document = seen.source.document
    assert document is not None
    line = {
        "stamp": seen.stamp,
        "settled": seen.settled,
        "digest": seen.source.digest.hex(),
        "text": document.text,
        "data": document.data,
        "home": file.home,
        "judged_ns": file.read_ns,
        "beside": {str(other): stamp for other, stamp in file.beside.items()},
        "warnings": [(one.line, one.column, one.what, one.mend) for one in file.warnings],
    }
    return _json(os.fspath(path)) + b"\t" + _json(line)


def _restored(place: Place, text: bytes) -> tuple[Seen, KeptApi]:
    line = json.loads(text)
    document = Document(place.shown, line["data"], place.path, line["text"])
    source = Source(bytes.fromhex(line["digest"]), document)
    seen = Seen(Stamp(line["stamp"]), line["settled"], source)
    beside = {Path(other): stamp and Stamp(stamp) for other, stamp in line["beside"].items()}
    return seen, KeptApi(
        source=source,
        home=line["home"],
        read_ns=line["judged_ns"],
        beside=beside,
        warnings=tuple(Problem(place.shown, *warning) for warning in line["warnings"]),
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
