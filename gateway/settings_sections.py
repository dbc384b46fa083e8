"""Every setting of the house: its kind, its default and its meaning.

``docs/settings.md`` is made of it, and of those of the process (``gateway/settings_process.py``).
How they are read stands in ``gateway/settings_file.py``, what must hold between them in
``gateway/settings.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.settings_cache import Cache
from gateway.settings_callers import IssuerSettings, WechatAppSettings
from gateway.settings_catalog import Catalog
from gateway.settings_documents import Documents
from gateway.settings_file import about
from gateway.settings_limits import Limits
from gateway.settings_live import LIVE_AFTER_MAX, Live
from gateway.settings_process import (
    FROM_FILE,
    FROM_VARIABLE,
    Auth,
    InboxSettings,
    OutboxSettings,
    Secret,
    Server,
    Sockets,
    Storage,
)
from gateway.settings_publication import PublicationSettings
from gateway.settings_rules import (
    CODE_KIND,
    MONTH,
    LowStock,
    PresetSettings,
    Signals,
    StockRuleSettings,
    is_code,
)
from gateway.settings_telemetry import TelemetrySettings
from resolvers.domain.identities import is_region
from resolvers.domain.locations import Capability, ChannelKind, GeoPoint, Location, LocationKind

VENDORS: Mapping[str, tuple[str, ...]] = {
    "sandbox-erp": (),
    "sandbox-crm": (),
    "sandbox-pos": (),
    "sandbox-marketplace": (),
    "tryton": ("url", "database", "user", "password"),
    "vendure": ("url", "user", "password"),
    "shopify": ("url", "password"),
    "bottlecrm": ("url", "password"),
    "folder": (),
}
"""Every vendor that can be configured, with the keys that it cannot work without."""

_DAY = 86_400
_CURRENCY_KIND = "a currency code of three capital letters"
_ZONE_KIND = "the name of a time zone, such as Asia/Shanghai"
_URL_KIND = "an http or https address without a user or password in it"


def _is_currency(text: str) -> bool:
    return re.fullmatch("[A-Z]{3}", text) is not None


def _is_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Retailer:
    """Who sells."""

    name: str = field(default="Retailer", metadata=about("The retailer's name, for people."))
    time_zone: str = field(
        default="Asia/Shanghai",
        metadata=about("Business days begin and end in this zone.", kind=_ZONE_KIND, fits=_is_zone),
    )
    currency: str = field(
        default="CNY",
        metadata=about(
            "Currency of every channel that names none.", kind=_CURRENCY_KIND, fits=_is_currency
        ),
    )
    phone_region: str = field(
        default="CN",
        metadata=about(
            "Country or region of telephone numbers that are written without its code.",
            kind="a country or region of two capital letters, such as CN",
            fits=is_region,
        ),
    )


@dataclass(frozen=True, slots=True)
class Reservations:
    """How long a hold lives."""

    ttl_default_seconds: int = field(
        default=900,
        metadata=about(
            "Life of a hold that names none. At most `ttl_max_seconds`.", low=1, high=MONTH
        ),
    )
    ttl_max_seconds: int = field(
        default=3600,
        metadata=about("Longest life that a caller may ask for at a time.", low=1, high=MONTH),
    )
    life_max_seconds: int = field(
        default=_DAY,
        metadata=about(
            "Extensions never pass the hold's making plus this. At least `ttl_max_seconds`.",
            low=1,
            high=MONTH,
        ),
    )
    live_units_max: int = field(
        default=0,
        metadata=about(
            "Units that one shopper or guest may have held or ordered and not yet received, at a"
            " time; 0: any number.",
            low=0,
            high=1_000_000,
        ),
    )


@dataclass(frozen=True, slots=True)
class Orders:
    """What holds for every order."""

    payment_due_seconds: int = field(
        default=1800,
        metadata=about("An order not paid after this is canceled.", low=1, high=MONTH),
    )
    number_prefix: str = field(
        default="UC",
        metadata=about(
            "Begins every order number.",
            kind="1 to 8 capital letters and digits",
            fits=lambda text: re.fullmatch("[A-Z0-9]{1,8}", text) is not None,
        ),
    )


@dataclass(frozen=True, slots=True)
class Sync:
    """How closely the mirror follows the backends."""

    poll_seconds: float = field(
        default=2.0,
        metadata=about(
            "Pause between two looks at a backend that names none, while things change there.",
            low=0.1,
            high=_DAY,
        ),
    )
    quiet_seconds: float = field(
        default=3.0,
        metadata=about("The same while nothing changes, if it is longer.", low=0.1, high=_DAY),
    )
    scan_seconds: float = field(
        default=300.0,
        metadata=about(
            "Pause between two readings of what a backend tells no changes of.", low=1, high=_DAY
        ),
    )
    whole_hours: float = field(
        default=24.0,
        metadata=about(
            "Listings and members are read whole so often where nobody tells what is gone.",
            low=0.1,
            high=8760,
        ),
    )
    stale_after_seconds: float = field(
        default=300.0,
        metadata=about("A fact that is older is served marked as stale.", low=1, high=604_800),
    )


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Where things are sold."""

    code: str = field(metadata=about("Code that clients name it by.", kind=CODE_KIND, fits=is_code))
    name: str = field(metadata=about("Its name, for people."))
    kind: ChannelKind = field(metadata=about("What sort of selling it is."))
    currency: str | None = field(
        default=None,
        metadata=about(
            "Its one currency; absent: the retailer's.", kind=_CURRENCY_KIND, fits=_is_currency
        ),
    )
    locations: tuple[str, ...] = field(
        default=(), metadata=about("Codes of the locations it sells from; empty: every location.")
    )
    payment_due_seconds: int | None = field(
        default=None,
        metadata=about("As in `[orders]`, for this channel alone.", low=1, high=MONTH),
    )
    confirm_unpaid: bool = field(
        default=False,
        metadata=about("Orders are confirmed at once and paid later: cash on delivery, corporate."),
    )
    order_sink: str | None = field(
        default=None,
        metadata=about(
            "Code of a backend that takes orders: those that are placed here in this channel are "
            "told to it whole, besides the backends of the locations that the goods leave from."
        ),
    )
    preset: str | None = field(
        default=None,
        metadata=about(
            "Rules and times of a format of selling: `group-buy`, `live-stream`, `instant-retail`, "
            "or one of `[[presets]]`."
        ),
    )
    ttl_default_seconds: int | None = field(
        default=None,
        metadata=about("As in `[reservations]`, for this channel alone.", low=1, high=MONTH),
    )
    ttl_max_seconds: int | None = field(
        default=None,
        metadata=about("As in `[reservations]`, for this channel alone.", low=1, high=MONTH),
    )
    life_max_seconds: int | None = field(
        default=None,
        metadata=about("As in `[reservations]`, for this channel alone.", low=1, high=MONTH),
    )


