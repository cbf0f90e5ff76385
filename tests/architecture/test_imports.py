"""The house rules that imports and files must keep."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDONS = ROOT / "addons"
PACKAGE = ADDONS / "apigateway"
GATEWAY = ADDONS / "gateway.py"
UNIT = ROOT / "tests" / "unit"

KNOWS_MITMPROXY = {
    f"proxy/{name}"
    for name in (
        "hooks",
        "settings",
        "options",
        "live_trail",
        "guard",
        "listener",
        "flows",
        "responses",
    )
}
KNOWS_MITMPROXY |= {"proxy/outliving", "proxy/tls", "proxy/tls_context"}
KNOWS_MITMPROXY |= {"scrubbing/codings"}  # how bodies are packed
KNOWS_MITMPROXY |= {"captures/reading", "replay/flow_file"}  # files of mitmproxy's flows
KNOWS_MITMPROXY |= {
    f"edge/{name}" for name in ("refusals", "direct", "http1", "http2", "layer", "doorkeeper")
}
KNOWS_MITMPROXY |= {
    f"fast/{name}"
    for name in ("known", "dispatch", "idle", "looks", "log_events", "direct", "checks", "profile")
}
KNOWS_MITMPROXY |= {
    f"web/{name}"
    for name in (
        "addon",
        "commands",
        "keeping",
        "leg",
        "listed",
        "lock",
        "releasing",
        "standing",
        "tasks",
    )
}
KNOWS_MITMPROXY |= {"web/told", "web/views"}
KNOWS_THE_STORE = {"proxy/settings"}  # and commands, the store itself, and gateway.py
PURE_HELP_OF_THE_MODEL = {
    "id_tokens/verification",
    "outbound/names",
    "protocol/documents",
    "protocol/matching",
    "protocol/parameters",
    "json_schema/judging",
}
NOT_PURE = {"datetime", "secrets", "subprocess", "tempfile", "threading", "uuid"}
PURE = {"protocol", "signatures", "id_tokens", "json_schema", "outbound"}
NOT_FOR_STAGES = {"asyncio", "aiohttp", "os", "pathlib", "random", "socket", "sqlite3", "time"}
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}
LONGEST_MODULE = 400
LONGEST_DOOR = 60

WITHOUT_A_MIRROR = {
    "proxy/settings": "tests/e2e starts the real proxy with it",
    "proxy/listener": "tests/e2e opens ports and leaves them with it",
    "proxy/hooks": "tests/e2e drives every flow through it",
    "edge/refusals": "tests/adversarial looks at every field of a refusal",
    "edge/http1": "tests/adversarial sends raw bytes to it",
    "edge/http2": "tests/adversarial sends raw frames to it",
    "edge/layer": "tests/adversarial finds the call records of what was refused",
    "edge/doorkeeper": "tests/adversarial waits for its deadlines and counts",
    "store/memory": "tests/contract runs over it as over every store",
    "store/memory_desk": "tests/contract runs over it as over every store",
    "model/api": "fields only",
    "model/audit": "fields only",
    "model/domain_binding": "fields only",
    "model/worker": "fields only",
    "model/catalog": "fields only",
    "model/openid": "fields only",
    "model/record": "fields only",
    "model/release": "fields only",
    "model/settings": "fields only",
}


def name_of(path: Path) -> str:
    """`stages/routing`, relative to the package."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
CODE = {name: path for name, path in MODULES.items() if not name.endswith("__init__")}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, with the names taken from a package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            assert node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own(imports: set[str]) -> set[str]:
    """Modules of this package, as paths: `apigateway.stages.routing.X` -> `stages/routing`."""
    found = set()
    for name in imports:
        if not name.startswith("apigateway."):
            continue
        parts = name.split(".")[1:]
        while parts and "/".join(parts) not in MODULES and not (PACKAGE / Path(*parts)).is_dir():
            parts.pop()
        if parts:
            found.add("/".join(parts))
    return found


def roots(imports: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in imports}


def test_there_is_code_to_look_at() -> None:
    assert len(CODE) > 30
    assert own(imports_of(PACKAGE / "stages" / "signing.py")) >= {"signatures/backend", "exchange"}


@pytest.mark.parametrize("name", CODE)
def test_only_the_adapters_know_mitmproxy(name: str) -> None:
    if name not in KNOWS_MITMPROXY:
        assert "mitmproxy" not in roots(imports_of(CODE[name]))


