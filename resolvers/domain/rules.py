"""Rules of what may be promised: data with a scope, a window and a precedence; how one is chosen.

Which units a rule keeps back stands in ``availability`` and ``limits``. Pure: the time is given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.errors import InvalidInput, NotFound, Refused
from resolvers.domain.locations import Location
from resolvers.domain.values import NAME_LENGTH_MAX, QUANTITY_MAX, is_name

CODE_LENGTH_MAX = 64
SCOPE_MAX = 1000
"""Most names of one list of a scope: more is another way to say a category or a region."""


class RuleKind(StrEnum):
    """What a rule does."""

    SAFETY_STOCK = "SAFETY_STOCK"
    PROTECTION = "PROTECTION"
    CAP = "CAP"
    DAILY_LIMIT = "DAILY_LIMIT"
    MEMBER_LIMIT = "MEMBER_LIMIT"
    POOL_EXCLUDE = "POOL_EXCLUDE"
    PICKUP_EXCLUDE = "PICKUP_EXCLUDE"


LIMITS = (RuleKind.CAP, RuleKind.DAILY_LIMIT, RuleKind.MEMBER_LIMIT)
"""Kinds that count a SKU's units wherever they lie, so that they cannot name a place."""

EXCLUSIONS = (RuleKind.POOL_EXCLUDE, RuleKind.PICKUP_EXCLUDE)
"""Kinds that have no quantity."""


@dataclass(frozen=True, slots=True)
class StockRule:
    """One rule. Every list of its scope that is given must match; an empty one matches all.

    ``quantity`` is units, ``percent`` of what is on hand. A lower ``precedence`` goes before a
    higher one. ``lend_back_from`` ends a protection early; ``per_stale_hour`` adds units of safety
    stock for each hour of the feed's age.
    """

    code: str
    kind: RuleKind
    quantity: int | None = None
    percent: float | None = None
    channels: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    active_from: datetime | None = None
    active_to: datetime | None = None
    precedence: int = 100
    lend_back_from: datetime | None = None
    per_stale_hour: float | None = None
    version: int = 0
    set_by: str = ""
    set_at: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Says whether ``now`` lies in its window; the end itself does not."""
        begun = self.active_from is None or self.active_from <= now
        return begun and (self.active_to is None or now < self.active_to)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules that are set, and the version of their whole."""

    version: int = 0
    rules: tuple[StockRule, ...] = ()
    by_kind: Mapping[RuleKind, tuple[StockRule, ...]] = field(init=False, compare=False)
    limited: bool = field(init=False, compare=False)
    """Whether any rule is a limit."""

    def __post_init__(self) -> None:
        grouped = {
            kind: tuple(rule for rule in self.rules if rule.kind is kind) for kind in RuleKind
        }
        object.__setattr__(self, "by_kind", grouped)
        object.__setattr__(self, "limited", any(grouped[kind] for kind in LIMITS))

    @property
    def names_categories(self) -> bool:
        """Says whether any rule asks for a SKU's categories."""
        return any(rule.categories for rule in self.rules)

    @property
    def asks_for_ages(self) -> bool:
        """Says whether any rule asks how old a feed is."""
        return any(rule.per_stale_hour for rule in self.rules)

    def find(self, code: str) -> StockRule | None:
        """The rule of a code."""
        return next((rule for rule in self.rules if rule.code == code), None)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule set, or removed: the version that the whole has then, who did it, and when."""

    version: int
    code: str
    rule: StockRule | None
    by: str
    at: datetime

    def applied(self, book: RuleBook) -> RuleBook:
        """The book with this change in it."""
        assert self.version == book.version + 1, "every change is one version"
        kept = tuple(rule for rule in book.rules if rule.code != self.code)
        return RuleBook(self.version, kept if self.rule is None else (*kept, self.rule))


def set_rule(book: RuleBook, rule: StockRule, by: str, now: datetime) -> RuleChange:
    """A rule set, new or in the place of the one of its code."""
    version = book.version + 1
    stamped = replace(rule, version=version, set_by=by, set_at=now)
    return RuleChange(version, rule.code, stamped, by, now)


def remove_rule(book: RuleBook, code: str, by: str, now: datetime) -> RuleChange:
    """A rule taken out.

    Raises:
        NotFound: there is none of that code.
    """
    if book.find(code) is None:
        raise NotFound(f"there is no rule {code[:CODE_LENGTH_MAX]!r}", field=("input", "code"))
    return RuleChange(book.version + 1, code, None, by, now)


def conform(
    book: RuleBook, wanted: Sequence[StockRule], by: str, now: datetime
) -> tuple[RuleChange, ...]:
    """The changes after which the rules of one author are just these: each is set where it is new
    or different, and taken out where it is wanted no more.

    A code that somebody else has set stays theirs. Nothing to change, nothing changed: it may be
    decided again and again.
    """
    changes: list[RuleChange] = []
    codes = {rule.code for rule in wanted}
    for known in book.rules:
        if known.set_by == by and known.code not in codes:
            changes.append(remove_rule(book, known.code, by, now))
            book = changes[-1].applied(book)
    for rule in wanted:
        found = book.find(rule.code)
        if found is None or (found.set_by == by and _unstamped(found) != rule):
            changes.append(set_rule(book, rule, by, now))
            book = changes[-1].applied(book)
    return tuple(changes)


def _unstamped(rule: StockRule) -> StockRule:
    return replace(rule, version=0, set_by="", set_at=None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule is looked up for: a SKU in a channel, at a place or at none in particular.

    A ``channel`` of "" is none: rules that name channels do not hold.
    """

    sku: str
    categories: tuple[str, ...]
    channel: str
    now: datetime
    location: Location | None = None


