"""One variant of the gateway for ``bench/observability.py``, in a process of its own.

    python -m bench.observed_server VARIANT DATA COLLECTOR

It serves the sandbox retailer's goods, read once, on a free port of loopback, prints its address,
and follows no backend: what is measured is requests.
"""

import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvicorn
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from gateway import serving
from gateway.app import create_app
from gateway.bootstrap import Runtime, bootstrap_demo
from gateway.desk import Desk, desk_of
from gateway.doorman import Doorman
from gateway.http_protocol import BoundedHttp
from gateway.logs import configure_logging
from gateway.monitor import watching
from gateway.settings import Settings, TelemetrySettings
from gateway.telemetry import telemetry_of
from gateway.workers import sync_once

VARIANTS: Mapping[str, float | None] = {
    "off": None,
    "log, metrics, usage": None,
    "and traces of 5 %": 0.05,
    "and traces of all": 1.0,
}
"""What is on, and the share of operations that is traced."""


class Silent(Desk):
    """A desk that tells nothing of what it does."""

    def _admitted(self, *_: Any) -> None:
        pass

    def _told(self, *_: Any, **__: Any) -> None:
        pass


class Reticent(Doorman):
    """A doorman who gives requests their ids and ends bugs, and tells nothing."""

    def _introduce(self, headers: dict[str, str]) -> None:
        pass


class NoLog:
    """Where lines are written that nobody wants."""

    def info(self, *_: object, **__: object) -> None:
        """Writes nothing."""


def app_of(runtime: Runtime, variant: str) -> tuple[ASGIApp, Desk]:
    """The app of a variant."""
    desk = desk_of(runtime, telemetry_of(runtime))
    if variant != "off":
        return create_app(runtime, desk), desk
    silent = Silent(*(getattr(desk, it.name) for it in fields(desk)))
    silent.telemetry.log = NoLog()
    app = create_app(runtime, silent)
    reticent = Middleware(Reticent, telemetry=silent.telemetry, new_id=runtime.new_id)
    app.user_middleware[:] = [reticent]
    return app, silent


def runtime_of(variant: str, data: Path, collector: str) -> Runtime:
    """The runtime of a variant, made before anything runs, as a gateway makes it: what is loaded by
    then is looked through for garbage no more.
    """
    ratio = VARIANTS[variant]
    told = TelemetrySettings()
    if ratio is not None:
        told = TelemetrySettings(otlp_endpoint=collector, trace_ratio=ratio)
    return bootstrap_demo(Settings(telemetry=told), data)


async def serve(variant: str, runtime: Runtime) -> None:
    """Serves until it is told to stop."""
    app, desk = app_of(runtime, variant)
    try:
        assert await sync_once(runtime, "erp")
        with serving.listening("127.0.0.1", 0) as listener:
            async with AsyncExitStack() as stack:
                if variant != "off":
                    await stack.enter_async_context(watching(runtime, desk.telemetry))
                await _served(app, listener)
    finally:
        await runtime.close()


async def _served(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app, lifespan="off", http=BoundedHttp, log_config=None, access_log=False
    )
    sys.stdout.write(serving.address_of(listener, "127.0.0.1").removeprefix("http://") + "\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    configure_logging()
    name, place, endpoint = sys.argv[1:]
    serving.run(serve(name, runtime_of(name, Path(place), endpoint)))
