"""Secret references: `env:NAME`, `file:path`, or a literal (which works, with a warning).

No message names a value. What cannot be resolved is an error, so that a reference itself never
becomes the secret.
"""

from collections.abc import Mapping
from pathlib import Path

from apigateway.definition.document import Key
from apigateway.definition.problems import DocumentReport
from apigateway.definition.wording import place
from apigateway.model.app import Secret

MAX_SECRET_BYTES = 4096


def resolve(
    reference: str, report: DocumentReport, environ: Mapping[str, str], *keys: Key
) -> Secret:
    """The secret behind `reference`; an empty one when the report got an error.

    `keys` lead to the reference in the report's document. A file is looked up beside it.
    """
    where = place(keys)
    if reference.startswith("env:"):
        name = reference.removeprefix("env:")
        value = environ.get(name, "")
        if not value:
            what = f"{where} refers to the environment variable {name}, which is not set"
            report.error(what, f"set {name} before the start, or use file:path", *keys)
        return Secret(value)
    if reference.startswith("file:"):
        return _from_file(reference.removeprefix("file:"), report, *keys)
    report.warn(f"{where} is written in the file", "write env:NAME or file:path instead", *keys)
    return Secret(reference)


def _from_file(name: str, report: DocumentReport, *keys: Key) -> Secret:
    where = place(keys)
    source = report.document.source
    folder = source.parent if source is not None else Path()
    mend = "write a path relative to this file, or use env:NAME"
    try:
        path = folder / name
        if not path.is_file():
            report.error(f"{where} refers to the file {name}, which does not exist", mend, *keys)
            return Secret("")
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode()
    except (OSError, ValueError):
        report.error(f"{where} refers to the file {name}, which cannot be read", mend, *keys)
        return Secret("")
    if len(content) > MAX_SECRET_BYTES:
        what = f"{where} refers to the file {name}, which is larger than {MAX_SECRET_BYTES} bytes"
        report.error(what, "keep the secret alone in its file", *keys)
        return Secret("")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        report.error(f"{where} refers to the file {name}, which is empty", "write it", *keys)
    return Secret(text)
