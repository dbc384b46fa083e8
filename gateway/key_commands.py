"""``gateway keys``: makes, lists, rotates and revokes the API keys of partners.

The text of a key stands on stdout, once; what is said about it, on stderr.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.api_keys import id_in, mint, prefix_of
from gateway.bootstrap import Place
from gateway.ids import new_id, wall_clock
from resolvers import partner_keys
from resolvers.access import SCOPES, Role, Scope
from resolvers.domain.callers import ApiKey
from resolvers.domain.partner_keys import state_of
from resolvers.partner_keys import NewKey
from resolvers.ports import Clock, Store

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WIDE = 200  # columns of a list that goes into a file or a pipe, which has none
_DAYS_MAX = 3650

_GRANTABLE = tuple(str(scope) for scope in Scope if scope in SCOPES[Role.PARTNER])
DEFAULT_SCOPES = tuple(scope for scope in _GRANTABLE if scope != Scope.PERSONAL)
"""What a key may do if nobody says: all that a partner may, but buyers' names and telephones."""

Partner = Annotated[str, typer.Argument(help="The partner's code.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="TOML file of settings that names the store.")
]
Data = Annotated[Path, typer.Option(help="Directory that holds the state.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=_DAYS_MAX, help="Days until the key ends.")
]
_DATA = Path("var/shop")


@dataclass(frozen=True, slots=True)
class Door:
    """How the commands come to a store: ``told`` makes words and an exit code of what a person can
    mend.
    """

    place_of: Callable[[Path | None, Path], Place]
    told: Callable[[], AbstractContextManager[None]]
    clock: Clock = wall_clock


def keys_app(door: Door) -> typer.Typer:
    """The commands over the stores behind a door."""
    app = typer.Typer(
        help="Make, list, rotate and revoke the API keys of partners.", no_args_is_help=True
    )

    @app.callback()
    def enter(context: typer.Context) -> None:
        context.obj = door

    app.command(epilog="Example: gateway keys create agency-1 --channel live-stream --days 180")(
        create
    )
    app.command("list", epilog="Example: gateway keys list --data var/shop")(list_keys)
    app.command(epilog="Example: gateway keys rotate agency-1 --old-hours 72")(rotate)
    app.command(epilog="Example: gateway keys revoke ucg_7h2k9q4mzx")(revoke)
    return app


def create(  # noqa: PLR0917  # one parameter an option; typer passes them by name
    context: typer.Context,
    partner: Partner,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it may do, of {', '.join(_GRANTABLE)}; may be repeated."),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Bound to this channel; may be repeated.")
    ] = None,
    location: Annotated[
        list[str] | None, typer.Option(help="Bound to this location; may be repeated.")
    ] = None,
    days: Days = None,
    config: Config = None,
    data: Data = _DATA,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once.

    Without --scope it may do all that a partner may, but read personal data.
    """
    door: Door = context.obj
    _require_code(partner)
    _require_names("--channel", channel)
    _require_names("--location", location)
    scopes, now = _scopes(scope), door.clock()
    asked = NewKey(partner, scopes, tuple(channel or ()), tuple(location or ()), _in(days, now))
    text, minted = mint()
    with door.told():
        key = _run(door.place_of(config, data), partner_keys.create, asked, minted, now)
    _tell_once(key, text, now, as_json=as_json)


def list_keys(
    context: typer.Context, config: Config = None, data: Data = _DATA, *, as_json: AsJson = False
) -> None:
    """List every key: what it may do and whether it is live, never what opens anything."""
    door: Door = context.obj
    with door.told():
        keys = _run(door.place_of(config, data), _all)
    now = door.clock()
    if as_json:
        _print_json([_shown(key, now) for key in keys])
    else:
        width = None if sys.stdout.isatty() else _WIDE
        Console(width=width).print(_table(keys, now))


def rotate(  # noqa: PLR0917  # as above
    context: typer.Context,
    partner: Partner,
    old_hours: Annotated[
        int | None,
        typer.Option(min=1, max=24 * _DAYS_MAX, help="Hours until the old key ends."),
    ] = None,
    days: Days = None,
    config: Config = None,
    data: Data = _DATA,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a second key that may do what the first may, and print it, once.

    It lives as long as the first was to live, unless --days says. Without --old-hours the first
    goes on until it ends or is revoked.
    """
    door: Door = context.obj
    _require_code(partner)
    text, minted = mint()
    now = door.clock()
    with door.told():
        new, old = _run(
            door.place_of(config, data),
            partner_keys.rotate,
            partner,
            minted,
            now,
            expires_at=_in(days, now),
            old_ends_at=None if old_hours is None else now + timedelta(hours=old_hours),
        )
    _tell_once(new, text, now, as_json=as_json)
    ends = "" if old.expires_at is None else f" until {_at(old.expires_at)}"
    _say(f"{prefix_of(old.id)} stays good{ends}; end it with: gateway keys revoke {old.id}")


def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The key's shown part, as `list` prints it.")],
    config: Config = None,
    data: Data = _DATA,
    *,
    as_json: AsJson = False,
) -> None:
    """End a key at once.

    Processes that serve know of it after `auth.key_pause_seconds`, and close what it has open.
    """
    door: Door = context.obj
    id = id_in(key)
    if id is None:
        raise typer.BadParameter("a key is named like ucg_7h2k9q4mzx", param_hint="KEY")
    now = door.clock()
    with door.told():
        ended = _run(door.place_of(config, data), partner_keys.revoke, id, now, new_id())
    if as_json:
        _print_json(_shown(ended, now))
    else:
        _say(f"{prefix_of(ended.id)} of {ended.partner} is revoked")


