"""The nonce of a call: proven by Authentication, and spent by whoever ends or charges the call."""

from apigateway.errors import Fault, Refusal
from apigateway.model.app import App

STAGE = "Authentication"
"""Whose refusal it is, whichever stage finds it out."""


def nonce_used(app: App | None) -> Refusal:
    """The refusal of a call whose nonce its app has spent before."""
    name = "nobody" if app is None else app.name
    return Refusal(Fault.NONCE_USED, f"app {name} within 15 minutes", stage=STAGE)
