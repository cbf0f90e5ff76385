"""A project that is read again and again, or from what an earlier process kept, is what a first
read finds, whatever has happened to its files: the same objects, or the same problems."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.definition.test_openid import JWK_TEXT, key, login
from unit.definition.written import (
    API,
    APP,
    BINDINGS,
    GATEWAY,
    GRANTS,
    GROUP,
    SIMPLE_API,
    THROTTLING,
    VPC,
    Written,
)
from unit.issued import HOST, NOW, leaf, pem
from unit.minted import ec_key, public_jwk

from apigateway.definition import cache, stamps
from apigateway.definition.problems import DefinitionError, Problem
from apigateway.definition.reader import ProjectReader

GOODS = "definitions/goods"
LOGIN = "definitions/weather/log-in.yaml"
KEY_FILE = "definitions/weather/login.jwk.json"
SECRET = "definitions/apps/phone.secret"
PEM = "definitions/goods/shop.pem"
OTHER_KEY = json.dumps(public_jwk(ec_key()))
CERTIFICATE = leaf()
"""Of the domain `HOST`, and its key."""


def simple(name: str, method: str = "GET", path: str = "/a", more: str = "") -> str:
    return SIMPLE_API.format(name=name, method=method, path=path) + more


def api_with(more: str) -> str:
    return f"""\
        name: GetForecast
        request:
          method: GET
          path: /forecast/[city]
          parameters:
            - {{name: city, in: path}}
            - {{name: days, in: query, type: Int, {more}}}
        backend: {{type: http, address: "http://127.0.0.1:9000", path: "/v3/[city]"}}
        """


TEXTS: dict[str, list[str | bytes]] = {
    API: [
        api_with("default: 3"),
        "# a comment\n" + api_with("default: 3").replace("        ", ""),
        api_with("default: 3, example: x"),  # a warning
        api_with("default: x"),  # an error
        api_with("maximum: 1"),
        api_with("maximum: 1.0"),
        api_with("minimum: true"),  # a shape that has an error in a leaf
        api_with("defualt: 3"),
        api_with("default: 3").replace("/forecast/", "/weather/"),
        api_with("default: 3").replace("127.0.0.1", "#host#"),
        api_with("default: 3").replace("type: http, address:", "type: vpc, access: notes, tls:"),
        simple("Renamed"),
        simple("GetForecast", more="name: Twice\n"),
        "a: [1\n",
        b"\xff\xfe",
        "",
        "- 1\n",
    ],
    "definitions/weather/any.yaml": [
        simple("AnyCity", "ANY"),
        simple("AnyCity", "ANY", "/forecast/[x]"),
        simple("GetGood", "GET"),
        simple("GetForecast"),
    ],
    f"{GOODS}/list.yaml": [
        simple("List"),
        simple("List", more=f"id: {'a' * 32}\n"),
        simple("List", path="a"),
    ],
    f"{GOODS}/get.yaml": [
        simple("GetGood", path="/b"),
        simple("List", "POST"),
        simple("GetGood", more=f"id: {'a' * 32}\n"),
    ],
    LOGIN: [
        login(key('"file:login.jwk.json"').replace("§", "")),
        login(key('"file:gone.jwk.json"').replace("§", "")),
        "# edited\n" + login(key('"file:login.jwk.json"').replace("§", "")),
    ],
    KEY_FILE: [JWK_TEXT, OTHER_KEY, "{}", JWK_TEXT + "\n"],
    GROUP: [
        "name: weather\nsubdomain: weather.test\n",
        "name: weather\nsubdomain: weather.test\ndescription: x\n",
        "name: weather\nregion: cn-beijing\nbase_path: /v1\n",
        "name: weather\nenvironments: {RELEASE: {variables: {host: a.test}}}\n",
        "name: weather\nenvironments: {RELEASE: {variables: {host: '@'}}}\n",
        "name: weather\ntraffic_limit: 0\n",
        "name: climate\n",
        "name: [\n",
    ],
    f"{GOODS}/group.yaml": [
        "name: goods\n",
        f"name: goods\ndomains: [{{name: {HOST}, certificate: {{name: shop, chain: file:shop.pem, "
        "key: env:SHOP_KEY}}]\n",
        "name: goods\ndomains: [weather.test]\n",
    ],
    PEM: [pem(CERTIFICATE), "nothing"],
    GATEWAY: [
        'account: "1001"\nregion: cn-hangzhou\n',
        'account: "1002"\nregion: cn-hangzhou\n',
        'account: "1001"\nregion: cn-beijing\n',
        "account: 1001\nregion: cn-hangzhou\n",
        "region: cn-hangzhou\n",
    ],
    APP: [
        'name: demo\nkey: "203753385"\nsecret: env:DEMO_SECRET\n',
        'name: demo\nkey: "1"\nsecret: written\n',
    ],
    "definitions/apps/phone.yaml": ['name: phone\nkey: "7777"\nsecret: file:phone.secret\n'],
    SECRET: ["MySecret", "Another1", ""],
    THROTTLING: [
        "name: standard\nunit: minute\napi: 600\n",
        "name: standard\nregion: cn-beijing\nunit: minute\napi: 700\n",
        "name: other\nunit: minute\napi: 600\n",
    ],
    VPC: [
        "{name: notes, vpc_id: vpc-000001, instance_id: i-000001, port: 9000, host: 127.0.0.1}\n"
    ],
    GRANTS: [
        "- {app: demo, group: weather, apis: [GetForecast]}\n",
        "- {app: demo, group: weather, apis: '*'}\n- {app: phone, group: goods, apis: [List]}\n",
        "- {app: demo, group: weather, apis: [AnyCity]}\n",
    ],
    BINDINGS: [
        "throttling:\n  - {policy: standard, group: weather, apis: '*'}\n",
        "throttling: {}\n",
    ],
    "definitions/stray.yaml": ["name: x\n"],
    "definitions/goods/list.yml": ["name: x\n"],
}
"""For each file what it may hold; the first text of each makes a good project."""

STRAY = ["definitions/stray.yaml", "definitions/goods/list.yml"]

Change = Callable[[Written], None]


def writing(path: str, text: str | bytes) -> Change:
    def change(written: Written) -> None:
        file = written.root / path
        if file.is_dir():
            file.rmdir()
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            file.write_bytes(text)
        else:
            written.write(path, text)

    return change


def replacing(path: str, text: str) -> Change:
    """Written beside it and renamed, as editors do, with the time of the old one."""

    def change(written: Written) -> None:
        file, new = written.root / path, written.root / f"{path}.new"
        if file.is_dir() or not file.exists():
            return
        status = file.stat()
        new.write_text(text.replace("        ", ""), "utf-8")
        os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
        new.replace(file)

    return change


def removing(path: str) -> Change:
    return lambda written: (
        (written.root / path).unlink(missing_ok=True)
        if not (written.root / path).is_dir()
        else None
    )


def making_a_folder_of(path: str) -> Change:
    def change(written: Written) -> None:
        removing(path)(written)
        (written.root / path).mkdir(parents=True, exist_ok=True)

    return change


def touching(path: str) -> Change:
    return lambda written: (
        os.utime(written.root / path, (1, 1)) if (written.root / path).exists() else None
    )


def moving(path: str, target: str) -> Change:
    def change(written: Written) -> None:
        source, to = written.root / path, written.root / target
        if source.is_file() and not to.is_dir():
            to.parent.mkdir(parents=True, exist_ok=True)
            source.replace(to)

    return change


def dropping_the_folder(path: str) -> Change:
    return lambda written: shutil.rmtree(written.root / path, ignore_errors=True)


paths = st.sampled_from(list(TEXTS))
writes = paths.flatmap(lambda path: st.sampled_from(TEXTS[path]).map(lambda t: writing(path, t)))
files = st.sampled_from([path for path in TEXTS if path.endswith(".yaml")])
changes: st.SearchStrategy[Change] = st.one_of(
    writes,
    writes,
    writes,
    writes,
    st.sampled_from([text for text in TEXTS[API] if isinstance(text, str)]).map(
        lambda text: replacing(API, text)
    ),
    paths.map(removing),
    files.map(making_a_folder_of),
    paths.map(touching),
    st.tuples(files, files).map(lambda pair: moving(*pair)),
    st.just(moving(f"{GOODS}/list.yaml", "definitions/weather/list.yaml")),
    st.just(dropping_the_folder(GOODS)),
    st.just(dropping_the_folder("policies")),
)


class OnDisk(Written):
    """The project, with the environment that it needs. Files that were changed get times of their
    own: here nobody waits until the system's clock does that."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.environ["SHOP_KEY"] = CERTIFICATE.key_pem.decode()
        self._held: dict[Path, str] = {}
        self._times = count(10**18)
        for path, texts in TEXTS.items():
            if path not in STRAY:
                writing(path, texts[0])(self)
        self.settle()

    def settle(self) -> None:
        for file in sorted(self.root.rglob("*")):
            if file.is_file() and "state" not in file.parts:
                held = sha256(file.read_bytes()).hexdigest()
                if self._held.get(file) != held:
                    self._held[file] = held
                    os.utime(file, ns=(next(self._times),) * 2)

    @property
    def folders(self) -> tuple[Path, Path]:
        return self.root / "definitions", self.root / "policies"

    def reader(self) -> ProjectReader:
        return ProjectReader(*self.folders, cached=True, environ=self.environ)

    def anew(self) -> Any:
        return outcome(ProjectReader(*self.folders, environ=self.environ))


