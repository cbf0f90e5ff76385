"""`gateway.yaml` alone, for who needs the store of a project whose other files are broken."""

import os
from collections.abc import Mapping
from pathlib import Path

from apigateway.definition.document import Unreadable, read_document
from apigateway.definition.parse import fits
from apigateway.definition.parse_settings import read_settings
from apigateway.definition.problems import Report
from apigateway.model.settings import GatewaySettings


def load_settings(
    definitions: Path, environ: Mapping[str, str] | None = None
) -> GatewaySettings | None:
    """The settings of the project; None when the file is broken too.

    Relative paths start from the parent of `definitions`, as in `load_project`.
    """
    definitions = Path(os.path.abspath(definitions))
    path = definitions / "gateway.yaml"
    try:
        document, faults = read_document("gateway.yaml", path, path.read_bytes())
    except (OSError, Unreadable):
        return None
    report = Report().on(document)
    if faults or not fits(report, "gateway"):
        return None
    settings = read_settings(report, definitions.parent, os.environ if environ is None else environ)
    return None if report.failed else settings
