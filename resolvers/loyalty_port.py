"""What the answers need from a system that keeps members' points. Points are whole, and they are
its own: here they are read, never moved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LoyaltyTerms:
    """What a system declares of its points.

    A point is worth ``worth_minor`` minor units of ``currency`` when it is spent; None and "" if
    the system does not say. ``tiers`` are its own, the lowest first.
    """

    worth_minor: int | None = None
    currency: str = ""
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PointsBalance:
    """What somebody may spend now, and the tier that comes with it; None if there are none."""

    points: int
    tier: str | None = None


class Loyalty(Protocol):
    """Keeps points."""

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        """What some members have, by the system's own ids; those that it does not know are left
        out.
        """
