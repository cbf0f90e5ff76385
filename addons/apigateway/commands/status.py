"""`apigateway status` and `metrics`: how the running gateway is."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from apigateway.commands.desk import json_option, open_store
from apigateway.commands.exits import REFUSED
from apigateway.commands.project import project_folders, project_options, read_project
from apigateway.commands.served import moment
from apigateway.commands.tables import print_table
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.definition.settings_file import load_settings
from apigateway.lifecycle.start import notices
from apigateway.live.metrics import metrics_text
from apigateway.live.status import running
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.model.worker import WorkerStatus


@click.command()
@json_option
@project_options
def status(as_json: bool, definitions: Path | None, policies: Path | None) -> None:
    """Show the running processes, what they serve, and why a change is not served.

    Exits 1 when no process runs, when a changed file cannot be served, or when the processes serve
    different definitions.
    """
    folders = project_folders(definitions, policies)
    project, problems = _read(*folders)
    settings = project.settings if project else load_settings(folders[0])
    if settings is None:
        # The store's place is in gateway.yaml: without it nobody can be asked.
        workers: Sequence[WorkerStatus] = ()
        current: Sequence[Release] = ()
    else:
        with open_store(settings) as store:
            workers = running(store.workers.statuses(), _now_ms())
            current = store.releases.current()
    document = _document(workers, current, project, problems)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _print(document, workers, asked=settings is not None)
    if not document["healthy"]:
        raise SystemExit(REFUSED)


@click.command()
@project_options
def metrics(definitions: Path | None, policies: Path | None) -> None:
    """Print the metrics of the running processes in Prometheus's text format.

    The same is at GET /metrics of the address `metrics` in gateway.yaml. Files that are broken,
    but for gateway.yaml itself, do not matter: the metrics say so.
    """
    folders = project_folders(definitions, policies)
    settings = load_settings(folders[0]) or read_project(*folders).settings
    with open_store(settings) as store:
        workers = running(store.workers.statuses(), _now_ms())
    click.echo(metrics_text(workers).decode(), nl=False)


def _read(definitions: Path, policies: Path) -> tuple[Project | None, list[str]]:
    try:
        return load_project(definitions, policies), []
    except DefinitionError as error:
        return None, [str(problem) for problem in error.problems]


def _document(
    workers: Sequence[WorkerStatus],
    current: Sequence[Release],
    project: Project | None,
    problems: Sequence[str],
) -> dict[str, Any]:
    served = Counter(release.environment.value for release in current)
    told = [*problems, *(line for worker in workers for line in worker.problems.splitlines())]
    return {
        "healthy": bool(workers) and not told and len({one.catalog for one in workers}) == 1,
        "workers": [asdict(worker) for worker in workers],
        "environments": {one.value: served[one.value] for one in Environment},
        "notices": list(notices(project, current)) if project else [],
        "problems": list(dict.fromkeys(told)),
    }


def _print(document: dict[str, Any], workers: Sequence[WorkerStatus], *, asked: bool) -> None:
    console = Console()
    if not asked:
        console.print("the store is named in gateway.yaml, which is broken: nobody can be asked")
    elif not workers:
        console.print("no gateway of this store runs on this machine")
    else:
        print_table(
            ("worker", "process", "serves", "APIs", "apps", "loaded (UTC)", "reloads", "failed"),
            [
                (
                    str(worker.number or 1),
                    str(worker.process),
                    worker.catalog or "nothing",
                    str(worker.apis),
                    str(worker.apps),
                    moment(worker.loaded_ms) if worker.loaded_ms else "never",
                    str(worker.reloads),
                    Text(str(worker.failed_reloads), style="red" if worker.problems else ""),
                )
                for worker in workers
            ],
        )
    if asked:
        released = ", ".join(f"{name} {count}" for name, count in document["environments"].items())
        console.print(f"released APIs: {released}")
    for line in document["notices"]:
        console.print(line, style="yellow", soft_wrap=True, markup=False)
    if document["problems"]:
        console.print("what was served before goes on until this is mended:", style="red")
    for line in document["problems"]:
        console.print(line, style="red", soft_wrap=True, markup=False)
    if len({worker.catalog for worker in workers}) > 1:
        console.print("the processes serve different definitions for the moment", style="red")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
