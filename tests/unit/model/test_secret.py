"""Secrets that print as nothing."""

from apigateway.model.secret import Secret


def test_a_secret_prints_as_stars_wherever_it_ends_up() -> None:
    secret = Secret("s3cret")
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", repr([secret])):
        assert "s3cret" not in text
        assert "***" in text


def test_a_secret_is_revealed_on_purpose_only() -> None:
    assert Secret("s3cret").reveal() == "s3cret"
    assert not hasattr(Secret("s3cret"), "__dict__")


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
