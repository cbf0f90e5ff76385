"""Whether the app may call this API in this environment.

Guide, "Test, production, and authorization": only an authorized app can call the API. Grants
act at once, without a release; an anonymous API asks for none.
"""

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Identified


class Authorization:
    """Identified -> Authorized."""

    def __call__(self, call: Identified) -> Authorized:
        if call.app is None:
            asked = "id_token" if call.token else "anonymous API"
            return Authorized.after(call, authorized_by=asked)
        if call.app.id not in call.served.granted:
            raise Refusal(
                Fault.UNAUTHORIZED,
                f"app {call.app.name} has no grant of {call.served.api.name} in {call.environment}",
            )
        return Authorized.after(call, authorized_by=f"grant to app {call.app.name}")
