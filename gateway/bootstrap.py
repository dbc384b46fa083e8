"""Puts the parts together, top to bottom: the only module that names concrete adapters.

``connect`` builds one backend from its settings, ``bootstrap`` a whole runtime. Nothing runs yet
when they return.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.crm import bottlecrm
from connectors.crm.bottlecrm_terms import BadOption as BadCrmOption
from connectors.erp import tryton
from connectors.sandbox import retailer
from connectors.stores.memory.engine import open_memory
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.sqlite.engine import open_sqlite
from gateway.ids import new_id, wall_clock
from gateway.settings import BackendSettings, Problem, Settings, SettingsError, Storage
from gateway.tokens import SigningKey, Tokens
from resolvers.access import Principal
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.directory import Directory
from resolvers.domain.locations import Channel, Location
from resolvers.engine import StockEngine
from resolvers.loaders import Loaders
from resolvers.ports import Clock, IdMaker, Store
from resolvers.terms import Terms
from resolvers.watch import Watch

STORE_FILE = "gateway.sqlite"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that one process of the gateway is made of."""

    settings: Settings
    store: Store
    engine: StockEngine
    directory: Directory
    backends: Mapping[str, Backend]
    watch: Watch
    terms: Terms
    tokens: Tokens
    clock: Clock
    new_id: IdMaker

    def context(self, principal: Principal) -> Context:
        """What one request carries; made inside its coroutine."""
        return Context(
            principal,
            self.store,
            self.engine,
            self.directory,
            Loaders(self.store, self.clock),
            self.terms,
            self.backends,
            self.watch,
            self.clock,
            self.new_id,
        )

    async def close(self) -> None:
        """Shuts every door: backends first, then the store."""
        for backend in self.backends.values():
            await closed(backend)
        await self.store.close()


async def closed(backend: Backend) -> None:
    """Shuts one backend's door."""
    if backend.close is not None:
        ended = backend.close()
        if hasattr(ended, "__await__"):
            await ended


def connect(settings: Settings, configured: BackendSettings, data: Path) -> Backend:
    """One backend of the configuration. Nothing is asked of it yet."""
    if configured.vendor == "tryton":
        assert configured.password is not None, "the settings refuse this before it comes here"
        return tryton.backend(
            code=configured.code,
            url=configured.url or "",
            database=configured.database or "",
            user=configured.user or "",
            password=configured.password.reveal(),
            channels=settings.sales_channels(),
            timeout_seconds=configured.timeout_seconds,
            poll_seconds=settings.poll_seconds(configured),
            options=configured.options,
        )
    if configured.vendor == "bottlecrm":
        return _bottlecrm(settings, configured)
    doors = {door.code: door for door in retailer.backends(data)}
    if configured.code not in doors:
        expected = f"one of {', '.join(doors)}, the sandbox's own names for its systems"
        raise SettingsError(
            [Problem(f"backends.{configured.code}.code", expected, configured.code)]
        )
    return replace(doors[configured.code], poll_seconds=settings.poll_seconds(configured))


def _bottlecrm(settings: Settings, configured: BackendSettings) -> Backend:
    assert configured.password is not None, "the settings refuse this before it comes here"
    try:
        return bottlecrm.backend(
            code=configured.code,
            url=configured.url or "",
            token=configured.password.reveal(),
            timeout_seconds=configured.timeout_seconds,
            poll_seconds=settings.poll_seconds(configured),
            options=configured.options,
        )
    except BadCrmOption as wrong:
        key = f"backends.{configured.code}.options.{wrong.option}"
        raise SettingsError([Problem(key, wrong.expected, wrong.found)]) from None


def bootstrap(settings: Settings, data: Path, clock: Clock = wall_clock) -> Runtime:
    """The gateway of a configuration, with its state in ``data``."""
    backends = [connect(settings, configured, data) for configured in settings.backends]
    return assemble(settings, data, backends, settings.sales_channels(), clock)


def bootstrap_demo(settings: Settings, data: Path, clock: Clock = wall_clock) -> Runtime:
    """The gateway of the sandbox retailer, with its state, and the retailer's, in ``data``."""
    return assemble(settings, data, retailer.backends(data), retailer.CHANNELS, clock)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is, in words that show no secret, and how it is opened."""

    name: str
    open: Callable[[], Store]


def place_in(data: Path) -> Place:
    """The store in a data directory, made if absent."""
    return Place(str(data.resolve()), lambda: open_sqlite(data / STORE_FILE))


def place_of(storage: Storage, data: Path, clock: Clock = wall_clock) -> Place:
    """The store that the settings name; ``data`` is the directory of one that keeps files."""
    if storage.engine == "memory":
        return Place("memory", open_memory)
    if storage.engine == "sqlite":
        return place_in(data)
    assert storage.url is not None, "the settings refuse this before it comes here"
    url, secret = storage.url, storage.password
    login = None if secret is None else (storage.user or "", secret.reveal())

    def opened() -> Store:
        return open_mongo(url, storage.database, clock, new_id(), login=login)

    return Place(f"{url.partition('?')[0].rstrip('/')} ({storage.database})", opened)


def assemble(
    settings: Settings,
    data: Path,
    backends: Sequence[Backend],
    channels: Sequence[Channel],
    clock: Clock,
) -> Runtime:
    """A runtime of given parts."""
    store = place_of(settings.store, data, clock).open()
    auth = settings.auth
    overlays = {overlay.code: overlay for overlay in settings.locations}

    def laid_over(location: Location) -> Location:
        overlay = overlays.get(location.code)
        return location if overlay is None else overlay.over(location)

    return Runtime(
        settings,
        store,
        StockEngine(store.stock, clock),
        Directory(store.catalog, channels, clock, laid_over),
        {backend.code: backend for backend in backends},
        Watch(store.house),
        settings.terms(),
        Tokens(SigningKey.of(data), auth.issuer, clock, auth.clock_skew_seconds),
        clock,
        new_id,
    )
