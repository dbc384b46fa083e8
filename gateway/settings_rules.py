"""Settings of what may be promised: stock rules, presets of formats of selling, and when a level
is low; and what must hold of them (S3, S6, G3).

They become the domain's records here. Which rules a preset makes stands in
``resolvers/domain/presets.py``.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from gateway.settings_file import Place, Reader, about
from resolvers.domain.presets import BUILT_IN, Preset
from resolvers.domain.rules import RuleKind, StockRule, faults
from resolvers.domain.signals import Threshold
from resolvers.domain.values import QUANTITY_MAX
from resolvers.terms import LOW_UNITS

MONTH = 2_592_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
CODE_KIND = "a code of 1 to 40 letters, digits, - and _"
_INSTANT_KIND = "a date and time with its offset, such as 2026-11-11T00:00:00+08:00"

TIMES = ("ttl_default_seconds", "ttl_max_seconds", "life_max_seconds")
"""Times of holds, each at most the next."""


def is_code(text: str) -> bool:
    """Says whether a text can be a code of the configuration."""
    return _CODE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class StockRuleSettings:
    """A stock rule as `setStockRule` takes it; in force from the start of the gateway. Every list
    of its scope that is given must match; an empty one matches all.
    """

    code: str = field(metadata=about("Your name for it.", kind=CODE_KIND, fits=is_code))
    kind: RuleKind = field(metadata=about("What it does."))
    quantity: int | None = field(
        default=None,
        metadata=about("Units kept back, protected, or allowed.", low=0, high=QUANTITY_MAX),
    )
    percent: float | None = field(
        default=None,
        metadata=about("Instead, per cent of what is on hand, rounded up.", low=0, high=100),
    )
    channels: tuple[str, ...] = field(
        default=(), metadata=about("Codes of `[[channels]]` that it is for.")
    )
    locations: tuple[str, ...] = field(
        default=(), metadata=about("Codes of the locations that it holds at.")
    )
    regions: tuple[str, ...] = field(default=(), metadata=about("Regions that it holds in."))
    skus: tuple[str, ...] = field(
        default=(), metadata=about("SKUs that it is about; of a bundle, its parts.")
    )
    categories: tuple[str, ...] = field(
        default=(), metadata=about("Categories that it is about, each with all below it.")
    )
    active_from: datetime | None = field(
        default=None, metadata=about("In force from then on.", kind=_INSTANT_KIND)
    )
    active_to: datetime | None = field(
        default=None, metadata=about("In force until then.", kind=_INSTANT_KIND)
    )
    precedence: int = field(
        default=100,
        metadata=about(
            "Of rules that are equally particular the lower number goes before.",
            low=0,
            high=1_000_000,
        ),
    )
    lend_back_from: datetime | None = field(
        default=None,
        metadata=about(
            "Of a protection: from then on what is left is free to all.", kind=_INSTANT_KIND
        ),
    )
    per_stale_hour: float | None = field(
        default=None,
        metadata=about(
            "Of safety stock: units added for each hour of the feed's age.",
            low=0,
            high=QUANTITY_MAX,
        ),
    )

    def rule(self) -> StockRule:
        """The rule itself."""
        return StockRule(**{item.name: getattr(self, item.name) for item in fields(self)})


_NONE = "0: no such rule."


@dataclass(frozen=True, slots=True)
class PresetSettings:
    """Rules and times for a format of selling, which channels take by its code. The code of a
    built-in preset (`group-buy`, `live-stream`, `instant-retail`) changes what is said here and
    leaves the rest; any other makes a preset of your own. `docs/rules.md` has their values.
    """

    code: str = field(metadata=about("Its name.", kind=CODE_KIND, fits=is_code))
    member_limit: int | None = field(
        default=None,
        metadata=about(f"Units of a SKU for each member. {_NONE}", low=0, high=QUANTITY_MAX),
    )
    daily_limit: int | None = field(
        default=None,
        metadata=about(f"Units of a SKU in a business day. {_NONE}", low=0, high=QUANTITY_MAX),
    )
    cap: int | None = field(
        default=None,
        metadata=about(f"Units of a SKU live at a time. {_NONE}", low=0, high=QUANTITY_MAX),
    )
    safety_stock: int | None = field(
        default=None,
        metadata=about(
            "Units of a SKU that the channel leaves at each location.", low=0, high=QUANTITY_MAX
        ),
    )
    per_stale_hour: float | None = field(
        default=None,
        metadata=about(
            "Units of safety stock added for each hour of the feed's age.",
            low=0,
            high=QUANTITY_MAX,
        ),
    )
    ttl_default_seconds: int | None = field(
        default=None, metadata=about("As in `[reservations]`.", low=1, high=MONTH)
    )
    ttl_max_seconds: int | None = field(
        default=None, metadata=about("As in `[reservations]`.", low=1, high=MONTH)
    )
    life_max_seconds: int | None = field(
        default=None, metadata=about("As in `[reservations]`.", low=1, high=MONTH)
    )
    payment_due_seconds: int | None = field(
        default=None, metadata=about("As in `[orders]`.", low=1, high=MONTH)
    )

    def preset(self) -> Preset:
        """The built-in preset of its code with what is said here over it, or one of its own."""
        said = {
            item.name: value
            for item in fields(self)
            if (value := getattr(self, item.name)) is not None
        }
        return replace(BUILT_IN.get(self.code, Preset(self.code)), **said)


@dataclass(frozen=True, slots=True)
class Signals:
    """When a stock level is a signal."""

    low_units: int = field(
        default=LOW_UNITS,
        metadata=about(
            "From how many units to promise down a level is low, where no `[[low_stock]]` fits.",
            low=0,
            high=QUANTITY_MAX,
        ),
    )


@dataclass(frozen=True, slots=True)
class LowStock:
    """From how many units down some levels are low. The first that fits a level holds; of its scope
    every list that is given must match.
    """

    code: str = field(metadata=about("Your name for it.", kind=CODE_KIND, fits=is_code))
    units: int = field(
        metadata=about("Units to promise from which down it is low.", low=0, high=QUANTITY_MAX)
    )
    skus: tuple[str, ...] = field(default=(), metadata=about("SKUs."))
    categories: tuple[str, ...] = field(
        default=(), metadata=about("Categories, each with all below it.")
    )
    locations: tuple[str, ...] = field(default=(), metadata=about("Codes of locations."))
    regions: tuple[str, ...] = field(default=(), metadata=about("Regions."))

    def threshold(self) -> Threshold:
        """The threshold itself."""
        return Threshold(self.units, self.skus, self.categories, self.locations, self.regions)


def presets_of(own: Iterable[PresetSettings]) -> Mapping[str, Preset]:
    """Every preset that a channel may name, by code."""
    return {**BUILT_IN, **{said.code: said.preset() for said in own}}


class Timed(Protocol):
    """An entry with a code and times of holds; a time that is None is the house's own."""

    @property
    def code(self) -> str:
        """Its own name."""


