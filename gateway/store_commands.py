"""The work behind ``gateway store``: what each command does, and what it shows of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gateway.bootstrap import Place
from gateway.ids import new_id, wall_clock
from resolvers import copying, upkeep
from resolvers.ports import Store


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Store]:
    """A place's store, closed behind whoever uses it."""
    store = place.open()
    try:
        yield store
    finally:
        await store.close()


def _progress() -> Progress:
    """How far long work has come, on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def check(place: Place) -> bool:
    """Looks a store over and prints what is wrong; says whether nothing is."""

    async def work() -> tuple[int, int]:
        found = looked = 0
        async with opened(place) as store:
            with _progress() as progress:
                task = progress.add_task("SKUs", total=None)
                async for step in upkeep.check(store):
                    looked = step.looked
                    progress.update(task, completed=step.looked, total=step.total)
                    for finding in step.findings:
                        found += 1
                        progress.console.print(
                            finding, markup=False, highlight=False, soft_wrap=True
                        )
        return looked, found

    looked, found = asyncio.run(work())
    if found:
        Console().print(
            f"{found} things are wrong in {place.name}; put a backup in its place, or send this"
            " list to whoever looks after it",
            highlight=False,
            soft_wrap=True,
        )
    else:
        Console().print(
            f"{place.name} is sound: {looked} SKUs are what their entries say",
            highlight=False,
            soft_wrap=True,
        )
    return not found


def compact(place: Place, keep: timedelta, since: datetime | None) -> None:
    """Folds what is older than a time, or from before an instant, and says how much that was."""
    now = wall_clock()
    before = now - keep if since is None else since

    async def work() -> tuple[int, int]:
        entries = reservations = 0
        async with opened(place) as store:
            with _progress() as progress:
                task = progress.add_task("entries folded", total=None)
                async for step in upkeep.compact(store, before, now):
                    entries += step.entries
                    reservations += step.reservations
                    progress.update(task, completed=entries)
        return entries, reservations

    entries, reservations = asyncio.run(work())
    Console().print(
        f"{entries} entries from before {before:%Y-%m-%d %H:%M} UTC are folded;"
        f" {reservations} reservations that had ended are gone",
        highlight=False,
        soft_wrap=True,
    )


def copy(source: Place, target: Place) -> None:
    """Copies a store into another and compares them."""

    async def work() -> int:
        rows: dict[str, int] = {}
        async with opened(source) as one, opened(target) as other:
            sides = (copying.Side(source.name, one), copying.Side(target.name, other))
            with _progress() as progress:
                tasks = {}
                async for step in copying.copy(*sides, new_id(), wall_clock):
                    if step.part not in tasks:
                        tasks[step.part] = progress.add_task(step.part, total=step.total)
                    progress.update(tasks[step.part], completed=step.rows)
                    rows[step.part] = step.rows
        return sum(rows.values())

    rows = asyncio.run(work())
    Console().print(
        f"{target.name} is a copy of {source.name}: {rows} rows, all the same",
        highlight=False,
        soft_wrap=True,
    )
