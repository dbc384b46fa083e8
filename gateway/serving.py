"""The server around the app: its socket, its event loop, its signals, and how it stops.

SIGTERM ends it in steps: readiness fails, and nothing else for ``drain_seconds``; then there are no
new connections, sockets and streams are sent away, and what is under way gets ``shutdown_seconds``;
then the workers and the store are closed and the process ends with 0. SIGINT and a second signal
skip the first step. SIGHUP has files read again (``gateway.reloading``).
"""

import asyncio
import gc
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette

from gateway import workers
from gateway.app import create_app
from gateway.bootstrap import Runtime, bootstrap, bootstrap_demo
from gateway.crew import BEAT_SECONDS, Crew, Post
from gateway.desk import desk_of
from gateway.doors import BACKLOG as BACKLOG
from gateway.doors import CAN_SHARE as CAN_SHARE
from gateway.doors import address_of as address_of
from gateway.doors import listening as listening
from gateway.doors import reserved, sharing
from gateway.health import lacks
from gateway.http_layers import Origins
from gateway.http_protocol import BoundedHttp
from gateway.listeners import Listeners
from gateway.logs import configure_logging
from gateway.reloading import Early, Reloader, reloading
from gateway.settings import Settings
from gateway.siblings import Siblings
from gateway.telemetry import telemetry_of
from gateway.welcome import shopper_headers, welcome
from gateway.wire import BYTES_MAX
from gateway.ws_protocol import QuietSocket
from resolvers.domain.errors import BackendUnavailable

T = TypeVar("T")

CONNECTIONS_MAX = 4096
"""Connections at a time; more are answered 503 at once. A process may open about as many files."""

KEEP_ALIVE_SECONDS = 30

READY_LOOK_SECONDS = 0.1

CLOSE_SECONDS = 10
"""How long workers and the store may take to close, after the last request."""

FAREWELL_SECONDS = 1.0
"""How long sockets and streams have for a last word, however little there is for requests."""

COLLECT_AFTER = 10_000
"""New objects after which Python looks for cycles of garbage. A batch of holds makes as many, which
live until it is written; at Python's own 700 looking took 9 of the 112 us of CPU that a hold took.
"""

log = logging.getLogger(__name__)


def serve_demo(
    settings: Settings, data: Path, host: str, port: int, *, post: Post | None = None
) -> None:
    """Serves the sandbox retailer, whose state lies in ``data``, until it is told to stop; at a
    ``post``, as one worker of several.
    """
    _serve(host, port, lambda: bootstrap_demo(settings, data), settings, post=post, greet=True)


def serve(
    settings: Settings,
    data: Path,
    host: str,
    port: int,
    again: Callable[[], Settings],
    *,
    post: Post | None = None,
) -> None:
    """Serves the retailer that the settings describe until it is told to stop; ``again`` reads them
    once more at SIGHUP; at a ``post``, as one worker of several.
    """
    _serve(host, port, lambda: bootstrap(settings, data), settings, again, post=post, greet=False)


def serve_by_crew(
    settings: Settings, host: str, port: int, size: int, work: Callable[[int, Post], int]
) -> int:
    """Has so many workers serve behind one port, which ``work`` is given with its post; an exit
    code.

    Raises:
        CannotListen: with what to do.
    """
    configure_logging(settings.telemetry.log_level)
    patience = _patience(settings.server.shutdown_seconds) + settings.server.drain_seconds
    with reserved(host, port) as found:
        gc.freeze()  # what is loaded by now stays, and all workers have it in common
        return Crew(size, lambda post: work(found, post), patience).run()


def sync_now(settings: Settings, data: Path, backend: str) -> None:
    """Reads one backend now, whole, in the turn of whoever else reads it.

    Raises:
        BackendUnavailable: not all of it could be read; what could be is kept.
        Contended: somebody else went on reading it for a minute.
    """
    configure_logging(settings.telemetry.log_level)

    async def read() -> None:
        runtime = bootstrap(settings, data)
        try:
            whole = await workers.sync_once(runtime, backend, told=_Told())
            feeds = await runtime.store.house.feeds()
        finally:
            await runtime.close()
        if not whole:
            told = {feed.error for feed in feeds if feed.backend == backend and feed.error}
            reason = "; ".join(sorted(told)) or "see the log"
            raise BackendUnavailable(f"{backend} was not read whole: {reason}", backend=backend)

    run(read())
    sys.stdout.write(f"{backend} was read whole\n")


class _Told:
    """Says on the standard error how far a reading is: once a second, and at each entity's first
    page.
    """

    def __init__(self) -> None:
        self._entity = ""
        self._at = 0.0

    def __call__(self, entity: str, read: int) -> None:
        if entity == self._entity and time.monotonic() - self._at < 1:
            return
        self._entity, self._at = entity, time.monotonic()
        sys.stderr.write(f"{entity}: {read:,} read\n")


Again = Callable[[], Settings] | None


def _serve(
    host: str,
    port: int,
    assembled: Callable[[], Runtime],
    settings: Settings,
    again: Again = None,
    *,
    post: Post | None,
    greet: bool,
) -> None:
    early = Early() if post is None else post.early
    configure_logging(settings.telemetry.log_level)
    listener = listening(host, port) if post is None else sharing(host, port)
    with listener:
        runtime = assembled()
        address = address_of(listener, host)
        run(_served(runtime, listener, address, again, early, post=post, greet=greet))


