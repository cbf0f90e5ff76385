"""The verifiers of docs/verifiers, each called as its own language calls it.

A header's bytes reach them as each language's server hands them over: read as ISO-8859-1.
"""

import base64
import importlib.util
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "verifiers"
LANGUAGES = ("python", "node", "java")

Verdict = tuple[bool, str]
"""(whether it verified, "ok" or the reason)."""


@dataclass(frozen=True)
class Received:
    """A request as the bytes that came; `target` is path and query."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value, read as UTF-8; names in any case."""
        found = (value for one, value in self.headers if one.decode().lower() == name.lower())
        return next(found).decode()

    def with_header(self, name: str, value: str | bytes | None) -> "Received":
        """The same with another value of a header, or without it (None)."""
        raw = value.encode() if isinstance(value, str) else value
        headers = []
        for field in self.headers:
            if field[0].decode().lower() != name.lower():
                headers.append(field)
            elif raw is not None:
                headers.append((field[0], raw))
        return replace(self, headers=tuple(headers))


class Verifier(Protocol):
    def __call__(
        self,
        requests: Sequence[Received],
        keys: Mapping[str, str],
        time_header: str | None = None,
    ) -> list[Verdict]: ...


def verifier(language: str, folder: Path) -> Verifier:
    """The verifier of one language; the test is skipped where that is not installed.

    `folder` is for what has to be compiled.
    """
    return {"python": _python, "node": _node, "java": _java}[language](folder)


def _command(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(command: Sequence[str | Path], text: str = "") -> str:
    done = subprocess.run(
        [str(word) for word in command], input=text, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _python(_: Path) -> Verifier:
    spec = importlib.util.spec_from_file_location(
        "gateway_signature", FOLDER / "gateway_signature.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def verify(
        requests: Sequence[Received], keys: Mapping[str, str], time_header: str | None = None
    ) -> list[Verdict]:
        verdicts = []
        for one in requests:
            text = [
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in one.headers
            ]
            as_text, as_bytes = (
                module.verify(one.method, one.target, headers, one.body, keys, time_header)
                for headers in (text, one.headers)
            )
            assert as_text == as_bytes
            verdicts.append(as_text)
        return verdicts

    return verify


NODE_CALLER = """
const { verify } = require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const options = given.timeHeader === null ? undefined : { timeHeader: given.timeHeader };
console.log(JSON.stringify(given.requests.map(({ method, target, headers, body }) =>
  verify(method, target, headers, Buffer.from(body, "base64"), given.keys, options))));
"""


def _node(_: Path) -> Verifier:
    node = _command("node")

    def verify(
        requests: Sequence[Received], keys: Mapping[str, str], time_header: str | None = None
    ) -> list[Verdict]:
        given = {
            "keys": dict(keys),
            "timeHeader": time_header,
            "requests": [
                {
                    "method": one.method,
                    "target": one.target,
                    "headers": [part.decode("latin-1") for field in one.headers for part in field],
                    "body": base64.b64encode(one.body).decode(),
                }
                for one in requests
            ],
        }
        script = FOLDER / "gateway-signature.cjs"
        answer = _run([node, "-e", NODE_CALLER, script], json.dumps(given))
        return [(one["ok"], one["reason"]) for one in json.loads(answer)]

    return verify


JAVA_CALLER = """
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;

class Caller {
    static Iterator<String> words;

    static byte[] bytes() { return Base64.getDecoder().decode(words.next().substring(1)); }

    static String text() { return new String(bytes(), StandardCharsets.ISO_8859_1); }

    public static void main(String[] none) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            words = Arrays.asList(line.split(" ")).iterator();
            String method = text(), target = text(), timeHeader = text();
            byte[] body = bytes();
            Map<String, String> keys = new HashMap<>();
            for (int left = Integer.parseInt(text()); left > 0; left--) keys.put(text(), text());
            Map<String, List<String>> headers = new HashMap<>();
            while (words.hasNext()) {
                headers.computeIfAbsent(text(), name -> new ArrayList<>()).add(text());
            }
            String problem = timeHeader.isEmpty()
                ? GatewaySignature.verify(method, target, headers, body, keys)
                : GatewaySignature.verify(
                    method, target, headers, body, keys, timeHeader, Duration.ofSeconds(300));
            System.out.println(problem == null ? "ok" : problem);
        }
    }
}
"""


def _java(folder: Path) -> Verifier:
    java, javac = _command("java"), _command("javac")
    caller = folder / "Caller.java"
    caller.write_text(JAVA_CALLER, encoding="utf-8")
    level = ["--release", "8", "-Xlint:-options"]
    _run([javac, *level, "-d", folder, FOLDER / "GatewaySignature.java", caller])

    def verify(
        requests: Sequence[Received], keys: Mapping[str, str], time_header: str | None = None
    ) -> list[Verdict]:
        lines = []
        for one in requests:
            words: list[str | bytes] = [
                one.method,
                one.target,
                time_header or "",
                one.body,
                str(len(keys)),
            ]
            words += [part for pair in keys.items() for part in pair]
            words += [part for field in one.headers for part in field]
            raw = (word.encode() if isinstance(word, str) else word for word in words)
            lines.append(" ".join("=" + base64.b64encode(word).decode() for word in raw))
        # Little is run, so the time is that of the start: the first compiler alone is quicker.
        options = ["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dfile.encoding=UTF-8"]
        answer = _run([java, *options, "-cp", folder, "Caller"], "\n".join(lines) + "\n")
        found = answer.splitlines()
        assert len(found) == len(requests)
        return [(reason == "ok", reason) for reason in found]

    return verify
