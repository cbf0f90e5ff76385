"""A release from within mitmweb: as `apigateway release`, and in a thread."""

from pathlib import Path

import click
from mitmproxy.exceptions import CommandError

from apigateway.commands.desk import chosen_apis, who
from apigateway.commands.plan import summary
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.lifecycle.breaking.finding import Severity
from apigateway.lifecycle.plan import DraftChanged, Plan, make_plan
from apigateway.lifecycle.release import Obstructed, carry_out
from apigateway.model.group import Environment
from apigateway.ports import ReleasedMeanwhile, Releases, StoreUnavailable


def release(
    definitions: Path,
    policies: Path,
    releases: Releases,
    *,
    name: str,
    environment: Environment,
    note: str,
    accept: bool,
    now_ms: int,
) -> str:
    """What was released. `name` is an API, group/API or a group; `accept` takes what breaks.

    Raises:
        CommandError: nothing was changed; the text says why and how to mend it.
    """
    try:
        project = load_project(definitions, policies)
        apis = chosen_apis(project, [name])
        plan = make_plan(project, releases.current(), environment, apis)
        _refuse(plan, accept=accept)
        made = carry_out(plan, project, releases, note=note, by=who(), now_ms=now_ms)
    except DefinitionError as error:
        raise CommandError("\n".join(map(str, error.problems))) from None
    except click.ClickException as problem:
        raise CommandError(problem.format_message()) from None
    except (ReleasedMeanwhile, DraftChanged) as problem:
        raise CommandError(f"{problem}; nothing was changed, release again") from None
    except Obstructed as problem:
        raise CommandError(f"{problem}; nothing was released") from None
    except StoreUnavailable as problem:
        raise CommandError(f"the store cannot be used: {problem}") from None
    if not made:
        return f"nothing to do: what is served in {environment} is what the drafts say"
    before = {one.api_id: one.served or "none" for one in plan.due}
    return "\n".join(
        f"{one.group}/{one.api} in {one.environment}: version {one.version} "
        f"(before: {before[one.api_id]})"
        for one in made
    )


def _refuse(plan: Plan, *, accept: bool) -> None:
    obstacles, breaking = plan.of(Severity.OBSTACLE), plan.of(Severity.BREAKING)
    found = [*obstacles, *([] if accept else breaking)]
    if not found or not plan.due:
        return
    told = [f"{one.subject}: {one.field}: {one.what}" for one in found]
    mend = "mend the drafts" if obstacles else "give true as the last argument to accept it"
    raise CommandError("\n".join([summary(plan), *told, f"nothing was released; {mend}"]))
