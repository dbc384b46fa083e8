"""Answers that one process gives to more than one request: shared while made, kept afterwards.

Only those of public queries, which are the same for everybody of one role. A change that the
process has heard of is in every answer that is given after it. What may be done with an answer
further out stands in ``gateway.caching``; how long it is good, in ``schema.hints``.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.notes import note
from gateway.settings_cache import Cache
from resolvers.access import Principal
from resolvers.ports import ANY
from resolvers.watch import Key, Watch
from schema.operations import Answer, Operation, Policy, readdressed

TOPICS = ("catalog", "rule", "stock")
"""What public answers rest on."""

JOIN_SECONDS = 1.0
"""How long after its beginning others may still wait for an answer: no longer than a stock answer
may be old, and far from its deadline."""

OWN_SECONDS = 1.0
"""How long after a change its caller is answered anew: as long as answers about stock are good,
or can be waited for."""

ENTRY_BYTES, PLACE_BYTES = 700, 500
"""What a kept answer takes beside its text, and what each SKU that it rests on does; measured."""

SHARE_OF_ALL = 4
"""No answer is kept that alone would take more than one part of so many."""


@dataclass(frozen=True, slots=True)
class Ran:
    """An answer, the SKUs whose stock was read for it, and how long it is good, if less long than
    the fields that it is made of.
    """

    answer: Answer
    skus: frozenset[str]
    good_seconds: float | None = None

    def kept_by(self, policy: Policy) -> Policy:
        """What may be done with it by the policy of its fields."""
        return policy if self.good_seconds is None else policy.at_most(self.good_seconds)


Run = Callable[[], Awaitable[Ran]]


class Told:
    """What is counted."""

    def __init__(self, registry: CollectorRegistry, held: Callable[[], int]) -> None:
        self.shared = Counter(
            "gateway_answers_shared",
            "Queries that were answered by an answer that another request had asked for.",
            registry=registry,
        )
        self.asked = Counter(
            "gateway_cache_asked",
            "Public queries by result: hit (the answer was kept) or miss.",
            ["result"],
            registry=registry,
        )
        self.dropped = Counter(
            "gateway_cache_dropped",
            "Kept answers that were dropped, by reason: changed, age, or room.",
            ["reason"],
            registry=registry,
        )
        Gauge(
            "gateway_cache_bytes", "Memory that kept answers take.", registry=registry
        ).set_function(held)


@dataclass(slots=True, eq=False)
class _Flight:
    """One query under way; ``changed`` is what was heard meanwhile, None: whatever there is."""

    key: bytes
    policy: Policy
    began: float
    request_id: str
    waiting: int = 0
    changed: list[set[Key]] | None = field(default_factory=list)
    task: asyncio.Task[Answer] | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer's data as JSON, until when it is good, and what makes it out of date."""

    data: bytes
    policy: Policy
    until: float
    places: frozenset[Key]

    @property
    def size(self) -> int:
        return len(self.data) + ENTRY_BYTES + PLACE_BYTES * len(self.places)


