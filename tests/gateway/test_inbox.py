"""Messages that were kept are worked off by whoever follows their backend; none is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.receiving import SignedReceiver, object_of
from connectors.sandbox import chain
from connectors.webhooks import Endpoint
from gateway import workers
from gateway.bootstrap import Runtime, assemble
from gateway.settings import Settings, Storage
from gateway.tokens import principal_of
from resolvers import parking
from resolvers.access import Role
from resolvers.backend_ports import Backend, Capabilities, Changes, Idempotency, Probe
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendUnavailable,
    CommerceError,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
)
from resolvers.domain.inbox import Hint, Message, MessageStatus
from resolvers.domain.members import Member
from tests.gateway.house import NOON

POLL_SECONDS = 3600.0
"""Nothing is read by itself after the first time, so that what is read was hinted at."""


def hints(message: Message) -> Sequence[Hint]:
    """``{"ids": […]}`` names people, ``{"many": true}`` none; ``{"bug": …}`` is not foreseen."""
    found = object_of(message)
    if "bug" in found:
        return [Hint("members", found["bug"]["of Ling Li"])]
    return [Hint("members", id) for id in found.get("ids", [])] + [Hint("members")] * bool(
        found.get("many")
    )


@dataclass
class People:
    """A source without people that notes what it is asked, and fails as it is told."""

    asked: list[str] = field(default_factory=list)
    error: CommerceError | Exception | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        self.asked.append("everybody" if not cursor else "changes")
        await self.open.wait()
        if self.error is not None:
            raise self.error
        yield Changes([], "1")

    async def member(self, external_id: str) -> Member | None:
        self.asked.append(external_id)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return None


@dataclass
class Office:
    """A gateway with one CRM that sends messages, its clock, and what the CRM was asked."""

    runtime: Runtime
    people: People
    now: list[datetime]

    async def send(self, body: str, key: str | None = None) -> str:
        """Keeps a message as the endpoint does; its id."""
        id = self.runtime.new_id()
        message = Message(id, "crm", key or id, self.now[-1], body.encode())
        await self.runtime.intake.keep(message)
        return id

    async def waiting(self) -> list[Message]:
        """Messages that wait, due or not."""
        late = self.now[-1] + timedelta(days=99)
        return list(await self.runtime.store.inbox.due_messages("crm", late, 1000))

    async def parked(self) -> list[Message]:
        return list(await self.runtime.store.inbox.parked(None, None, 100))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Workers run, and have read all for the first time."""
        async with workers.running(self.runtime):
            await until(lambda: self.people.asked)
            if self.people.open.is_set():
                await self.settled()
            yield

    async def settled(self) -> None:
        """Waits until every message is done or parked."""
        async with asyncio.timeout(10):
            while await self.waiting():  # noqa: ASYNC110  # a worker does it
                await asyncio.sleep(0.01)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # a worker does it
            await asyncio.sleep(0.01)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    people, now = People(), [NOON]
    people.open.set()
    receiver = SignedReceiver("bottlecrm", Endpoint((b"secret",)), hints)
    crm = Backend(
        "crm",
        "any",
        Capabilities((), Idempotency.NONE, deletions=True),
        people,
        poll_seconds=POLL_SECONDS,
        members=people,
        events=receiver,
    )
    settings = Settings(store=Storage("memory"))
    runtime = assemble(settings, tmp_path, [crm], chain.CHANNELS, lambda: now[-1])
    yield Office(runtime, people, now)
    await runtime.close()


async def test_what_was_kept_before_a_start_is_worked_off(office):
    await office.send('{"ids": ["a"]}')

    async with office.at_work():
        await until(lambda: "a" in office.people.asked)


async def test_a_thing_that_many_messages_name_is_read_once(office):
    for body in ('{"ids": ["a"]}', '{"ids": ["b", "a"]}', '{"ids": ["a"]}', '{"ids": []}'):
        await office.send(body)

    async with office.at_work():
        await office.settled()

    assert sorted(it for it in office.people.asked if len(it) == 1) == ["a", "b"]


async def test_the_same_message_twice_is_worked_off_once(office):
    async with office.at_work():
        await office.send('{"ids": ["a"]}', "the same")
        await office.settled()
        await office.send('{"ids": ["a"]}', "the same")
        await office.send('{"ids": ["b"]}')
        await office.settled()

    assert office.people.asked[1:] == ["a", "b"]


async def test_a_message_that_names_nothing_is_done_when_a_reading_after_it_is(office):
    async with office.at_work():
        await until(lambda: office.people.asked == ["everybody"])
        office.people.open.clear()
        await office.send('{"many": true}')
        await until(lambda: office.people.asked[1:] == ["changes"])
        [message] = await office.waiting()
        assert message.status is MessageStatus.WAITING
        await office.send('{"many": true}')  # it came after that reading has begun
        await asyncio.sleep(0.05)

        office.people.open.set()
        await office.settled()

    assert office.people.asked[1:] == ["changes", "changes"]


