"""The web application of one runtime: its routes, the layers before them, and what lives as long.

Each endpoint stands in its own module. The server that it runs in stands in ``gateway.serving``.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from gateway import examples, graphiql, health, monitor, workers
from gateway.backend_calls import watched
from gateway.bootstrap import Runtime
from gateway.desk import Desk, desk_of
from gateway.doorman import Doorman
from gateway.graphql_http import GraphqlHttp
from gateway.graphql_sse import GraphqlStreams
from gateway.graphql_ws import GraphqlSockets
from gateway.http_layers import Origins, Shortcut, layered
from gateway.limits import beating
from gateway.listeners import Listeners
from gateway.siblings import Siblings
from gateway.telemetry import telemetry_of
from gateway.webhooks import PATHS, Webhooks

PAGE = Path(__file__).parent / "page" / "dist"
"""What the build of the GraphiQL page wrote, if it has run."""

EXAMPLE_SKU, EXAMPLE_CHANNEL, EXAMPLE_LOCATION = "BT-0001-30ML", "mini-program", "WH-01"
"""What the examples ask for: the sandbox retailer's first SKU, and where most of it lies."""


def create_app(
    runtime: Runtime,
    desk: Desk | None = None,
    listeners: Listeners | None = None,
    origins: Origins | None = None,
    page_headers: Callable[[], str] | None = None,
    *,
    siblings: Siblings | None = None,
) -> Starlette:
    """The application of a runtime. Its lifespan runs the workers; the runtime is not closed.

    Whoever gives ``listeners`` can send them away before the server stops; whoever gives
    ``origins``, exchange them. ``page_headers`` writes the headers that GraphiQL opens with on this
    machine. Of several workers, ``siblings`` are those that tell their metrics together.
    """
    listeners = listeners or Listeners(runtime.settings.sockets)
    if desk is None:
        desk = desk_of(runtime, telemetry_of(runtime))
    telemetry, server = desk.telemetry, runtime.settings.server
    tabs = examples.examples(EXAMPLE_SKU, EXAMPLE_CHANNEL, EXAMPLE_LOCATION)

    plain = GraphqlStreams(desk, listeners, GraphqlHttp(desk, server.batch_max))
    graphql = layered(plain, origins or Origins(server.allowed_origins))
    webhooks = Webhooks(runtime, telemetry.metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        backends = watched(runtime.backends, telemetry)
        async with (
            monitor.watching(runtime, telemetry),
            workers.running(replace(runtime, backends=backends)),
            desk.keys.kept(),
            beating(desk.crowd),
            nullcontext() if siblings is None else siblings.told(telemetry.metrics.registry),
        ):
            yield

    return Starlette(
        routes=[
            Route("/", _home),
            Route("/graphql", graphql),
            *(Route(path, webhooks) for path in PATHS),
            WebSocketRoute("/graphql", GraphqlSockets(desk, listeners)),
            *graphiql.routes(PAGE, examples=tabs, headers=page_headers),
            *health.routes(runtime, telemetry.metrics, listeners, siblings),
        ],
        middleware=[
            Middleware(Doorman, telemetry=telemetry, new_id=runtime.new_id),
            Middleware(Shortcut, path="/graphql", endpoint=graphql),
        ],
        lifespan=lifespan,
    )


async def _home(_: Request) -> Response:
    return RedirectResponse("graphiql")  # relative, as a proxy may put a prefix before us
