"""Who is let in: bounds on connections, the token, and no request that could change anything."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

CONNECTIONS = 24
# A connection on which nothing is asked for so many sweeps, which come once a second, is closed.
IDLE_SWEEPS = 15
# They say one sentence each; supervisors that ask for it hold no token.
OPEN_TO_ALL = ("/healthz", "/readyz")
ASK = 'Basic realm="edge-run", charset="UTF-8"'
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Doorkeeper:
    """Makes the protocol of every new connection, and turns away those beyond the bound (who would wait else)."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._busy: dict[object, int] = {}
        self._idle: dict[object, int] = {}

    def __call__(self) -> asyncio.Protocol:
        return self._server() if len(self._server.connections) < CONNECTIONS else _TurnedAway()

    def begins(self, request: web.Request) -> None:
        self._busy[request.protocol] = self._busy.get(request.protocol, 0) + 1

    def ends(self, request: web.Request) -> None:
        self._busy.pop(request.protocol, None)

    def sweep(self) -> None:
        """Once a second: close what has been idle for long, also in the middle of a request that never ends."""
        waiting = [one for one in self._server.connections if one not in self._busy]
        self._idle = {one: self._idle.get(one, 0) + 1 for one in waiting}
        for one in waiting:
            if self._idle[one] >= IDLE_SWEEPS:
                one.force_close()


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        body = b"too many connections; close a page that is open elsewhere\n"
        head = f"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        transport.write(head.encode() + body)
        transport.close()


def guard(token: str | None, local: bool) -> Middleware:
    """What every request passes before it is answered.

    `local`: only this machine can connect. A page of a stranger that the browser of this machine shows could then ask
    under a name of its own that leads here (DNS rebinding); so only names of this machine are answered.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            raise web.HTTPMethodNotAllowed(request.method, (hdrs.METH_GET, hdrs.METH_HEAD))
        if local and request.host.rpartition(":")[0] not in LOCAL_NAMES and request.host not in LOCAL_NAMES:
            raise web.HTTPMisdirectedRequest(text="ask for localhost\n")
        if token is not None and request.path not in OPEN_TO_ALL and not _knows(token, request.headers):
            text = "the token is the password (any user name), or the bearer token\n"
            raise web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": ASK})
        return await handler(request)

    return check


def _knows(token: str, headers: Mapping[str, str]) -> bool:
    scheme, _, said = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "basic":
        try:
            said = base64.b64decode(said, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(said.strip().encode(), token.encode())


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer, errors included, says what a browser may do with it: nothing but show it."""
    response.headers.update(HEADERS)
    response.headers.pop(hdrs.SERVER, None)