def check_times(
    reader: Reader, name: str, entry: Timed, place: Place, house: Mapping[str, int]
) -> None:
    """Refuses a time of an entry of ``[[name]]`` that is longer than the one which bounds it: its
    own, or the house's.
    """
    key = f"{name}.{entry.code}"
    for shorter, longer in pairwise(TIMES):
        value, own = getattr(entry, shorter), getattr(entry, longer)
        most = own or house[longer]
        if value is not None and value > most:
            bound = key if own else "reservations"
            expected = f"at most {bound}.{longer}, which is {most}"
            reader.refuse(f"{key}.{shorter}", (*place, shorter), expected, str(value))


def check_stock_rule(
    reader: Reader, said: StockRuleSettings, place: Place, channels: Collection[str]
) -> None:
    """Refuses a rule that cannot be meant. Locations and regions are not known before they have
    been read from a backend: ``gateway doctor`` looks at them.
    """
    key = f"stock_rules.{said.code}"
    if any(problem.key.startswith(f"{key}.") for problem in reader.problems):
        return  # what is wrong by itself would only be told twice
    told = any(problem.key.startswith("channels") for problem in reader.problems)
    for fault in faults(said.rule(), None, channels):
        name = _OURS.get(fault.field[1], fault.field[1])
        expected = "a rule that can be meant"
        if name == "channels" and len(fault.field) > 2:
            if told:
                continue  # it may be one of the channels that cannot be read
            expected = f"codes of [[channels]] ({', '.join(channels) or 'none is configured'})"
        reader.refuse(f"{key}.{name}", (*place, name), expected, fault.message)


_OURS = {
    "locationCodes": "locations",
    "activeTo": "active_to",
    "lendBackFrom": "lend_back_from",
    "perStaleHour": "per_stale_hour",
}
"""Names of the schema's fields in the file, where they differ."""
