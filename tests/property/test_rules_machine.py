"""Random rules over random holds of two channels and three members: limits hold to the unit, what
is protected stays, terms sum, and counts are their entries (S3); on paper, and in a store whose
process ends and begins again.
"""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, rule

from resolvers.domain import facts, holds
from resolvers.domain.availability import Pool, availability
from resolvers.domain.backing import Hold
from resolvers.domain.books import Change, Scope
from resolvers.domain.limits import business_day, taken_at
from resolvers.domain.locations import (
    Capability,
    Channel,
    ChannelKind,
    Location,
    LocationKind,
)
from resolvers.domain.reservation import Line
from resolvers.domain.rules import RuleBook, RuleKind, StockRule, remove_rule, set_rule
from resolvers.domain.stock import EntryKind
from tests.property.keeping import InStore, OnPaper

pytestmark = pytest.mark.timeout(600)  # a life that fails is shortened before it is told

SKU = "A"
ABLE = (Capability.SHIP_FROM, Capability.PICKUP)
PLACES = (
    Location("W", "Warehouse", LocationKind.WAREHOUSE, "east", capabilities=ABLE),
    Location("S", "Shop", LocationKind.STORE, "west", capabilities=ABLE, safety_stock=1),
)
CHANNELS = {code: Channel(code, code, ChannelKind.ONLINE, "CNY") for code in ("web", "live")}
MEMBERS = ("m1", "m2", None)
ZONE = "Asia/Shanghai"

scopes = st.fixed_dictionaries(
    {
        "channels": st.sampled_from([(), ("web",), ("live",), ("web", "live")]),
        "skus": st.sampled_from([(), (SKU,)]),
        "categories": st.sampled_from([(), ("beauty",), ("beauty/skin",), ("leather",)]),
    }
)


