"""The command ``gateway``: its options, its exit codes, and what it says when it cannot start.

Exit codes: 0 good, 2 usage or configuration, 1 failure. The work itself is in the modules it calls.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway import (
    bootstrap,
    doctor,
    doctor_callers,
    document_commands,
    inbox_commands,
    key_commands,
    outbox_commands,
    reconcile_command,
    schema_text,
    serve_commands,
    serving,
    store_commands,
    usage_commands,
)
from gateway.manifests import Unreadable
from gateway.serve_commands import Options
from gateway.settings import Limits, Settings, SettingsError, Storage, load, load_store
from gateway.settings_process import WORKERS_MAX
from gateway.tokens import KeyUnusable, SigningKey, Tokens, principal_of
from resolvers.access import Role
from resolvers.domain.errors import CommerceError

_PROBE_BYTES = 65_536
_YEAR_SECONDS = 31_536_000

app = typer.Typer(
    name="gateway",
    help="One GraphQL schema of products, stock and orders over the systems a retailer runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

Data = Annotated[Path, typer.Option(help="Directory that holds the state; made if absent.")]
Config = Annotated[Path, typer.Option(help="TOML file of settings.")]
StoreConfig = Annotated[
    Path | None, typer.Option("--config", help="TOML file of settings that names the store.")
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Instead of the configured port; 0: any free one."),
]
Host = Annotated[str | None, typer.Option(help="Instead of the configured address.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=WORKERS_MAX, help="Processes behind the port, which share the store."),
]
_DEMO = Path("var/demo")
_DATA = Path("var/shop")
_CONFIG = Path("gateway.toml")


class DataUnwritable(Exception):
    """The data directory takes no writes: it is read-only, full, or no directory."""


@app.command(epilog="Example: gateway demo --port 8000 --data var/demo")
def demo(port: Port = None, data: Data = _DEMO, host: Host = None, workers: Workers = None) -> None:
    """Serve a make-believe retailer, with nothing to configure: on port 8000 of this machine."""
    with _told():
        settings = serve_commands.demo_settings(os.environ)
        serve_commands.demo(settings, _ready(data), Options(host, port, workers), _told)


@app.command(epilog="Example: gateway serve --config gateway.toml --data var/shop --workers 4")
def serve(
    config: Config = _CONFIG,
    data: Data = _DATA,
    port: Port = None,
    host: Host = None,
    workers: Workers = None,
) -> None:
    """Serve the retailer that a file of settings describes."""
    with _told():
        read = partial(load, config, os.environ)
        read()  # what is wrong there is told before a directory is made
        serve_commands.serve(read, _ready(data), Options(host, port, workers), _told)


@app.command(epilog="Example: gateway schema > schema.graphql")
def schema(
    *,
    federation: Annotated[
        bool, typer.Option("--federation", help="With keys, as composers of Federation 2 read it.")
    ] = False,
    explain_plan: Annotated[
        str | None, typer.Option(help="Print the plan of this document instead, or of this file.")
    ] = None,
    role: Annotated[Role, typer.Option(help="Whose plan it is.")] = Role.SHOPPER,
) -> None:
    """Print the GraphQL schema, or how a document runs."""
    if explain_plan is not None:
        with _told():
            text = schema_text.plan(explain_plan, role)
    else:
        text = schema_text.federated_sdl() if federation else schema_text.sdl()
    sys.stdout.write(text.rstrip("\n") + "\n")


@app.command(epilog="Example: gateway token --role associate --location ST-01 --associate A-007")
def token(  # noqa: PLR0917  # one parameter an option; typer passes them by name
    role: Annotated[Role, typer.Option(help="What the caller is to the retailer.")],
    data: Data = _DEMO,
    member: Annotated[str | None, typer.Option(help="Member that the caller is.")] = None,
    associate: Annotated[str | None, typer.Option(help="Code of the associate.")] = None,
    location: Annotated[
        list[str] | None, typer.Option(help="Bound to this location; may be repeated.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Bound to this channel; may be repeated.")
    ] = None,
    ttl: Annotated[
        int | None, typer.Option(min=1, max=_YEAR_SECONDS, help="Seconds that it is good.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The file that `serve` is given, if its auth section differs."),
    ] = None,
) -> None:
    """Print a token, and only it, signed with the data directory's key."""
    for name, value in (("--member", member), ("--associate", associate)):
        _require_name(name, value)
    for name, values in (("--location", location), ("--channel", channel)):
        for value in values or []:
            _require_name(name, value)
    with _told():
        auth = load(config, os.environ).auth
        caller = principal_of(
            role,
            member=member,
            associate=associate,
            locations=location or (),
            channels=channel or (),
        )
        key = SigningKey.of(_ready(data))
        tokens = Tokens(key, auth.issuer, lambda: datetime.now(UTC), auth.clock_skew_seconds)
        sys.stdout.write(tokens.issue(caller, ttl or auth.token_ttl_seconds) + "\n")


