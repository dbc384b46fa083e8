"""Places that hold and hand over stock, and the channels that sell from them.

Pure records and predicates. Distances are great-circle kilometres.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from math import asin, ceil, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

_EARTH_RADIUS_KM = 6371.0


class LocationKind(StrEnum):
    """What sort of place it is."""

    STORE = "STORE"
    WAREHOUSE = "WAREHOUSE"
    DARK_STORE = "DARK_STORE"
    POP_UP = "POP_UP"
    UNMANNED = "UNMANNED"


class Capability(StrEnum):
    """What a place is able to do for a buyer."""

    PICKUP = "PICKUP"
    SHIP_FROM = "SHIP_FROM"
    RETURN = "RETURN"
    SERVICE = "SERVICE"


class Method(StrEnum):
    """How goods reach the buyer."""

    PICKUP = "PICKUP"
    SHIP = "SHIP"
    TAKEAWAY = "TAKEAWAY"


class ChannelKind(StrEnum):
    """What sort of selling a channel is."""

    ONLINE = "ONLINE"
    IN_STORE = "IN_STORE"
    MARKETPLACE = "MARKETPLACE"
    LIVE_STREAM = "LIVE_STREAM"
    GROUP_BUY = "GROUP_BUY"
    INSTANT_RETAIL = "INSTANT_RETAIL"


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """One opening of one ISO weekday (1..7), in local time of the location, ``HH:MM``."""

    weekday: int
    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Location:
    """A shop, warehouse or other place with stock.

    ``authority`` is the backend that owns its quantities; None where the gateway itself does.
    ``safety_stock`` units of every SKU are kept for people in the shop.
    """

    code: str
    name: str
    kind: LocationKind
    region: str | None = None
    geo: GeoPoint | None = None
    capabilities: tuple[Capability, ...] = ()
    address: str | None = None
    phone: str | None = None
    time_zone: str = "Asia/Shanghai"
    opening_hours: tuple[OpeningHours, ...] = ()
    active_from: datetime | None = None
    active_to: datetime | None = None
    safety_stock: int = 0
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """Where things are sold: one currency, one pool of locations (empty: every location).

    A time of its holds that is None is the house's own. ``order_sink`` is the backend that orders
    which are placed in it here are told to, besides those of their locations.
    """

    code: str
    name: str
    kind: ChannelKind
    currency: str
    locations: tuple[str, ...] = ()
    payment_due_seconds: int = 1800
    confirm_unpaid: bool = False
    ttl_default_seconds: int | None = None
    ttl_max_seconds: int | None = None
    life_max_seconds: int | None = None
    order_sink: str | None = None


def able(location: Location, method: Method | None) -> bool:
    """Says whether a place can serve a method. In-hand takeaway needs a place that people enter."""
    if method is None:
        return True
    if method is Method.PICKUP:
        return Capability.PICKUP in location.capabilities
    if method is Method.SHIP:
        return Capability.SHIP_FROM in location.capabilities
    return location.kind in (LocationKind.STORE, LocationKind.POP_UP, LocationKind.UNMANNED)


def in_pool(locations: Iterable[Location], channel: Channel, now: datetime) -> list[Location]:
    """Places that a channel may sell from at ``now``."""
    named = channel.locations
    return [
        at
        for at in locations
        if (not named or at.code in named)
        and (at.active_from is None or at.active_from <= now)
        and (at.active_to is None or now < at.active_to)
    ]


def distance_km(one: GeoPoint, other: GeoPoint) -> float:
    """Great-circle distance (haversine)."""
    latitudes = radians(one.latitude), radians(other.latitude)
    half_lat = sin((latitudes[1] - latitudes[0]) / 2)
    half_lon = sin((radians(other.longitude) - radians(one.longitude)) / 2)
    chord = half_lat**2 + cos(latitudes[0]) * cos(latitudes[1]) * half_lon**2
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))


_DAYS_AHEAD = 8


def ready_in_minutes(location: Location, now: datetime, preparation_minutes: int) -> int:
    """Minutes until goods asked for at ``now`` lie ready: prepared while the place is open.

    A place that says no opening hours is taken to be open.
    """
    if not location.opening_hours:
        return preparation_minutes
    here = now.astimezone(ZoneInfo(location.time_zone))
    preparation = timedelta(minutes=preparation_minutes)
    for day in range(_DAYS_AHEAD):
        at = here.date() + timedelta(days=day)
        for hours in sorted(location.opening_hours, key=lambda hours: hours.opens):
            if hours.weekday != at.isoweekday():
                continue
            opens, closes = (
                datetime.combine(at, time.fromisoformat(text), here.tzinfo)
                for text in (hours.opens, hours.closes)
            )
            ready = max(here, opens) + preparation
            if ready <= closes:
                return ceil((ready - here) / timedelta(minutes=1))
    return preparation_minutes
