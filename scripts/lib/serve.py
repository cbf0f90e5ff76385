"""Runs the gateway and the demo backend as two children, and stops both together.

scripts/serve makes the environment and hands over to this file. The children run in sessions of
their own, so that Ctrl-C reaches only this process: the gateway is then stopped first, while the
backend still answers the calls that are under way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "addons"))  # for --help, which needs no environment

from apigateway.workers.sockets import why_not_free, why_not_spread  # noqa: E402
from apigateway.workers.supervisor import Terminal, Timing  # noqa: E402

LOOPBACK = "127.0.0.1"
BACKEND_PORT = 9000  # the addresses in definitions/
BACKEND_TLS_PORT = 9443
SAMPLE_HOST = "api.weather.localhost"
WARN_AFTER_S = 30.0
STOP_WITHIN_S = 15.0
WORKERS_STOP_WITHIN_S = Timing().stop_within_s + 5
KILLED_WITHIN_S = 3.0

DESCRIPTION = """\
Starts the gateway on 127.0.0.1:8080, with the demo backend behind it on 127.0.0.1:9000, and prints
what to try. Ctrl-C stops both.

With several workers, SIGHUP replaces them one after the other by workers that read the definitions
anew; see docs/workers.md."""

EPILOG = """\
All other arguments go to mitmproxy as they are, for example:
  scripts/serve -q                        no line for each call
  scripts/serve -w +calls.mitm            also capture the calls, to be replayed later
  scripts/serve --set flow_detail=3       show headers and bodies
  scripts/serve --web                     look at each call in the browser
  scripts/serve --workers 4 -q            four processes on the port

APIGATEWAY_PYTHON=/path/to/python chooses the interpreter (3.13, 3.12 or 3.11)."""


@dataclass(frozen=True)
class Plan:
    """What the arguments ask for."""

    host: str
    port: int
    web: bool
    backend: bool
    workers: int
    mitmproxy_arguments: Sequence[str]

    @property
    def probe_host(self) -> str:
        """Where to reach the gateway: a wildcard address is reached through the loopback."""
        return {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)

    @property
    def gateway_command(self) -> list[str]:
        tool = Path(sys.executable).with_name("mitmweb" if self.web else "mitmdump")
        listen = ["--listen-host", self.host, "--listen-port", str(self.port)]
        gateway = str(ROOT / "addons" / "gateway.py")
        if self.workers > 1:
            serve = [sys.executable, "-m", "apigateway.cli", "serve", "--script", gateway]
            folder = ["--definitions", str(ROOT / "definitions")]
            count = ["--workers", str(self.workers)]
            return [*serve, *count, *folder, "--", *listen, *self.mitmproxy_arguments]
        script = ["-s", gateway]
        late = ["--set", "server=false"]  # the gateway opens its port when everything is loaded
        return [str(tool), *script, *listen, *late, *self.mitmproxy_arguments]

    @property
    def backend_command(self) -> list[str]:
        script = ROOT / "scripts" / "demo-backend.py"
        ports = ["--port", str(BACKEND_PORT), "--tls-port", str(BACKEND_TLS_PORT)]
        return [sys.executable, str(script), "--host", LOOPBACK, *ports]


def read_arguments(arguments: Sequence[str]) -> Plan:
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        usage="scripts/serve [--port N] [--workers N] [--web] [--no-backend] [MITMPROXY ARGUMENTS]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-p",
        "--port",
        "--listen-port",
        type=int,
        default=8080,
        metavar="N",
        help="the gateway's port (8080)",
    )
    parser.add_argument(
        "--listen-host", default=LOOPBACK, metavar="ADDRESS", help="its address (127.0.0.1)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that share the port (1)"
    )
    parser.add_argument(
        "--web", action="store_true", help="run mitmweb, which shows each call in the browser"
    )
    parser.add_argument(
        "--no-backend",
        dest="backend",
        action="store_false",
        help="do not start the demo backend; the sample definitions expect yours on 127.0.0.1:9000",
    )
    known, others = parser.parse_known_args(arguments)
    if not 0 < known.port < 65536:
        parser.error(f"--port must be 1 to 65535, not {known.port}")
    if known.workers < 1:
        parser.error(f"--workers must be 1 or more, not {known.workers}")
    if known.workers > 1:
        if known.web:
            parser.error(
                "--web shows the calls of its own process only: leave out --workers, or --web"
            )
        if reason := why_not_spread():
            parser.error(f"--workers {known.workers}: {reason}")
    return Plan(known.listen_host, known.port, known.web, known.backend, known.workers, others)


def status_of(host: str, port: int, path: str, host_header: str) -> int:
    """Returns the status of a GET, 0 when nothing answers."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": host_header})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def busy_ports(plan: Plan) -> str:
    """Returns what to do about a port that is not free, "" when all are."""
    if reason := why_not_free(plan.host, plan.port):
        return (
            f"The gateway cannot listen on {plan.host}:{plan.port}: {reason}.\n"
            f"Choose another port:  scripts/serve --port {plan.port + 10}"
        )
    if plan.backend and (reason := why_not_free(LOOPBACK, BACKEND_PORT)):
        where = f"{LOOPBACK}:{BACKEND_PORT}"
        if status_of(LOOPBACK, BACKEND_PORT, "/_hits", where) == http.HTTPStatus.OK:
            found = "A demo backend answers there already; this gateway can share it"
        else:
            found = "If it is your own backend, the gateway can use it"
        return (
            f"The demo backend cannot listen on {where}: {reason}.\n"
            f"{found}:  scripts/serve --no-backend\n"
            "Otherwise stop it first: the sample definitions name this address."
        )
    if plan.backend and (reason := why_not_free(LOOPBACK, BACKEND_TLS_PORT)):
        return (
            f"The demo backend cannot listen on {LOOPBACK}:{BACKEND_TLS_PORT}: {reason}.\n"
            "Stop what does, or start the gateway alone:  scripts/serve --no-backend"
        )
    return ""


