"""Stage variables: `#name#` in a backend's address, path, VPC access and constants.

Product, "Environment management": a group sets them for each environment, names differ by case,
and one definition leads to another backend in each. Like grants they act at once: documents and
releases keep `#name#`, and the values come in where a catalog is compiled.

A value is put in once. What looks like a variable in a value is text: an address or a path is
then none, and a constant may hold it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from apigateway.definition.addresses import fault_of_address, parts_of_address
from apigateway.definition.problems import DocumentReport
from apigateway.model.api import Api, Backend, Constant, HttpBackend, MockBackend, VpcBackend
from apigateway.model.group import Environment, Group

MAX_VARIABLES = 50

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_VARIABLE = re.compile(rf"#({_NAME.pattern})#")
_MARK = "\ue000"  # of the private use area: a sign of no address, and of no path that people write


def read_variables(report: DocumentReport) -> Mapping[Environment, Mapping[str, str]]:
    """What a group's document says under `environments`, whose shape it has."""
    found: dict[Environment, Mapping[str, str]] = {}
    for environment, declared in report.document.data.get("environments", {}).items():
        variables = found[Environment(environment)] = declared.get("variables", {})
        for index, name in enumerate(variables):
            keys = ("environments", environment, "variables", name)
            if not _NAME.fullmatch(name):
                mend = "write 1 to 50 letters, digits, '_' or '-', a letter first"
                report.error(f'"{name}" is not the name of a variable', mend, *keys, at_key=True)
            if index == MAX_VARIABLES:
                what = f"an environment has at most {MAX_VARIABLES} variables"
                report.error(what, "remove the others", *keys, at_key=True)
    return found


def names_in(text: str) -> tuple[str, ...]:
    """The names of the variables in `text`, in order."""
    return tuple(_VARIABLE.findall(text)) if "#" in text else ()


def without_variables(text: str) -> str:
    """`text` with something for each variable that is plain in every place: what can be said of a
    text before its values are known. `as_written` is the way back."""
    return _VARIABLE.sub(rf"{_MARK}\1{_MARK}", text) if "#" in text else text


def as_written(text: str) -> str:
    """What was made of a text `without_variables`, for people to read."""
    return text.replace(_MARK, "#")


def put_in(text: str, values: Mapping[str, str]) -> str:
    """`text` with the values of its variables; one that has none stays."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def variables_of(backend: Backend, constants: Iterable[Constant]) -> tuple[str, ...]:
    """The names of the variables that a backend and its constants use, each once, in order."""
    texts = (*_texts_of(backend), *(constant.value for constant in constants))
    return tuple(dict.fromkeys(name for text in texts for name in names_in(text)))


def _texts_of(backend: Backend) -> Iterator[str]:
    if isinstance(backend, MockBackend):
        return
    yield backend.template if isinstance(backend, HttpBackend) else backend.access
    yield backend.path


def values_of(group: Group, environment: Environment) -> Mapping[str, str]:
    return group.variables.get(environment, {})


def missing(api: Api, group: Group, environment: Environment) -> list[str]:
    """The names of the variables that `api` uses and the environment does not set."""
    values = values_of(group, environment)
    return [name for name in api.variables if name not in values]


def resolve(api: Api, group: Group, environment: Environment) -> Api:
    """`api` as it is in that environment. Its `variables` are then those that are not set.

    Nothing is checked: with `variables`, or with a backend that still has a `template`, it has no
    backend that can be called.
    """
    if not api.variables:
        return api
    values = values_of(group, environment)
    return replace(
        api,
        backend=_resolved(api.backend, values),
        constants=tuple(
            replace(constant, value=put_in(constant.value, values)) for constant in api.constants
        ),
        variables=tuple(missing(api, group, environment)),
    )


def _resolved(backend: Backend, values: Mapping[str, str]) -> Backend:
    if isinstance(backend, MockBackend):
        return backend
    path = put_in(backend.path, values)
    if isinstance(backend, VpcBackend):
        return replace(backend, path=path, access=put_in(backend.access, values))
    if not backend.template:
        return replace(backend, path=path)
    address = put_in(backend.template, values)
    if fault_of_address(address):
        return replace(backend, path=path, template=address)
    scheme, host, port = parts_of_address(address)
    return replace(backend, path=path, scheme=scheme, host=host, port=port, template="")
