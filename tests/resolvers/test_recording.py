"""Records that are kept behind their answers: shared writes, a bound, and stores that fail (S7)."""

import asyncio
import logging
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from connectors.stores.memory.callers import MemoryCallers
from connectors.stores.memory.state import State
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import Contended
from resolvers.filters import AuditFilter
from resolvers.recording import Recorder
from tests.support import NOON

at_hand: ContextVar[str] = ContextVar("at_hand", default="none")


class Callers(MemoryCallers):
    """A store that counts its writes; each may fail with the next of ``errors``."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(State())
        self.errors = list(errors)
        self.writes: list[int] = []
        self.heard: list[str] = []

    async def record_audit(self, records: Sequence[AuditRecord]) -> None:
        self.writes.append(len(records))
        self.heard.append(at_hand.get())
        if self.errors:
            raise self.errors.pop(0)
        await super().record_audit(records)

    async def kept(self) -> list[str]:
        return [it.id for it in reversed(await self.audit_page(AuditFilter(), None, 1_000))]


def recorder(callers: Callers, waiting_max: int = 1_000) -> Recorder:
    return Recorder(callers, "one", waiting_max=waiting_max, gather_seconds=0.0, retry_seconds=0.0)


def record(id: str) -> AuditRecord:
    return AuditRecord(id, NOON, "me", "shopper", "reserveStock", "k", Deed.REFUSED)


async def until_kept(callers: Callers, ids: Sequence[str]) -> None:
    async with asyncio.timeout(5):
        while await callers.kept() != ids:  # noqa: ASYNC110  # the recorder does it
            await asyncio.sleep(0)


async def test_who_wakes_it_is_not_who_it_works_for() -> None:
    """A line of its log would have the request id of whoever came first."""
    callers = Callers()
    keeper = recorder(callers)
    at_hand.set("first request")

    keeper.note(record("r1"))
    await until_kept(callers, ["r1"])

    assert callers.heard == ["none"]


async def test_many_share_one_write_and_nobody_waits_for_it() -> None:
    callers = Callers()
    keeper = recorder(callers)
    ids = [f"r{at:03}" for at in range(600)]

    for id in ids:
        keeper.note(record(id))
    assert callers.writes == []

    await until_kept(callers, ids)
    assert callers.writes == [500, 100]
    keeper.note(record("s"))  # after it has come to rest it begins again
    await until_kept(callers, [*ids, "s"])
    await keeper.close()


async def test_what_is_beyond_the_bound_is_lost_counted_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    callers = Callers()
    keeper = recorder(callers, waiting_max=2)

    for at in range(1_005):
        keeper.note(record(f"r{at}"))
    await keeper.close()

    assert await callers.kept() == ["r0", "r1"]
    assert keeper.lost == 1_003
    assert [line.getMessage() for line in caplog.records if line.levelno == logging.ERROR] == [
        "1 audit records are lost since the start: too many wait to be written",
        "1001 audit records are lost since the start: too many wait to be written",
    ]


async def test_a_store_that_cannot_take_them_now_is_asked_again() -> None:
    callers = Callers(Contended("busy"), OSError("the disk is full"))
    keeper = recorder(callers)

    keeper.note(record("a"))
    keeper.note(record("b"))

    await until_kept(callers, ["a", "b"])
    assert callers.writes == [2, 2, 2]
    assert keeper.lost == 0


async def test_what_cannot_be_written_at_all_does_not_keep_the_others_waiting() -> None:
    callers = Callers(ValueError("a bug"))
    keeper = recorder(callers)
    keeper.note(record("a"))
    await keeper.flush()
    keeper.note(record("b"))
    await keeper.flush()

    assert await callers.kept() == ["b"]
    assert keeper.lost == 1


async def test_at_the_end_the_rest_is_written_or_told_as_lost() -> None:
    good, bad = Callers(), Callers(OSError("gone"))
    for callers in (good, bad):
        keeper = recorder(callers)
        keeper.note(record("a"))
        await keeper.close()

    assert (await good.kept(), await bad.kept()) == (["a"], [])
    assert keeper.lost == 1
