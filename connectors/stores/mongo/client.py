"""A database of MongoDB, and its sessions: plain ones, those that see one moment, and transactions,
which are done again when another process was faster.

No question of the trade is asked here.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from connectors.stores.mongo.driver import (
    AFTER,
    CODEC,
    DURABLE,
    EXISTS,
    LOCAL,
    PASSING,
    PRIMARY,
    SNAPSHOT,
    ClientSession,
    DriverError,
    Login,
    bytes_of,
    cause_of,
    code_of,
    connect,
    passes,
    read_again,
    told_of,
    unanswered,
    unknown,
)
from connectors.stores.mongo.session import DUPLICATE, Document, Moved, Query, Session, WriteRefused
from resolvers.domain.errors import Contended

T = TypeVar("T")

WAIT_SECONDS = 10.0
"""How long a transaction is tried again while others are faster, or the cluster has no primary."""

_PAUSE_SECONDS, _PAUSE_MOST = 0.002, 0.1
_CLOSE_SECONDS = 5.0  # for readings that nobody waits for any more
_TRIES = 3  # of a reading, and of one document that two make at once
_USERINFO = re.compile(r"(?<=//)[^@/]*@")


class Database:
    """One database of a replica set or a sharded cluster."""

    def __init__(
        self,
        url: str,
        name: str,
        prepare: Callable[["Database"], Awaitable[None]],
        *,
        login: Login | None = None,
        wait_seconds: float = WAIT_SECONDS,
        timer: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Connects when it is first asked something; ``prepare`` comes before everything else.
        ``login`` is a user and its password.

        Raises:
            StoreUnusable: the address cannot be one.
        """
        self.shown = f"{_USERINFO.sub('', url).partition('?')[0].rstrip('/')} ({name})"
        self._prepare = prepare
        self._prepared = False
        self.began: object = None
        self._preparing = asyncio.Lock()
        self._left: set[asyncio.Future[Any]] = set()
        self._wait_seconds = wait_seconds
        self._timer = timer
        self._rest = rest
        self._client, self._database = connect(url, name, self.shown, login)

    async def ready(self) -> None:
        """Sees to it, once, that the database is ours and has its indexes.

        Raises:
            StoreUnusable: with what is wrong and what to do.
        """
        if self._prepared:
            return
        async with self._preparing:
            if not self._prepared:
                await self._prepare(self)
                self.began = (await self.hello())["operationTime"]
                self._prepared = True

    async def plain(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Asks one question; what several answer may be of several moments."""
        await self.ready()
        return await self._asked(lambda: work(self._session(None)))

    async def glance(self, collection: str, query: Query) -> list[Document]:
        """Documents that match, as they are on the primary now, be they durable or not."""
        await self.ready()
        chosen = self._database.get_collection(collection, read_concern=LOCAL)

        async def work() -> list[Document]:
            found: list[Document] = await chosen.find(query).to_list(None)
            return found

        return await self._asked(work)

    async def read(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Asks questions whose answers are of one moment. It never waits for a writer."""
        await self.ready()

        async def one_moment() -> T:
            async with await self._client.start_session(snapshot=True) as session:
                return await work(self._session(session))

        return await self._asked(one_moment)

    async def write(
        self,
        work: Callable[[Session], Awaitable[T]],
        beaten: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """Runs some work in one durable transaction, again and again while others are faster.

        ``beaten`` is called after each time that another was.

        Raises:
            Contended: others were faster, or there was no primary, for too long; or it is not known
                whether it was done.
            WriteRefused: something of ours stands there already, whoever is faster.
        """
        await self.ready()
        deadline = self._timer() + self._wait_seconds
        pause = _PAUSE_SECONDS
        before = ""
        while True:
            try:
                return await self._whole(self._tried(work, deadline), awaited=True)
            except (Moved, DriverError) as error:
                self._again(error, before, deadline)
                before = str(error)
            # Nobody knows who comes next; who waits a little less each time is not always last.
            await self._rest(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(2 * pause, _PAUSE_MOST)
            if beaten is not None:
                await beaten()

    def _again(self, error: Moved | DriverError, before: str, deadline: float) -> None:
        """Says that a transaction is to be done again, or raises why it is not."""
        if not passes(error):
            self._raise(error)
        there = isinstance(error, Moved) or code_of(error) == DUPLICATE
        if there and str(error) and str(error) == before:  # it is not that another was faster
            raise WriteRefused(str(error)) from cause_of(error)
        if self._timer() > deadline:
            if unanswered(error):
                self._raise(error)
            raise Contended("others were faster; send the same key again") from cause_of(error)

    async def modify(
        self,
        collection: str,
        query: Query,
        change: Query | Sequence[Query],
        *,
        upsert: bool = False,
        durable: bool = True,
    ) -> Document | None:
        """Changes one document alone and answers with it as it is then."""
        await self.ready()
        concern = DURABLE if durable else PASSING
        chosen = self._database.get_collection(collection, write_concern=concern)

        async def work() -> Document | None:
            for _ in range(_TRIES):
                try:
                    found: Document | None = await chosen.find_one_and_update(
                        query,
                        change if isinstance(change, Mapping) else list(change),
                        upsert=upsert,
                        return_document=AFTER,
                    )
                except DriverError as error:
                    if code_of(error) != DUPLICATE:  # two made it at once: now it is there
                        raise
                else:
                    if found is not None or not upsert:
                        return found
            raise Contended("others were faster; try again")

        with self._translated():
            return await self._whole(work(), awaited=True)

    async def close(self) -> None:
        """Shuts every connection."""
        if self._left:
            await asyncio.wait(self._left, timeout=_CLOSE_SECONDS)
        self._client.close()

    async def hello(self) -> Document:
        """What the server says of itself, its time and its place in a cluster among it."""
        with self._translated():
            reply: Document = await self._client.admin.command("hello", codec_options=CODEC)
            return reply

    async def collections(self) -> list[str]:
        """Names of what the database has."""
        with self._translated():
            names: list[str] = await self._database.list_collection_names()
            return names

    async def make(self, collection: str, indexes: Sequence[Document]) -> None:
        """Makes a collection with its indexes, where they are not there yet."""
        with self._translated():
            if collection not in await self._database.list_collection_names():
                try:
                    await self._database.create_collection(collection)
                except DriverError as error:
                    if code_of(error) != EXISTS and "exists" not in str(error):
                        raise
            if indexes:
                await self._database.command("createIndexes", collection, indexes=list(indexes))

    def watch(self, collection: str, start: object, await_ms: int) -> Any:
        """The driver's own stream of what is added to a collection, from a moment of the cluster
        on, or from now; it raises ``DriverError``.
        """
        added: list[Query] = [{"$match": {"operationType": "insert"}}]
        chosen: Any = self._database[collection]
        return chosen.watch(added, start_at_operation_time=start, max_await_time_ms=await_ms)

    async def first(self, collection: str, document: Document) -> Document:
        """Adds a document unless its id is there; what stands there then. Before it is ready."""
        # What another process added this instant may not have reached the majority yet.
        chosen = self._database.get_collection(collection, read_concern=LOCAL)
        with self._translated():
            try:
                await chosen.insert_one(document)
            except DriverError as error:
                if code_of(error) != DUPLICATE:
                    raise
                found: Document | None = await chosen.find_one({"_id": document["_id"]})
                assert found is not None, "nobody takes it away"
                return found
            return document

    async def raise_to(self, collection: str, id: str, field: str, value: int) -> None:
        """Makes a number of a document at least so large. Before it is ready."""
        with self._translated():
            chosen = self._database[collection]
            await chosen.update_one({"_id": id}, {"$max": {field: value}})

    async def _whole(self, work: Awaitable[T], *, awaited: bool) -> T:
        """Runs some work to its end, also if who waits for it is canceled meanwhile: the driver
        goes on in a thread of its own, and a write that is begun in a transaction which has ended
        is none. What is ``awaited`` has ended when the canceled one hears of it.
        """
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._left.add(task)
            task.add_done_callback(self._left.discard)
            task.add_done_callback(_seen)
            if awaited:  # if it is canceled again, the work goes on all the same
                await asyncio.wait([task])
            raise

    def _session(self, session: ClientSession | None) -> Session:
        return Session(self._database, session, bytes_of)

    async def _asked(self, work: Callable[[], Awaitable[T]]) -> T:
        """Asks, and asks again if the server lost the thread on the way."""
        with self._translated():
            for _ in range(_TRIES):
                try:
                    return await self._whole(work(), awaited=False)
                except DriverError as error:
                    if not read_again(error):
                        raise
            raise Contended(f"the store {self.shown} lost the thread; try again")

    async def _tried(self, work: Callable[[Session], Awaitable[T]], deadline: float) -> T:
        async with await self._client.start_session() as session:
            session.start_transaction(
                read_concern=SNAPSHOT,
                write_concern=DURABLE,
                read_preference=PRIMARY,
            )
            try:
                result = await work(self._session(session))
            except BaseException:
                await _dropped(session)
                raise
            await self._committed(session, deadline)
            return result

    async def _committed(self, session: ClientSession, deadline: float) -> None:
        while True:
            try:
                await session.commit_transaction()
            except DriverError as error:
                if not unknown(error):
                    raise
                if self._timer() > deadline:
                    raise Contended(
                        "it is not known whether it was done; send the same key again"
                    ) from error
                await self._rest(_PAUSE_MOST)
            else:
                return

    def _translated(self) -> "_Translation":
        return _Translation(self)

    def _raise(self, error: Exception) -> NoReturn:
        told = self.told_of(error)
        if told is error:
            raise error
        raise told from cause_of(error)

    def told_of(self, error: Exception) -> Exception:
        """What a caller or a person can do about an error; itself if it is a bug."""
        return told_of(error, self.shown)


class _Translation:
    """Turns what the driver says into what a caller or a person can do about it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DriverError):
            told = self._database.told_of(error)
            if told is not error:
                raise told from cause_of(error)


def _seen(task: "asyncio.Future[Any]") -> None:
    """Asks what came of a task that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


async def _dropped(session: ClientSession) -> None:
    running: Any = session.in_transaction  # a value, whatever its stub says
    if running:
        try:
            await session.abort_transaction()
        except DriverError:  # it ends by itself
            return