@app.command(epilog="Example: gateway sync main-erp --config gateway.toml --data var/shop")
def sync(
    backend: Annotated[str, typer.Argument(help="Code of the backend.")],
    config: Config = _CONFIG,
    data: Data = _DATA,
) -> None:
    """Read one backend now, whole, in its turn; also one that was restored to an earlier state."""
    with _told():
        settings = load(config, os.environ)
        codes = [configured.code for configured in settings.backends]
        if backend not in codes:
            told = ", ".join(codes) or "none is configured"
            raise typer.BadParameter(f"there is no backend {backend!r} ({told})")
        serving.sync_now(settings, _ready(data), backend)


inbox = typer.Typer(help="Messages of backends that wait for a person.", no_args_is_help=True)
app.add_typer(inbox, name="inbox")

OfBackend = Annotated[
    str | None, typer.Option("--backend", help="Those of this backend only; absent: of all.")
]


@inbox.command("list", epilog="Example: gateway inbox list --data var/shop --backend shop")
def list_inbox(config: StoreConfig = None, data: Data = _DATA, backend: OfBackend = None) -> None:
    """Print the messages that wait: id, backend, time, bytes, tries, error; never what they say."""
    with _told():
        inbox_commands.show(_place(config, data), backend)


@inbox.command("replay", epilog="Example: gateway inbox replay --data var/shop --backend shop")
def replay_inbox(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids that `list` prints; absent: all.")
    ] = None,
    config: StoreConfig = None,
    data: Data = _DATA,
    backend: OfBackend = None,
) -> None:
    """Have messages tried again by whichever gateway serves the store."""
    with _told():
        inbox_commands.replay(_place(config, data), backend, ids)


@app.command("doctor", epilog="Example: gateway doctor --config gateway.toml --data var/shop")
def examine(config: Config = _CONFIG, data: Data = _DATA) -> None:
    """Try the settings, and each backend, issuer and app, and say what is wrong and what to do."""
    with _told():
        settings: Settings = load(config, os.environ)
        findings = doctor.examine(settings, _ready(data), bootstrap.connect)
        findings += doctor_callers.examine(settings, bootstrap.key_fetcher, bootstrap.wechat_app)
    Console().print(doctor.table(findings))
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: gateway usage --deprecated --since 2026-06-01 --data var/shop")
def usage(
    config: StoreConfig = None,
    data: Data = _DATA,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day (UTC); by default 90 days ago."),
    ] = None,
    field: Annotated[
        str | None, typer.Option(help="Only this: Order.number, Query.orders(first:), Enum.VALUE.")
    ] = None,
    *,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Only what is deprecated, used or not.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON instead of a table.")] = False,
) -> None:
    """Show which client uses which part of the schema, so that it can be retired on evidence."""
    day = (since or datetime.now(UTC) - timedelta(days=90)).date()
    asked = usage_commands.Asked(day, field, deprecated)
    with _told():
        try:
            usage_commands.show(_place(config, data), asked, as_json=json)
        except usage_commands.Unknown as unknown:
            raise typer.BadParameter(str(unknown), param_hint="--field") from unknown


_WHERE = "a data directory, or a TOML file that names a store in MongoDB"

store = typer.Typer(help="Look a store over, fold what is old, copy it.", no_args_is_help=True)
app.add_typer(store, name="store")


@store.command("check", epilog="Example: gateway store check --data var/shop")
def check_store(config: StoreConfig = None, data: Data = _DATA) -> None:
    """Look a store over, served or not: damage, orphans, and every quantity against its entries."""
    with _told():
        sound = store_commands.check(_place(config, data))
    if not sound:
        raise typer.Exit(1)


