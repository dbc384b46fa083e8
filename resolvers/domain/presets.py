"""Formats of selling: the rules and times that a channel of each format begins with (G3).

A preset is values; its rules are made of them for one channel. Why each value is what it is stands
in ``docs/rules.md``. Pure; quantities are whole units, times are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from resolvers.domain.rules import RuleKind, StockRule

PRECEDENCE = 1000
"""Of rules made of a preset: behind every rule that somebody wrote for the same channel."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What a channel of one format is given.

    Of units None and 0 mean that there is no such rule; a time that is None is the house's own.
    """

    code: str
    member_limit: int | None = None
    daily_limit: int | None = None
    cap: int | None = None
    safety_stock: int | None = None
    per_stale_hour: float | None = None
    ttl_default_seconds: int | None = None
    ttl_max_seconds: int | None = None
    life_max_seconds: int | None = None
    payment_due_seconds: int | None = None


BUILT_IN: Mapping[str, Preset] = {
    preset.code: preset
    for preset in (
        Preset(
            "group-buy",
            member_limit=5,
            daily_limit=200,
            ttl_default_seconds=1800,
            ttl_max_seconds=1800,
            life_max_seconds=7200,
            payment_due_seconds=1800,
        ),
        Preset(
            "live-stream",
            member_limit=2,
            ttl_default_seconds=300,
            ttl_max_seconds=600,
            life_max_seconds=600,
            payment_due_seconds=600,
        ),
        Preset(
            "instant-retail",
            safety_stock=2,
            per_stale_hour=2.0,
            ttl_default_seconds=600,
            ttl_max_seconds=600,
            life_max_seconds=1200,
            payment_due_seconds=600,
        ),
    )
}
"""Presets that need no configuration, by code."""


def rules_of(preset: Preset, channel: str) -> tuple[StockRule, ...]:
    """The rules of a preset for one channel. Their codes name the channel, so each has its own."""
    amounts = (
        ("member-limit", RuleKind.MEMBER_LIMIT, preset.member_limit, None),
        ("daily-limit", RuleKind.DAILY_LIMIT, preset.daily_limit, None),
        ("cap", RuleKind.CAP, preset.cap, None),
        ("safety-stock", RuleKind.SAFETY_STOCK, preset.safety_stock, preset.per_stale_hour),
    )
    return tuple(
        StockRule(
            f"preset.{channel}.{name}",
            kind,
            units or 0,
            channels=(channel,),
            precedence=PRECEDENCE,
            per_stale_hour=an_hour or None,
        )
        for name, kind, units, an_hour in amounts
        if units or an_hour
    )
