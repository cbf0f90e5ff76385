"""What is known of a catalog is not taken for another."""

from unit.build import a_catalog

from apigateway.model.catalog_memo import CatalogMemo


def test_a_catalog_finds_what_was_worked_out_for_it() -> None:
    memo: CatalogMemo[str, int] = CatalogMemo()
    catalog = a_catalog()
    memo.of(catalog)["a"] = 1
    assert memo.of(catalog) == {"a": 1}


def test_the_next_catalog_begins_with_nothing_even_if_it_is_equal() -> None:
    memo: CatalogMemo[str, int] = CatalogMemo()
    memo.of(a_catalog())["a"] = 1
    assert memo.of(a_catalog()) == {}
