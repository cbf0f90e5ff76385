"""How flows stand in the list: under the address that was called, and as they were saved."""

from typing import Any

from mitmproxy import eventsequence, http


def as_called(flow: http.HTTPFlow) -> None:
    """Port and scheme of the listener, in place of those of the dead address that mitmproxy is the
    reverse proxy of. For a call that has its answer: before, nothing else than the dead address
    may stand there."""
    client, request = flow.client_conn, flow.request
    if client.sockname:
        request.data.port = client.sockname[1]
        request.data.scheme = b"https" if client.tls else b"http"


def open_as_saved(master: Any) -> None:
    """A file of flows that is opened is shown as it is. mitmproxy would write the dead address over
    the host that was called."""

    async def load_flow(flow: Any) -> None:
        for event in eventsequence.iterate(flow):
            await master.addons.handle_lifecycle(event)

    master.load_flow = load_flow