def what_to_try(plan: Plan) -> str:
    """Returns commands that can be pasted where the user stands."""
    command = os.path.relpath(ROOT / "scripts" / "apigateway")
    if command.startswith(os.pardir):
        command = str(ROOT / "scripts" / "apigateway")
    call = f"{shlex.quote(command)} call"
    url = f"http://{SAMPLE_HOST}:{plan.port}"
    reload = f" kill -HUP {os.getpid()} reloads the definitions." if plan.workers > 1 else ""
    return f"""\
The gateway answers on http://{plan.host}:{plan.port}. Try, in another terminal:

  GetForecast, signed by the app demo
    {call} GET '{url}/forecast/hangzhou?days=3' --app demo

  CreateReport, a form
    {call} POST {url}/reports --app demo -F city=hangzhou -F temperature=21.5

  SaveNote, JSON checked by a schema
    {call} POST {url}/notes --app demo -H 'Content-Type: application/json' \
-d '{{"title":"t","text":"x"}}'

  GetStatus, for everyone
    curl -i -H 'Host: {SAMPLE_HOST}' http://{plan.probe_host}:{plan.port}/status

Ctrl-C stops the gateway{" and its backend" if plan.backend else ""}.{reload}
"""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def announce(plan: Plan) -> None:
    """Waits until the gateway answers, then says what to try."""
    loop = asyncio.get_running_loop()
    warn_at = loop.time() + WARN_AFTER_S
    while True:
        status = await asyncio.to_thread(
            status_of, plan.probe_host, plan.port, "/status", SAMPLE_HOST
        )
        if status == http.HTTPStatus.OK:
            say("\n" + what_to_try(plan))
            return
        if status:
            say(
                f"\nThe gateway answers on http://{plan.host}:{plan.port}. "
                f"(It serves no sample API: GET /status of {SAMPLE_HOST} is answered {status}.)\n"
            )
            return
        if loop.time() > warn_at:
            say(f"Nothing answers on {plan.host}:{plan.port} yet; still waiting.")
            warn_at = float("inf")
        await asyncio.sleep(0.1)


async def start(command: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )


async def stop(
    process: asyncio.subprocess.Process,
    at_once: asyncio.Event,
    within_s: float = STOP_WITHIN_S,
    *,
    supervises: bool = False,
) -> None:
    """Asks the process to end; kills it after a while, or as soon as at_once is set. One that
    supervises others is told a second time then, so that it kills those."""
    if process.returncode is not None:
        return
    process.terminate()
    ended = asyncio.ensure_future(process.wait())
    impatient = asyncio.ensure_future(at_once.wait())
    await asyncio.wait({ended, impatient}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if not ended.done() and supervises:
        process.terminate()
        await asyncio.wait({ended}, timeout=KILLED_WITHIN_S)
    if not ended.done():
        say("It does not stop by itself: killed.")
        process.kill()
    await ended


def exit_code(returncode: int) -> int:
    """A process ended by signal N has the code -N; a shell says 128 + N."""
    return 128 - returncode if returncode < 0 else returncode


async def run(plan: Plan) -> int:
    asked_to_stop, at_once = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (at_once if asked_to_stop.is_set() else asked_to_stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)

    backend = await start(plan.backend_command) if plan.backend else None
    gateway = await start(plan.gateway_command)
    if plan.workers > 1:
        terminal = Terminal()

        def on_hangup() -> None:
            """A reload is the supervisor's matter; the end of the terminal is ours."""
            if terminal.is_gone():
                on_signal()
            elif gateway.returncode is None:
                gateway.send_signal(signal.SIGHUP)

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
    greeting = asyncio.ensure_future(announce(plan))
    endings = {
        asyncio.ensure_future(gateway.wait()),
        asyncio.ensure_future(asked_to_stop.wait()),
    }
    if backend:
        endings.add(asyncio.ensure_future(backend.wait()))
    try:
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        backend_died = bool(
            backend
            and backend.returncode is not None
            and gateway.returncode is None
            and not asked_to_stop.is_set()
        )
        if backend_died:
            say("The demo backend ended; the gateway is stopped too.")
    finally:
        greeting.cancel()
        if plan.workers > 1:
            await stop(gateway, at_once, WORKERS_STOP_WITHIN_S, supervises=True)
        else:
            await stop(gateway, at_once)
        if backend:
            await stop(backend, at_once)
    for ending in endings:
        ending.cancel()
    code = exit_code(gateway.returncode or 0)
    return code or int(backend_died)


def main() -> int:
    plan = read_arguments(sys.argv[1:])
    for name in ("APIGATEWAY_DEFINITIONS", "APIGATEWAY_POLICIES"):
        os.environ.pop(name, None)  # for the command; here the samples are served
    if trouble := busy_ports(plan):
        say(trouble)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(run(plan))
    return 130


if __name__ == "__main__":
    sys.exit(main())
