"""Connections that stay open: how many there may be, whose pages may open them, what ends them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gateway.app import create_app
from gateway.desk import Desk
from gateway.graphql_ws import GraphqlSockets
from gateway.listeners import Full, Listeners
from gateway.origins import is_origin, may_connect
from gateway.settings import Sockets
from gateway.timers import LONGEST_SECONDS, Timers
from gateway.tokens import principal_of
from resolvers.access import NOBODY, Role
from tests.gateway.house import NOON, PROMISE, House, Talk, house_of, talking

WATCH = 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'


@dataclass(eq=False)
class Ring:
    """A timer that is rung by hand."""

    seconds: float
    call: Callable[[], None]
    forgotten: bool = False

    def cancel(self) -> None:
        self.forgotten = True


@dataclass
class Bells:
    """Timers that wait for a test."""

    rings: list[Ring] = field(default_factory=list)

    def __call__(self, seconds: float, call: Callable[[], None]) -> Ring:
        self.rings.append(Ring(seconds, call))
        return self.rings[-1]

    def ring(self, seconds: float) -> None:
        """Rings the one timer of so many seconds."""
        [ring] = [at for at in self.rings if at.seconds == seconds and not at.forgotten]
        ring.cancel()
        ring.call()

    def waiting(self) -> list[float]:
        return sorted(at.seconds for at in self.rings if not at.forgotten)


@dataclass
class Hall:
    """A house's sockets, with bounds, bells and a clock in a test's hands."""

    desk: Desk
    listeners: Listeners
    bells: Bells
    now: list[Any]
    app: GraphqlSockets


def hall_of(house: House, **bounds: Any) -> Hall:
    now, bells = [NOON], Bells()
    clock: Callable[[], Any] = lambda: now[0]  # noqa: E731  # two lines would say no more
    tokens = replace(house.runtime.tokens, clock=clock)
    desk = replace(house.desk, runtime=replace(house.runtime, tokens=tokens, clock=clock))
    listeners = Listeners(Sockets(**bounds))
    return Hall(desk, listeners, bells, now, GraphqlSockets(desk, listeners, bells))


# ---- time ----------------------------------------------------------------------------------------


async def test_a_socket_is_closed_at_the_instant_at_which_its_token_ends(house: House) -> None:
    hall = hall_of(house)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce(house.token())  # 60 seconds, and 30 more for clocks that differ

        assert hall.bells.waiting() == [30.0, 90.0]
        hall.now[0] += timedelta(seconds=89)
        hall.bells.ring(90.0)  # the clock was set back meanwhile: not yet
        assert hall.bells.waiting() == [1.0, 30.0]
        hall.now[0] += timedelta(seconds=1)
        hall.bells.ring(1.0)

        assert await talk.closed() == (4403, "Forbidden")
    assert hall.bells.waiting() == []


async def test_the_end_of_a_token_ends_what_is_under_way(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce(house.token())
        await talk.subscribe("w", WATCH)
        await talk.message()

        hall.now[0] += timedelta(seconds=90)
        hall.bells.ring(90.0)

        assert await talk.closed() == (4403, "Forbidden")
        await talk.task
    assert not any(task.get_name().startswith("operation") for task in asyncio.all_tasks())


def test_an_instant_far_away_is_looked_for_again() -> None:
    bells, called = Bells(), []
    timers = Timers(lambda: NOON, bells)

    timers.at("far", NOON + timedelta(days=30), lambda: called.append("far"))
    bells.ring(LONGEST_SECONDS)

    assert (bells.waiting(), called) == ([LONGEST_SECONDS], [])


async def test_who_never_introduces_itself_is_hung_up_on(house: House) -> None:
    hall = hall_of(house, init_seconds=7)
    async with talking(hall.app) as talk:
        assert (await talk.event())["type"] == "websocket.accept"
        await settled()

        hall.bells.ring(7)

        assert await talk.closed() == (4408, "Connection initialisation timeout")


async def test_a_quiet_client_is_pinged_and_in_the_end_hung_up_on(house: House) -> None:
    hall = hall_of(house, keep_alive_seconds=20, idle_seconds=60)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce()

        for _ in range(2):
            hall.bells.ring(20)
            assert await talk.message() == {"type": "ping"}
            await talk.say({"type": "pong"})
        hall.bells.ring(20)

        assert await talk.closed() == (1000, "Idle")


async def test_who_watches_is_not_idle(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house, keep_alive_seconds=20, idle_seconds=20)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", WATCH)
        await talk.message()

        for _ in range(3):
            hall.bells.ring(20)
            assert await talk.message() == {"type": "ping"}


async def settled() -> None:
    """Lets whatever can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


