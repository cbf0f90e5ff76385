"""`apigateway capture`: a capture without secrets, to be kept beside the definitions."""

import contextlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.exits import DIFFERENT
from apigateway.commands.judged import calls_of, catalog_of
from apigateway.commands.project import project_options
from apigateway.commands.tables import print_table
from apigateway.replay.call import CapturedCall
from apigateway.replay.captured import write_calls
from apigateway.scrubbing.scrub import Scrubbed
from apigateway.scrubbing.scrubber import Scrubber

_FOR_PROGRESS = 200
"""So many calls take long enough for somebody to wonder."""

_MODE = 0o600


@click.command()
@click.argument("capture")
@click.argument("scrubbed", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--scrub",
    multiple=True,
    metavar="NAME",
    help="Also the values of this parameter, header, field or member, in any case. Repeatable.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="NAME",
    help="This name is none of a secret, whatever it sounds like. Repeatable.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 3 when secrets are in CAPTURE.")
@click.option("--force", is_flag=True, help="Replace SCRUBBED where it is there.")
@json_option
@project_options
def capture(
    capture: str,
    scrubbed: Path | None,
    scrub: tuple[str, ...],
    keep: tuple[str, ...],
    check: bool,
    force: bool,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Take the secrets out of a capture, so that it can be kept and shared.

    CAPTURE holds mitmproxy flows (`mitmdump -w`), a HAR, or curl lines; SCRUBBED is written as
    flows, for mitmweb, `replay`, `explain` and `rehearse`. AppSecrets, AppCodes, signatures,
    tokens, cookies, passwords and what else its name tells are replaced wherever they stand.
    Replays put AppCodes and signatures back by the definitions, so that every call ends as before.

    \b
    Examples:
      scripts/serve -q -w state/calls.mitm                capture
      apigateway capture state/calls.mitm calls.mitm      and make it fit to be kept
      apigateway capture state/calls.mitm calls.mitm --scrub phone --keep key
      apigateway capture calls.mitm --check               for a pre-commit hook
    """
    if check == (scrubbed is not None):
        raise click.UsageError("give either SCRUBBED, the file to write, or --check")
    if scrubbed is not None and scrubbed.exists() and not force:
        raise click.UsageError(f"{scrubbed} is there; --force replaces it")
    if scrubbed is not None:
        _refuse_place(scrubbed)
    if not all(name.strip() for name in (*scrub, *keep)):
        raise click.UsageError("--scrub and --keep take a name, and one is empty")
    if both := sorted(set(map(str.lower, scrub)) & set(map(str.lower, keep))):
        raise click.UsageError(f"--scrub and --keep name the same: {', '.join(both)}")
    calls = calls_of(capture)
    with open_desk(definitions, policies) as desk:
        catalog = catalog_of(desk, draft=False, version=None)
    scrubber = Scrubber(catalog, keep=keep, scrub=scrub)
    shown: Iterable[CapturedCall] = calls
    if len(calls) >= _FOR_PROGRESS and sys.stderr.isatty() and not as_json:
        shown = track(calls, description="scrub")
    done = [scrubber(call) for call in shown]
    if scrubbed is not None:
        _write(scrubbed, write_calls(one.call for one in done))
    if as_json:
        click.echo(json.dumps(_document(done, scrubbed), ensure_ascii=False, indent=2))
    else:
        _print(done, scrubbed)
    if check and any(one.counts for one in done):
        raise SystemExit(DIFFERENT)


def _refuse_place(path: Path) -> None:
    """Before the work: a file that could not be written, or would be taken for another kind."""
    if path.suffix.lower() in (".har", ".json"):
        raise click.UsageError(f"{path}: flows are written, not a HAR: name it .mitm")
    if not path.parent.is_dir():
        raise click.ClickException(
            f"{path}: there is no folder {path.parent}: make it (mkdir -p {path.parent})"
        )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by its owner alone."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, _MODE)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as problem:
        raise click.ClickException(f"{path}: {problem.strerror}") from None


def _document(done: Sequence[Scrubbed], written: Path | None) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for one in done:
        kinds += one.counts
        calls.update(one.counts.keys())
    return {
        "calls": len(done),
        "with_secrets": sum(bool(one.counts) for one in done),
        "written": None if written is None else str(written),
        "secrets": [
            {"kind": kind, "values": count, "calls": calls[kind]}
            for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        ],
        "not_whole": [
            {"number": number, "why": one.call.lacks}
            for number, one in enumerate(done, 1)
            if one.call.lacks
        ],
    }


def _print(done: Sequence[Scrubbed], written: Path | None) -> None:
    document = _document(done, written)
    if document["secrets"]:
        print_table(
            ("secret", "values", "in calls"),
            [
                (found["kind"], str(found["values"]), str(found["calls"]))
                for found in document["secrets"]
            ],
        )
    for one in document["not_whole"]:
        click.echo(f"#{one['number']} cannot be judged: {one['why']}", err=True)
    calls = "1 call" if len(done) == 1 else f"{len(done)} calls"
    held = f"{calls}, {document['with_secrets']} of them with secrets"
    click.echo(f"{held}: written to {written}" if written else held)
