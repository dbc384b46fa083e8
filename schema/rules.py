"""Stock rules as clients see, set and remove them. What a rule means stands in ``resolvers``."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import ruling
from resolvers.domain.rules import RuleKind, StockRule
from schema.fields import After, First, instances_of, plain
from schema.ids import NodeType, identity
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.payloads import (
    Answer,
    UserErrorType,
    answered,
    key_field,
    replayed_field,
    user_errors_field,
)

LIST = "rules"
_CHANNELS = "Channels that it is for; empty: every one."
_LOCATIONS = "Codes of the locations it holds at; empty: everywhere."
_REGIONS = "Regions it holds in; empty: everywhere."
_SKUS = "SKUs that it is about; empty: every one."
_NAMED_SKUS = f"{_SKUS} One that nobody sells yet may be named; of a bundle, its parts."
_CATEGORIES = "Categories that it is about, each with all below it; empty: every one."
_QUANTITY = (
    "Units: kept back, protected, or allowed at most. Null where a percentage says it, and for an "
    "exclusion."
)
_PERCENT = "Instead of a quantity, per cent of what is on hand, 0 to 100, rounded up."
_FROM = "In force from this instant; null: from the moment it is set."
_TO = "Until this instant, which is no longer in it; null: without end."
_PRECEDENCE = (
    "Of rules that are equally particular the one with the lower number goes before; 100 if nobody "
    "says."
)
_LEND = "Of a protection: from then on what is left is free to all. Null: it never is."
_STALE = (
    "Of safety stock: units added for each whole part of an hour that the location's feed is old: "
    "floor(perStaleHour × hours). Null: none."
)


@strawberry.type(
    name="StockRule",
    description="A rule of what may be promised. Of several of a kind that match, the most "
    "particular holds: by SKU, category, location, region, channel, window; then the lower "
    "precedence; then the newer.",
)
class StockRuleType(NodeType):
    """Read from the domain's rule."""

    is_type_of = instances_of(StockRule)

    id: strawberry.ID = identity("StockRule", "code")
    code: str = strawberry.field(description="Your name for it; setting it again replaces it.")
    kind: RuleKind = strawberry.field(description="What it does.")
    version: int = strawberry.field(
        description="Grows with every rule that is set or removed anywhere."
    )
    quantity: int | None = strawberry.field(description=_QUANTITY)
    percent: float | None = strawberry.field(description=_PERCENT)
    channels: list[str] = strawberry.field(description=_CHANNELS)
    location_codes: list[str] = plain("locations", _LOCATIONS)
    regions: list[str] = strawberry.field(description=_REGIONS)
    skus: list[str] = strawberry.field(description=_SKUS)
    categories: list[str] = strawberry.field(description=_CATEGORIES)
    active_from: datetime | None = strawberry.field(description=_FROM)
    active_to: datetime | None = strawberry.field(description=_TO)
    precedence: int = strawberry.field(description=_PRECEDENCE)
    lend_back_from: datetime | None = strawberry.field(description=_LEND)
    per_stale_hour: float | None = strawberry.field(description=_STALE)
    set_by: str = strawberry.field(
        description="Who set it: a caller's subject, or `configuration` for a rule of the settings."
    )
    set_at: datetime = strawberry.field(description="When it was set.")


@strawberry.input(
    name="SetStockRuleInput", description="A rule, new or in the place of its code's."
)
class SetStockRuleInput:
    """Becomes the domain's rule."""

    idempotency_key: str = key_field()
    code: str = strawberry.field(description="Your name for it, 1 to 64 characters.")
    kind: RuleKind = strawberry.field(description="What it does.")
    quantity: int | None = strawberry.field(default=None, description=_QUANTITY)
    percent: float | None = strawberry.field(default=None, description=_PERCENT)
    channels: list[str] | None = strawberry.field(default=None, description=_CHANNELS)
    location_codes: list[str] | None = strawberry.field(default=None, description=_LOCATIONS)
    regions: list[str] | None = strawberry.field(default=None, description=_REGIONS)
    skus: list[str] | None = strawberry.field(default=None, description=_NAMED_SKUS)
    categories: list[str] | None = strawberry.field(default=None, description=_CATEGORIES)
    active_from: datetime | None = strawberry.field(default=None, description=_FROM)
    active_to: datetime | None = strawberry.field(default=None, description=_TO)
    precedence: int | None = strawberry.field(default=None, description=_PRECEDENCE)
    lend_back_from: datetime | None = strawberry.field(default=None, description=_LEND)
    per_stale_hour: float | None = strawberry.field(default=None, description=_STALE)

    def asked(self) -> StockRule:
        """The same for the flow."""
        return StockRule(
            self.code,
            self.kind,
            self.quantity,
            self.percent,
            tuple(self.channels or ()),
            tuple(self.location_codes or ()),
            tuple(self.regions or ()),
            tuple(self.skus or ()),
            tuple(self.categories or ()),
            self.active_from,
            self.active_to,
            100 if self.precedence is None else self.precedence,
            self.lend_back_from,
            self.per_stale_hour,
        )


@strawberry.input(name="RemoveStockRuleInput", description="Which rule is taken out.")
class RemoveStockRuleInput:
    """Becomes the flow's arguments."""

    idempotency_key: str = key_field()
    code: str = strawberry.field(description="The rule's code.")


@strawberry.type(name="SetStockRulePayload", description="What came of `setStockRule`.")
class SetStockRulePayload:
    """Read from an answer."""

    stock_rule: StockRuleType | None = plain(
        "made", "The rule as it is now; null when nothing was done."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="RemoveStockRulePayload", description="What came of `removeStockRule`.")
class RemoveStockRulePayload:
    """Read from an answer."""

    code: str | None = plain("made", "The code that is free again; null when nothing was done.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type
class RulesQuery:
    """The root field about rules."""

    @strawberry.field(
        graphql_type=ConnectionType[StockRuleType],
        description="The stock rules that are set, by code, in force or not.",
    )
    @staticmethod
    async def stock_rules(info: Info, first: First, after: After = UNSET) -> Listed[StockRule]:
        """A page of rules."""
        page = await ruling.browse_rules(info.context.ctx, first, after_of(after, LIST))
        return listed(page, LIST)


Rule = Annotated[SetStockRuleInput, strawberry.argument(description="The rule.")]
Removal = Annotated[RemoveStockRuleInput, strawberry.argument(description="Which rule.")]


@strawberry.type
class RulesMutation:
    """The root fields that change rules."""

    @strawberry.mutation(
        graphql_type=SetStockRulePayload,
        description="Sets a stock rule; it is in force at once, in every process. Setting a code "
        "again replaces its rule.",
    )
    @staticmethod
    async def set_stock_rule(info: Info, input: Rule) -> Answer[StockRule]:
        """One rule."""
        return await answered(
            lambda: ruling.set_stock_rule(info.context.ctx, input.idempotency_key, input.asked())
        )

    @strawberry.mutation(
        graphql_type=RemoveStockRulePayload,
        description="Takes a stock rule out; what it kept back is free at once.",
    )
    @staticmethod
    async def remove_stock_rule(info: Info, input: Removal) -> Answer[str]:
        """One rule less."""
        return await answered(
            lambda: ruling.remove_stock_rule(info.context.ctx, input.idempotency_key, input.code)
        )
