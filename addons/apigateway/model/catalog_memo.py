"""What a stage works out once for a catalog, and reads for every call."""

from typing import Generic, TypeVar

from apigateway.model.catalog import Catalog

K = TypeVar("K")
V = TypeVar("V")


class CatalogMemo(Generic[K, V]):
    """Kept for the catalog that was asked for last. A catalog never changes, so nothing in here
    grows old; the next catalog begins with nothing."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._known: dict[K, V] = {}

    def of(self, catalog: Catalog) -> dict[K, V]:
        """Keys that are an `id` must be of what the catalog itself holds."""
        if catalog is not self._catalog:
            self._catalog, self._known = catalog, {}
        return self._known
