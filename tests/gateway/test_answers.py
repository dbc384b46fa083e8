"""Answers that are given twice: shared while they are made, kept until something has changed."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from connectors.stores.memory.engine import open_memory
from gateway.answers import ENTRY_BYTES, JOIN_SECONDS, OWN_SECONDS, PLACE_BYTES, Answers, Ran
from gateway.settings_cache import Cache
from gateway.wire import encoded
from resolvers.access import NOBODY, Principal, Role
from resolvers.ports import ANY
from resolvers.watch import Key, Watch
from schema.hints import CATALOGUE, EVERY_STOCK, PRIVATE, STOCK, Policy
from schema.operations import Answer, Operation
from tests.support import nested

ASKED = Operation("{ channels { code } }")
ROOM = 100_000


@dataclass
class Played:
    """Answers with a clock and a store that a test moves; ``ran`` counts what was made anew."""

    cache: Cache
    now: float = 0.0
    ran: int = 0
    skus: Sequence[str] = ("A",)
    fails: list[dict[str, Any]] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    canceled: int = 0
    bug: Exception | None = None

    def __post_init__(self) -> None:
        self.watch = Watch(open_memory().house)
        self.answers = Answers(self.watch, self.cache, self.registry, lambda: self.now)
        self.go.set()

    async def run(self) -> Ran:
        self.ran += 1
        number = self.ran
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        if self.bug is not None:
            raise self.bug
        body: dict[str, Any] = {"data": {"number": number}}
        if self.fails:
            body["errors"] = self.fails
        codes = tuple(error["extensions"]["code"] for error in self.fails)
        return Ran(Answer(body, refused=False, codes=codes), frozenset(self.skus))

    async def ask(
        self,
        policy: Policy = CATALOGUE,
        caller: Principal = NOBODY,
        operation: Operation = ASKED,
        request_id: str = "r",
        seconds: float = 3600.0,
    ) -> Answer:
        return await self.answers.answer(
            operation, policy, caller, request_id=request_id, seconds=seconds, run=self.run
        )

    async def number(self, policy: Policy = CATALOGUE, **more: Any) -> int:
        """Which of the answers that were made is given."""
        return int(json.loads(encoded((await self.ask(policy, **more)).body))["data"]["number"])

    def change(self, *keys: Key) -> None:
        """What the tail of the store's events has told."""
        for key in keys:
            self.watch._wake(key)  # noqa: SLF001  # as the tail does

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


