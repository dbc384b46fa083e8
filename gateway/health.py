"""What a supervisor and a monitor ask: does the process live, may it be sent requests, how is it.

None of it asks for a token, and none of it says anything of a customer.
"""

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.bootstrap import Runtime
from gateway.listeners import Listeners
from gateway.siblings import Siblings
from gateway.telemetry import Metrics
from resolvers.domain.errors import CommerceError
from resolvers.house import missing

READY_SECONDS = 2.0
"""Longest look at the store: a supervisor asks again anyway."""

_STOPPING = "the gateway is stopping"
_FRESH = {"Cache-Control": "no-store"}


def routes(
    runtime: Runtime, metrics: Metrics, listeners: Listeners, siblings: Siblings | None = None
) -> list[Route]:
    """``/health/live``, ``/health/ready`` and ``/metrics``, which with ``siblings`` is of them all.
    Who is stopping is not ready.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True}, headers=_FRESH)

    async def ready(_: Request) -> Response:
        lacking = [_STOPPING] if listeners.stopping else await lacks(runtime)
        body = {"ready": not lacking, "missing": lacking}
        return JSONResponse(body, 503 if lacking else 200, headers=_FRESH)

    async def counted(_: Request) -> Response:
        if siblings is None:
            text = generate_latest(metrics.registry)
        else:
            text = await siblings.metrics(metrics.registry)
        return Response(text, headers={**_FRESH, "Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", counted),
    ]


async def lacks(runtime: Runtime) -> list[str]:
    """What keeps the gateway from answering well, in words; empty when it is ready."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await missing(runtime.store, runtime.backends)
    except TimeoutError:
        return [f"the store gave no answer within {READY_SECONDS:g} s"]
    except (CommerceError, OSError) as error:
        return [str(error)]