@dataclass(frozen=True, slots=True)
class LocationOverlay:
    """What a backend does not know about one of its locations. What is absent stays."""

    code: str = field(metadata=about("Code of the location, as its backend says it."))
    latitude: float | None = field(
        default=None, metadata=about("Degrees north; with `longitude`.", low=-90, high=90)
    )
    longitude: float | None = field(
        default=None, metadata=about("Degrees east; with `latitude`.", low=-180, high=180)
    )
    region: str | None = field(default=None, metadata=about("Region that it belongs to."))
    kind: LocationKind | None = field(default=None, metadata=about("What sort of place it is."))
    capabilities: tuple[Capability, ...] | None = field(
        default=None, metadata=about("What it is able to do for a buyer.")
    )
    phone: str | None = field(default=None, metadata=about("Telephone number for buyers."))
    safety_stock: int | None = field(
        default=None,
        metadata=about("Units of every SKU kept for people in the shop.", low=0, high=1_000_000),
    )

    def over(self, location: Location) -> Location:
        """The location with what is said here laid over it."""
        assert location.code == self.code, "an overlay is for the location of its code"
        said: dict[str, object] = {
            name: value
            for name in ("region", "kind", "capabilities", "phone", "safety_stock")
            if (value := getattr(self, name)) is not None
        }
        if self.latitude is not None and self.longitude is not None:
            said["geo"] = GeoPoint(self.latitude, self.longitude)
        return replace(location, **said)  # type: ignore[arg-type]  # names are Location's own


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """One system of the retailer that the gateway reads from and writes to."""

    code: str = field(
        metadata=about("Your name for it; never changed later.", kind=CODE_KIND, fits=is_code)
    )
    vendor: str = field(
        metadata=about(
            "What sort of system it is.",
            kind="one of " + ", ".join(VENDORS),
            fits=lambda text: text in VENDORS,
        )
    )
    url: str | None = field(
        default=None, metadata=about("Where it answers.", kind=_URL_KIND, fits=_is_url)
    )
    database: str | None = field(default=None, metadata=about("Its database."))
    user: str | None = field(default=None, metadata=about("The gateway's user there."))
    password_env: str | None = field(default=None, metadata=about(FROM_VARIABLE))
    password_file: str | None = field(default=None, metadata=about(FROM_FILE))
    webhook_secret_env: str | None = field(
        default=None,
        metadata=about("Name of the environment variable that holds the secret of its webhooks."),
    )
    webhook_secret_file: str | None = field(
        default=None, metadata=about("File that holds it; a relative path begins at the TOML file.")
    )
    webhook_secret_old_env: str | None = field(
        default=None,
        metadata=about("The same for the secret before it, while messages signed by it may come."),
    )
    webhook_secret_old_file: str | None = field(
        default=None, metadata=about("File that holds the secret before it.")
    )
    webhook_url: str = field(
        default="",
        metadata=about(
            "Address of our webhooks as its vendor has been given it; some sign it.",
            kind=_URL_KIND,
            fits=lambda text: not text or _is_url(text),
        ),
    )
    poll_seconds: float | None = field(
        default=None,
        metadata=about("As in `[sync]`, for this backend alone.", low=0.1, high=_DAY),
    )
    publish: bool = field(
        default=False,
        metadata=about(
            "Whether it is told what its listings may sell, over the numbers that it has."
        ),
    )
    timeout_seconds: float = field(
        default=10.0, metadata=about("Longest wait for one answer.", low=0.1, high=300)
    )
    live_after_seconds: float | None = field(
        default=None,
        metadata=about(
            "`after_seconds` of `[live]`, for this backend alone.", low=0, high=LIVE_AFTER_MAX
        ),
    )
    options: Mapping[str, str] = field(
        default_factory=dict, metadata=about("The vendor's own settings; never a secret.")
    )
    password: Secret | None = field(default=None, compare=False)
    webhook_secrets: tuple[Secret, ...] = field(default=(), compare=False)


SECTIONS: Mapping[str, type] = {
    "server": Server,
    "sockets": Sockets,
    "store": Storage,
    "auth": Auth,
    "limits": Limits,
    "documents": Documents,
    "cache": Cache,
    "retailer": Retailer,
    "reservations": Reservations,
    "orders": Orders,
    "sync": Sync,
    "live": Live,
    "inbox": InboxSettings,
    "publication": PublicationSettings,
    "outbox": OutboxSettings,
    "signals": Signals,
    "telemetry": TelemetrySettings,
    "catalog": Catalog,
}
"""Sections that stand once, by name."""

LISTS: Mapping[str, type] = {
    "channels": ChannelSettings,
    "locations": LocationOverlay,
    "backends": BackendSettings,
    "presets": PresetSettings,
    "stock_rules": StockRuleSettings,
    "low_stock": LowStock,
    "issuers": IssuerSettings,
    "wechat_apps": WechatAppSettings,
}
"""Sections that stand once for each entry, by name."""
