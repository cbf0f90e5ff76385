"""The command `apigateway`: each subcommand is a module of `commands`."""

import click

from apigateway import __version__
from apigateway.commands.sections import Sectioned, Sections

SECTIONS: Sections = {
    "Serve and look": {
        "serve": "commands.serve:serve",
        "status": "commands.status:status",
        "metrics": "commands.status:metrics",
        "limits": "commands.limits:limits",
        "audit": "commands.audit:audit",
    },
    "Definitions and releases": {
        "check": "commands.check:check",
        "diff": "commands.diff:diff",
        "plan": "commands.plan:plan",
        "rehearse": "commands.rehearse:rehearse",
        "release": "commands.release:release",
        "history": "commands.history:history",
        "switch": "commands.switch:switch",
        "rollback": "commands.switch:rollback",
        "abolish": "commands.switch:abolish",
        "checkout": "commands.checkout:checkout",
        "delete": "commands.delete:delete",
        "export": "commands.export:export",
    },
    "Callers and domains": {
        "apps": "commands.apps:apps",
        "grant": "commands.grant:grant",
        "revoke": "commands.revoke:revoke",
        "grants": "commands.grants:grants",
        "keys": "commands.keys:keys",
        "domains": "commands.domains:domains",
        "cert": "commands.cert:cert",
    },
    "Requests and signatures": {
        "call": "commands.call:call",
        "sign": "commands.sign:sign",
        "explain": "commands.explain:explain",
        "capture": "commands.capture:capture",
        "replay": "commands.replay:replay",
        "verify-backend": "commands.verify_backend:verify_backend",
    },
    "Your shell": {
        "completion": "commands.completion:completion",
    },
}


@click.group(
    cls=Sectioned, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="apigateway")
def main() -> None:
    """Alibaba Cloud API Gateway on your own machine.

    Definitions are YAML under definitions/ and policies/. Check them, serve them, release what
    you change, and call them with a signature.
    """


if __name__ == "__main__":
    main()
