"""The configuration as a whole: one TOML file, overridden by the environment, checked and frozen.

Each setting's meaning stands in ``gateway/settings_sections.py``, the reading of TOML and of
``GATEWAY_<SECTION>_<KEY>`` in ``gateway/settings_file.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.settings_file import (
    SECRET_NAME,
    Problem,
    Reader,
    SettingsError,
    Source,
    read_source,
    shown,
)
from gateway.settings_process import Auth, InboxSettings, Limits, Secret, Server, Sockets, Storage
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
from resolvers.domain.locations import Channel
from resolvers.domain.presets import Preset, rules_of
from resolvers.domain.rules import StockRule
from resolvers.domain.signals import Threshold
from resolvers.terms import InboxTerms, SyncTerms, Terms

__all__ = [
    "Auth",
    "BackendSettings",
    "ChannelSettings",
    "InboxSettings",
    "Limits",
    "LocationOverlay",
    "LowStock",
    "Orders",
    "PresetSettings",
    "Problem",
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
    "load",
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
    retailer: Retailer = field(default_factory=Retailer)
    reservations: Reservations = field(default_factory=Reservations)
    orders: Orders = field(default_factory=Orders)
    sync: Sync = field(default_factory=Sync)
    inbox: InboxSettings = field(default_factory=InboxSettings)
    signals: Signals = field(default_factory=Signals)
    channels: tuple[ChannelSettings, ...] = ()
    locations: tuple[LocationOverlay, ...] = ()
    backends: tuple[BackendSettings, ...] = ()
    presets: tuple[PresetSettings, ...] = ()
    stock_rules: tuple[StockRuleSettings, ...] = ()
    low_stock: tuple[LowStock, ...] = ()

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
            low_stock=(
                *(said.threshold() for said in self.low_stock),
                Threshold(self.signals.low_units),
            ),
            sync=SyncTerms(self.sync.quiet_seconds, self.sync.scan_seconds, self.sync.whole_hours),
            inbox=InboxTerms(self.inbox.retry_hours, self.inbox.kept_days),
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
    source = read_source(path)
    reader = Reader(source, environ, secret_variables(source))
    reader.sections(tuple(SECTIONS), tuple(LISTS))
    settings = Settings(
        server=reader.single("server", Server),
        sockets=reader.single("sockets", Sockets),
        store=reader.single("store", Storage),
        auth=reader.single("auth", Auth),
        limits=reader.single("limits", Limits),
        retailer=reader.single("retailer", Retailer),
        reservations=reader.single("reservations", Reservations),
        orders=reader.single("orders", Orders),
        sync=reader.single("sync", Sync),
        inbox=reader.single("inbox", InboxSettings),
        signals=reader.single("signals", Signals),
        channels=reader.many("channels", ChannelSettings),
        locations=reader.many("locations", LocationOverlay),
        backends=reader.many("backends", BackendSettings),
        presets=reader.many("presets", PresetSettings),
        stock_rules=reader.many("stock_rules", StockRuleSettings),
        low_stock=reader.many("low_stock", LowStock),
    )
    _check_reservations(reader, settings.reservations)
    for name in LISTS:
        _check_codes(reader, source, name)
    _check_rules(reader, source, settings)
    for overlay in settings.locations:
        _check_point(reader, overlay, _place(source, "locations", overlay.code))
    folder = Path() if path is None else path.parent
    _check_store(reader, settings.store)
    store = with_password(reader, settings.store, ("store",), folder, environ)
    backends = []
    for backend in settings.backends:
        place = _place(source, "backends", backend.code)
        _check_backend(reader, backend, place)
        backends.append(with_secrets(reader, backend, place, folder, environ))
    if reader.problems:
        raise SettingsError(reader.problems)
    return replace(settings, store=store, backends=tuple(backends))


def load_store(path: Path, environ: Mapping[str, str]) -> Storage:
    """Where the store is, and nothing else: whoever looks after it needs no backend's password.

    Raises:
        SettingsError: with every problem of that section.
    """
    source = read_source(path)
    reader = Reader(source, environ, secret_variables(source))
    storage = reader.single("store", Storage)
    _check_store(reader, storage)
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
        if channel.preset is not None and channel.preset not in known:
            key, expected = f"channels.{channel.code}.preset", f"one of {', '.join(known)}"
            reader.refuse(key, (*place, "preset"), expected, shown(channel.preset))


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


def _check_store(reader: Reader, store: Storage) -> None:
    """Refuses a MongoDB without an address, a user without a password, and either without it."""
    given = [name for name in ("url", "user") if getattr(store, name) is not None]
    if store.engine == "mongo" and "url" not in given and reader.sound("store.url"):
        reader.refuse(
            "store.url", ("store",), "the address of MongoDB, which mongo needs", "nothing"
        )
    if store.engine != "mongo" and given and reader.sound("store.engine"):
        reader.refuse(f"store.{given[0]}", ("store", given[0]), 'only with engine = "mongo"', "one")
    secret = store.password_env is not None or store.password_file is not None
    if secret != (store.user is not None) and reader.sound("store.user", "store.password_env"):
        expected = "user and password_env (or password_file) together"
        reader.refuse("store.user", ("store",), expected, "one of them")
