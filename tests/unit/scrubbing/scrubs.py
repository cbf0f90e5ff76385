"""What tests of the scrubber share: names, placeholders and a catalog with a token's key."""

from typing import Any

from unit.build import APP, a_catalog, an_api, parameter, serve
from unit.minted import CLAIMS, issuer

from apigateway.model.api import Auth, AuthType, Location
from apigateway.model.catalog import Catalog
from apigateway.model.openid import TokenRules
from apigateway.scrubbing.hiding import Hiding, known_of
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.texts import Texts
from apigateway.scrubbing.tokens import TokenMarks

SIGNED = Auth(type=AuthType.APP)
WITH_TOKEN = Auth(
    type=AuthType.OPENID,
    openid=TokenRules(parameter="IdToken", required_claims=("exp", "sub")),
)

CATALOG = a_catalog(
    serve(
        an_api(path="/[p]", auth=SIGNED, request={"parameters": (parameter("p", Location.PATH),)})
    ),
    issuers=[issuer()],
)
assert "sub" in CLAIMS


def hiding(catalog: Catalog = CATALOG, **more: Any) -> Hiding:
    return Hiding(
        known=known_of(catalog), app_keys=catalog.apps, tokens=TokenMarks(catalog), **more
    )


def texts(*, keep: tuple[str, ...] = (), scrub: tuple[str, ...] = (), **more: Any) -> Texts:
    return Texts(Names.chosen(keep, scrub), hiding(), **more)


__all__ = ["APP", "CATALOG", "SIGNED", "WITH_TOKEN", "hiding", "texts"]
