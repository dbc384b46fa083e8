"""The configuration as a whole: one TOML file, overridden by the environment, checked and frozen.

Each setting's meaning stands in ``gateway/settings_sections.py``, the reading of TOML and of
``GATEWAY_<SECTION>_<KEY>`` in ``gateway/settings_file.py``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.settings_cache import Cache
from gateway.settings_callers import (
    IssuerSettings,
    WechatAppSettings,
    check_issuers,
    check_wechat_apps,
)
from gateway.settings_catalog import Catalog, check_catalog
from gateway.settings_documents import Documents, checked_documents
from gateway.settings_file import (
    PREFIX,
    SECRET_NAME,
    Place,
    Problem,
    Reader,
    SettingsError,
    Source,
    read_source,
    shown,
)
from gateway.settings_limits import Limits
from gateway.settings_live import Live
from gateway.settings_process import (
    Auth,
    InboxSettings,
    OutboxSettings,
    Secret,
    Server,
    Sockets,
    Storage,
    check_store,
)
from gateway.settings_publication import PublicationSettings
from gateway.settings_rules import (
    TIMES,
    LowStock,
    PresetSettings,
    Signals,
    StockRuleSettings,
    check_stock_rule,
    check_times,
    presets_of,
)
from gateway.settings_secrets import secret_variables, with_password, with_secrets
from gateway.settings_sections import (
    LISTS,
    SECTIONS,
    VENDORS,
    BackendSettings,
    ChannelSettings,
    LocationOverlay,
    Orders,
    Reservations,
    Retailer,
    Sync,
)
from gateway.settings_telemetry import TelemetrySettings
from resolvers.domain.locations import Channel
from resolvers.domain.presets import Preset, rules_of
from resolvers.domain.rules import StockRule
from resolvers.domain.signals import Threshold
from resolvers.terms import InboxTerms, OutboxTerms, SyncTerms, Terms

__all__ = [
    "Auth",
    "BackendSettings",
    "Catalog",
    "ChannelSettings",
    "Documents",
    "InboxSettings",
    "IssuerSettings",
    "Limits",
    "Live",
    "LocationOverlay",
    "LowStock",
    "Orders",
    "OutboxSettings",
    "PresetSettings",
    "Problem",
    "PublicationSettings",
    "Reservations",
    "Retailer",
    "Secret",
    "Server",
    "Settings",
    "SettingsError",
    "Signals",
    "Sockets",
    "StockRuleSettings",
    "Storage",
    "Sync",
    "TelemetrySettings",
    "WechatAppSettings",
    "load",
    "load_over",
    "load_store",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, checked. Safe to print: it shows no secret."""

    server: Server = field(default_factory=Server)
    sockets: Sockets = field(default_factory=Sockets)
    store: Storage = field(default_factory=Storage)
    auth: Auth = field(default_factory=Auth)
    limits: Limits = field(default_factory=Limits)
    documents: Documents = field(default_factory=Documents)
    cache: Cache = field(default_factory=Cache)
    retailer: Retailer = field(default_factory=Retailer)
    reservations: Reservations = field(default_factory=Reservations)
    orders: Orders = field(default_factory=Orders)
    sync: Sync = field(default_factory=Sync)
    live: Live = field(default_factory=Live)
    inbox: InboxSettings = field(default_factory=InboxSettings)
    publication: PublicationSettings = field(default_factory=PublicationSettings)
    outbox: OutboxSettings = field(default_factory=OutboxSettings)
    signals: Signals = field(default_factory=Signals)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    catalog: Catalog = field(default_factory=Catalog)
    channels: tuple[ChannelSettings, ...] = ()
    locations: tuple[LocationOverlay, ...] = ()
    backends: tuple[BackendSettings, ...] = ()
    presets: tuple[PresetSettings, ...] = ()
    stock_rules: tuple[StockRuleSettings, ...] = ()
    low_stock: tuple[LowStock, ...] = ()
    issuers: tuple[IssuerSettings, ...] = ()
    wechat_apps: tuple[WechatAppSettings, ...] = ()

    def terms(self) -> Terms:
        """What the flows obey of it."""
        return Terms(
            ttl_default_seconds=self.reservations.ttl_default_seconds,
            ttl_max_seconds=self.reservations.ttl_max_seconds,
            life_max_seconds=self.reservations.life_max_seconds,
            live_units_max=self.reservations.live_units_max,
            stale_after_seconds=self.sync.stale_after_seconds,
            number_prefix=self.orders.number_prefix,
            time_zone=self.retailer.time_zone,
            phone_region=self.retailer.phone_region,
            low_stock=(
                *(said.threshold() for said in self.low_stock),
                Threshold(self.signals.low_units),
            ),
            sync=SyncTerms(self.sync.quiet_seconds, self.sync.scan_seconds, self.sync.whole_hours),
            catalog=self.catalog.terms(),
            inbox=InboxTerms(self.inbox.retry_hours, self.inbox.kept_days),
            outbox=OutboxTerms(self.outbox.retry_hours),
            live=self.live.terms({at.code: at.live_after_seconds for at in self.backends}),
        )

    def sales_channels(self) -> tuple[Channel, ...]:
        """The channels, with their preset's word where they have none of their own, and with the
        retailer's where that has none either.
        """
        known = presets_of(self.presets)

        def channel(at: ChannelSettings) -> Channel:
            preset = known.get(at.preset or "", Preset(""))
            times = {name: getattr(at, name) or getattr(preset, name) for name in TIMES}
            due = at.payment_due_seconds or preset.payment_due_seconds
            return Channel(
                at.code,
                at.name,
                at.kind,
                at.currency or self.retailer.currency,
                at.locations,
                due or self.orders.payment_due_seconds,
                at.confirm_unpaid,
                order_sink=at.order_sink,
                **times,
            )

        return tuple(channel(at) for at in self.channels)

    def rules(self) -> tuple[StockRule, ...]:
        """The stock rules: those that are written out, and those of the channels' presets."""
        known = presets_of(self.presets)
        made = (rules_of(known[at.preset], at.code) for at in self.channels if at.preset)
        return (*(said.rule() for said in self.stock_rules), *(r for rules in made for r in rules))

    def poll_seconds(self, backend: BackendSettings) -> float:
        """The pause between two looks at a backend."""
        return backend.poll_seconds or self.sync.poll_seconds


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads the file, lays the environment over it, checks everything, and reads the secrets.

    Raises:
        SettingsError: with every problem that was found.
    """
    return _checked(read_source(path), Path() if path is None else path.parent, environ)


def load_over(
    own: Mapping[str, Any], heeded: Collection[str], environ: Mapping[str, str]
) -> Settings:
    """Settings that are the program's own, by section and key, with the environment laid over the
    sections that are ``heeded``; what it says of others is meant for another house.

    Raises:
        SettingsError: with every problem that was found.
    """
    prefixes = tuple(f"{PREFIX}{name.upper()}_" for name in heeded)
    meant = {name: value for name, value in environ.items() if name.startswith(prefixes)}
    return _checked(Source("", own, {}), Path(), meant)


def _checked(source: Source, folder: Path, environ: Mapping[str, str]) -> Settings:
    reader = Reader(source, environ, secret_variables(source))
    reader.sections(tuple(SECTIONS), tuple(LISTS))
    once: dict[str, Any] = {name: reader.single(name, shape) for name, shape in SECTIONS.items()}
    many: dict[str, Any] = {name: reader.many(name, shape) for name, shape in LISTS.items()}
    settings = Settings(**once, **many)
    _check_reservations(reader, settings.reservations)
    for name in LISTS:
        _check_codes(reader, source, name)
    _check_rules(reader, source, settings)
    check_catalog(reader, settings.catalog, [at.code for at in settings.backends])
    for overlay in settings.locations:
        _check_point(reader, overlay, _place(source, "locations", overlay.code))
    _check_callers(reader, source, settings)
    documents = checked_documents(reader, settings.documents, folder)
    check_store(reader, settings.store)
    store = with_password(reader, settings.store, ("store",), folder, environ)
    backends = []
    for backend in settings.backends:
        place = _place(source, "backends", backend.code)
        _check_backend(reader, backend, place)
        backends.append(with_secrets(reader, backend, place, folder, environ))
    apps = tuple(
        with_password(reader, app, _place(source, "wechat_apps", app.code), folder, environ)
        for app in settings.wechat_apps
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return replace(
        settings,
        store=store,
        backends=tuple(backends),
        documents=documents,
        wechat_apps=apps,
    )


def load_store(path: Path, environ: Mapping[str, str]) -> Storage:
    """Where the store is, and nothing else: whoever looks after it needs no backend's password.

    Raises:
        SettingsError: with every problem of that section.
    """
    source = read_source(path)
    reader = Reader(source, environ, secret_variables(source))
    storage = reader.single("store", Storage)
    check_store(reader, storage)
    storage = with_password(reader, storage, ("store",), path.parent, environ)
    if reader.problems:
        raise SettingsError(reader.problems)
    return storage


def _place(source: Source, name: str, code: str) -> tuple[str | int, ...]:
    codes = [table.get("code") for table in source.tables[name]]
    return (name, codes.index(code))


def _check_reservations(reader: Reader, found: Reservations) -> None:
    for shorter, longer in (
        ("ttl_default_seconds", "ttl_max_seconds"),
        ("ttl_max_seconds", "life_max_seconds"),
    ):
        key, bound = f"reservations.{shorter}", f"reservations.{longer}"
        most = getattr(found, longer)
        value = getattr(found, shorter)
        if reader.sound(key, bound) and value > most:
            reader.refuse_value(key, f"at most {bound}, which is {most}", str(value))


def _check_rules(reader: Reader, source: Source, settings: Settings) -> None:
    """Refuses rules that cannot be meant, presets that there are not, and times that are longer
    than what bounds them.
    """
    channels = [channel.code for channel in settings.channels]
    for rule in settings.stock_rules:
        check_stock_rule(reader, rule, _place(source, "stock_rules", rule.code), channels)
    known = presets_of(settings.presets)
    house = {name: getattr(settings.reservations, name) for name in TIMES}
    for preset in settings.presets:
        place = _place(source, "presets", preset.code)
        check_times(reader, "presets", preset, place, house)
    for channel in settings.channels:
        place = _place(source, "channels", channel.code)
        check_times(reader, "channels", channel, place, house)
        backends = [backend.code for backend in settings.backends]
        if channel.order_sink is not None and channel.order_sink not in backends:
            key, expected = f"channels.{channel.code}.order_sink", "the code of one of [[backends]]"
            reader.refuse(key, (*place, "order_sink"), expected, shown(channel.order_sink))
        if channel.preset is not None and channel.preset not in known:
            key, expected = f"channels.{channel.code}.preset", f"one of {', '.join(known)}"
            reader.refuse(key, (*place, "preset"), expected, shown(channel.preset))


def _check_callers(reader: Reader, source: Source, settings: Settings) -> None:
    def of_issuers(code: str) -> Place:
        return _place(source, "issuers", code)

    def of_apps(code: str) -> Place:
        return _place(source, "wechat_apps", code)

    check_issuers(reader, settings.auth.issuer, settings.issuers, of_issuers)
    check_wechat_apps(reader, settings.wechat_apps, of_apps)


def _check_codes(reader: Reader, source: Source, name: str) -> None:
    tables = source.tables.get(name, [])
    seen: set[str] = set()
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        code = table.get("code") if isinstance(table, dict) else None
        if isinstance(code, str) and code in seen:
            expected = f"a code that no other of [[{name}]] has"
            reader.refuse(f"{name}.{code}.code", (name, index, "code"), expected, shown(code))
        seen.add(str(code))


def _check_point(reader: Reader, overlay: LocationOverlay, place: tuple[str | int, ...]) -> None:
    keys = {"latitude": overlay.latitude, "longitude": overlay.longitude}
    dotted = {name: f"locations.{overlay.code}.{name}" for name in keys}
    absent = [name for name, value in keys.items() if value is None]
    if len(absent) == 1 and reader.sound(*dotted.values()):
        expected = "latitude and longitude together"
        reader.refuse(dotted[absent[0]], place, expected, "nothing")


def _check_backend(reader: Reader, backend: BackendSettings, place: tuple[str | int, ...]) -> None:
    key = f"backends.{backend.code}"
    for needed in VENDORS[backend.vendor]:
        names = ("password_env", "password_file") if needed == "password" else (needed,)
        given = any(getattr(backend, name) is not None for name in names)
        dotted = tuple(f"{key}.{name}" for name in (needed, *names))
        if not given and reader.sound(*dotted):
            expected = f"{' or '.join(names)}, which {backend.vendor} needs"
            reader.refuse(f"{key}.{names[0]}", place, expected, "nothing")
    for option in backend.options:
        if SECRET_NAME.search(option):
            dotted_option = f"{key}.options.{option}"
            where = (*place, "options", option)
            reader.refuse(dotted_option, where, "no secret among options", "a secret in plain text")