async def test_what_a_worker_was_at_when_it_was_stopped_is_done_by_the_next(office):
    async with office.at_work():
        office.people.open.clear()
        await office.send('{"ids": ["a"]}')
        await office.send('{"many": true}')
        await until(lambda: "a" in office.people.asked)
    assert len(await office.waiting()) == 2

    office.people.open.set()
    office.now.append(NOON + timedelta(minutes=1))
    async with office.at_work():
        await office.settled()

    assert office.people.asked.count("a") == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("[]", "the body is JSON, but no object"),
        ("Ling Li", "the body is not JSON"),
        ('{"bug": {}}', "our own code failed: KeyError in hints, line 38"),
    ],
)
async def test_what_makes_no_sense_is_parked_and_blocks_nobody(office, caplog, body, told):
    id = await office.send(body)
    await office.send('{"ids": ["a"]}')

    async with office.at_work():
        await office.settled()

    [message] = await office.parked()
    assert (message.id, message.attempts) == (id, 1)
    assert message.error is not None
    assert message.error.split(", line")[0] == told.split(", line", maxsplit=1)[0]
    assert message.body == body.encode()
    assert "a" in office.people.asked
    assert "Ling Li" not in caplog.text + message.error


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (BackendUnavailable("gone", backend="crm"), 2),
        (BackendThrottled("slow", backend="crm", retry_after=77), 77),
        (BackendRefused("expired", backend="crm", kind="AUTH"), 2),
    ],
)
async def test_what_fails_for_the_backends_sake_waits_and_is_tried_again(office, error, seconds):
    async with office.at_work():
        office.people.error = error
        await office.send('{"ids": ["a"]}')
        await until(lambda: "a" in office.people.asked)
        await asyncio.sleep(0.05)

        [message] = await office.waiting()
        assert message.not_before == NOON + timedelta(seconds=seconds)
        assert (message.attempts, message.error) == (1, str(error))

        office.people.error = None
        office.now.append(NOON + timedelta(seconds=seconds))
        await office.settled()
        assert await office.parked() == []


async def test_what_a_backend_refuses_for_good_waits_for_a_person(office):
    async with office.at_work():
        office.people.error = BackendRefused("no such field", backend="crm", kind="INVALID")
        await office.send('{"ids": ["a"]}')
        await office.settled()

    assert [it.error for it in await office.parked()] == ["no such field"]


async def test_what_is_mended_is_replayed_once_for_a_key(office):
    ctx = office.runtime.context(principal_of(Role.OPERATOR))
    async with office.at_work():
        office.people.error = BackendRefused("no such field", backend="crm", kind="INVALID")
        ids = sorted([await office.send(f'{{"ids": ["{name}"]}}') for name in "abc"])
        await office.settled()
        page = await parking.browse_parked(ctx, "crm", 2, None)
        assert ([it.id for it in page.nodes], page.has_next) == (ids[:2], True)

        office.people.error = None
        first = await parking.replay_inbox(ctx, "k", "crm", ids[:1])
        await office.settled()
        assert [it.id for it in await office.parked()] == ids[1:]
        again = await parking.replay_inbox(ctx, "k", "crm", ids[:1])
        assert (first, again) == ((1, False), (1, True))

        with pytest.raises(IdempotencyKeyReused):
            await parking.replay_inbox(ctx, "k", None, None)
        assert len(await office.parked()) == 2
        assert await parking.replay_inbox(ctx, "k2", None, None) == (2, False)
        await office.settled()

    assert await office.parked() == []
    with pytest.raises(NotFound):
        await parking.replay_inbox(ctx, "k3", "nobody", None)


async def test_a_wish_is_kept_until_the_reading_has_succeeded(office):
    ctx = office.runtime.context(principal_of(Role.OPERATOR))
    async with office.at_work():
        office.people.error = BackendUnavailable("gone", backend="crm")
        view, replayed = await parking.wish_sync(ctx, "k", "crm", ["members"], whole=True)
        assert (view.backend.code, replayed) == ("crm", False)
        await until(lambda: office.people.asked[1:] == ["everybody"])
        assert len(await office.waiting()) == 1

        office.people.error = None
        office.now.append(NOON + timedelta(hours=1))
        await office.settled()
        asked = list(office.people.asked)
        _, replayed = await parking.wish_sync(ctx, "k", "crm", ["members"], whole=True)
        await office.settled()

    assert asked[-1] == "everybody"
    assert (replayed, office.people.asked) == (True, asked)


async def test_a_wish_names_what_there_is(office):
    ctx = office.runtime.context(principal_of(Role.OPERATOR))

    with pytest.raises(NotFound):
        await parking.wish_sync(ctx, "k", "nobody", None, whole=False)
    with pytest.raises(InvalidInput, match="it is read for members") as refused:
        await parking.wish_sync(ctx, "k", "crm", ["members", "stock"], whole=False)
    assert refused.value.field == ("input", "entities", "1")
    assert await office.waiting() == []


async def test_a_message_that_is_done_is_known_again_for_its_days(office):
    async with office.at_work():
        await office.send('{"ids": ["a"]}', "the same")
        await office.settled()
    office.now.append(NOON + timedelta(days=7, seconds=1))

    async with office.at_work():
        await asyncio.sleep(0.05)
        await office.send('{"ids": ["b"]}', "the same")
        await office.settled()

    assert "b" in office.people.asked
