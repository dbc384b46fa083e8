"""A gateway of the sandbox's goods without a server: a runtime over memory, its app, a client.

No worker runs: what lies on the shelves is what a test has put there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import structlog
from starlette.applications import Starlette
from structlog.testing import CapturingLogger

from connectors.sandbox import chain, goods
from gateway.answers import Answers
from gateway.app import create_app
from gateway.bootstrap import Runtime, assemble
from gateway.desk import Desk, desk_of
from gateway.notes import with_notes
from gateway.settings import Documents, Limits, Server, Settings, Storage
from gateway.settings_cache import Cache
from gateway.telemetry import Metrics, Telemetry
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.domain import facts
from resolvers.domain.books import Scope
from resolvers.domain.feeds import Feed
from resolvers.domain.values import utc
from resolvers.engine import Command

NOON = utc(2026, 3, 2, 12)
SKU = "BT-0001-30ML"
CHANNEL = "mini-program"

PROMISE = """query Shelf {
  availability(skus: ["BT-0001-30ML"], channel: "mini-program") { sku availableToPromise }
}"""
HOLD = """mutation Hold($key: String!, $quantity: Int!) {
  reserveStock(input: {
    idempotencyKey: $key
    channel: "mini-program"
    lines: [{sku: "BT-0001-30ML", quantity: $quantity}]
  }) { reservation { id status } userErrors { code } }
}"""


def promised(units: int) -> dict[str, Any]:
    return {"data": {"availability": [{"sku": SKU, "availableToPromise": units}]}}


@dataclass
class House:
    """One gateway; ``lines`` is its log."""

    runtime: Runtime
    desk: Desk
    app: Starlette
    lines: list[dict[str, Any]] = field(default_factory=list)

    def token(self, role: Role = Role.SHOPPER, **more: Any) -> dict[str, str]:
        """The header of a caller."""
        signed = self.runtime.tokens.issue(principal_of(role, **more), 60)
        return {"Authorization": f"Bearer {signed}"}

    @asynccontextmanager
    async def client(self, address: str = "127.0.0.1") -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app, client=(address, 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            yield client

    async def post(self, body: Any, **headers: str) -> httpx2.Response:
        """Sends a GraphQL request: a body of bytes as it is, else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client() as client:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
            return await client.post("/graphql", content=content, headers=raw)

    async def get(self, path: str = "/graphql", **params: str) -> httpx2.Response:
        """Asks as a program does, which says that no page of a stranger sent it."""
        async with self.client() as client:
            asking = {"GraphQL-Require-Preflight": "1"}
            return await client.get(path, params=params, headers=asking)

    async def stocked(self, location: str, units: int, observed_at: datetime = NOON) -> None:
        """Counts the example's SKU at a location, which nobody's system is heard of again."""
        counted = facts.Count(Feed("erp", "stock", location, 1, observed_at), {SKU: (units, 0)})
        scope = Scope(skus=frozenset([SKU]), feeds=frozenset([counted.feed.key]))
        await self.runtime.engine.run(
            Command(None, "", scope, lambda books: (facts.count(books, counted), location))
        )


async def opened(
    data: Path,
    *,
    mutations_per_second: int = 0,
    documents: Documents | None = None,
    clock: Callable[[], datetime] = lambda: NOON,
    engine: str = "memory",
    cache: Cache | None = None,
    **given: Any,
) -> House:
    """A gateway of the sandbox's catalogue at noon, with empty shelves; what is given are settings
    of the server and of its limits.
    """
    of_limits = {it.name for it in fields(Limits)}
    settings = Settings(
        server=Server(
            mutations_per_second=mutations_per_second,
            **{name: value for name, value in given.items() if name not in of_limits},
        ),
        store=Storage(engine),
        cache=cache or Cache(),
        limits=Limits(**{name: value for name, value in given.items() if name in of_limits}),
        documents=documents or Documents(),
    )
    runtime = assemble(settings, data, [], chain.CHANNELS, clock)
    await runtime.store.catalog.save_locations(chain.LOCATIONS)
    await runtime.store.catalog.save_products(goods.catalogue()[:10], NOON)
    return house_of(runtime)


def house_of(
    runtime: Runtime,
    deadline_seconds: float = 10.0,
    answers: Answers | None = None,
    telemetry: Telemetry | None = None,
) -> House:
    """A house around a runtime."""
    capturing = CapturingLogger()
    log = structlog.wrap_logger(capturing, processors=[with_notes, _as_arguments])
    telemetry = telemetry or Telemetry(Metrics(lambda: runtime.engine.waiting))
    telemetry.log = log
    desk = replace(desk_of(runtime, telemetry), deadline_seconds=deadline_seconds)
    if answers is not None:
        desk = replace(desk, answers=answers)
    house = House(runtime, desk, create_app(runtime, desk))
    house.lines = _Lines(capturing)
    return house


def _as_arguments(_: Any, __: str, event: MutableMapping[str, Any]) -> tuple[Any, ...]:
    return (), event


class _Lines(list[dict[str, Any]]):
    """What a capturing logger has heard, read when it is looked at."""

    def __init__(self, capturing: CapturingLogger) -> None:
        super().__init__()
        self._capturing = capturing

    def __iter__(self) -> Any:
        return iter([call.kwargs for call in self._capturing.calls])


@dataclass
class Talk:
    """One WebSocket connection, from the client's side, without a network."""

    sent: asyncio.Queue[dict[str, Any]]
    heard: asyncio.Queue[dict[str, Any]]
    task: asyncio.Task[None]

    async def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.sent.put({"type": "websocket.receive", "text": text})

    async def event(self) -> dict[str, Any]:
        """The next thing that the server does."""
        async with asyncio.timeout(5):
            return await self.heard.get()

    async def message(self) -> dict[str, Any]:
        """The next message of the server."""
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return dict(json.loads(event["text"]))

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server hangs up."""
        event = await self.event()
        assert event["type"] == "websocket.close", event
        return event["code"], event["reason"]

    async def introduce(self, payload: Any = None) -> None:
        await self.say({"type": "connection_init", "payload": payload})
        assert await self.message() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say({"type": "subscribe", "id": id, "payload": payload})


@asynccontextmanager
async def talking(
    app: Any,
    headers: dict[str, str] | None = None,
    subprotocols: tuple[str, ...] = ("graphql-transport-ws",),
    room: int = 0,
) -> AsyncIterator[Talk]:
    """A connection to an app; at the end the client goes away and the server must notice.

    The server waits when so many messages as there is ``room`` for are unread; 0: never.
    """
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "scheme": "ws",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"host": "shop.test", **(headers or {})}.items()
        ],
        "subprotocols": list(subprotocols),
    }
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue(room)
    await sent.put({"type": "websocket.connect"})
    task = asyncio.create_task(app(scope, sent.get, heard.put))
    talk = Talk(sent, heard, task)
    try:
        yield talk
    finally:
        await sent.put({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(5):
            await task
