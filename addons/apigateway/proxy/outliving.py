"""Add-ons that stand among mitmproxy's own and outlive the script that brought them."""

from typing import Any, Protocol, TypeVar

from mitmproxy.addonmanager import AddonManager


class Named(Protocol):
    """An add-on with a name that no other has."""

    name: str


A = TypeVar("A", bound=Named)


def standing_before(stock: str, kind: type[A], addons: AddonManager) -> A:
    """The one of its kind in this process; the first call makes it and puts it before mitmproxy's
    own add-on `stock`, or at the end where there is none."""
    found: Any = addons.get(kind.name)
    if found is None:
        found = addons.register(kind())
        chain = addons.chain
        own: Any = addons.get(stock)
        # Behind the script that is being loaded: no add-on changes place under its feet.
        chain.insert(chain.index(own) if own in chain else len(chain), found)
    assert isinstance(found, kind)
    return found
