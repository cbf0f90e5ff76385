"""One API's file, read and checked by itself.

What comes of it stays true while the file, the files that it names and what it takes from its
group are the same, so it is kept: in memory for the next read, and by `cache` for the next start.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from apigateway.definition.check_variables import check_in_environments, in_environments
from apigateway.definition.parse import checked_api, fits, id_of, read_api
from apigateway.definition.placed import Placed
from apigateway.definition.problems import DocumentReport, Problem, Report
from apigateway.definition.shape import misfits
from apigateway.definition.sources import Source
from apigateway.definition.stamps import Stamp, says_enough, stamp_at
from apigateway.model.api import Api
from apigateway.model.group import Group

_LEAVES = frozenset(
    {
        "default",
        "description",
        "enum",
        "example",
        "force_nonce",
        "max_length",
        "maximum",
        "min_length",
        "minimum",
        "required",
        "timeout_ms",
        "visibility",
    }
)
"""Keys of an API without which the rest of it still means the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ApiFile:
    """`home` stands for what was taken from the group, `owner` is the account and the region that
    its id may come from. `beside` are the files that the API names, as they were at `read_ns`.
    `placed` is None where the document lacks the shape of an API; `resolved` is the API in each
    environment, if it has stage variables, and `before` the last one that had no faults.

    One `placed` serves every read: there are thousands of them, and to make them anew each time
    would be half of the work of a reload.
    """

    source: Source
    home: str
    owner: tuple[str, str]
    read_ns: int
    beside: Mapping[Path, Stamp | None]
    placed: Placed[Api] | None
    resolved: tuple[Placed[Api], ...] = ()
    failed: bool
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    before: Api | None = None

    @property
    def api(self) -> Api | None:
        return self.placed.object if self.placed is not None else None

    @property
    def last_good(self) -> Api | None:
        return self.before if self.failed else self.api

    def report_to(self, report: Report) -> None:
        """What is found to be wrong between the API and others from now on goes to `report`."""
        for one in (self.placed, *self.resolved):
            if one is not None:
                one.report.report = report

    def holds(self, source: Source, home: str) -> bool:
        """Whether reading it again would find the same."""
        return (
            self.source is source
            and self.home == home
            and all(
                stamp is not None and says_enough(stamp, self.read_ns) and stamp == stamp_at(path)
                for path, stamp in self.beside.items()
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptApi:
    """An `ApiFile` without faults, as it outlives a process."""

    source: Source
    home: str
    read_ns: int
    beside: Mapping[Path, Stamp | None]
    warnings: tuple[Problem, ...]


def home_of(group: Group) -> str:
    """The same text for groups in which an API is the same but for its id. Domains, and with them
    every secret of a group, are no matter of its APIs."""
    bare = replace(group, id="", region="", subdomain="", subdomain_certificate=None, domains=())
    return sha256(repr(bare).encode("utf-8", "backslashreplace")).hexdigest()


def read_api_file(source: Source, group: Group, home: str, account: str, now_ns: int) -> ApiFile:
    """`source` has a document; `home` is that of `group`; `now_ns` is a moment of the clock before
    the call."""
    assert source.document is not None
    found = Report()
    report = found.on(source.document)
    report.failed = bool(source.problems)
    placed: Placed[Api] | None = None
    resolved: tuple[Placed[Api], ...] = ()
    if fits(report, "api"):
        placed = Placed(checked_api(report, group, account), report)
        resolved = in_environments(placed, group)
        check_in_environments(placed, resolved)
    else:
        _look_further(report, group, account)
    return ApiFile(
        source=source,
        home=home,
        owner=(account, group.region),
        read_ns=now_ns,
        beside=report.beside,
        placed=placed,
        resolved=resolved,
        failed=report.failed or bool(found.errors),
        errors=tuple(found.errors),
        warnings=tuple(found.warnings),
    )


def with_id(file: ApiFile, group: Group, account: str) -> ApiFile:
    """`file` for the account and the region that its API is in by now."""
    owner = (account, group.region)
    if file.owner == owner:
        return file
    api = file.api
    if api is not None and api.id != (identity := id_of(api.document, group, account)):
        file = _with_api(file, replace(api, id=identity))
    return replace(file, owner=owner)


def with_same_api(file: ApiFile, before: ApiFile | None) -> ApiFile:
    """`file`, with the very API of `before` where it is the same, as behind an edited comment or a
    mended fault: what is made of an API need not be made again then."""
    old = before.last_good if before is not None else None
    if old is None:
        return file
    api = file.api
    if api is not None and api == old and _is_same(api.document, old.document):
        return _with_api(file, old)
    return replace(file, before=old) if file.failed else file


def _with_api(file: ApiFile, api: Api) -> ApiFile:
    assert file.placed is not None
    return replace(file, placed=Placed(api, file.placed.report))


def _is_same(document: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """For Python 1, 1.0 and True are equal; in a document they are not."""
    return json.dumps(document) == json.dumps(other)


def restored(kept: KeptApi, group: Group, account: str) -> ApiFile:
    """What reading the file would find again, as far as it still holds."""
    assert kept.source.document is not None
    report = Report().on(kept.source.document)
    placed = Placed(read_api(report, group, account), report)
    return ApiFile(
        source=kept.source,
        home=kept.home,
        owner=(account, group.region),
        read_ns=kept.read_ns,
        beside=kept.beside,
        placed=placed,
        resolved=in_environments(placed, group),
        failed=False,
        warnings=kept.warnings,
    )


def _look_further(report: DocumentReport, group: Group, account: str) -> None:
    """Find what else is wrong in an API whose only misfits are values nothing depends on."""
    data = report.document.data
    wrong = misfits("api", data)
    if not all(misfit.keys and misfit.keys[-1] in _LEAVES for misfit in wrong):
        return
    pruned = copy.deepcopy(data)
    for misfit in wrong:
        part = pruned
        for key in misfit.keys[:-1]:
            part = part[key]
        part.pop(misfit.keys[-1], None)
    if not misfits("api", pruned):
        further = report.report.on(replace(report.document, data=pruned))
        checked_api(further, group, account)
        report.beside.update(further.beside)