def outcome(reader: ProjectReader) -> Any:
    """The project, and what its APIs would be released as, to the last sign; or the problems."""
    try:
        project = reader.read(NOW)
    except DefinitionError as error:
        return error.problems
    return project, [json.dumps(api.document) for api in project.apis]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.lists(changes, min_size=1, max_size=3), max_size=7), trusting=st.booleans()
)
def test_reading_again_finds_what_a_first_read_finds(
    steps: list[list[Change]], trusting: bool
) -> None:
    """With `trusting`, a stamp is believed at once; else every file is looked into each time."""
    settled_ns = -(10**19) if trusting else stamps.SETTLED_NS
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(cache, "WORTH_WRITING", 1),
        mock.patch.object(stamps, "SETTLED_NS", settled_ns),
    ):
        disk = OnDisk(Path(folder))
        reader = disk.reader()
        for step in [[], *steps]:
            for change in step:
                change(disk)
            disk.settle()
            expected = disk.anew()
            assert outcome(reader) == expected
            assert outcome(reader) == expected
            reader.keep()
            assert outcome(disk.reader()) == expected
            if steps and step is steps[len(steps) // 2]:
                reader = disk.reader()  # goes on from what was kept


def test_the_first_texts_are_a_good_project(tmp_path: Path) -> None:
    found = OnDisk(tmp_path).anew()
    assert not isinstance(found[0], Problem), found
    project, _ = found
    assert len(project.apis) == 5
