"""`GET /metrics` at an address of its own, which all workers of a machine share."""

import asyncio
import time

from aiohttp import web

from apigateway.live.metrics import CONTENT_TYPE, metrics_text
from apigateway.live.status import running
from apigateway.ports import StoreUnavailable, Workers


class MetricsServer:
    """Answers from the store, so any process answers for all of this machine."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> None:
        """
        Raises:
            OSError: the address cannot be listened on.
        """
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, reuse_port=True).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _: web.Request) -> web.Response:
        try:
            statuses = await asyncio.to_thread(self._workers.statuses)
        except StoreUnavailable as problem:
            return web.Response(status=503, text=f"the store cannot be read: {problem}\n")
        body = metrics_text(running(statuses, time.time_ns() // 1_000_000))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
