"""Puts the parts together, top to bottom: the only module that names concrete adapters.

``connect`` builds one backend from its settings, ``bootstrap`` a whole runtime. Nothing runs yet
when they return.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.crm import bottlecrm
from connectors.erp import tryton
from connectors.identity import key_sets
from connectors.identity.wechat import WechatApp
from connectors.marketplace import shopify, vendure
from connectors.options import BadOption
from connectors.pos import folder
from connectors.sandbox import retailer
from connectors.stores.memory.engine import open_memory
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.sqlite.engine import open_sqlite
from connectors.webhooks import Endpoint
from gateway.ids import new_id, wall_clock
from gateway.issuers import Issuer
from gateway.jwks import Fetch, KeyRing
from gateway.limits import minute_gate
from gateway.settings import (
    BackendSettings,
    IssuerSettings,
    Problem,
    Settings,
    SettingsError,
    Storage,
    WechatAppSettings,
)
from gateway.tokens import SigningKey, Tokens
from gateway.tracing import UNTRACED, Tracing, tracing_of
from gateway.trust import Trust
from resolvers.access import Principal
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.directory import Directory
from resolvers.domain.locations import Channel, Location
from resolvers.engine import StockEngine
from resolvers.intake import Intake
from resolvers.live import LiveDesk
from resolvers.loaders import Loaders
from resolvers.login_port import AppUsers, Gate, Logins
from resolvers.ports import Clock, IdMaker, Store
from resolvers.publishing import is_published_to
from resolvers.recording import Recorder
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
    issuers: Mapping[str, Issuer]
    apps: Mapping[str, AppUsers]
    gate: Gate
    clock: Clock
    new_id: IdMaker
    recorder: Recorder
    intake: Intake
    live: LiveDesk
    tracing: Tracing = UNTRACED

    def context(self, principal: Principal) -> Context:
        """What one request carries; made inside its coroutine."""
        return Context(
            principal,
            self.store,
            self.engine,
            self.directory,
            Loaders(self.store, self.clock, self.backends),
            self.terms,
            self.backends,
            self.watch,
            self.clock,
            self.new_id,
            self.recorder,
            self.intake,
            self._logins,
            live=self.live,
        )

    @property
    def _logins(self) -> Logins:
        auth = self.settings.auth
        return Logins(
            self.tokens.issue,
            self.gate,
            self.apps,
            auth.token_ttl_seconds,
            auth.guest_token_ttl_seconds,
        )

    @property
    def trust(self) -> Trust:
        """Whom it believes when somebody says who calls."""
        return Trust(self.tokens, self.issuers)

    async def close(self) -> None:
        """Shuts every door: backends first, then the store, when all records are in it; then the
        last spans are sent.
        """
        for issuer in self.issuers.values():
            await issuer.keys.close()
        for app in self.apps.values():
            await app.close()
        await self.live.close()
        for backend in self.backends.values():
            await closed(backend)
        await self.intake.close()
        await self.recorder.close()
        await self.store.close()
        if self.tracing is not UNTRACED:
            await asyncio.to_thread(self.tracing.close)


async def closed(backend: Backend) -> None:
    """Shuts one backend's door."""
    if backend.close is not None:
        ended = backend.close()
        if hasattr(ended, "__await__"):
            await ended


def connect(
    settings: Settings,
    configured: BackendSettings,
    data: Path,
    tracing: Tracing = UNTRACED,
) -> Backend:
    """One backend of the configuration. Nothing is asked of it yet.

    Raises:
        SettingsError: it is not able to do what the settings have it do.
    """
    backend = _connected(settings, configured, data, tracing)
    backend = replace(backend, publishes=configured.publish)
    problems = [
        Problem(f"channels.{at.code}.order_sink", "a backend that takes orders", at.order_sink)
        for at in settings.channels
        if at.order_sink == backend.code and backend.order_sink is None
    ]
    if configured.publish and not is_published_to(backend):
        able = "false: only a marketplace, which has orders and no stock feed, takes quantities"
        problems.append(Problem(f"backends.{backend.code}.publish", able, "true"))
    if problems:
        raise SettingsError(problems)
    return backend


def _connected(
    settings: Settings, configured: BackendSettings, data: Path, tracing: Tracing
) -> Backend:
    try:
        if configured.vendor == "tryton":
            return _tryton(settings, configured, tracing)
        if configured.vendor == "vendure":
            return _vendure(settings, configured)
        if configured.vendor == "shopify":
            return _shopify(settings, configured, data)
        if configured.vendor == "bottlecrm":
            return _bottlecrm(settings, configured)
        if configured.vendor == "folder":
            return _folder(settings, configured)
    except BadOption as wrong:
        key = f"backends.{configured.code}.options.{wrong.option}"
        raise SettingsError([Problem(key, wrong.expected, wrong.found)]) from None
    doors = {door.code: door for door in retailer.backends(data)}
    if configured.code not in doors:
        expected = f"one of {', '.join(doors)}, the sandbox's own names for its systems"
        raise SettingsError(
            [Problem(f"backends.{configured.code}.code", expected, configured.code)]
        )
    door, endpoint = doors[configured.code], endpoint_of(configured)
    if endpoint is not None and configured.vendor == "sandbox-marketplace":
        door = retailer.receiving(door, endpoint)
    return replace(door, poll_seconds=settings.poll_seconds(configured))


