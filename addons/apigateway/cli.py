"""The command `apigateway`: each subcommand is a module of `commands`."""

import click

from apigateway import __version__
from apigateway.commands.call import call
from apigateway.commands.cert import cert
from apigateway.commands.check import check
from apigateway.commands.limits import limits
from apigateway.commands.serve import serve
from apigateway.commands.sign import sign
from apigateway.commands.verify_backend import verify_backend


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="apigateway")
def main() -> None:
    """Alibaba Cloud API Gateway on your own machine.

    Definitions are YAML under definitions/ and policies/. Check them, serve them, and call them
    with a signature.
    """


main.add_command(check)
main.add_command(serve)
main.add_command(sign)
main.add_command(call)
main.add_command(cert)
main.add_command(verify_backend)
main.add_command(limits)

if __name__ == "__main__":
    main()
