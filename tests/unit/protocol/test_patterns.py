"""Patterns on RE2."""

import pytest
import re2

from apigateway.protocol.patterns import compiled_pattern


def test_a_pattern_is_made_once() -> None:
    assert compiled_pattern("^a+$") is compiled_pattern("^a+$")


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<=a)b", r"(a)\1", "("])
def test_a_pattern_that_re2_cannot_take_is_refused(pattern: str) -> None:
    with pytest.raises(re2.error):
        compiled_pattern(pattern)