@pytest.mark.parametrize("name", [name for name in CODE if name.startswith("model/")])
def test_the_model_knows_itself_and_pure_help_only(name: str) -> None:
    imports = imports_of(CODE[name])
    allowed = (sys.stdlib_module_names - NOT_FOR_STAGES) | {"apigateway", "pathlib"}
    assert roots(imports) <= allowed
    for used in own(imports):
        assert used.startswith("model") or used in PURE_HELP_OF_THE_MODEL, used


@pytest.mark.parametrize("name", [name for name in CODE if name.startswith("stages/")])
def test_a_stage_knows_no_store_no_definition_no_other_stage_and_no_clock(name: str) -> None:
    imports = imports_of(CODE[name])
    for used in own(imports):
        top = used.partition("/")[0]
        assert top not in {"store", "definition", "commands", "stages", "proxy"}, used
    assert not roots(imports) & NOT_FOR_STAGES


@pytest.mark.parametrize("name", [name for name in CODE if name.startswith("trail/")])
def test_a_trail_is_made_of_what_the_stages_left_and_of_nothing_else(name: str) -> None:
    tops = {used.partition("/")[0] for used in own(imports_of(CODE[name]))}
    assert not tops & {"store", "definition", "lifecycle", "live", "commands", "proxy"}


@pytest.mark.parametrize("name", CODE)
def test_only_the_composition_roots_know_the_store(name: str) -> None:
    if name in KNOWS_THE_STORE or name.partition("/")[0] in {"store", "commands", "testing"}:
        return
    assert not any(used.partition("/")[0] == "store" for used in own(imports_of(CODE[name])))


@pytest.mark.parametrize("name", CODE)
def test_nothing_below_the_stages_knows_them(name: str) -> None:
    below = {"model", "store", "definition", *PURE}
    pure = {"errors", "exchange", "chain", "answers", "ports", "reception", "cors"}
    if name.partition("/")[0] in below or name in pure:
        tops = {used.partition("/")[0] for used in own(imports_of(CODE[name]))}
        assert not tops & {"stages", "proxy", "commands", "cli"}


@pytest.mark.parametrize("name", [name for name in CODE if name.partition("/")[0] in PURE])
def test_a_pure_package_opens_nothing_and_asks_no_clock(name: str) -> None:
    imports = imports_of(CODE[name])
    assert not roots(imports) & (NOT_FOR_STAGES | NOT_PURE)
    tops = {used.partition("/")[0] for used in own(imports)}
    assert tops <= PURE | {"model", "errors", "exchange"}


@pytest.mark.parametrize("name", [name for name in CODE if name.startswith("definition/")])
def test_a_definition_knows_of_backends_what_tls_they_get_and_calls_none(name: str) -> None:
    used = {one for one in own(imports_of(CODE[name])) if one.startswith("backends")}
    assert used <= {"backends", "backends/tls"}


@pytest.mark.parametrize("name", sorted(MODULES.keys() - CODE.keys()))
def test_a_package_itself_imports_nothing(name: str) -> None:
    assert not imports_of(MODULES[name])


@pytest.mark.parametrize("name", sorted(CODE.keys() - WITHOUT_A_MIRROR.keys()))
def test_every_module_has_a_test_file_that_mirrors_it(name: str) -> None:
    folder, _, leaf = name.rpartition("/")
    assert (UNIT / folder / f"test_{leaf}.py").is_file()


@pytest.mark.parametrize("name", WITHOUT_A_MIRROR)
def test_a_module_that_needs_no_mirror_is_still_there_and_has_none(name: str) -> None:
    assert name in CODE
    folder, _, leaf = name.rpartition("/")
    assert not (UNIT / folder / f"test_{leaf}.py").is_file()


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not {name for name in MODULES if set(name.split("/")) & NO_NAMES}


def test_no_module_shadows_the_standard_library_at_the_top_of_addons() -> None:
    tops = {path.stem for path in ADDONS.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not tops & sys.stdlib_module_names


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_too_long(name: str) -> None:
    lines = MODULES[name].read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_MODULE, f"{lines} lines"


def test_the_door_fits_on_one_screen() -> None:
    assert GATEWAY.read_text(encoding="utf-8").count("\n") <= LONGEST_DOOR


def linked_in(path: Path) -> list[str]:
    """The stages of the one chain that a file links, in their order."""
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "link"
    ]
    assert len(calls) == 1
    return [
        argument.func.id
        for argument in calls[0].args
        if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name)
    ]


@pytest.mark.parametrize("path", [GATEWAY, PACKAGE / "replay" / "offline.py"], ids=lambda p: p.stem)
def test_the_door_and_the_replay_name_the_ten_stages_in_the_order_of_the_test_chain(
    path: Path,
) -> None:
    from unit.build import rooms

    assert linked_in(path) == [type(stage).__name__ for stage in rooms()]