class Rules(OnPaper):
    """The model counts units by hold: who took them, when, and whether they are still taken."""

    made = Bundle("made")

    skus = (SKU,)

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, tuple[str, str | None, str, int]] = {}

    def ended(self, id: str) -> None:
        del self.held[id]

    def pool(self, channel: str, member: str | None = None) -> Pool:
        return Pool(
            CHANNELS[channel],
            PLACES,
            self.now,
            rules=self.known.rules,
            categories={SKU: ("beauty/skin",)},
            day=business_day(self.now, ZONE),
            member=member,
        )

    @initialize()
    def goods_come_in(self) -> None:
        for at in "WS":
            told = facts.Correction(f"in-{at}", SKU, at, EntryKind.RECEIPT, "RECEIPT", 12)
            sees = Scope(frozenset([SKU]))
            self.run(lambda books, told=told: facts.correct(books, told), sees)  # type: ignore[misc]

    @rule(hours=st.integers(1, 20))
    def time_passes(self, hours: int) -> None:
        self.wait(self.now + timedelta(hours=hours))

    @rule(
        code=st.sampled_from("abc"),
        kind=st.sampled_from(list(RuleKind)),
        scope=scopes,
        quantity=st.integers(0, 9),
        at=st.sampled_from([(), ("W",), ("S",)]),
        precedence=st.integers(1, 2),
    )
    def set(
        self, code: str, kind: RuleKind, scope: dict, quantity: int, at: tuple, precedence: int
    ) -> None:
        limit = kind in (RuleKind.CAP, RuleKind.DAILY_LIMIT, RuleKind.MEMBER_LIMIT)
        excludes = kind in (RuleKind.POOL_EXCLUDE, RuleKind.PICKUP_EXCLUDE)
        if excludes and not at:
            at = ("S",)
        if kind is RuleKind.PROTECTION and not scope["channels"]:
            scope = {**scope, "channels": ("web",)}
        rule = StockRule(
            code,
            kind,
            None if excludes else quantity,
            locations=() if limit else at,
            precedence=precedence,
            **scope,
        )
        self.run(
            lambda books: Change(rules=(set_rule(books.rules, rule, "me", books.now),)), Scope()
        )

    @rule(code=st.sampled_from("abc"))
    def remove(self, code: str) -> None:
        self.run(
            lambda books: Change(rules=(remove_rule(books.rules, code, "me", books.now),)), Scope()
        )

    @rule(
        target=made,
        channel=st.sampled_from(sorted(CHANNELS)),
        member=st.sampled_from(MEMBERS),
        units=st.integers(1, 5),
        ttl=st.integers(1, 60),
    )
    def reserve(self, channel: str, member: str | None, units: int, ttl: int) -> str:
        id = self.id("R")
        offered = availability(self.known.streams[SKU], self.pool(channel, member)).available
        before = self.known
        hold = Hold(
            id,
            "me",
            CHANNELS[channel],
            (Line(SKU, units),),
            PLACES,
            ttl * 3600,
            member,
            categories={SKU: ("beauty/skin",)},
            time_zone=ZONE,
        )
        sees = Scope(frozenset([SKU]), members=frozenset([member] if member else []))
        change = self.run(lambda books: holds.reserve(books, hold), sees)
        personal = any(
            r.kind is RuleKind.MEMBER_LIMIT and _fits(r, channel) for r in before.rules.rules
        )
        assert (change is not None) is (offered >= units and not (personal and member is None))
        if change is not None:
            self.held[id] = (channel, member, business_day(self.now, ZONE), units)
            self.until[id] = self.now + timedelta(hours=ttl)
            self.limits_hold(channel, member)
        return id

    @rule(id=made)
    def release(self, id: str) -> None:
        sees = Scope(frozenset([SKU]), frozenset([id]))
        if self.run(lambda books: holds.release(books, id), sees) is not None:
            self.held.pop(id, None)
            self.until.pop(id, None)

    def limits_hold(self, channel: str, member: str | None) -> None:
        """After an accepted hold no limit of its channel is passed, counted by hand."""
        today = business_day(self.now, ZONE)
        for chosen in _chosen(self.known.rules, channel):
            counted = [
                units
                for of, who, day, units in self.held.values()
                if (not chosen.channels or of in chosen.channels or chosen.kind is MEMBER)
                and (chosen.kind is not RuleKind.DAILY_LIMIT or day == today)
                and (chosen.kind is not MEMBER or who == member)
            ]
            assert sum(counted) <= (chosen.quantity or 0)

    @invariant()
    def live_counts_are_what_the_model_holds(self) -> None:
        taken = taken_at(self.stream(SKU), self.now)
        for code in CHANNELS:
            live = sum(units for of, _, _, units in self.held.values() if of == code)
            assert taken.get(("live", code), 0) == live

    @invariant()
    def terms_sum_to_the_answer(self) -> None:
        for code in CHANNELS:
            told = availability(self.stream(SKU), self.pool(code, "m1"))
            assert sum(term.quantity for term in told.terms) == told.available

    @invariant()
    def nothing_is_promised_that_is_not_there(self) -> None:
        for position in self.stream(SKU).positions.values():
            assert position.unpromised >= 0


MEMBER = RuleKind.MEMBER_LIMIT


def _fits(rule: StockRule, channel: str) -> bool:
    """Whether a rule's scope matches the one SKU, whose category is beauty/skin, in a channel."""
    return (not rule.channels or channel in rule.channels) and "leather" not in rule.categories


def _chosen(book: RuleBook, channel: str) -> list[StockRule]:
    """The limit of each kind that holds, picked the long way round."""
    chosen = []
    for kind in (RuleKind.CAP, RuleKind.DAILY_LIMIT, MEMBER):
        fitting = [r for r in book.rules if r.kind is kind and _fits(r, channel)]
        fitting.sort(
            key=lambda r: (
                r.skus == (),
                -max((len(c.split("/")) for c in r.categories), default=0),
                r.channels == (),
                r.precedence,
                -r.version,
            )
        )
        chosen += fitting[:1]
    return chosen


class RulesInStore(InStore, Rules):
    """The same rules over the same holds in a real store."""


Rules.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
RulesInStore.TestCase.settings = settings(max_examples=10, stateful_step_count=60, deadline=None)
test_rules = Rules.TestCase
test_rules_in_a_store_whose_process_ends = RulesInStore.TestCase
