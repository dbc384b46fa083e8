"""Upkeep of a whole store: looking it over, and folding what is old.

No caller's request comes here; the worker and the command line do. What a step does inside an
engine stands behind the ports.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from resolvers.domain.errors import InvalidInput
from resolvers.domain.ledger import TAKEN, Drift, drifts
from resolvers.ports import Store
from resolvers.upkeep_port import Compacted

KEYS_KEPT = timedelta(hours=48)
"""How long a key answers again; nothing that is younger is folded or dropped."""

FOLDED_PER_STEP = 2_000
"""Entries of one step, at some twenty microseconds each; half of that is the writers' time."""

_STEPS_MAX = 10_000_000
_SKUS_PER_READ = 500  # a batch that touches several of them is read once


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a look over a store has come, and what was found since the last word."""

    looked: int
    total: int
    findings: tuple[str, ...] = ()


async def check(store: Store) -> AsyncIterator[Checked]:
    """Looks a whole store over, while others may write it: first what the engine finds wrong, then
    every SKU's quantities against its entries.
    """
    total = (await store.upkeep.parts())["streams"]
    yield Checked(0, total, tuple(await store.upkeep.faults()))
    looked, last = 0, None
    while skus := await store.stock.skus(last, _SKUS_PER_READ):
        accounts = await store.stock.accounts(skus)
        found = [drift for sku in skus if sku in accounts for drift in drifts(accounts[sku])]
        looked, last = looked + len(skus), skus[-1]
        yield Checked(looked, max(total, looked), tuple(map(told, found)))


def told(drift: Drift) -> str:
    """A drift in words."""
    where = f" at {drift.location}" if drift.location else ""
    what = f"{drift.quantity} {drift.of}" if drift.quantity == TAKEN else drift.quantity
    by = f"; last moved by {drift.source}" if drift.source else ""
    return f"{drift.sku}{where}: {what} is {drift.stored}, its entries say {drift.rebuilt}{by}"


async def compact(
    store: Store,
    before: datetime,
    now: datetime,
    steps_max: int = _STEPS_MAX,
    entries_per_step: int = FOLDED_PER_STEP,
) -> AsyncIterator[Compacted]:
    """Folds and drops what is from before an instant, step by step; each says what it did.

    Raises:
        InvalidInput: keys that are younger still answer.
    """
    if before > now - KEYS_KEPT:
        hours = KEYS_KEPT // timedelta(hours=1)
        raise InvalidInput(f"what is younger than {hours} hours cannot be folded yet")
    for _ in range(steps_max):
        step = await store.upkeep.compact(before, entries_per_step)
        yield step
        if not step.more:
            return
