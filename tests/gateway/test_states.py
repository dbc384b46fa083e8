"""What subscriptions are told of one event is made once for those who ask the same, and only for
them (G5): what went wrong for one is told to no other, and who stops leaves the others theirs.
"""

import asyncio
from dataclasses import dataclass, field

import orjson
import pytest

from gateway.answers import JOIN_SECONDS
from gateway.states import EVENTS_MAX, States
from schema.operations import Answer

KEY, OTHER_KEY = b"key", b"other"


@dataclass(eq=True)
class Event:
    """One that is equal to others of its number, and no other all the same."""

    number: int = 1
    __hash__ = None  # type: ignore[assignment]  # events need not have one


@dataclass
class Maker:
    """Makes an answer that says which making it is of; the first waits for ``go``, if there is
    one; those in ``wrong`` answer with an error, or raise one.
    """

    go: asyncio.Event | None = None
    wrong: dict[int, str | Exception] = field(default_factory=dict)
    made: int = 0

    async def __call__(self) -> Answer:
        self.made += 1
        number = self.made
        if self.go is not None and number == 1:
            await self.go.wait()
        wrong = self.wrong.get(number)
        if isinstance(wrong, Exception):
            raise wrong
        if wrong is not None:
            body = {"data": None, "errors": [{"message": f"{wrong} {number}"}]}
            return Answer(body, refused=False, codes=(wrong,))
        return Answer({"data": {"making": number}}, refused=False, codes=())


def said(answer: Answer) -> object:
    """What a client reads of it."""
    return orjson.loads(orjson.dumps(answer.body))


async def turned() -> None:
    """Lets all that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_answer_is_made_for_all_who_ask_the_same_of_an_event() -> None:
    states, event, maker = States(), Event(), Maker(go=asyncio.Event())
    asked = [asyncio.create_task(states.answer(KEY, event, maker)) for _ in range(3)]
    await turned()
    assert maker.made == 1
    assert maker.go is not None
    maker.go.set()

    answers = await asyncio.gather(*asked)
    late = await states.answer(KEY, event, maker)

    assert maker.made == 1
    assert answers[0] is answers[1] is answers[2] is late
    assert said(late) == {"data": {"making": 1}}


@pytest.mark.parametrize("key", [OTHER_KEY, KEY])
async def test_another_question_or_another_event_has_an_answer_of_its_own(key: bytes) -> None:
    """Events are told apart by themselves, however equal they look."""
    states, event, maker = States(), Event(), Maker()
    first = await states.answer(KEY, event, maker)
    its = event if key is OTHER_KEY else Event()

    second = await states.answer(key, its, maker)

    assert (said(first), said(second)) == ({"data": {"making": 1}}, {"data": {"making": 2}})


async def test_an_error_is_told_to_nobody_else() -> None:
    states, event = States(), Event()
    maker = Maker(go=asyncio.Event(), wrong={1: "UNAVAILABLE", 3: "UNAVAILABLE"})
    asked = [asyncio.create_task(states.answer(KEY, event, maker)) for _ in range(3)]
    await turned()
    assert maker.go is not None
    maker.go.set()

    answers = await asyncio.gather(*asked)

    assert [answer.codes for answer in answers] == [("UNAVAILABLE",), (), ("UNAVAILABLE",)]
    assert said(answers[0]) == {"data": None, "errors": [{"message": "UNAVAILABLE 1"}]}
    assert said(answers[1]) == {"data": {"making": 2}}
    assert said(answers[2]) == {"data": None, "errors": [{"message": "UNAVAILABLE 3"}]}


async def test_a_bug_is_raised_to_whom_it_happened() -> None:
    states, event = States(), Event()
    maker = Maker(go=asyncio.Event(), wrong={1: RuntimeError("bug")})
    first = asyncio.create_task(states.answer(KEY, event, maker))
    second = asyncio.create_task(states.answer(KEY, event, maker))
    await turned()
    assert maker.go is not None
    maker.go.set()

    with pytest.raises(RuntimeError, match="bug"):
        await first
    assert said(await second) == {"data": {"making": 2}}


@pytest.mark.parametrize("who", [0, 1])
async def test_who_stops_leaves_the_others_theirs(who: int) -> None:
    """Also who is just making it for them."""
    states, event, maker = States(), Event(), Maker(go=asyncio.Event())
    asked = [asyncio.create_task(states.answer(KEY, event, maker)) for _ in range(3)]
    await turned()

    asked[who].cancel()
    await turned()
    assert maker.go is not None
    maker.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(answers.pop(who), asyncio.CancelledError)
    told = [said(answer) for answer in answers if isinstance(answer, Answer)]
    assert told == [{"data": {"making": 2 if who == 0 else 1}}, {"data": {"making": 3 - 2 * who}}]


async def test_an_answer_is_shared_while_it_is_new() -> None:
    now = [0.0]
    states, event, maker = States(lambda: now[0]), Event(), Maker()
    await states.answer(KEY, event, maker)

    now[0] = JOIN_SECONDS - 0.001
    in_time = await states.answer(KEY, event, maker)
    now[0] = JOIN_SECONDS
    late = await states.answer(KEY, event, maker)

    assert (said(in_time), said(late)) == ({"data": {"making": 1}}, {"data": {"making": 2}})
    assert len(states) == 1


async def test_no_more_is_held_than_is_allowed() -> None:
    states, maker = States(lambda: 0.0), Maker()
    events = [Event(number) for number in range(EVENTS_MAX + 5)]
    for event in events:
        await states.answer(KEY, event, maker)

    newest = await states.answer(KEY, events[-1], maker)

    assert len(states) <= EVENTS_MAX
    assert said(newest) == {"data": {"making": len(events)}}


async def test_warnings_are_told_to_all() -> None:
    states, event = States(), Event()
    warned = {"data": {"a": 1}, "extensions": {"warnings": [{"code": "STALE"}]}}

    async def make() -> Answer:
        return Answer(warned, refused=False, codes=())

    answers = [await states.answer(KEY, event, make) for _ in range(2)]

    assert [said(answer) for answer in answers] == [warned, warned]