def choose(rules: Iterable[StockRule], asked: Asked) -> StockRule | None:
    """The one rule of some of a kind that holds: the most particular, then the lowest precedence
    number, then the newest.
    """
    matching = [rule for rule in rules if matches(rule, asked)]
    if len(matching) < 2:
        return matching[0] if matching else None
    return min(matching, key=lambda rule: _rank(rule, asked))


def matches(rule: StockRule, asked: Asked) -> bool:
    """Says whether everything that a rule's scope names fits."""
    at = asked.location
    return (
        rule.active(asked.now)
        and (not rule.skus or asked.sku in rule.skus)
        and (not rule.channels or asked.channel in rule.channels)
        and (not rule.locations or (at is not None and at.code in rule.locations))
        and (not rule.regions or (at is not None and at.region in rule.regions))
        and (not rule.categories or _depth(rule, asked.categories) > 0)
    )


def _depth(rule: StockRule, categories: Sequence[str]) -> int:
    """How deep the deepest category of a rule is that holds one of some; 0 if none does."""
    fitting = (
        named.count("/") + 1
        for named in rule.categories
        for has in categories
        if lies_in(has, named)
    )
    return max(fitting, default=0)


def lies_in(category: str, named: str) -> bool:
    """Says whether a category is a named one, or below it."""
    return category == named or category.startswith(f"{named}/")


def _rank(rule: StockRule, asked: Asked) -> tuple[object, ...]:
    return (
        not rule.skus,
        -_depth(rule, asked.categories),
        not rule.locations,
        not rule.regions,
        not rule.channels,
        rule.active_from is None and rule.active_to is None,
        rule.precedence,
        -rule.version,
    )


def faults(
    rule: StockRule, locations: Mapping[str, Location] | None, channels: Iterable[str]
) -> list[Refused]:
    """Why a rule cannot be meant: one refusal for each thing that is wrong, naming its field.

    ``locations`` are all that there are; None while nobody knows them.
    """
    wrong_scope = _wrong_scope(rule, locations, set(channels))
    return [*_wrong_values(rule), *wrong_scope, *_wrong_names(rule)]


