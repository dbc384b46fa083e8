"""What lists are asked for: the filters and orders of their questions, as records."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from resolvers.domain.callers import Deed
from resolvers.domain.orders import OrderStatus


class ProductSort(StrEnum):
    """Orders of a product list. Every order ends with the handle, so that pages never overlap."""

    RELEVANCE = "RELEVANCE"
    TITLE_ASC = "TITLE_ASC"
    UPDATED_DESC = "UPDATED_DESC"
    PRICE_ASC = "PRICE_ASC"
    PRICE_DESC = "PRICE_DESC"


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products are asked for; lists mean any of, absent means all.

    ``channel`` keeps what is sold there; a category also stands for all below it (``beauty`` for
    ``beauty/skincare``). ``in_stock`` asks whether some location has more of a variant on hand than
    has been promised; bundles count as out of stock.
    """

    search: str | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    channel: str | None = None
    updated_since: datetime | None = None
    in_stock: bool | None = None


@dataclass(frozen=True, slots=True)
class LevelFilter:
    """Which stock levels are asked for.

    ``unpromised_max`` keeps positions with at most so many units that are stored as promised to
    nobody; holds that are due are still counted in.
    """

    locations: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    updated_since: datetime | None = None
    unpromised_max: int | None = None


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders are asked for. ``subject`` or ``member_id`` narrow to what a caller owns."""

    updated_since: datetime | None = None
    channels: tuple[str, ...] = ()
    statuses: tuple[OrderStatus, ...] = ()
    member_id: str | None = None
    location: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which deeds are asked for; absent means all. ``until`` is the first instant left out."""

    subject: str | None = None
    actions: tuple[str, ...] = ()
    results: tuple[Deed, ...] = ()
    key: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members are asked for; lists mean any of, absent means all. Values are as they are
    compared: phones E.164, mail addresses lower case.
    """

    phone: str | None = None
    email: str | None = None
    card: str | None = None
    systems: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    updated_since: datetime | None = None
