"""Messages that are fetched: kept before they are acknowledged, and understood by who fetched them
(S2, G4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe, Role
from resolvers.domain.errors import BackendUnavailable, NotUnderstood
from resolvers.domain.inbox import BODY_BYTES_MAX, Hint, Message, MessageStatus
from resolvers.event_ports import Delivered, Pulled
from resolvers.inbox import Inbox
from resolvers.intake import Intake
from resolvers.pulling import CALLS_MAX, PULLED_MAX, pull_events
from resolvers.reading import Memory
from resolvers.sync import entities, sync_entity
from tests.support import NOON, OPERATOR, Shop


@dataclass
class Queue:
    """A source whose messages lie there until they are acknowledged; ``dies`` before it is."""

    lying: list[Pulled] = field(default_factory=list)
    pulls: int = 0
    dies: bool = False
    read: list[str] = field(default_factory=list)
    left_out: str = ""

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def pull(self, limit: int) -> Sequence[Pulled]:
        self.pulls += 1
        return self.lying[:limit]

    async def acknowledge(self, ids: Sequence[str]) -> None:
        if self.dies:
            raise BackendUnavailable("killed", backend="queue")
        self.lying = [it for it in self.lying if it.id not in ids]

    def hints(self, message: Message) -> Sequence[Hint]:
        if message.body == b"nonsense":
            raise NotUnderstood("it is nonsense")
        return [Hint("orders", message.body.decode())]

    def orders(self, cursor: str):
        raise AssertionError(cursor)

    async def delivered(self, external_id: str) -> Delivered:
        self.read.append(external_id)
        return Delivered([], self.left_out)


class House:
    """A shop with one queue, and who works its messages off."""

    def __init__(self, *bodies: str) -> None:
        self.queue = Queue([pulled(body) for body in bodies])
        can = Capabilities((Role.EVENT_PULLER,), Idempotency.NONE, pulls_events=True)
        self.backend = Backend(
            "queue",
            "any",
            can,
            self.queue,
            order_source=self.queue,
            deliveries=self.queue,
            puller=self.queue,
        )
        self.shop = Shop(backends=[self.backend])
        self.inbox = Inbox(self.backend, lambda *_: None)

    async def pull(self) -> int:
        return await pull_events(self.shop.context(OPERATOR), self.backend)

    async def kept(self) -> list[Message]:
        ctx = self.shop.context(OPERATOR)
        return list(await ctx.store.inbox.due_messages("queue", ctx.now, 10_000))

    async def parked(self) -> list[Message]:
        return list(await self.shop.store.inbox.parked("queue", None, 100))

    async def work(self) -> None:
        await self.inbox.work(self.shop.context(OPERATOR))


def pulled(body: str) -> Pulled:
    return Pulled(f"id-{body}", f"key-{body}", body.encode())


async def test_what_lies_there_is_kept_then_acknowledged_then_read_by_its_name():
    house = House("a", "b")

    assert await house.pull() == 2
    assert house.queue.lying == []
    assert [it.body for it in await house.kept()] == [b"a", b"b"]

    await house.work()
    assert house.queue.read == ["a", "b"]
    assert await house.kept() == []


async def test_killed_before_it_is_acknowledged_it_is_pulled_again_and_is_one():
    house = House("a")
    house.queue.dies = True
    with pytest.raises(BackendUnavailable):
        await house.pull()
    house.queue.dies = False

    await house.pull()

    assert house.queue.lying == []
    assert [it.body for it in await house.kept()] == [b"a"]


async def test_what_cannot_be_kept_stays_where_it_is():
    house = House("a")
    ctx = house.shop.context(OPERATOR)
    house.shop.intake = Intake(ctx.store.inbox, waiting_max=0)

    read = await sync_entity(house.shop.context(OPERATOR), house.backend, "events", Memory())

    assert not read.good
    assert [it.id for it in house.queue.lying] == ["id-a"]
    [feed] = await ctx.store.house.feeds()
    assert (feed.entity, feed.error) == (
        "events",
        "too many messages wait to be kept; send it again",
    )


async def test_a_message_too_large_to_keep_stays_where_it_is_and_holds_up_no_other():
    house = House("a")
    house.queue.lying.append(Pulled("large", "large", b"x" * (BODY_BYTES_MAX + 1)))

    with pytest.raises(NotUnderstood, match="is left there"):
        await house.pull()

    assert [it.id for it in house.queue.lying] == ["large"]
    assert [it.body for it in await house.kept()] == [b"a"]


async def test_one_turn_takes_so_many_and_no_more():
    house = House(*(str(at) for at in range(PULLED_MAX * CALLS_MAX + 1)))

    assert await house.pull() == PULLED_MAX * CALLS_MAX
    assert len(house.queue.lying) == 1
    assert await house.pull() == 1


async def test_what_makes_no_sense_waits_for_a_person_and_is_tried_again():
    house = House("nonsense", "a")
    await house.pull()

    await house.work()

    [parked] = await house.parked()
    assert (parked.error, parked.status) == ("it is nonsense", MessageStatus.PARKED)
    assert house.queue.read == ["a"]


async def test_what_was_left_out_of_a_delivery_is_parked_and_done_once_it_is_mended():
    house = House("a")
    house.queue.left_out = "line 3: quantity is no number"
    await house.pull()
    await house.work()
    [parked] = await house.parked()
    assert parked.error == "line 3: quantity is no number"

    house.queue.left_out = ""
    await house.shop.store.inbox.replay("queue", None, NOON)
    await house.work()

    assert await house.parked() == []
    assert house.queue.read == ["a", "a"]


async def test_a_message_of_a_source_that_is_fetched_from_no_more_is_parked():
    house = House("a")
    await house.pull()
    can = Capabilities((), Idempotency.NONE)
    house.inbox = Inbox(Backend("queue", "any", can, house.queue), lambda *_: None)

    await house.work()

    [parked] = await house.parked()
    assert parked.error == "no messages are fetched from queue any more"


def test_messages_are_one_more_thing_that_a_backend_is_read_for():
    assert entities(House().backend) == ("orders", "events")


def test_who_is_asked_for_messages_says_so():
    can = Capabilities((), Idempotency.NONE)

    with pytest.raises(AssertionError, match="who is asked for messages says so"):
        Backend("queue", "any", can, Queue(), puller=Queue())
