"""A pipeline's `http:` block put into practice: the light half, which a run without one imports too."""

from __future__ import annotations

import socket
import ssl
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING

from edge_runtime.config.address import udp_address as listening_address
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import HttpBlock
from edge_runtime.core import Clock
from edge_runtime.core.extras import missing
from edge_runtime.errors import ConfigError, MissingPart, RunError
from edge_runtime.pipeline.run import Run

if TYPE_CHECKING:
    from .server import Server

LEAST_TOKEN = 16
BACKLOG = 16


class Site:
    """The live page of one run after the other, as a pipeline file wants it: without `http:` it does nothing at all.

    `address` is what to type into a browser, None where nothing is served.
    """

    def __init__(self, clock: Clock) -> None:
        self.address: str | None = None
        self._clock = clock
        self._block: HttpBlock | None = None
        self._run: Run | None = None
        self._server: Server | None = None

    def open(self, loaded: LoadedPipeline) -> None:
        """Serve as this file has it from now on; where that is nothing new, the page stays as it is.

        Raises `ConfigError` for a token or certificate that will not do, `RunError` where a package is missing or the
        port is taken; nothing is served then.
        """
        block = loaded.config.http
        if block == self._block:
            return
        self.close()
        if block is None:
            return
        host, port = listening_address(block.bind)
        token, tls = _token(loaded, block), _tls(loaded, block)
        make = _server_class()
        self._server = make(
            _listening(host, port), self._clock, token=token, tls=tls, local=ip_address(host).is_loopback
        )
        self._block, self.address = block, _address(host, port, block)
        self._server.show(self._run)

    def show(self, run: Run) -> None:
        """From now on the page is of this run; it stays of it after its end."""
        self._run = run
        if self._server is not None:
            self._server.show(run)

    def close(self) -> None:
        """May be called twice."""
        if self._server is not None:
            self._server.close()
        self._server = self._block = self.address = None

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _server_class() -> type[Server]:
    try:
        from .server import Server
    except ImportError as error:
        raise MissingPart(missing("`http:`", error.name or str(error), "web")) from error
    return Server


def _address(host: str, port: int, block: HttpBlock) -> str:
    """What a person types into a browser."""
    name = f"[{host}]" if ":" in host else host
    if ip_address(host).is_unspecified:
        name = socket.gethostname()
    return f"{'http' if block.tls is None else 'https'}://{name}:{port}"


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        other = f"http.bind='{host}:{port % 65535 + 1}'"
        raise RunError(
            f"http.bind: cannot listen at {host}:{port}: {error.strerror}\n    choose another: --set {other}"
        ) from error


def _token(loaded: LoadedPipeline, block: HttpBlock) -> str | None:
    if block.token_file is None:
        return None
    make = f"make one: (umask 077; openssl rand -hex 24 > {block.token_file})"
    try:
        token = block.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "holds more than ASCII"
        raise ConfigError([loaded.problem(("http", "token_file"), f"{block.token_file}: {what}", make)]) from error
    if len(token) < LEAST_TOKEN:
        what = f"the token in {block.token_file} has {len(token)} characters; it takes {LEAST_TOKEN} or more"
        raise ConfigError([loaded.problem(("http", "token_file"), what, make)])
    return token


def _tls(loaded: LoadedPipeline, block: HttpBlock) -> ssl.SSLContext | None:
    if block.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(block.tls.certificate, block.tls.key, password=lambda: "")
    except (OSError, ValueError) as error:
        what = f"{block.tls.certificate} and {block.tls.key} are no certificate and its key: {error}"
        fix = "give PEM files that belong together, the key without a password"
        raise ConfigError([loaded.problem(("http", "tls", "certificate"), what, fix)]) from error
    return context
