"""What one request reads by key, each batch in one store read: a field asks for one thing, the
store is asked for many. Made anew for every request, inside its coroutine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader

from resolvers.backend_ports import Backend
from resolvers.batching import Batched
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.members import Member
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Stream
from resolvers.domain.values import LINES_MAX
from resolvers.loyalty import Found, Person, balances_of
from resolvers.ports import Clock, Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

NO_BACKENDS: Mapping[str, Backend] = MappingProxyType({})
QUIET_TURNS, GATHERED_TURNS_MAX = 5, 500
"""After how many turns of the loop without a new key a read that leaves the house begins, and after
how many it does whatever comes."""


@dataclass(slots=True)
class _Round(Generic[K, V]):
    keys: dict[K, None]
    answer: asyncio.Task[Mapping[K, V]] | None = None


class Gathered(Generic[K, V]):
    """A loader for reads that leave the house. Each is somebody's call, so that it waits while more
    is being asked for: fields of one page may come a few turns of the loop apart.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._rounds: dict[K, _Round[K, V]] = {}
        self._open: _Round[K, V] | None = None

    async def load_many(self, keys: Sequence[K]) -> list[V]:
        """What was read by each key, once for the request."""
        for key in keys:
            if key in self._rounds:
                continue
            if self._open is None:
                self._open = _Round({})
                self._open.answer = asyncio.ensure_future(self._gather(self._open))
            self._open.keys[key] = None
            self._rounds[key] = self._open
        found = []
        for key in keys:
            answer = self._rounds[key].answer
            assert answer is not None, "its round has begun"
            found.append((await asyncio.shield(answer))[key])
        return found

    async def _gather(self, this: _Round[K, V]) -> Mapping[K, V]:
        known, quiet = 0, 0
        for _ in range(GATHERED_TURNS_MAX):
            quiet = quiet + 1 if len(this.keys) == known else 0
            known = len(this.keys)
            if quiet == QUIET_TURNS:
                break
            await asyncio.sleep(0)
        self._open = None
        return await self._read(list(this.keys))


class Loaders:
    """The loaders of one request, each made when it is first asked for: most requests need one or
    none, and to make all took 40 us. ``backends`` are those that are asked while it is answered.
    """

    def __init__(
        self, store: Store, clock: Clock, backends: Mapping[str, Backend] = NO_BACKENDS
    ) -> None:
        self.skus_read: set[str] = set()
        """SKUs whose stock was read: what was answered rests on them."""
        self.good_seconds: float | None = None
        """How long what was answered is good at most, if backends may be asked for it anew."""
        self._store = store
        self._clock = clock
        self._backends = backends
        self._gathered: dict[str, Gathered[Any, Any]] = {}
        self._together: dict[Hashable, DataLoader[Any, Any]] = {}
        self._live_until: float | None = None
        self._feeds: asyncio.Task[Mapping[FeedKey, Feed]] | None = None
        self._rules: asyncio.Future[RuleBook] | None = None

    @cached_property
    def products_by_handle(self) -> DataLoader[str, Product | None]:
        """Products by their handles."""
        return _by_key(self._store.catalog.products)

    @cached_property
    def variants_by_sku(self) -> DataLoader[str, Variant | None]:
        """Variants by their SKUs."""
        return _by_key(self._store.catalog.variants)

    @cached_property
    def streams_by_sku(self) -> DataLoader[str, Stream | None]:
        """The stock of SKUs."""
        return _by_key(self._read_streams)

    @cached_property
    def orders_by_id(self) -> DataLoader[str, Order | None]:
        """Orders by their ids."""
        return _by_key(self._store.stock.orders)

    @cached_property
    def writes_by_order(self) -> DataLoader[str, Sequence[Write] | None]:
        """What backends are told of orders."""
        return _by_key(self._store.outbox.writes_of)

    @cached_property
    def members_by_id(self) -> DataLoader[str, Member | None]:
        """Members by their ids."""
        return _by_key(self._store.members.members)

    @cached_property
    def balances(self) -> DataLoader[Person, Found]:
        """What people have in systems that keep points."""
        return balances_of(self._backends)

    @cached_property
    def folded_at_by_sku(self) -> DataLoader[str, datetime | None]:
        """When the old entries of SKUs were folded."""
        return _by_key(self._store.stock.folded_at)

    def gathered(
        self, name: str, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]
    ) -> Gathered[K, V]:
        """The request's loader of a name, made by whoever asks for it first."""
        if name not in self._gathered:
            self._gathered[name] = Gathered(read)
        return self._gathered[name]

    def together(
        self, name: Hashable, read: Callable[[list[K]], Coroutine[Any, Any, list[V]]]
    ) -> DataLoader[K, V]:
        """The request's loader of a name, made by whoever asks for it first. It reads together what
        is asked for at a time, and keeps nothing: who asks again later is told what is so then.
        """
        if name not in self._together:
            self._together[name] = Batched(read, most=LINES_MAX, cache=False)
        return self._together[name]

    def live_until(self, seconds: float) -> float:
        """Until when the request waits for backends, by its loop's time: so many seconds after it
        first asked.
        """
        if self._live_until is None:
            self._live_until = asyncio.get_running_loop().time() + seconds
        return self._live_until

    def good_for(self, seconds: float) -> None:
        """Notes that something of the answer is good for so long and no longer."""
        self.good_seconds = min(seconds, self.good_seconds or seconds)

    async def feeds(self) -> Mapping[FeedKey, Feed]:
        """Every feed, read once for the request."""
        if self._feeds is None:
            self._feeds = asyncio.ensure_future(self._read_feeds())
        return await asyncio.shield(self._feeds)

    async def rules(self) -> RuleBook:
        """The rules that are set, read once for the request."""
        if self._rules is None:
            self._rules = asyncio.ensure_future(self._store.stock.rules())
        return await asyncio.shield(self._rules)

    async def variants_at_once(self, skus: Sequence[str]) -> list[Variant | None]:
        """Variants by their SKUs, for a mutation, beside which nothing of the request asks: that
        takes 31 us where the loader, which waits for others, takes 66. Who asks later has them.
        """
        found = await self._store.catalog.variants(skus)
        for sku in skus:
            self.variants_by_sku.prime(sku, found.get(sku))
        return [found.get(sku) for sku in skus]

    async def rules_at_once(self) -> RuleBook:
        """The rules, for a mutation, as above; who asks later has them."""
        if self._rules is None:
            book = await self._store.stock.rules()
            self._rules = asyncio.get_running_loop().create_future()
            self._rules.set_result(book)
        return await self.rules()

    async def _read_streams(self, skus: Sequence[str]) -> Mapping[str, Stream]:
        self.skus_read.update(skus)
        return await self._store.stock.streams(skus, self._clock())

    async def _read_feeds(self) -> Mapping[FeedKey, Feed]:
        return {feed.key: feed for feed in await self._store.house.feeds()}


def _by_key(
    read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
) -> DataLoader[K, V | None]:
    async def batch(keys: list[K]) -> list[V | None]:
        found = await read(keys)
        return [found.get(key) for key in keys]

    return Batched(batch)