def endpoint_of(configured: BackendSettings) -> Endpoint | None:
    """What is agreed with a backend about its webhooks; None if it sends none."""
    secrets = tuple(secret.reveal().encode() for secret in configured.webhook_secrets)
    return Endpoint(secrets, configured.webhook_url) if secrets else None


def _tryton(settings: Settings, configured: BackendSettings, tracing: Tracing) -> Backend:
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
        headers=tracing.headers,
    )


def _vendure(settings: Settings, configured: BackendSettings) -> Backend:
    assert configured.password is not None, "the settings refuse this before it comes here"
    return vendure.backend(
        code=configured.code,
        url=configured.url or "",
        user=configured.user or "",
        password=configured.password.reveal(),
        channels=settings.sales_channels(),
        timeout_seconds=configured.timeout_seconds,
        poll_seconds=settings.poll_seconds(configured),
        options=configured.options,
        webhooks=endpoint_of(configured),
    )


def _shopify(settings: Settings, configured: BackendSettings, data: Path) -> Backend:
    assert configured.password is not None, "the settings refuse this before it comes here"
    return shopify.backend(
        code=configured.code,
        url=configured.url or "",
        user=configured.user,
        password=configured.password.reveal(),
        channels=settings.sales_channels(),
        data=data,
        webhook_secrets=[secret.reveal().encode() for secret in configured.webhook_secrets],
        timeout_seconds=configured.timeout_seconds,
        poll_seconds=settings.poll_seconds(configured),
        options=configured.options,
    )


def _bottlecrm(settings: Settings, configured: BackendSettings) -> Backend:
    assert configured.password is not None, "the settings refuse this before it comes here"
    return bottlecrm.backend(
        code=configured.code,
        url=configured.url or "",
        token=configured.password.reveal(),
        webhook_secrets=[secret.reveal().encode() for secret in configured.webhook_secrets],
        timeout_seconds=configured.timeout_seconds,
        poll_seconds=settings.poll_seconds(configured),
        options=configured.options,
    )


def _folder(settings: Settings, configured: BackendSettings) -> Backend:
    return folder.backend(
        code=configured.code,
        channels=settings.sales_channels(),
        time_zone=settings.retailer.time_zone,
        timeout_seconds=configured.timeout_seconds,
        poll_seconds=settings.poll_seconds(configured),
        options=configured.options,
    )


def bootstrap(settings: Settings, data: Path, clock: Clock = wall_clock) -> Runtime:
    """The gateway of a configuration, with its state in ``data``."""
    tracing = tracing_of(settings.telemetry)
    backends = [connect(settings, configured, data, tracing) for configured in settings.backends]
    return assemble(settings, data, backends, settings.sales_channels(), clock, tracing=tracing)


def bootstrap_demo(settings: Settings, data: Path, clock: Clock = wall_clock) -> Runtime:
    """The gateway of the sandbox retailer, with its state, and the retailer's, in ``data``."""
    tracing = tracing_of(settings.telemetry)
    return assemble(settings, data, retailer.demo(data), retailer.CHANNELS, clock, tracing=tracing)


def key_fetcher(issuer: IssuerSettings) -> Fetch:
    """Asks an issuer for its keys."""
    return key_sets.key_fetcher(issuer.code, issuer.jwks_url, issuer.timeout_seconds)


def issuer_of(issuer: IssuerSettings, clock: Clock, skew_seconds: int) -> Issuer:
    """One issuer of the configuration. Nothing is asked of it yet."""
    ring = KeyRing(
        issuer.code,
        key_fetcher(issuer),
        fresh_seconds=issuer.cache_seconds,
        outage_seconds=issuer.outage_seconds,
        pause_seconds=issuer.pause_seconds,
    )
    return Issuer(issuer, ring, clock, skew_seconds)


def wechat_app(app: WechatAppSettings) -> WechatApp:
    """One mini-program of the configuration. Nothing is asked of it yet."""
    assert app.password is not None, "the settings refuse this before it comes here"
    return WechatApp(
        code=app.code,
        app_id=app.app_id,
        secret=app.password.reveal(),
        url=app.url,
        timeout_seconds=app.timeout_seconds,
    )


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
    *,
    tracing: Tracing = UNTRACED,
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
        {it.issuer: issuer_of(it, clock, auth.clock_skew_seconds) for it in settings.issuers},
        {app.app_id: wechat_app(app) for app in settings.wechat_apps},
        minute_gate(auth.logins_per_minute),
        clock,
        new_id,
        Recorder(store.callers, new_id()[-10:]),
        Intake(store.inbox),
        LiveDesk(clock),
        tracing,
    )