# ---- bounds --------------------------------------------------------------------------------------


async def test_a_process_has_a_bound(house: House) -> None:
    hall = hall_of(house, connections_max=1)
    async with talking(hall.app) as first, talking(hall.app) as second:
        await first.event()
        await second.event()

        assert await second.closed() == (1013, "too many connections to the gateway")
    async with talking(hall.app) as third:
        await third.event()
        await third.introduce()


async def test_a_caller_has_a_bound_and_takes_nobody_elses_place(house: House) -> None:
    hall = hall_of(house, caller_connections_max=1, guest_connections_max=1)
    mine, other = (house.token(member=member) for member in ("m-1", "m-2"))
    async with talking(hall.app) as first, talking(hall.app) as second, talking(hall.app) as third:
        for talk in (first, second, third):
            await talk.event()
        await first.introduce(mine)
        await second.introduce(other)

        await third.say({"type": "connection_init", "payload": mine})

        assert await third.closed() == (1013, "too many connections of this caller")
    async with talking(hall.app) as fourth, talking(hall.app) as fifth:
        await fourth.event()
        await fifth.event()
        await fourth.introduce()
        await fifth.say({"type": "connection_init"})

        assert await fifth.closed() == (1013, "too many connections of guests")


def test_a_place_that_is_left_is_free() -> None:
    listeners = Listeners(Sockets(caller_connections_max=1))
    caller = principal_of(Role.SHOPPER, member="m-1")
    for _ in range(3):
        with listeners.seated(lambda: None) as seat:
            listeners.claim(seat, NOBODY)
            listeners.claim(seat, caller)
            listeners.claim(seat, caller)
            with listeners.seated(lambda: None) as other, pytest.raises(Full):
                listeners.claim(other, caller)


