"""The server: one thread with a loop of its own, which asks the run now and then and is asked by browsers.

aiohttp, because what listens in a network needs a parser that is fuzzed, TLS, time-outs and back-pressure; the standard
library's http.server says of itself that it is not for that. It has wheels for aarch64 and takes about 15 MB, and is
imported only where a pipeline file has `http:`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from importlib.resources import files

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from edge_runtime.core import Clock
from edge_runtime.pipeline.outlet import yield_to_networks
from edge_runtime.pipeline.run import Run
from edge_runtime.pipeline.vitals import Vitals

from .door import Doorkeeper, Handler, guard, harden
from .history import History
from .look import look
from .metrics import RunMetrics
from .readiness import readiness
from .viewers import Viewers

SECOND_S = 1.0
GOODBYE_S = 1.0
PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


class Server:
    """Serves on a socket that listens already, from `start` to `close`; `show` says which run."""

    def __init__(
        self, listening: socket.socket, clock: Clock, *, token: str | None, tls: ssl.SSLContext | None, local: bool
    ) -> None:
        self._socket, self._clock = listening, clock
        self._token, self._tls, self._local = token, tls, local
        self._run: Run | None = None
        self._history = History()
        self._name = f"{clock.now_ns():x}"
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._viewers: Viewers | None = None
        self._metrics = RunMetrics(self._vitals)
        self._thread = threading.Thread(target=self._work, name="live page", daemon=True)
        self._thread.start()

    def show(self, run: Run | None) -> None:
        """From any thread."""
        self._run = run
        self._loop.call_soon_threadsafe(self._shown)

    def _shown(self) -> None:
        if self._viewers is not None:
            self._viewers.show(self._run)

    def close(self) -> None:
        """Say goodbye to everybody and end the thread. May be called twice."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(4 * GOODBYE_S)

    def _vitals(self) -> Vitals | None:
        return None if self._run is None else self._run.vitals()

    def _work(self) -> None:
        yield_to_networks()
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        self._viewers = Viewers()
        self._shown()
        app = web.Application(middlewares=[self._counted, guard(self._token, self._local)])
        app.on_response_prepare.append(harden)
        app.add_routes([web.get(path, _page(*entry)) for path, entry in PAGE.items()])
        app.add_routes(
            [
                web.get("/live.json", self._look),
                web.get("/picture.mjpeg", self._viewers.stream, allow_head=False),
                web.get("/metrics", self._scrape),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S, keepalive_timeout=30, lingering_time=0)
        await runner.setup()
        assert runner.server is not None
        self._door = Doorkeeper(runner.server)
        server = await self._loop.create_server(
            self._door, sock=self._socket, ssl=self._tls, ssl_handshake_timeout=5.0 if self._tls else None
        )
        try:
            while not self._ended.is_set():
                self._history.add(self._clock.now_ns(), self._vitals())
                self._door.sweep()
                try:
                    await asyncio.wait_for(self._ended.wait(), SECOND_S)
                except asyncio.TimeoutError:
                    continue
        finally:
            server.close()
            self._viewers.close()
            await runner.cleanup()

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._door.begins(request)
        try:
            return await handler(request)
        finally:
            self._door.ends(request)

    async def _look(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        known = int(since) if since.isdecimal() and len(since) < 16 else 0
        if request.query.get("server") != self._name:
            known = 0
        document = look(self._vitals(), self._history, known, self._name)
        return web.json_response(document, dumps=lambda value: json.dumps(value, ensure_ascii=False, allow_nan=False))

    async def _scrape(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, request: web.Request) -> web.Response:
        ready, sentence = readiness(self._vitals())
        return web.Response(text=f"{sentence}\n", status=200 if ready else 503)


def _page(name: str, kind: str) -> Handler:
    """A file of the page, read once: no path of a request ever becomes a path of the disk."""
    body = files("edge_runtime.web").joinpath(f"page/{name}").read_bytes()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer
