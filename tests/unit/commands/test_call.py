"""`apigateway call` where nobody answers; tests/e2e calls a real gateway with it."""

from click.testing import CliRunner

from apigateway.cli import main


def test_a_call_that_reaches_nobody_says_so() -> None:
    done = CliRunner().invoke(main, ["call", "GET", "http://127.0.0.1:1/x"])
    assert done.exit_code == 1
    assert "http://127.0.0.1:1/x" in done.output