async def test_operations_of_one_socket_have_a_bound(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(hall_of(house, operations_max=1).app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", WATCH)
        await talk.message()

        await talk.subscribe("1", PROMISE)

        [refused] = (await talk.message())["payload"]
        assert refused["message"] == "1 operations are under way on this connection"


async def test_a_slow_client_is_told_what_it_was_to_hear_and_then_the_last(house: House) -> None:
    await house.stocked("WH-01", 1)
    tail = asyncio.create_task(house.runtime.watch.tail())
    async with talking(house.app, room=1) as slow, talking(house.app) as quick:
        for talk in (slow, quick):
            await talk.event()
            await talk.introduce()
            await talk.subscribe("w", WATCH)
        heard = [await on_hand(quick)]
        for units in range(2, 12):
            await house.stocked("WH-01", units)
            heard.append(await on_hand(quick))
        told = [await on_hand(slow)]
        while told[-1] != 11:
            told.append(await on_hand(slow))

    assert heard == list(range(1, 12))
    assert told[0] == 1
    assert len(told) <= 3  # one in the transport, one that waits for it, and the last
    tail.cancel()


async def on_hand(talk: Talk) -> int:
    return int((await talk.message())["payload"]["data"]["stockChanged"]["onHand"])


# ---- the stop ------------------------------------------------------------------------------------


@dataclass
class Held:
    """A part of a store whose answers wait, from when it is held until it is let go."""

    part: Any
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.let_go.set()

    def hold(self) -> None:
        self.asked.clear()
        self.let_go.clear()

    def __getattr__(self, name: str) -> Any:
        async def waiting(*given: Any, **more: Any) -> Any:
            self.asked.set()
            await self.let_go.wait()
            return await getattr(self.part, name)(*given, **more)

        return waiting


async def test_at_a_stop_subscriptions_end_and_what_else_is_under_way_is_answered(
    house: House,
) -> None:
    await house.stocked("WH-01", 7)
    held = Held(house.runtime.store.house)
    store = replace(house.runtime.store, house=held)
    hall = hall_of(house_of(replace(house.runtime, store=store)))
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce(house.token(Role.OPERATOR))
        await talk.subscribe("w", WATCH)
        assert (await talk.message())["id"] == "w"
        held.hold()
        await talk.subscribe("q", "{ backends { code } }")
        await held.asked.wait()

        stop = asyncio.create_task(hall.listeners.dismiss(5))
        await settled()
        assert not stop.done()
        assert not any(task.get_name() == "operation w" for task in asyncio.all_tasks())
        held.let_go.set()

        assert await talk.message() == {"type": "next", "id": "q", "payload": NONE_CONFIGURED}
        assert await talk.message() == {"type": "complete", "id": "q"}
        assert await talk.closed() == (1001, "Going away")
        await stop


NONE_CONFIGURED: Any = {"data": {"backends": []}}


async def test_a_stop_has_a_bound_and_lets_nobody_in_any_more() -> None:
    listeners = Listeners(Sockets())
    with listeners.seated(lambda: None):
        await listeners.dismiss(0)

    with pytest.raises(Full, match="the gateway is stopping"), listeners.seated(lambda: None):
        pass


async def test_who_is_about_to_stop_is_not_ready(house: House) -> None:
    listeners = Listeners(Sockets())
    app = create_app(house.runtime, house.desk, listeners)
    listeners.stopping = True
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "missing": ["the gateway is stopping"]}


# ---- pages ---------------------------------------------------------------------------------------

APP = ("weapp://*", "https://partner.example", "null")


@pytest.mark.parametrize(
    ("origin", "by_default", "configured"),
    [
        (None, True, True),
        ("http://shop.test", True, True),
        ("https://SHOP.test", True, True),
        ("https://shop.test:444", False, False),
        ("https://evil.test", False, False),
        ("https://shop.test.evil.test", False, False),
        ("https://shop.test@evil.test", False, False),
        ("http://[", False, False),
        ("", False, False),
        ("null", False, True),
        ("weapp://wx0123456789abcdef", False, True),
        ("WEAPP://wx0123456789abcdef", False, True),
        ("weapps://wx0123456789abcdef", False, False),
        ("https://partner.example", False, True),
        ("http://partner.example", False, False),
        ("https://partner.example:8443", False, False),
        ("https://partner.example.evil.test", False, False),
    ],
)
async def test_a_page_of_another_host_is_kept_out_unless_it_is_named(
    house: House, origin: str | None, *, by_default: bool, configured: bool
) -> None:
    for allowed, admitted in (((), by_default), (APP, configured)):
        headers = {} if origin is None else {"origin": origin}
        async with talking(hall_of(house, origins=allowed).app, headers) as talk:
            event = await talk.event()

        assert event["type"] == ("websocket.accept" if admitted else "websocket.close")


def test_no_host_is_the_same_as_no_origin() -> None:
    assert not may_connect("", "", ())


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("https://shop.example", True),
        ("http://[::1]:8000", True),
        ("weapp://*", True),
        ("null", True),
        ("https://*", False),
        ("http://*", False),
        ("*", False),
        ("shop.example", False),
        ("https://shop.example/", False),
        ("https://*.example", False),
    ],
)
def test_what_can_stand_among_allowed_origins(text: str, *, fits: bool) -> None:
    assert is_origin(text) is fits
