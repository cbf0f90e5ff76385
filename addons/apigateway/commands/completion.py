"""`apigateway completion`, and what is completed: the names that a project declares."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from apigateway.commands.project import project_folders
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options and the names of your APIs.

    \b
    Examples:
      eval "$(apigateway completion bash)"                   in ~/.bashrc
      eval "$(apigateway completion zsh)"                    in ~/.zshrc
      apigateway completion fish > ~/.config/fish/completions/apigateway.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    command = context.find_root().command
    click.echo(found(command, {}, "apigateway", "_APIGATEWAY_COMPLETE").source())


def _completing(names: Callable[[Project], Iterable[str]]) -> Complete:
    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Without a project that can be read nothing is completed; the command will say why."""
        given = context.params.get("definitions")
        folders = project_folders(Path(given) if given else None, context.params.get("policies"))
        with contextlib.suppress(DefinitionError, OSError):
            found = dict.fromkeys(names(load_project(*folders)))
            return [CompletionItem(name) for name in found if name.startswith(incomplete)]
        return []

    return complete


complete_apis = _completing(
    lambda project: [
        *(group.name for group in project.groups),
        *(f"{api.group}/{api.name}" for api in project.apis),
        *(api.name for api in project.apis),
    ]
)
complete_apps = _completing(lambda project: [app.name for app in project.apps])
complete_groups = _completing(lambda project: [group.name for group in project.groups])
