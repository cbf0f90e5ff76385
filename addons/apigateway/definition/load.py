"""A project's folders as one `Project`, or every problem they have.

definitions/gateway.yaml            settings
definitions/<group>/group.yaml      an API group, and beside it one API a file
definitions/apps/*.yaml             apps
policies/<kind>/*.yaml              throttling, signature-keys, vpc-access, ip-control, backend-tls
policies/grants.yaml, bindings.yaml
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from apigateway.definition.parse import parse_api
from apigateway.definition.project import Project
from apigateway.definition.reader import ProjectReader

__all__ = ["Project", "load_project", "parse_api"]


def load_project(
    definitions: Path,
    policies: Path,
    environ: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Project:
    """Read both folders once; relative paths in them start from the parent of `definitions`.

    `environ` is what `env:NAME` is looked up in: the process's own when not given. Certificates
    must be valid at `now`: today when not given.

    Raises: DefinitionError with every problem of the run.
    """
    return ProjectReader(definitions, policies, environ=environ).read(now)
