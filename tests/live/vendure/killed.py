"""A process that tells a live shop of one sale, and is killed at one of its writes.

    python -m tests.live.vendure.killed place|cancel REFERENCE URL USER PASSWORD SALE WRITE MODE

``SALE`` is JSON: the channel, and lines of SKU, quantity and price. The process ends by SIGKILL at
its ``WRITE``-th write to the shop: when the shop has done it and nobody has heard (``after``), or
while the shop works on it (``within``); with 0 it lives, and prints what the sink said.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime

import httpx2

from connectors.marketplace import vendure as connector
from resolvers.backend_ports import Backend
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from tests.live.vendure.connected import CHANNELS, OPTIONS

WITHIN_SECONDS = 0.03
"""A write took the shop 0.05 to 0.3 s."""

ENTERS = {"order_customer": "gateway-orders@example.com", "order_shipping": "elsewhere"}


class Killing(httpx2.AsyncBaseTransport):
    """The way to the shop, on which the process ends at one of its writes."""

    def __init__(self, write: int, mode: str) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._write = write
        self._mode = mode
        self._writes = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        asked = json.loads(body)["query"]
        if not asked.startswith("mutation") or "login(" in asked:
            return await self._inner.handle_async_request(request)
        self._writes += 1
        sending = asyncio.ensure_future(self._inner.handle_async_request(request))
        if self._writes == self._write and self._mode == "within":
            await asyncio.sleep(WITHIN_SECONDS)
            os.kill(os.getpid(), signal.SIGKILL)
        response = await sending
        if self._writes == self._write:
            await response.aread()
            os.kill(os.getpid(), signal.SIGKILL)
        return response


def desk(
    url: str, user: str, password: str, transport: httpx2.AsyncBaseTransport | None = None
) -> Backend:
    """The connector at a live shop, which takes our orders."""
    return connector.backend(
        code="shop",
        url=url,
        user=user,
        password=password,
        channels=CHANNELS,
        timeout_seconds=30,
        options={**OPTIONS, **ENTERS},
        transport=transport,
    )


def sale_of(reference: str, told: str) -> Sale:
    """A sale as the command line says it."""
    channel, lines = json.loads(told)
    return Sale(
        reference,
        "",
        datetime.now(UTC),
        tuple(SaleLine(sku, units, Money(minor, "CNY")) for sku, units, minor in lines),
        channel=channel,
    )


async def main(*args: str) -> None:
    action, reference, url, user, password, told, write, mode = args
    backend = desk(url, user, password, Killing(int(write), mode))
    sink, sale = backend.order_sink, sale_of(reference, told)
    assert sink is not None
    if action == "place":
        [result] = await sink.place([sale], second_try=True)
    else:
        result = await sink.cancel(sale)
    print(json.dumps([result.external_id, result.error]))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
