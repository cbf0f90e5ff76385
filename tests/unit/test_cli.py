"""The command as a whole."""

from click.testing import CliRunner

from apigateway.cli import main


def test_help_names_every_subcommand() -> None:
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    for name in ("check", "sign", "call", "cert", "verify-backend"):
        assert f"\n  {name} " in done.output


def test_each_subcommand_has_help_of_its_own() -> None:
    for name in main.commands:
        done = CliRunner().invoke(main, [name, "-h"])
        assert done.exit_code == 0
        assert "Usage:" in done.output


def test_an_unknown_subcommand_is_an_error() -> None:
    assert CliRunner().invoke(main, ["serv"]).exit_code == 2
