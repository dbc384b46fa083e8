"""The retailer's terms: times to live, deadlines, staleness. Configuration, frozen at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from resolvers.domain.locations import Channel
from resolvers.domain.signals import Threshold

LOW_UNITS = 3
"""From how many units down a level is low, unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class SyncTerms:
    """How closely backends are followed, beside the pause that each has of its own.

    ``quiet_seconds`` is the pause while nothing changes, ``scan_seconds`` the one between two
    readings of what can only be read whole; what nobody tells the end of is read whole every
    ``whole_hours``.
    """

    quiet_seconds: float = 3.0
    scan_seconds: float = 300.0
    whole_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class CatalogTerms:
    """Whom to believe about an attribute of the catalogue before others (codes of backends, by
    attribute), and other codes that sellers use for SKUs (``aliases``).
    """

    preferred: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboxTerms:
    """How long messages of backends are tried before a person has to look, in hours, and how many
    days one that is done is known again.
    """

    retry_hours: float = 24.0
    kept_days: float = 7.0


class LiveField(StrEnum):
    """What a backend may be asked while somebody waits."""

    STOCK = "stock"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """When a backend is asked anew while somebody waits: once what is known of it is older than
    ``after_seconds`` (by its code in ``of_backend`` where that says otherwise); 0: never. A request
    waits ``deadline_seconds`` in all.
    """

    after_seconds: float = 0.0
    deadline_seconds: float = 0.3
    fields: frozenset[LiveField] = frozenset(LiveField)
    of_backend: Mapping[str, float] = field(default_factory=dict)

    def after(self, backend: str, field: LiveField) -> float:
        """How old what is known of a backend's field may be until it is asked; 0: any age."""
        return self.of_backend.get(backend, self.after_seconds) if field in self.fields else 0.0

    def asks(self, field: LiveField) -> bool:
        """Says whether any backend may be asked for a field."""
        return field in self.fields and any((self.after_seconds, *self.of_backend.values()))


@dataclass(frozen=True, slots=True)
class OutboxTerms:
    """How long a write is tried before it is a dead letter, in hours from its first try."""

    retry_hours: float = 72.0


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds that the flows obey. ``number_prefix`` opens every order number.

    ``preparation_minutes`` is how long a shop takes to lay goods ready for pick-up.
    ``phone_region`` is where telephone numbers are of that name no country.
    ``live_units_max`` is how many units a shopper may have held or ordered at a time; 0 is no
    limit. The first of ``low_stock`` that fits a level says when it is low.
    """

    ttl_default_seconds: int = 900
    ttl_max_seconds: int = 3600
    life_max_seconds: int = 86_400
    stale_after_seconds: float = 300.0
    preparation_minutes: int = 60
    number_prefix: str = "UC"
    time_zone: str = "Asia/Shanghai"
    phone_region: str = "CN"
    live_units_max: int = 0
    low_stock: tuple[Threshold, ...] = (Threshold(LOW_UNITS),)
    sync: SyncTerms = field(default_factory=SyncTerms)
    catalog: CatalogTerms = field(default_factory=CatalogTerms)
    inbox: InboxTerms = field(default_factory=InboxTerms)
    outbox: OutboxTerms = field(default_factory=OutboxTerms)
    live: LiveTerms = field(default_factory=LiveTerms)

    def within(self, channel: Channel) -> "Terms":
        """The same with a channel's own times of holds; a shorter time is cut to fit a longer."""
        life = channel.life_max_seconds or self.life_max_seconds
        most = min(channel.ttl_max_seconds or self.ttl_max_seconds, life)
        ttl = min(channel.ttl_default_seconds or self.ttl_default_seconds, most)
        own = self.ttl_default_seconds, self.ttl_max_seconds, self.life_max_seconds
        if own == (ttl, most, life):
            return self
        return replace(self, ttl_default_seconds=ttl, ttl_max_seconds=most, life_max_seconds=life)