class Answers:
    """The public answers of one process. Times are seconds of ``clock``, which never goes back."""

    def __init__(
        self,
        watch: Watch,
        settings: Cache,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heard = watch.following(*TOPICS)
        self._settings = settings
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}
        self._under_way: set[_Flight] = set()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._at: dict[Key, set[bytes]] = {}
        self._writers: OrderedDict[str, float] = OrderedDict()
        self._told = Told(registry, lambda: self.held_bytes)
        self.held_bytes = 0

    async def answer(
        self,
        operation: Operation,
        policy: Policy,
        caller: Principal,
        *,
        request_id: str,
        seconds: float,
        run: Run,
    ) -> Answer:
        """The answer to a query; ``run`` makes it, within ``seconds``, unless it is there.

        Whoever stops waiting leaves the others theirs.

        Raises:
            TimeoutError: it took too long. And whatever ``run`` raises, to all who wait.
        """
        settings = self._settings
        # what rests on nothing never waits: nobody can come while it is made
        wanted = settings.answers_max_bytes or (settings.share_reads and policy.topics)
        shared = policy.public and wanted and not self._has_just_written(caller, policy)
        key = key_of(operation, caller) if shared else None
        if key is None:
            ran = await run()
            return replace(ran.answer, policy=ran.kept_by(policy))
        self._hear()
        if settings.answers_max_bytes:
            found = self._found(key)
            self._told.asked.labels("miss" if found is None else "hit").inc()
            if found is not None:
                return found
        if not policy.topics:
            return await self._fly(self._new(key, policy, request_id), seconds, run)
        flight = self._flights.get(key)
        if flight is not None and self._clock() - flight.began < JOIN_SECONDS:
            return self._shared(await _landed(flight, self._close), flight.request_id, request_id)
        flight = self._new(key, policy, request_id)
        flight.task = asyncio.create_task(self._fly(flight, seconds, run))
        if settings.share_reads:
            self._flights[key] = flight
        return await _landed(flight, self._close)

    def wrote(self, caller: Principal) -> None:
        """Notes that a caller has changed something, maybe: it sees that in its next answer."""
        now = self._clock()
        self._writers[caller.subject] = now
        self._writers.move_to_end(caller.subject)
        while next(iter(self._writers.values())) <= now - OWN_SECONDS:
            self._writers.popitem(last=False)

    def _has_just_written(self, caller: Principal, policy: Policy) -> bool:
        at = self._writers.get(caller.subject)
        recent = at is not None and self._clock() - at < OWN_SECONDS
        return recent and "stock" in policy.topics

    # ---- under way ---------------------------------------------------------------------------

    def _new(self, key: bytes, policy: Policy, request_id: str) -> _Flight:
        flight = _Flight(key, policy, self._clock(), request_id)
        self._under_way.add(flight)
        return flight

    async def _fly(self, flight: _Flight, seconds: float, run: Run) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                ran = await run()
            flight.policy = ran.kept_by(flight.policy)
            answer = replace(ran.answer, policy=flight.policy)
            if answer.refused or answer.body.keys() != {"data"}:
                return answer
            data = orjson.dumps(answer.body["data"])  # once for all who wait
            if self._settings.answers_max_bytes:
                self._hear()
                self._keep(flight, data, ran.skus)
            return replace(answer, body=_body(data))
        finally:
            self._under_way.discard(flight)
            self._close(flight)

    def _shared(self, answer: Answer, of: str, request_id: str) -> Answer:
        """An answer as another request is given it: what it quotes is its own."""
        self._told.shared.inc()
        if not answer.codes:
            return answer
        note(answer_of=of)  # there the log has the whole
        return readdressed(answer, request_id)

    def _close(self, flight: _Flight) -> None:
        """Lets nobody else wait for it."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    # ---- kept --------------------------------------------------------------------------------

    def _found(self, key: bytes) -> Answer | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        left = kept.until - self._clock()
        if left <= 0:
            self._drop(key, "age")
            return None
        self._kept.move_to_end(key)
        policy = replace(kept.policy, seconds=int(left))
        return Answer(_body(kept.data), refused=False, codes=(), policy=policy)

    def _keep(self, flight: _Flight, data: bytes, skus: frozenset[str]) -> None:
        """Keeps an answer, unless it is long or what it rests on has changed while it was made."""
        most, policy = self._settings.answers_max_bytes, flight.policy
        until = flight.began + policy.seconds
        exact = bytes(memoryview(data))  # what orjson made takes up 4 KiB at least
        kept = _Kept(exact, policy, until, _places(policy, skus))
        if kept.size > most // SHARE_OF_ALL or until <= self._clock() or _touched(flight, kept):
            return
        if flight.key in self._kept:
            self._drop(flight.key, "age")
        self._kept[flight.key] = kept
        self.held_bytes += kept.size
        for place in kept.places:
            self._at.setdefault(place, set()).add(flight.key)
        while self.held_bytes > most:
            self._drop(next(iter(self._kept)), "room")

    def _drop(self, key: bytes, reason: str) -> None:
        kept = self._kept.pop(key)
        self.held_bytes -= kept.size
        for place in kept.places:
            self._at[place].discard(key)
            if not self._at[place]:
                del self._at[place]
        self._told.dropped.labels(reason).inc()

    # ---- what has changed --------------------------------------------------------------------

    def _hear(self) -> None:
        """Drops whatever has changed since this was called last."""
        changed = self._heard.taken()
        if changed is None:
            for key in list(self._kept):
                self._drop(key, "changed")
            self._flights.clear()
            for flight in self._under_way:
                flight.changed = None
            return
        for topic, of in changed:
            for place in ((topic, of), (topic, ANY)):
                for key in list(self._at.get(place, ())):
                    self._drop(key, "changed")
        topics = {topic for topic, _ in changed}
        for flight in self._under_way if changed else ():
            if flight.changed is not None:
                flight.changed.append(changed)
            if topics & flight.policy.topics:
                self._close(flight)


async def _landed(flight: _Flight, close: Callable[[_Flight], None]) -> Answer:
    """Waits for an answer; it is not made any more when nobody waits."""
    assert flight.task is not None, "it has begun"
    flight.waiting += 1
    try:
        return await asyncio.shield(flight.task)
    finally:
        flight.waiting -= 1
        if flight.waiting == 0 and not flight.task.done():
            close(flight)
            flight.task.cancel()
            await asyncio.wait([flight.task])  # until then it is under way


def _body(data: bytes) -> dict[str, object]:
    return {"data": orjson.Fragment(data)}


def _places(policy: Policy, skus: frozenset[str]) -> frozenset[Key]:
    """What events may be about that make an answer out of date."""
    by_sku = {"stock"} if not policy.every_sku else set()
    whole = ((topic, ANY) for topic in policy.topics - by_sku)
    stock = (("stock", sku) for sku in skus if "stock" in policy.topics)
    return frozenset((*whole, *stock))


def _touched(flight: _Flight, kept: _Kept) -> bool:
    """Says whether what an answer rests on may have changed while it was made."""
    if flight.changed is None:
        return True
    heard = (at for changed in flight.changed for at in changed)
    return any(at in kept.places or (at[0], ANY) in kept.places for at in heard)


def key_of(operation: Operation, caller: Principal) -> bytes | None:
    """The same for what is answered the same: the question, and who may see what. None for
    variables that are nested so deeply that they cannot be written again: they are refused.
    """
    asked = (
        operation.document,
        operation.name,
        operation.variables or {},
        caller.role,
        None if caller.narrowed_to is None else sorted(caller.narrowed_to),
        sorted(caller.locations),
        sorted(caller.channels),
    )
    try:
        written = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return blake2b(written, digest_size=32).digest()