@store.command("compact", epilog="Example: gateway store compact --keep-days 400 --data var/shop")
def compact_store(
    config: StoreConfig = None,
    data: Data = _DATA,
    keep_days: Annotated[
        int, typer.Option(min=2, max=36_500, help="Days of history that stay as entries.")
    ] = 400,
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Instead: fold what is older than this day (UTC)."),
    ] = None,
) -> None:
    """Fold old entries into dated, sealed checkpoints, and drop what nobody can ask for now."""
    with _told():
        since = None if before is None else before.replace(tzinfo=UTC)
        store_commands.compact(_place(config, data), timedelta(days=keep_days), since)


@store.command("copy", epilog="Example: gateway store copy var/pilot gateway.toml")
def copy_store(
    source: Annotated[Path, typer.Argument(help=f"What is copied: {_WHERE}.")],
    target: Annotated[Path, typer.Argument(help=f"What it is copied to: {_WHERE}.")],
) -> None:
    """Copy a store that nobody serves, and compare both; run again, it goes on where it stopped."""
    with _told():
        one = _named(source) or bootstrap.place_in(_existing(source))
        other = _named(target) or bootstrap.place_in(_ready(target))
        store_commands.copy(one, other)


documents = typer.Typer(help="Look over documents of clients.", no_args_is_help=True)
app.add_typer(documents, name="documents")


@documents.command("check", epilog="Example: gateway documents check manifest.json --json")
def check_documents(
    manifest: Annotated[Path, typer.Argument(help="The file, as Relay or Apollo write it.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings, if its limits differ.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Say it for programs.")] = False,
) -> None:
    """Hold a manifest against the schema and its limits: which documents cannot run, and why."""
    with _told():
        limits = Limits() if config is None else load(config, os.environ).limits
        try:
            text, sound = document_commands.check(manifest, limits, as_json=as_json)
        except Unreadable as error:
            _say(f"{manifest}: {error}")
            raise typer.Exit(2) from error
    sys.stdout.write(text + "\n")
    if not sound:
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line. What it writes is its owner's alone: orders have addresses in them."""
    os.umask(0o077)
    app()


def _require_name(option: str, value: str | None) -> None:
    if value is not None and not (0 < len(value) <= 64 and value.isprintable() and value.strip()):
        raise typer.BadParameter("1 to 64 printable characters", param_hint=option)


def _place(config: Path | None, data: Path) -> bootstrap.Place:
    """The store of a configuration, or of a data directory, which is not made by looking at it."""
    storage = Storage() if config is None else load_store(config, os.environ)
    if storage.engine == "memory":
        raise DataUnwritable(f"{config} names a store that forgets everything at the stop")
    if storage.engine == "sqlite":
        return bootstrap.place_in(_existing(data))
    return bootstrap.place_of(storage, data)


def _named(place: Path) -> bootstrap.Place | None:
    """The store in MongoDB that a TOML file names; None if it is a data directory."""
    if place.suffix != ".toml" and not place.is_file():
        return None
    storage = load_store(place, os.environ)
    if storage.engine != "mongo":
        raise DataUnwritable(f"{place} names no store in MongoDB; name a data directory instead")
    return bootstrap.place_of(storage, Path())


def _existing(data: Path) -> Path:
    """A data directory that has a store, which is not made by looking at it."""
    if not (data / bootstrap.STORE_FILE).is_file():
        raise DataUnwritable(f"there is no store in {data}; name its data directory")
    return data


def _ready(data: Path) -> Path:
    """Makes the data directory and proves that it takes writes, before anything depends on it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / f".probe-{secrets.token_hex(8)}"
        try:
            with probe.open("xb") as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        told = f"the data directory {data} cannot be written: {reason}"
        raise DataUnwritable(f"{told}; name another with --data, or mend it") from error
    return data


@contextmanager
def _told() -> Iterator[None]:
    """Turns what a person can mend into words on stderr and an exit code."""
    try:
        yield
    except SettingsError as error:
        _say(*(str(problem) for problem in error.problems))
        raise typer.Exit(2) from error
    except (DataUnwritable, KeyUnusable, CommerceError) as error:
        _say(str(error))
        raise typer.Exit(1) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _say(f"{place}{error.strerror.lower()}" if error.strerror else str(error))
        raise typer.Exit(1) from error


def _say(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"gateway: {line}\n")


_DOOR = key_commands.Door(_place, _told)
app.add_typer(key_commands.keys_app(_DOOR), name="keys")
app.add_typer(outbox_commands.outbox_app(_DOOR, _DATA), name="outbox")
reconcile_command.add_to(app, _told, _ready)


if __name__ == "__main__":
    main()
