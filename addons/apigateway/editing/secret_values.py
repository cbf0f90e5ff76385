"""New keys and secrets, and how they get into the files.

A key and its secret are a pair, and no reader may find one of them old and the other new. So where
more than one file would change, the new secrets are first written into files that nothing names;
then one edit of the definition names those and holds the new key; then the files of before get the
new secrets too, and are named again. A process that is killed in between leaves the old pair or
the new one, at worst in a file whose name ends in `.next`, and the next replacement tidies up.
"""

import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apigateway.editing.editor import Editor
from apigateway.editing.files import Edit, NotEdited, carry_out, content_at
from apigateway.editing.references import references_of

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = "23456789"
"""Without those that look alike (I and l, O and 0, 1)."""


def new_app_key(taken: Collection[str]) -> str:
    """Nine digits, as the product gives them."""
    while True:
        key = str(secrets.randbelow(9 * 10**8) + 10**8)
        if key not in taken:
            return key


def new_app_secret() -> str:
    """32 hex digits; an AppCode is one too."""
    return secrets.token_hex(16)


def new_signature_key() -> str:
    """16 letters and digits, a letter first."""
    return secrets.choice(_LETTERS) + _random(15)


def new_signature_secret() -> str:
    """The longest that the product takes: 30 letters and digits."""
    return _random(30)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS + _DIGITS) for _ in range(length))


def refuse_variables(what: str, data: Mapping[str, Any], names: Collection[str]) -> None:
    """
    Raises: NotEdited, for a value that is in the environment, where no command can change it.
    """
    for name in names:
        reference = data.get(name, "")
        if reference.startswith("env:"):
            variable = reference.removeprefix("env:")
            raise NotEdited(
                f"the {name} of {what} is the environment variable {variable}; set a new value "
                f"there and start the gateway again, or write {name}: file:path first"
            )


def secret_edit(path: Path, secret: str) -> Edit:
    """The edit after which the file holds that secret, for its owner alone."""
    return Edit(path=path, before=content_at(path), after=f"{secret}\n".encode(), private=True)


def replace_values(
    editor: Editor, path: Path, plain: Mapping[str, str], secret: Mapping[str, str]
) -> None:
    """Give the keys of the definition at `path` new values: `plain` ones as they are, `secret` ones
    where they are kept now. A secret that it has not had yet gets a file.

    Raises: DefinitionError, NotEdited.
    """
    data = editor.data(path)
    refuse_variables(data["name"], data, secret)
    kept = {
        name: _Kept.of(path, data[name])
        for name in secret
        if data.get(name, "").startswith("file:")
    }
    for one in kept.values():
        _refuse_shared(editor, path, one)
    fresh = {
        name: _unused(path.with_name(f"{path.stem}.{name}")) for name in secret if name not in data
    }
    new = {
        **data,
        **plain,
        **{name: one.reference for name, one in kept.items()},
        **{name: f"file:{file.name}" for name, file in fresh.items()},
        **{name: secret[name] for name in secret if name in data and name not in kept},
    }
    if len(kept) == 1 and new == data:
        ((name, one),) = kept.items()
        carry_out(secret_edit(one.file, secret[name]))
        one.tidy_up()
        return
    final = editor.edit(path, new)
    beside = [secret_edit(file, secret[name]) for name, file in fresh.items()]
    if kept:
        _put_in_turn(editor, final, new, secret, kept, beside)
    else:
        editor.make(final, beside=beside)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A secret that is in the file `now`, and is to be in `file`, which `reference` names, in the
    end; in between it is in `next_file`, which `next_name` names."""

    now: Path
    file: Path
    reference: str
    next_file: Path
    next_name: str

    @classmethod
    def of(cls, path: Path, reference: str) -> "_Kept":
        name = reference.removeprefix("file:")
        home = re.sub(rf"({re.escape(_NEXT)})+$", "", name)
        following = f"{home}{_NEXT}" if name == home else f"{name}{_NEXT}"
        return cls(
            now=path.parent / name,
            file=path.parent / home,
            reference=f"file:{home}",
            next_file=path.parent / following,
            next_name=f"file:{following}",
        )

    def tidy_up(self) -> None:
        """Remove what was named in between, by this replacement or by one that was killed."""
        for file in (self.next_file, self.now):
            if file != self.file and (before := content_at(file)) is not None:
                carry_out(Edit(path=file, before=before, after=None))


_NEXT = ".next"


def _put_in_turn(
    editor: Editor,
    final: Edit,
    new: Mapping[str, Any],
    secret: Mapping[str, str],
    kept: Mapping[str, _Kept],
    beside: Sequence[Edit],
) -> None:
    """`final` is the edit of the definition to `new`; `beside` are files that it names anew."""
    path = final.path
    beside = [*beside, *(secret_edit(one.next_file, secret[name]) for name, one in kept.items())]
    first = editor.edit(path, {**new, **{name: one.next_name for name, one in kept.items()}})
    editor.make(first, beside=beside)
    for name, one in kept.items():
        carry_out(secret_edit(one.file, secret[name]))
    editor.make(Edit(path=path, before=first.after, after=final.after))
    for one in kept.values():
        one.tidy_up()


def _unused(file: Path) -> Path:
    number, found = 1, file
    while found.exists():
        number += 1
        found = file.with_name(f"{file.name}{number}")
    return found


def _refuse_shared(editor: Editor, path: Path, kept: _Kept) -> None:
    """A file that is named elsewhere too would change for both."""
    ours = {file.resolve() for file in (kept.now, kept.file, kept.next_file)}
    naming = [other for other, file in files_named(editor) if file.resolve() in ours]
    if len(naming) > 1:
        other = next((one for one in naming if one != path), path)
        raise NotEdited(
            f"{editor.shown(other)} names {editor.shown(kept.now)} too; give one of the two a file "
            "of its own first"
        )


def files_named(editor: Editor) -> Iterator[tuple[Path, Path]]:
    """Every definition that names a secret file, with that file."""
    places = editor.places()
    kinds = {"app": places.apps, **places.policies}
    for kind, found in kinds.items():
        for place in found:
            for reference in references_of(kind, editor.data(place.path)):
                yield place.path, place.path.parent / reference.name


def file_of_signature_key(editor: Editor, name: str) -> Path:
    """
    Raises: NotEdited, no file declares it.
    """
    for place in editor.places().policies["signature-key"]:
        data = editor.data(place.path)
        if isinstance(data, dict) and data.get("name") == name:
            return place.path
    raise NotEdited(f'no file declares the signature key "{name}"')


def kept_in(data: Mapping[str, Any], name: str) -> str:
    """Where a definition keeps a secret, for people: never the secret itself."""
    reference = data.get(name)
    if reference is None:
        return "none"
    return reference if reference.startswith(("file:", "env:")) else "in the file"