async def waiting(count: int) -> None:
    """Lets what was begun go on as far as it can."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def shared() -> Played:
    return Played(Cache())


@pytest.fixture
def kept() -> Played:
    return Played(Cache(answers_max_bytes=ROOM))


# ---- shared ------------------------------------------------------------------------------------


async def begun(played: Played, **asked: Any) -> asyncio.Task[int]:
    """Somebody who asks, and waits."""
    task = asyncio.ensure_future(played.number(**asked))
    await waiting(5)
    return task


async def test_who_asks_the_same_at_the_same_time_waits_for_one_answer(shared: Played) -> None:
    shared.go.clear()
    asking = [await begun(shared) for _ in range(16)]
    shared.go.set()

    assert await asyncio.gather(*asking) == [1] * 16
    assert shared.counted("gateway_answers_shared_total") == 15
    assert await shared.number() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"operation": Operation("{ channels { name } }")},
        {"operation": replace(ASKED, name="A")},
        {"operation": replace(ASKED, variables={"a": 1})},
        {"caller": Principal(Role.SHOPPER, "mia")},
        {"caller": Principal(Role.GUEST, "shop", channels=("store",))},
    ],
)
async def test_who_asks_another_thing_or_may_see_another_is_answered_apart(
    shared: Played, other: dict[str, Any]
) -> None:
    shared.go.clear()
    asking = [await begun(shared), await begun(shared, **other)]
    shared.go.set()

    assert await asyncio.gather(*asking) == [1, 2]


async def test_the_order_of_variables_means_nothing(shared: Played) -> None:
    shared.go.clear()
    asking = [
        await begun(shared, operation=replace(ASKED, variables=variables))
        for variables in ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    ]
    shared.go.set()

    assert await asyncio.gather(*asking) == [1, 1]


async def test_variables_too_deep_to_be_written_again_are_left_to_their_own_run(
    kept: Played,
) -> None:
    deep = replace(ASKED, variables={"a": nested(300)})

    assert [await kept.number(operation=deep), await kept.number(operation=deep)] == [1, 2]


async def test_what_is_private_is_never_shared_nor_kept(kept: Played) -> None:
    kept.go.clear()
    asking = [await begun(kept, policy=PRIVATE) for _ in range(2)]
    kept.go.set()

    assert await asyncio.gather(*asking) == [1, 2]
    assert await kept.number(PRIVATE) == 3


async def test_who_leaves_leaves_the_others_theirs(shared: Played) -> None:
    shared.go.clear()
    first, second = await begun(shared), await begun(shared)
    first.cancel()
    await waiting(5)
    shared.go.set()

    assert await second == 1
    assert (first.cancelled(), shared.canceled) == (True, 0)


async def test_what_nobody_waits_for_is_not_made(shared: Played) -> None:
    shared.go.clear()
    asking = [await begun(shared), await begun(shared)]
    for task in asking:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(asking)
    again = await begun(shared)
    shared.go.set()

    assert (shared.canceled, await again) == (1, 2)


async def test_who_comes_late_waits_for_an_answer_of_its_own(shared: Played) -> None:
    shared.go.clear()
    first = await begun(shared)
    shared.now = JOIN_SECONDS
    second, third = await begun(shared), await begun(shared)
    shared.go.set()

    assert [await first, await second, await third] == [1, 2, 2]


async def test_a_failure_reaches_all_who_wait(shared: Played) -> None:
    shared.go.clear()
    asking = [await begun(shared) for _ in range(2)]
    shared.bug = RuntimeError("a bug")
    shared.go.set()

    told = await asyncio.gather(*asking, return_exceptions=True)
    shared.bug = None

    assert [str(error) for error in told] == ["a bug", "a bug"]
    assert await shared.number() == 2


async def test_a_deadline_ends_it_for_all_who_wait(shared: Played) -> None:
    shared.go.clear()
    asking = [asyncio.ensure_future(shared.ask(seconds=at)) for at in (0.01, 3600.0)]

    told = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(error) for error in told] == [TimeoutError, TimeoutError]
    assert (shared.ran, shared.canceled) == (1, 1)


async def test_each_is_told_its_own_request_in_errors(shared: Played) -> None:
    quote = "something went wrong in here; quote request {}"
    extensions = {"code": "INTERNAL", "retryable": False, "requestId": "one"}
    shared.fails = [{"message": quote.format("one"), "path": ["x"], "extensions": extensions}]
    shared.go.clear()
    asking = [asyncio.ensure_future(shared.ask(request_id=at)) for at in ("one", "two")]
    await waiting(5)
    shared.go.set()

    for answer, request_id in zip(await asyncio.gather(*asking), ("one", "two"), strict=True):
        assert answer.body["errors"] == [
            {
                "message": quote.format(request_id),
                "path": ["x"],
                "extensions": {**extensions, "requestId": request_id},
            }
        ]
    assert shared.ran == 1


async def test_nobody_waits_for_what_was_begun_before_a_change(shared: Played) -> None:
    shared.change(("catalog", ANY))
    shared.go.clear()
    asking = [await begun(shared)]
    shared.change(("stock", "A"))
    asking.append(await begun(shared))
    shared.change(("catalog", "a-product"))
    asking.append(await begun(shared))
    shared.change(("catalog", ANY))
    asking.append(await begun(shared))
    shared.go.set()

    assert await asyncio.gather(*asking) == [1, 1, 2, 3]


async def test_sharing_can_be_switched_off() -> None:
    alone = Played(Cache(share_reads=False))
    alone.go.clear()
    asking = [await begun(alone) for _ in range(2)]
    alone.go.set()

    assert await asyncio.gather(*asking) == [1, 2]


# ---- kept --------------------------------------------------------------------------------------


async def test_an_answer_is_kept_for_as_long_as_it_is_good(kept: Played) -> None:
    given = []
    for kept.now in (0.0, 0.5, 59.5, 60.0):
        answer = await kept.ask()
        given.append((json.loads(encoded(answer.body))["data"]["number"], answer.policy.seconds))

    assert given == [(1, 60), (1, 59), (1, 0), (2, 60)]
    assert kept.counted("gateway_cache_asked_total", result="hit") == 2
    assert kept.counted("gateway_cache_asked_total", result="miss") == 2
    assert kept.counted("gateway_cache_dropped_total", reason="age") == 1


@pytest.mark.parametrize(
    ("policy", "changed", "number"),
    [
        (STOCK, ("stock", "A"), 2),
        (STOCK, ("stock", "B"), 1),
        (STOCK, ("stock", ANY), 2),
        (STOCK, ("rule", "floor"), 2),
        (STOCK, ("catalog", "a-product"), 2),
        (EVERY_STOCK, ("stock", "B"), 2),
        (CATALOGUE, ("catalog", "a-product"), 2),
        (CATALOGUE, ("stock", "A"), 1),
        (STOCK, ("order", "1"), 1),
    ],
)
async def test_an_answer_is_dropped_when_what_it_rests_on_has_changed(
    kept: Played, policy: Policy, changed: Key, number: int
) -> None:
    first = await kept.number(policy)
    kept.change(changed)

    assert (first, await kept.number(policy)) == (1, number)


@pytest.mark.parametrize(("changed", "number"), [("A", 2), ("B", 1), (ANY, 2)])
async def test_what_changed_while_it_was_made_is_not_kept(
    kept: Played, changed: str, number: int
) -> None:
    await kept.number(STOCK)
    kept.now = 5.0
    kept.ran = 0
    kept.go.clear()
    first = await begun(kept, policy=STOCK)
    kept.change(("stock", changed))
    kept.go.set()

    assert (await first, await kept.number(STOCK)) == (1, number)


async def test_an_answer_with_an_error_is_not_kept(kept: Played) -> None:
    extensions = {"code": "NOT_FOUND", "retryable": False, "requestId": "r"}
    kept.fails = [{"message": "none", "path": ["x"], "extensions": extensions}]
    await kept.ask()

    assert (await kept.number(), kept.answers.held_bytes) == (2, 0)


async def test_memory_is_bounded_and_what_was_not_asked_for_goes_first() -> None:
    room = 4 * (ENTRY_BYTES + PLACE_BYTES + 100)
    few = Played(Cache(answers_max_bytes=room))
    documents = [Operation(f"{{ channels {{ n{at}: code }} }}") for at in range(5)]
    for at in (0, 1, 2, 3, 0, 4):
        await few.ask(operation=documents[at])

    ran = few.ran
    assert await few.number(operation=documents[0]) == 1
    assert await few.number(operation=documents[1]) == ran + 1
    assert few.counted("gateway_cache_dropped_total", reason="room") == 2
    assert 0 < few.counted("gateway_cache_bytes") <= room


async def test_an_answer_too_long_for_its_share_is_not_kept() -> None:
    small = Played(Cache(answers_max_bytes=4 * ENTRY_BYTES))

    assert [await small.number(), await small.number()] == [1, 2]


async def test_who_has_changed_something_sees_it_in_its_next_answer(kept: Played) -> None:
    mia, ann = Principal(Role.SHOPPER, "mia"), Principal(Role.SHOPPER, "ann")
    await kept.number(STOCK, caller=mia)
    kept.answers.wrote(mia)

    assert await kept.number(STOCK, caller=mia) == 2
    assert await kept.number(STOCK, caller=ann) == 1
    kept.now = OWN_SECONDS
    assert await kept.number(STOCK, caller=mia) == 3  # the kept one is over, too