def _wrong(message: str, *field: str) -> Refused:
    return InvalidInput(message, field=("input", *field))


def _wrong_values(rule: StockRule) -> Iterable[Refused]:
    if not 1 <= len(rule.code) <= CODE_LENGTH_MAX or not rule.code.isprintable():
        yield _wrong(f"a code has 1 to {CODE_LENGTH_MAX} printable characters", "code")
    ranges = (
        ("quantity", rule.quantity, QUANTITY_MAX),
        ("percent", rule.percent, 100),
        ("perStaleHour", rule.per_stale_hour, QUANTITY_MAX),
    )
    for name, value, most in ranges:
        if value is not None and not 0 <= value <= most:
            yield _wrong(f"{name} is 0 to {most}", name)
    if rule.per_stale_hour is not None and rule.kind is not RuleKind.SAFETY_STOCK:
        yield _wrong("only safety stock grows with the feed's age", "perStaleHour")
    if rule.lend_back_from is not None and rule.kind is not RuleKind.PROTECTION:
        yield _wrong("only a protection lends back", "lendBackFrom")
    if rule.active_from and rule.active_to and rule.active_to <= rule.active_from:
        yield _wrong("the window ends before it starts", "activeTo")
    yield from _wrong_amount(rule)


def _wrong_amount(rule: StockRule) -> Iterable[Refused]:
    given = [amount for amount in (rule.quantity, rule.percent) if amount is not None]
    if len(given) == 2:
        yield _wrong("give quantity or percent, not both", "percent")
    if rule.kind in EXCLUSIONS and given:
        yield _wrong("an exclusion has no quantity", "quantity")
    if rule.kind in LIMITS and rule.quantity is None:
        yield _wrong("a limit needs a quantity", "quantity")
    if rule.kind is RuleKind.PROTECTION and not given:
        yield _wrong("a protection needs a quantity or a percentage", "quantity")
    if rule.kind is RuleKind.SAFETY_STOCK and not given and rule.per_stale_hour is None:
        yield _wrong("safety stock needs a quantity, a percentage or perStaleHour", "quantity")


def _wrong_names(rule: StockRule) -> Iterable[Refused]:
    for name, values in (("skus", rule.skus), ("categories", rule.categories)):
        for at, value in enumerate(values):
            if not is_name(value):
                yield _wrong(f"1 to {NAME_LENGTH_MAX} printable characters", name, str(at))


def _wrong_scope(
    rule: StockRule, locations: Mapping[str, Location] | None, channels: set[str]
) -> Iterable[Refused]:
    lists = {
        "channels": rule.channels,
        "locationCodes": rule.locations,
        "regions": rule.regions,
        "skus": rule.skus,
        "categories": rule.categories,
    }
    for name, values in lists.items():
        if len(values) > SCOPE_MAX:
            yield _wrong(f"a scope names at most {SCOPE_MAX} {name}", name)
    known: dict[str, set[str]] = {"channels": channels}
    if locations is not None:
        regions = {at.region for at in locations.values() if at.region is not None}
        known |= {"locationCodes": set(locations), "regions": regions}
    for name, there_are in known.items():
        for at, value in enumerate(lists[name]):
            if value not in there_are:
                yield _wrong(f"there is no {value[:40]!r}", name, str(at))
    places = locations or {}
    named = [places[code] for code in rule.locations if code in places]
    if rule.regions and named and not any(at.region in rule.regions for at in named):
        yield _wrong("none of these locations is in these regions", "regions")
    if rule.kind in LIMITS and (rule.locations or rule.regions):
        yield _wrong("a limit counts a SKU wherever it lies; name no place", "locationCodes")
    if rule.kind in EXCLUSIONS and not any(lists.values()):
        yield _wrong("an exclusion of everything; name what is excluded", "locationCodes")
    if rule.kind is RuleKind.PROTECTION and not rule.channels:
        yield _wrong("a protection names the channels that it is for", "channels")
