"""Everybody who looks at the live picture: one drawing for all, and none while nobody looks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from edge_runtime.pipeline.run import Run

from .picture import LivePicture

VIEWERS = 6
# Bytes the kernel may hold for one viewer: over a slow link a picture is left out rather than shown late.
BUFFER_BYTES = 128 << 10
# Who takes no byte for so long has gone.
PATIENCE_S = 10.0
BOUNDARY = "picture"
EDGE = f"\r\n--{BOUNDARY}\r\n".encode()


class Viewers:
    """Belongs to the loop of the server; only `deliver` is called from elsewhere."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._leave: Callable[[], None] | None = None
        self._count = 0
        self._closed = False
        self._picture = b""
        self._fresh = asyncio.Event()

    def show(self, run: Run | None) -> None:
        """From now on the pictures are those of this run."""
        self._unlisten()
        self._run = run
        self._listen()

    def close(self) -> None:
        self._closed = True
        self._unlisten()
        self._fresh.set()

    def deliver(self, picture: bytes) -> None:
        """From the thread that draws."""
        self._loop.call_soon_threadsafe(self._take, picture)

    def _take(self, picture: bytes) -> None:
        self._picture = picture
        self._fresh.set()
        self._fresh = asyncio.Event()

    def _listen(self) -> None:
        if self._run is not None and self._count and self._leave is None and not self._closed:
            self._leave = self._run.listen(LivePicture(self.deliver))

    def _unlisten(self) -> None:
        if self._leave is not None:
            # It waits for the picture that is being drawn.
            self._loop.run_in_executor(None, self._leave)
            self._leave = None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Pictures without end, each in the place of the one before (multipart/x-mixed-replace)."""
        if self._count >= VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{VIEWERS} look already\n")
        response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        await response.prepare(request)
        if (transport := request.transport) is not None:
            transport.set_write_buffer_limits(high=0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._count += 1
        try:
            self._listen()
            await response.write(EDGE)
            while not self._closed:
                fresh = self._fresh
                await fresh.wait()
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(self._picture)}\r\n\r\n".encode()
                # The boundary goes with the picture before it: a browser shows a picture once it knows its end.
                await asyncio.wait_for(response.write(head + self._picture + EDGE), PATIENCE_S)
        except (ConnectionError, asyncio.TimeoutError):
            pass  # gone, as viewers go
        finally:
            self._count -= 1
            if not self._count:
                self._unlisten()
        return response
