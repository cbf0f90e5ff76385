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
    reference: str,
    report: DocumentReport,
    environ: Mapping[str, str],
    *keys: Key,
    most_bytes: int = MAX_SECRET_BYTES,
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
        name = reference.removeprefix("file:")
        return Secret(text_of_file(name, report, *keys, most_bytes=most_bytes))
    report.warn(f"{where} is written in the file", "write env:NAME or file:path instead", *keys)
    return Secret(reference)


def file_beside(name: str, report: DocumentReport) -> Path:
    """The file that a definition calls `name`: relative to its own folder."""
    source = report.document.source
    return (source.parent if source is not None else Path()) / name


def text_of_file(
    name: str,
    report: DocumentReport,
    *keys: Key,
    most_bytes: int = MAX_SECRET_BYTES,
    mend: str = "write a path relative to this file, or use env:NAME",
    shorten: str = "keep the secret alone in its file",
) -> str:
    """The text of a file without its last line break; "" when the report got an error.

    `mend` says what to do about a file that cannot be read, `shorten` about a large one.
    """
    where = place(keys)
    try:
        path = file_beside(name, report)
        report.note(path)
        if not path.is_file():
            report.error(f"{where} refers to the file {name}, which does not exist", mend, *keys)
            return ""
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        text = content.decode()
    except (OSError, ValueError):
        report.error(f"{where} refers to the file {name}, which cannot be read", mend, *keys)
        return ""
    if len(content) > most_bytes:
        what = f"{where} refers to the file {name}, which is larger than {most_bytes} bytes"
        report.error(what, shorten, *keys)
        return ""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        report.error(f"{where} refers to the file {name}, which is empty", "write it", *keys)
    return text
