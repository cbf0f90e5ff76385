"""Bodies without their Content-Encoding."""

import pytest

from apigateway.scrubbing.codings import packed, unpacked


@pytest.mark.parametrize("coding", ["", "identity", "gzip", "x-gzip", "deflate, br", "zstd"])
def test_what_was_packed_is_unpacked(coding: str) -> None:
    assert unpacked(packed(b"text", coding), coding) == b"text"


def test_what_is_not_known_or_broken_is_none() -> None:
    assert unpacked(b"x", "compress") is None
    assert unpacked(b"no gzip", "gzip") is None


def test_the_same_body_is_packed_to_the_same_bytes() -> None:
    assert packed(b"text" * 99, "gzip") == packed(b"text" * 99, "gzip")
