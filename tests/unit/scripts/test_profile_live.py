"""scripts/profile_live.py"""

from scripts.profile_live import without_places


def test_places_of_the_machine_are_left_out() -> None:
    text = "/home/me/.venv/lib/python3.13/site-packages/mitmproxy/flow.py:1(f)\n"
    text += "/usr/lib/python3.13/asyncio/events.py:2(g)\n/x/addons/apigateway/chain.py:3(h)"
    assert without_places(text) == (
        "mitmproxy/flow.py:1(f)\nasyncio/events.py:2(g)\napigateway/chain.py:3(h)"
    )