async def _served(
    runtime: Runtime,
    listener: socket.socket,
    address: str,
    again: Again,
    early: Early,
    *,
    post: Post | None,
    greet: bool,
) -> None:
    settings = runtime.settings
    listeners, origins = Listeners(settings.sockets), Origins(settings.server.allowed_origins)
    page_headers = partial(shopper_headers, runtime.tokens, settings.auth.token_ttl_seconds)
    siblings = None if post is None else Siblings(post.number, post.of, post.meeting)
    try:
        desk = desk_of(runtime, telemetry_of(runtime))
        headers = page_headers if greet else None
        app = create_app(runtime, desk, listeners, origins, headers, siblings=siblings)
        config = _config(app, settings.server.shutdown_seconds)
        server = _Server(config, listeners, settings.server.drain_seconds, post)
        server.heed_signals()
        reloader = Reloader(runtime, desk.library, listeners, origins, again)
        async with (
            app.router.lifespan_context(app),
            reloading(reloader, early),
            _greeting(runtime, address, greet=greet) if post is None or post.greets else _silence(),
        ):
            log.info("serving %s at %s", settings.retailer.name, address)
            gc.collect()
            gc.freeze()  # the schema, too: a full look for garbage took 2.4 ms for what stays
            await server.serve([listener])
            log.info("stopping")
    finally:
        await runtime.close()


@asynccontextmanager
async def _silence() -> AsyncIterator[None]:
    """What a worker says that is not the first."""
    yield


class _Server(uvicorn.Server):
    """Uvicorn's server with a clean end: its own would die of the signal that stopped it, cut off
    whoever listens, and refuse connections before anybody could know.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listeners: Listeners,
        drain_seconds: int,
        post: Post | None = None,
    ) -> None:
        super().__init__(config)
        self._listeners = listeners
        self._drain_seconds = drain_seconds
        self._post = post

    def heed_signals(self) -> None:
        """Stops at a signal from now on, also at one that comes before or after it serves."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals as they are."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen, and tells whoever waits for that."""
        await super().startup(sockets)
        if self._post is not None:
            self._beat(self._post)

    def _beat(self, post: Post) -> None:
        """Says that it serves, again and again: a loop that hangs says nothing."""
        post.serving()
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat, post)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets nobody in any more, sends away whoever listens, and waits for the other requests."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        patience = self.config.timeout_graceful_shutdown or 0
        until = loop.time() + patience
        await self._listeners.dismiss(max(patience, FAREWELL_SECONDS))
        self.config.timeout_graceful_shutdown = math.ceil(max(until - loop.time(), 0.0))
        await super().shutdown(sockets)

    def _stop(self, number: int) -> None:
        """Fails readiness at the first signal, and ends when that has been heard of."""
        again = self._listeners.stopping
        self._listeners.stopping = True
        drains = self.started and number == signal.SIGTERM and not again
        wait = self._drain_seconds if drains else 0
        if not again:
            self._watch_over(self._drain_seconds)
        if wait:
            asyncio.get_running_loop().call_later(wait, self._end, number)
        else:
            self.handle_exit(number, None)

    def _end(self, number: int) -> None:
        if not self.should_exit:
            self.handle_exit(number, None)

    def _watch_over(self, drain_seconds: float) -> None:
        """Ends the process hard if it has not ended when every patience is over."""
        patience = _patience(self.config.timeout_graceful_shutdown or 0)
        watchdog = threading.Timer(drain_seconds + patience, _give_up)
        watchdog.daemon = True
        watchdog.start()


def _patience(shutdown_seconds: float) -> float:
    """How long a process may take to end, once it lets nobody in any more."""
    return max(shutdown_seconds, FAREWELL_SECONDS) + CLOSE_SECONDS


def _give_up() -> None:
    log.error("closing took too long; what was under way is lost, what was answered is kept")
    os._exit(1)


def _config(app: Starlette, shutdown_seconds: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",  # it is entered around the server, so that its errors reach the caller
        http=BoundedHttp,
        ws=QuietSocket,
        ws_max_size=BYTES_MAX,
        ws_max_queue=32,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds,
    )


@asynccontextmanager
async def _greeting(runtime: Runtime, address: str, *, greet: bool) -> AsyncIterator[None]:
    """Says where the gateway is; a demo welcomes people when all has been read a first time."""
    settings = runtime.settings
    _print(f"{'Opening' if greet else 'Serving'} {settings.retailer.name} at {address}\n")

    async def greeted() -> None:
        while await lacks(runtime):  # noqa: ASYNC110  # another process may be the one that reads
            await asyncio.sleep(READY_LOOK_SECONDS)
        ttl = settings.auth.token_ttl_seconds
        key = f"hold-{runtime.new_id()}"
        _print(welcome(address, settings.retailer.name, runtime.tokens, ttl, key))

    task = asyncio.create_task(greeted(), name="greeting") if greet else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs some work as the server does: on the fastest event loop that is there, and with garbage
    looked for less often.
    """
    gc.freeze()  # what is loaded by now stays, and is looked through no more
    gc.set_threshold(COLLECT_AFTER)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # it does not exist everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop
