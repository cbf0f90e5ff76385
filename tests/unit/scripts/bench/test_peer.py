"""scripts/bench/peer.py and its templates"""

from pathlib import Path

import pytest
import yaml

from scripts.bench.backend import backend_command
from scripts.bench.peer import PEERS, peers
from scripts.bench.sides import Place, Side
from scripts.bench.templates import TEMPLATES, filled


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "package" / "bin"
    folder.mkdir(parents=True)
    for peer in PEERS:
        (folder / peer.program).write_text("#!/bin/sh\n")
        (folder / peer.program).chmod(0o755)
    return folder


def started(side: Side, folder: Path) -> list[Path]:
    """The files that a side's command writes, with what is needed in them."""
    place = Place(port=8101, backend_port=8102, folder=folder, project=folder, cores=(0,))
    command = side.command(place)
    assert (command.port, list(command.cores)) == (8101, [0])
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_peer_gets_files_with_both_ports_and_the_key(tmp_path: Path, programs: Path) -> None:
    for side in peers(str(programs)):
        assert side.missing == ""
        folder = tmp_path / side.name
        text = "".join(path.read_text() for path in started(side, folder))
        assert "8101" in text and "8102" in text and "203753385" in text, side.name
        assert "@PORT@" not in text


def test_a_peer_that_is_not_installed_says_how_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert {side.missing for side in peers()} == {
        f"not installed ({peer.install})" for peer in PEERS
    }


def test_every_template_belongs_to_a_peer_or_to_the_backend() -> None:
    known = {name for peer in PEERS for name in peer.files} | {"backend-nginx.conf"}
    found = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.*")}
    assert found | {"Caddyfile"} == known


def test_the_yaml_of_a_template_is_yaml(tmp_path: Path, programs: Path) -> None:
    for side in peers(str(programs)):
        for path in started(side, tmp_path / side.name):
            if path.suffix in (".yaml", ".yml"):
                assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_a_word_that_nobody_fills_in_is_an_error() -> None:
    assert filled("listen @PORT@; $uri", {"PORT": "1"}) == "listen 1; $uri"
    with pytest.raises(KeyError):
        filled("@NOBODY@", {"PORT": "1"})


def test_the_backend_is_nginx_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/sbin/nginx")
    assert backend_command(8103, tmp_path, [1]).words[0] == "nginx"
    assert "127.0.0.1:8103" in (tmp_path / "backend-nginx.conf").read_text()
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert backend_command(8103, tmp_path, [1]).words[-1] == "8103"
