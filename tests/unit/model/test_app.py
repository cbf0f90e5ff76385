"""Apps and what they keep to themselves."""

from dataclasses import asdict

from unit.build import APP


def test_an_app_shows_neither_its_secret_nor_its_code() -> None:
    for text in (repr(APP), repr(asdict(APP))):
        assert "an-app-secret" not in text
        assert "an-app-code" not in text
        assert "***" in text
