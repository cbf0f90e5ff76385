"""`apigateway serve`: the gateway as one process, or as several workers behind one port."""

import argparse
import asyncio
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from apigateway.commands.project import CHECKOUT, project_options
from apigateway.workers.log import Log
from apigateway.workers.sockets import why_not_spread
from apigateway.workers.supervisor import Supervisor
from apigateway.workers.worker import Command

MOST_WORKERS = 64

FILES = ("save_stream_file", "hardump")
"""Options of mitmproxy that name a file it writes: each worker needs one of its own."""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
    options_metavar="[--workers N] [OPTIONS]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the port; about one a core. Linux only, if more than one.",
)
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gateway's script.  [default: addons/gateway.py of the checkout]",
)
@project_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MITMPROXY ARGUMENTS]")
def serve(
    workers: int,
    script: Path | None,
    definitions: Path | None,
    policies: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Serve the definitions, by default on 127.0.0.1:8080.

    With several workers, the lines of all come in one stream, each with its worker's number; a
    worker that dies is replaced. SIGHUP replaces all, one after the other, by workers that read
    the definitions anew; SIGTERM and Ctrl-C finish the calls under way, a second one does not.

    All other arguments go to mitmdump as they are. With several workers a file of `-w` or of
    `--set hardump=` gets the worker's number in its name.

    \b
    Examples:
      apigateway serve --workers 4 -q
      apigateway serve --workers 2 --listen-host 0.0.0.0 --listen-port 80
      apigateway serve --workers 2 -w calls.mitm          calls.1.mitm and calls.2.mitm
    """
    if workers > 1 and (reason := why_not_spread()):
        raise click.UsageError(f"--workers {workers}: {reason}; use --workers 1")
    tool = mitmdump()
    given = [*("-s", str(script or gateway_script())), *("--set", "server=false")]
    given += _project(definitions, policies, arguments)
    if workers == 1:
        sys.stdout.flush()
        os.execv(tool, [tool, *given, *arguments])
    files = WrittenFiles.taken_from(arguments)

    def command(number: int, started_before: int, line: int) -> Sequence[str]:
        own = files.of_worker(number, started_before)
        return [tool, *given, "--set", f"gateway_supervisor={line}", *own, *files.others]

    sys.stdout.flush()
    log = Log(sys.stdout.buffer, sys.stderr.buffer)
    raise SystemExit(asyncio.run(supervise(workers, command, log, quiet=is_quiet(arguments))))


async def supervise(workers: int, command: Command, log: Log, *, quiet: bool) -> int:
    return await Supervisor(workers, command, log, quiet=quiet).run()


def mitmdump() -> str:
    """mitmproxy's tool of this environment."""
    beside = Path(sys.executable).with_name("mitmdump")
    found = str(beside) if beside.is_file() else shutil.which("mitmdump")
    if found is None:
        raise click.ClickException("mitmdump is not installed beside this Python")
    return found


def gateway_script() -> Path:
    """The script of the checkout, else the one that was installed with the package."""
    installed = Path(sysconfig.get_path("data")) / "share" / "mitm-apigateway" / "gateway.py"
    for path in (CHECKOUT / "addons" / "gateway.py", installed):
        if path.is_file():
            return path
    raise click.ClickException("gateway.py was not found; say where it is: --script FILE")


def _project(
    definitions: Path | None, policies: Path | None, arguments: Sequence[str]
) -> list[str]:
    """The folders as mitmproxy's options, unless they stand among its arguments."""
    if definitions is None and (Path.cwd() / "definitions").is_dir():
        definitions = Path.cwd() / "definitions"
    folders = {"gateway_definitions": definitions, "gateway_policies": policies}
    words: list[str] = []
    for name, folder in folders.items():
        if folder is not None and not any(f"{name}=" in word for word in arguments):
            words += ["--set", f"{name}={folder}"]
    return words


def is_quiet(arguments: Sequence[str]) -> bool:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-q", "--quiet", action="store_true")
    return bool(parser.parse_known_args(list(arguments))[0].quiet)


@dataclass(frozen=True)
class WrittenFiles:
    """The arguments that name a file to write, by option, and all other arguments."""

    names: dict[str, str]
    others: tuple[str, ...]

    @classmethod
    def taken_from(cls, arguments: Sequence[str]) -> "WrittenFiles":
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("-w", "--save-stream-file", dest="written")
        parser.add_argument("--set", action="append", default=[], dest="options")
        known, others = parser.parse_known_args(list(arguments))
        names: dict[str, str] = {}
        options: list[str] = []
        for option in known.options:
            name, _, value = option.partition("=")
            if name in FILES and value not in ("", "-"):
                names[name] = value
            else:
                options += ["--set", option]
        if known.written:
            names["save_stream_file"] = known.written
        return cls(names, (*options, *others))

    def of_worker(self, number: int, started_before: int) -> list[str]:
        words: list[str] = []
        for name, file in self.names.items():
            words += ["--set", f"{name}={own_name(file, number, started_before)}"]
        return words


def own_name(file: str, number: int, started_before: int) -> str:
    """`calls.mitm` is `calls.2.mitm` for worker 2, and `calls.2-3.mitm` for the third process
    that has this number: the one before may still write."""
    path = Path(file)
    process = str(number) if not started_before else f"{number}-{started_before + 1}"
    return str(path.with_name(f"{path.stem}.{process}{path.suffix}"))
