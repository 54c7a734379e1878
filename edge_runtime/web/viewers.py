"""Everybody who looks at a live picture: one drawing a camera for all of them, and none of a camera nobody looks at."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from aiohttp import web

from edge_runtime.config.words import did_you_mean, either
from edge_runtime.pipeline.run import Run

from .picture import LivePicture

VIEWERS = 6
# Bytes the kernel may hold for one viewer: over a slow link a picture is left out rather than shown late.
BUFFER_BYTES = 128 << 10
# Who takes no byte for so long has gone.
PATIENCE_S = 10.0
BOUNDARY = "picture"
EDGE = f"\r\n--{BOUNDARY}\r\n".encode()


class _Screen:
    """The picture of one camera, while anybody looks at it."""

    def __init__(self) -> None:
        self.viewers = 0
        self.picture = b""
        self.fresh = asyncio.Event()
        self.leave: Callable[[], None] | None = None

    def take(self, picture: bytes) -> None:
        self.picture = picture
        self.wake()

    def wake(self) -> None:
        self.fresh.set()
        self.fresh = asyncio.Event()


class Viewers:
    """Belongs to the loop of the server; only `deliver` is called from elsewhere.

    A viewer asks for a camera by its name, or gets the first of the file.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._screens: dict[str | None, _Screen] = {}
        self._closed = False

    def show(self, run: Run | None) -> None:
        """From now on the pictures are those of this run."""
        for screen in self._screens.values():
            self._unlisten(screen)
        self._run = run
        for camera in self._screens:
            self._listen(camera)

    def close(self) -> None:
        self._closed = True
        for screen in self._screens.values():
            self._unlisten(screen)
            screen.wake()

    def deliver(self, screen: _Screen, picture: bytes) -> None:
        """From the thread that draws."""
        self._loop.call_soon_threadsafe(screen.take, picture)

    def _listen(self, camera: str | None) -> None:
        run, screen = self._run, self._screens[camera]
        if run is None or screen.leave is not None or self._closed:
            return
        wanted = run.cameras[0] if camera is None else camera
        if wanted in run.cameras:
            screen.leave = run.listen(LivePicture(partial(self.deliver, screen), wanted))

    def _unlisten(self, screen: _Screen) -> None:
        if screen.leave is not None:
            # It waits for the picture that is being drawn.
            self._loop.run_in_executor(None, screen.leave)
            screen.leave = None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Pictures without end, each in the place of the one before (multipart/x-mixed-replace)."""
        camera = self._camera(request)
        if sum(screen.viewers for screen in self._screens.values()) >= VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{VIEWERS} look already\n")
        response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        screen = self._screens.setdefault(camera, _Screen())
        screen.viewers += 1
        try:
            await response.prepare(request)
            if (transport := request.transport) is not None:
                transport.set_write_buffer_limits(high=0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._listen(camera)
            await response.write(EDGE)
            while not self._closed:
                await screen.fresh.wait()
                picture = screen.picture
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                # The boundary goes with the picture before it: a browser shows a picture once it knows its end.
                await asyncio.wait_for(response.write(head + picture + EDGE), PATIENCE_S)
        except (ConnectionError, asyncio.TimeoutError):
            pass  # gone, as viewers go
        finally:
            screen.viewers -= 1
            if not screen.viewers:
                self._unlisten(screen)
                del self._screens[camera]
        return response

    def _camera(self, request: web.Request) -> str | None:
        """The camera that is asked for; one that a run does not have is refused."""
        camera = request.query.get("camera")
        if camera is not None and self._run is not None and camera not in self._run.cameras:
            guess = did_you_mean(camera, self._run.cameras) or f"there is {either(self._run.cameras, 'and')}"
            raise web.HTTPNotFound(text=f"no camera has this name; {guess}\n")
        return camera
