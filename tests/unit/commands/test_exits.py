"""Exit codes are told apart."""

from apigateway.commands import exits


def test_no_two_outcomes_share_a_code_and_usage_is_clicks() -> None:
    codes = [exits.DONE, exits.REFUSED, exits.USAGE, exits.DIFFERENT, exits.OVERTAKEN]
    assert len(set(codes)) == len(codes)
    assert (exits.DONE, exits.USAGE) == (0, 2)
