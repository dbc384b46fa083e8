"""What subscriptions are told of one event: made once for all that ask the same with equal rights.

Each follows its events by itself, in its own order and at its client's pace; what is shared is the
answer to one event, while it is new. Whether a subscription tells everybody the same is for its
fields to say (``schema.hints``).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson

from gateway.answers import JOIN_SECONDS
from schema.operations import Answer, Make

EVENTS_MAX = 1_000
"""Most answers that are held; with more, the eldest is made again for who comes late."""

_PLAIN = {"data", "extensions"}

_At = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of an event, None: nothing that others may be told. The event is held, so that
    its place is nobody else's meanwhile.
    """

    event: object
    began: float
    answer: asyncio.Future[Answer | None]


class States:
    """Of one process. Times are seconds of ``clock``, which never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[_At, _Told] = OrderedDict()

    def __len__(self) -> int:
        return len(self._told)

    async def answer(self, key: bytes, event: object, make: Make) -> Answer:
        """What is told of an event to those of a key: who is first makes it for the others.

        An answer with an error is for its own subscription only, and whoever is first may stop: the
        others make theirs.
        """
        self._forget()
        at = (key, id(event))
        told = self._told.get(at)
        if told is not None:
            given = told.answer
            answer = given.result() if given.done() else await asyncio.shield(given)
            return await make() if answer is None else answer
        given = asyncio.get_running_loop().create_future()
        self._told[at] = _Told(event, self._clock(), given)
        shared: Answer | None = None
        try:
            made = await make()
            if not made.refused and not made.codes and made.body.keys() <= _PLAIN:
                shared = _sealed(made)
            return shared or made
        finally:
            given.set_result(shared)

    def _forget(self) -> None:
        """Lets go of what is old, or too much."""
        until = self._clock() - JOIN_SECONDS
        while self._told:
            eldest = next(iter(self._told.values()))
            if eldest.began > until and len(self._told) < EVENTS_MAX:
                return
            self._told.popitem(last=False)


def _sealed(answer: Answer) -> Answer:
    """The same with its data as JSON, written once for all."""
    data = orjson.Fragment(orjson.dumps(answer.body["data"]))
    return replace(answer, body={**answer.body, "data": data})
