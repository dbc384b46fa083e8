"""``gateway reconcile``: our mirror against what one backend itself says now, as a table.

Exit codes: 0 nothing differs, 1 something does or could not be compared, 2 the backend could not be
asked, or usage or configuration. What is compared, and how, stands in ``resolvers/reconciling``.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway import workers
from gateway.bootstrap import Runtime, bootstrap
from gateway.logs import configure_logging
from gateway.settings import Settings, load
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.copying import require_whole
from resolvers.domain.errors import CommerceError
from resolvers.domain.reconciling import MissingSale
from resolvers.house import LISTINGS, ORDERS
from resolvers.reconciling import Asked, Reconciled, reconcile

DAYS_MAX = 90
DAYS = 7

SETTLE_SECONDS = 2.0
"""How long a listing's number has, once the orders that it hangs on were read, to be told anew."""

_CONFIG = Path("gateway.toml")
_DATA = Path("var/shop")
_FACETS = {"on_hand": "on hand", "elsewhere": "sold there", "incoming": "on its way"}


def add_to(
    app: typer.Typer,
    told: Callable[[], AbstractContextManager[None]],
    ready: Callable[[Path], Path],
) -> None:
    """Adds the command; ``told`` makes words and an exit code of what a person can mend, ``ready``
    a data directory that takes writes.
    """

    @app.command("reconcile", epilog="Example: gateway reconcile main-erp --days 3 --tell-again")
    def command(
        backend: Annotated[str, typer.Argument(help="Code of the backend.")],
        config: Annotated[Path, typer.Option(help="TOML file of settings.")] = _CONFIG,
        data: Annotated[Path, typer.Option(help="Directory that holds the state.")] = _DATA,
        days: Annotated[
            int,
            typer.Option(min=1, max=DAYS_MAX, help="Sales of orders placed in so many days."),
        ] = DAYS,
        *,
        tell_again: Annotated[
            bool,
            typer.Option("--tell-again", help="Have sales that it has no more told once more."),
        ] = False,
    ) -> None:
        """Compare stock, sales and listings with what a backend itself says now."""
        with told():
            settings = load(config, os.environ)
            codes = [configured.code for configured in settings.backends]
            if backend not in codes:
                named = ", ".join(codes) or "none is configured"
                raise typer.BadParameter(f"there is no backend {backend!r} ({named})")
            configure_logging(settings.telemetry.log_level)
            place, asked = ready(data), Asked(days, tell_again)
            try:
                found = asyncio.run(_compared(settings, place, backend, asked))
            except CommerceError as error:
                sys.stderr.write(f"gateway: {backend} could not be compared: {error}\n")
                raise typer.Exit(2) from error
        console = Console()
        for table in tables(found):
            console.print(table)
        console.print("\n".join(sentences(found, backend, days)), markup=False, highlight=False)
        if not found.agrees:
            raise typer.Exit(1)


async def _compared(settings: Settings, data: Path, code: str, asked: Asked) -> Reconciled:
    runtime = bootstrap(settings, data)
    try:
        await require_whole(runtime.store)
        return await compared(runtime, code, asked)
    finally:
        await runtime.close()


async def compared(runtime: Runtime, code: str, asked: Asked) -> Reconciled:
    """Compares one backend, whoever serves the store meanwhile.

    Raises:
        CommerceError: it could not be asked; nothing was changed.
    """
    ctx = runtime.context(principal_of(Role.ADMIN))
    return await reconcile(ctx, runtime.backends[code], asked, partial(_followed, runtime, code))


async def _followed(runtime: Runtime, code: str, entity: str) -> None:
    if entity != LISTINGS:
        await workers.followed_once(runtime, code, entity)
        return
    await workers.followed_once(runtime, code, ORDERS)
    await asyncio.sleep(SETTLE_SECONDS)


def tables(found: Reconciled) -> Iterator[Table]:
    """A table for each kind of thing that differs."""
    if found.stock:
        table = _table("Stock", ("Location", "SKU", "Of", "Ours", "Theirs"))
        for it in found.stock:
            table.add_row(it.location, it.sku, _FACETS[it.facet], str(it.ours), str(it.theirs))
        yield table
    if found.sales:
        table = _table("Sales: told and not there", ("Order", "Reference", "Location", "Now"))
        for sale in found.sales:
            told = sale.write.sale
            assert told is not None
            now = _standing(sale, again=told.reference in found.told_again)
            table.add_row(sale.order_number, told.reference, told.location, now)
        yield table
    if found.listings:
        table = _table("Listings", ("Listing", "Ours", "Theirs"))
        for listing in found.listings:
            theirs = "-" if listing.theirs is None else str(listing.theirs)
            table.add_row(listing.listing, str(listing.ours), theirs)
        yield table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _standing(sale: MissingSale, *, again: bool) -> str:
    if again:
        return "waits to be told again"
    return "its goods have left: book it by hand" if sale.has_left else "gone"


def sentences(found: Reconciled, backend: str, days: int) -> Iterator[str]:
    """What was compared, and what to do about what could not be."""
    if found.locations:
        yield f"stock: {found.locations} locations, {len(found.stock)} numbers differ"
    if found.restored:
        places = ", ".join(found.restored)
        yield (
            f"restored: readings of {places} run back, to an earlier state of {backend}; "
            f"`gateway sync {backend}` accepts them"
        )
    for location, why in found.uncompared:
        yield f"not compared: {location}: {why}"
    if found.looked_up is None:
        yield f"sales: {backend} cannot be asked which it has"
    else:
        told = f"sales: {found.looked_up} of orders of {days} days, {len(found.sales)} not there"
        yield f"{told}; there are more: name fewer days" if found.cut_off else told
    if found.told_again:
        yield f"{len(found.told_again)} sales wait to be told again"
    if found.listings_compared is not None:
        yield f"listings: {found.listings_compared}, {len(found.listings)} differ"
