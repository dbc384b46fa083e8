"""The work behind ``gateway usage``: which client uses which part of the schema, as a table."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import orjson
from rich.console import Console
from rich.table import Table

from gateway.bootstrap import Place
from resolvers.domain.callers import Use
from schema.root import build_schema
from schema.usage import elements


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown: uses from a day on, of one part of the schema or of all, or only of what
    is deprecated.
    """

    since: date
    field: str | None = None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """How often one client used one part, and when last. Without a client: nobody used it."""

    field: str
    client: str | None
    count: int
    last: date | None
    deprecated: str | None


class Unknown(Exception):
    """There is no such part of the schema, and nobody ever used one."""


def show(place: Place, asked: Asked, *, as_json: bool) -> None:
    """Prints what was counted.

    Raises:
        Unknown: of the part that is asked for.
    """

    async def read() -> Sequence[Use]:
        store = place.open()
        try:
            return await store.callers.uses(asked.since)
        finally:
            await store.close()

    rows = rows_of(asyncio.run(read()), elements(build_schema()), asked)
    if as_json:
        sys.stdout.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        Console().print(table(rows, asked))


def rows_of(uses: Sequence[Use], known: Mapping[str, str | None], asked: Asked) -> list[Row]:
    """The rows of a table, the most used part first; a part that nobody used has a row if it is
    deprecated or asked for.
    """
    counted: dict[str, dict[str, tuple[int, date]]] = {}
    for use in uses:
        clients = counted.setdefault(use.field, {})
        before, last = clients.get(use.client, (0, use.day))
        clients[use.client] = (before + use.count, max(last, use.day))
    if asked.field is not None and asked.field not in {*known, *counted}:
        raise Unknown(f"the schema has no {asked.field!r}; say it like Order.number")
    wanted = {asked.field} if asked.field is not None else {*counted}
    old = {name for name, reason in known.items() if reason is not None}
    if asked.deprecated:
        wanted = {asked.field} & old if asked.field is not None else old
    rows: list[Row] = []
    totals = {name: sum(count for count, _ in counted.get(name, {}).values()) for name in wanted}
    for name in sorted(totals, key=lambda name: (-totals[name], name)):
        reason = known.get(name)
        clients = counted.get(name, {})
        for client, (count, last) in sorted(clients.items(), key=lambda at: (-at[1][0], at[0])):
            rows.append(Row(name, client, count, last, reason))
        if not clients:
            rows.append(Row(name, None, 0, None, reason))
    return rows


def table(rows: Sequence[Row], asked: Asked) -> Table:
    """The rows for people."""
    shown = Table(title=f"Uses since {asked.since} (UTC)")
    for name in ("field", "client", "uses", "last", "deprecated"):
        shown.add_column(name, justify="right" if name == "uses" else "left", overflow="fold")
    for row in rows:
        shown.add_row(
            row.field,
            "nobody" if row.client is None else row.client,
            f"{row.count:,}",
            "" if row.last is None else f"{row.last}",
            row.deprecated or "",
        )
    return shown
