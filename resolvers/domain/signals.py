"""When a level is a signal: low, out of stock, oversold, or back. Pure; units are whole."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor

from resolvers.domain.locations import Location
from resolvers.domain.rules import RuleBook, RuleKind, lies_in


class SignalKind(StrEnum):
    """What a level says of itself, the gravest first."""

    OVERSOLD = "OVERSOLD"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    LOW_STOCK = "LOW_STOCK"
    BACK_IN_STOCK = "BACK_IN_STOCK"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From how many units down a level is low. What its scope does not name it holds for."""

    units: int
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def fits(self, sku: str, categories: Iterable[str], location: Location) -> bool:
        """Says whether everything that its scope names is so."""
        return (
            (not self.skus or sku in self.skus)
            and (not self.locations or location.code in self.locations)
            and (not self.regions or location.region in self.regions)
            and (
                not self.categories
                or any(lies_in(has, named) for named in self.categories for has in categories)
            )
        )


def low_units(
    thresholds: Sequence[Threshold], sku: str, categories: Collection[str], location: Location
) -> int:
    """The units from which down a level is low: the first threshold that fits says; none, 0."""
    fitting = (at.units for at in thresholds if at.fits(sku, categories, location))
    return next(fitting, 0)


def conditions(unpromised: int, available: int, low: int) -> tuple[SignalKind, ...]:
    """What holds of a level, the gravest first: what is oversold is out of stock too, and what is
    out of stock is low.

    ``unpromised`` is on hand less every promise, ``available`` what may still be promised.
    """
    holding = (
        (SignalKind.OVERSOLD, unpromised < 0),
        (SignalKind.OUT_OF_STOCK, available <= 0),
        (SignalKind.LOW_STOCK, available <= max(0, low)),
    )
    return tuple(kind for kind, holds in holding if holds)


def unpromised_max(
    low: int, book: RuleBook, locations: Iterable[Location], stale_hours: Iterable[float]
) -> int | None:
    """Most units that a level can have unpromised and still no more than ``low`` to promise, by
    what is kept at any of the locations; None if a percentage is kept, which has no bound.
    """
    rules = [rule for rule in book.by_kind[RuleKind.SAFETY_STOCK] if not rule.channels]
    if any(rule.percent for rule in rules):
        return None
    age = max(stale_hours, default=0.0)
    kept = [at.safety_stock for at in locations]
    kept += [(rule.quantity or 0) + floor((rule.per_stale_hour or 0.0) * age) for rule in rules]
    return low + max(kept, default=0)
