"""What the connector tells a real Vendure shop, and is told by it; and bad days (S5, S2)."""

import asyncio
import http.server
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from resolvers.backend_ports import Backend, Publication
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import RawMessage
from resolvers.house import LISTINGS, ORDERS
from tests.live.vendure import seed
from tests.live.vendure.connected import (
    SECRET,
    closed,
    connected,
    level,
    listings,
    members,
    stamp,
    variant_id,
)
from tests.live.vendure.house import RunningVendure

pytestmark = [pytest.mark.live_vendure, pytest.mark.timeout(600)]


async def test_what_is_published_is_what_the_shop_sells(vendure: RunningVendure, backend: Backend):
    sink = backend.publication
    assert sink is not None
    admin = vendure.admin()
    serum, scent, gone = variant_id(admin, "BT0104-01"), variant_id(admin, "BT0112-01"), "99999"
    shopper = vendure.shopper()
    shopper.takes(serum, 3)
    shopper.says_who("Ruoxi", "Wu", "other@example.com", "136 0013 9998")
    shopper.pays()
    assert level(admin, serum) == (20, 3)

    told = await sink.publish(
        [Publication("p1", serum, 5), Publication("p2", scent, 0), Publication("p3", gone, 1)]
    )

    assert [(it.reference, it.error) for it in told] == [
        ("p1", None), ("p2", None), ("p3", "the shop has no such listing")
    ]  # fmt: skip
    assert level(admin, serum) == (8, 3)  # five for sale, three that are sold
    assert level(admin, scent) == (0, 0)
    assert await sink.published([serum, scent, gone]) == {serum: 5, scent: 0}

    with pytest.raises(Exception, match="INSUFFICIENT_STOCK"):
        vendure.shopper().takes(scent, 1)
    before = stamp(admin, serum)
    await sink.publish([Publication("p4", serum, 5)])
    assert stamp(admin, serum) == before  # the same is not written again


async def test_a_sale_that_came_between_is_not_written_over(
    vendure: RunningVendure, backend: Backend
):
    sink = backend.publication
    assert sink is not None
    admin = vendure.admin()
    toner = variant_id(admin, "BT0103-01")
    seen = (await sink.published([toner]))[toner]
    shopper = vendure.shopper()
    shopper.takes(toner, 2)
    shopper.says_who("Ruoxi", "Wu", "third@example.com", "136 0013 9997")
    shopper.pays()

    [told] = await sink.publish([Publication("p1", toner, 10, seen=seen)])

    assert told.error == "18 are for sale now, not 20: it has moved"
    assert level(admin, toner) == (20, 2)


async def test_fifty_at_a_time_are_published_to_the_last_unit(
    vendure: RunningVendure, backend: Backend
):
    sink = backend.publication
    assert sink is not None
    found, _ = await listings(backend)
    wanted = {it.id: 30 + at for at, it in enumerate(list(found.values())[40:110])}

    told = await sink.publish([Publication(f"b{id}", id, units) for id, units in wanted.items()])

    assert {it.error for it in told} == {None}
    assert await sink.published(list(wanted)) == wanted


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; answers the first of all messages with an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Kept)
        self.messages: list[RawMessage] = []
        self.refused: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/webhooks/shop"


class _Kept(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = RawMessage("POST", self.path, "", headers, body, datetime.now(UTC))
        if not self.server.refused:
            self.server.refused.append(headers["x-vendure-event-id"])
            self.send_error(503)
            return
        self.server.messages.append(raw)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's own output is enough."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_messages_come_signed_and_again_if_they_were_not_taken(
    vendure: RunningVendure, receiver: Receiver
):
    vendure.stop()
    vendure.start_again((receiver.url, SECRET))
    backend = connected(vendure)  # its session ended with the shop's process, or did not
    events, sink = backend.events, backend.publication
    assert events is not None
    assert sink is not None
    admin = vendure.admin()
    oil = variant_id(admin, "BT0102-01")
    seed.change_variants(admin, [{"id": oil, "price": 14100}])
    await sink.publish([Publication("p1", oil, 2)])
    shopper = vendure.shopper()
    shopper.takes(oil, 1)
    shopper.says_who("Ruoxi", "Wu", "fourth@example.com", "136 0013 9996")
    placed = shopper.pays()

    hints: set[Hint] = set()
    wanted = {Hint(LISTINGS, oil), Hint(ORDERS, placed["id"])}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        hints = {hint for raw in receiver.messages for hint in events.hints(kept(raw))}
        again = {events.dedupe_key(raw) for raw in receiver.messages}
        if wanted <= hints and again >= set(receiver.refused):
            break
        await asyncio.sleep(0.1)

    assert wanted <= hints
    assert receiver.refused[0] in {events.dedupe_key(raw) for raw in receiver.messages}
    assert all(events.verify(raw) for raw in receiver.messages)
    told = receiver.messages[0]
    forged = RawMessage("POST", told.path, "", told.headers, told.body + b" ", told.received_at)
    assert events.verify(forged) is False
    text = b"".join(raw.body for raw in receiver.messages)
    assert b"fourth@example.com" not in text and b"136 0013 9996" not in text
    await closed(backend)


def kept(raw: RawMessage) -> Message:
    return Message("1", "shop", "1", raw.received_at, raw.body)


async def test_a_shop_without_its_database_is_unavailable_and_comes_back(
    vendure: RunningVendure, backend: Backend
):
    sink = backend.publication
    assert sink is not None
    admin = vendure.admin()
    tote = variant_id(admin, "LG0102-01")
    await sink.published([tote])
    vendure.postgres.stop()
    try:
        with pytest.raises(BackendUnavailable, match="it failed inside"):
            await sink.published([tote])
    finally:
        vendure.postgres.start()

    assert (await sink.published([tote]))[tote] >= 0


async def test_a_session_that_is_over_is_renewed(vendure: RunningVendure):
    hour = 0.0
    backend = connected(vendure, timer=lambda: time.monotonic() + hour)
    before, _ = await members(backend)
    vendure.reset()  # every session is gone, and so is what the tests above have done

    hour = 3600.0
    again, _ = await members(backend)

    assert len(before) > len(again) == 8
    await closed(backend)