def _run(place: Place, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Does some work with a store that is opened for it."""

    async def done() -> Any:
        async with _opened(place) as store:
            return await work(store, *arguments, **named)

    return asyncio.run(done())


@asynccontextmanager
async def _opened(place: Place) -> AsyncIterator[Store]:
    store = place.open()
    try:
        yield store
    finally:
        await store.close()


async def _all(store: Store) -> Sequence[ApiKey]:
    return await store.callers.api_keys()


def _require_code(partner: str) -> None:
    if not _CODE.fullmatch(partner):
        told = "1 to 64 letters, digits, '.', '_' and '-', beginning with one of the first two"
        raise typer.BadParameter(told, param_hint="PARTNER")


def _require_names(option: str, values: Sequence[str] | None) -> None:
    for value in values or ():
        if not (0 < len(value) <= 64 and value.isprintable() and value.strip()):
            raise typer.BadParameter("1 to 64 printable characters", param_hint=option)


def _scopes(asked: Sequence[str] | None) -> tuple[str, ...]:
    """What a key may do, in the order of the table of scopes; never more than its role."""
    for scope in asked or ():
        if scope not in _GRANTABLE:
            told = f"a partner's key may have {', '.join(_GRANTABLE)}"
            raise typer.BadParameter(told, param_hint="--scope")
    return tuple(scope for scope in _GRANTABLE if scope in (asked or DEFAULT_SCOPES))


def _in(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


# ---- what is shown -----------------------------------------------------------------------------


def _tell_once(key: ApiKey, text: str, now: datetime, *, as_json: bool) -> None:
    if as_json:
        _print_json({**_shown(key, now), "key": text})
    else:
        sys.stdout.write(text + "\n")
    _say(f"a key of {key.partner}; it is shown this once and kept nowhere: hand it over safely")


def _shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    """A key as JSON, without its digest."""
    return {
        "prefix": prefix_of(key.id),
        "partner": key.partner,
        "scopes": list(key.scopes),
        "channels": list(key.channels),
        "locations": list(key.locations),
        "createdAt": _json_at(key.created_at),
        "expiresAt": _json_at(key.expires_at),
        "revokedAt": _json_at(key.revoked_at),
        "state": str(state_of(key, now)),
    }


def _table(keys: Sequence[ApiKey], now: datetime) -> Table:
    table = Table("Key", "Partner", "Scopes", "Channels", "Locations", "Created", "Ends", "State")
    for key in keys:
        end = key.revoked_at or key.expires_at
        table.add_row(
            prefix_of(key.id),
            key.partner,
            " ".join(key.scopes),
            " ".join(key.channels) or "all",
            " ".join(key.locations) or "all",
            _at(key.created_at),
            "never" if end is None else _at(end),
            str(state_of(key, now)),
        )
    return table


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _json_at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat()


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _say(line: str) -> None:
    sys.stderr.write(f"gateway: {line}\n")
