"""Whether the app may call this API in this environment.

Guide, "Test, production, and authorization": only an authorized app can call the API. Grants
act at once, without a release; an anonymous API asks for none.

A call that is refused here is never charged, so its nonce is spent here: a used one is told first.
"""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Identified
from apigateway.nonces import nonce_used
from apigateway.ports import Nonces


class Authorization:
    """Identified -> Authorized."""

    def __init__(self, nonces: Nonces) -> None:
        self._nonces = nonces

    async def __call__(self, call: Identified) -> Authorized:
        if call.app is None:
            asked = "id_token" if call.token else "anonymous API"
            return Authorized.after(call, authorized_by=asked)
        if call.app.id not in call.served.granted:
            claim = call.nonce
            if claim is not None and not await self._nonces.claim(
                claim.app_key, claim.nonce, call.received_ms, claim.lifetime_ms
            ):
                raise nonce_used(call.app)
            raise Refusal(
                Fault.UNAUTHORIZED,
                f"app {call.app.name} has no grant of {call.served.api.name} in {call.environment}",
            )
        return Authorized.after(call, authorized_by=f"grant to app {call.app.name}")
