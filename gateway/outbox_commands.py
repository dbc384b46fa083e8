"""``gateway outbox``: what is given up and waits for a person, and having it tried again."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.bootstrap import Place
from gateway.key_commands import Door
from gateway.store_commands import opened
from resolvers.domain.outbox import Write
from resolvers.relay import reference_of

_PAGE = 500

Config = Annotated[Path | None, typer.Option(help="File of settings that names the store.")]
Data = Annotated[Path, typer.Option(help="Directory of a store that keeps files.")]
OfBackend = Annotated[
    str | None, typer.Option("--backend", help="Those of this backend only; absent: of all.")
]
_DATA = Path("var/gateway")


def outbox_app(door: Door, data: Path = _DATA) -> typer.Typer:
    """The commands over the stores behind a door; ``data`` is the directory if nobody says."""
    app = typer.Typer(help="Writes to backends that are given up.", no_args_is_help=True)

    @app.command("list", epilog="Example: gateway outbox list --data var/shop --backend erp")
    def list_outbox(config: Config = None, data: Data = data, backend: OfBackend = None) -> None:
        """Print dead letters: id, backend, action, kind, order, reference, tries, error."""
        with door.told():
            show(door.place_of(config, data), backend)

    @app.command("replay", epilog="Example: gateway outbox replay --data var/shop --backend erp")
    def replay_outbox(
        ids: Annotated[
            list[str] | None, typer.Argument(help="Ids that `list` prints; absent: all.")
        ] = None,
        config: Config = None,
        data: Data = data,
        backend: OfBackend = None,
    ) -> None:
        """Have dead letters tried again, but those that need a person's word on what became of
        them (the mutation `ruleOnDeadLetter`).
        """
        with door.told():
            replay(door.place_of(config, data), backend, ids)

    return app


def show(place: Place, backend: str | None) -> None:
    """Prints dead letters, one a line, its parts between tabs."""

    async def work() -> None:
        after = 0
        async with opened(place) as store:
            while found := await store.outbox.dead_writes(backend, after, _PAGE):
                sys.stdout.writelines(map(_line, found))
                after = found[-1].sequence

    asyncio.run(work())


def replay(place: Place, backend: str | None, ids: Sequence[str] | None) -> None:
    """Makes dead letters wait again, and says how many."""

    async def work() -> int:
        async with opened(place) as store:
            return await store.outbox.replay_writes(backend, ids or None)

    sys.stdout.write(f"{asyncio.run(work())} writes are tried again\n")


def _line(write: Write) -> str:
    error = " ".join((write.last_error or "").split())
    order, reference = write.order_id or "-", reference_of(write)
    kind = "-" if write.death is None else write.death
    parts = (write.id, write.backend, write.action, kind, order, reference, write.attempts, error)
    return "\t".join(map(str, parts)) + "\n"
