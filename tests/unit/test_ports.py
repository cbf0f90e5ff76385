"""What the ports' values say about themselves."""

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, Standing, Tally


def test_what_remains_is_never_below_nothing() -> None:
    limit = Limit("k", 5, WindowUnit.MINUTE, Dimension.API)
    assert [Standing(limit, used, 0).remaining for used in (0, 5, 9)] == [5, 0, 0]


def test_a_tally_refuses_nothing_unless_it_says_so() -> None:
    assert Tally(()).refused is None


def test_dimensions_are_the_words_of_the_products_messages() -> None:
    words = ["API", "USER", "APP", "CLIENT IP", "GROUP", "DOMAIN"]
    assert [str(dimension) for dimension in Dimension] == words
