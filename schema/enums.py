"""The words that a field or an argument may be, each with what it means.

Most are the domain's own enums, shown as they are; their descriptions stand here. Fields import
them from here, so that none is shown before it is described.
"""

from enum import Enum, StrEnum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from resolvers.domain.callers import Deed as Deed
from resolvers.domain.locations import Capability as Capability
from resolvers.domain.locations import ChannelKind as ChannelKind
from resolvers.domain.locations import LocationKind as LocationKind
from resolvers.domain.locations import Method as Method
from resolvers.domain.matching import Reason as Reason
from resolvers.domain.members import IdentityKind as IdentityKind
from resolvers.domain.orders import OrderStatus as OrderStatus
from resolvers.domain.outbox import DeathKind as DeathKind
from resolvers.domain.outbox import Verdict as Verdict
from resolvers.domain.outbox import WriteStatus as WriteStatus
from resolvers.domain.publication import PublicationState as PublicationState
from resolvers.domain.reservation import Status as Status
from resolvers.domain.rules import RuleKind
from resolvers.domain.signals import SignalKind as SignalKind
from resolvers.domain.stock import Condition as Condition
from resolvers.domain.stock import EntryKind as EntryKind
from resolvers.filters import ProductSort as ProductSort
from resolvers.house import BackendStatus as BackendStatus

E = TypeVar("E", bound=type[Enum])


def _described(enum: E, name: str, description: str, **meanings: str) -> E:
    """Shows an enum of the domain under a name; every value has its meaning."""
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = vars(enum)["__strawberry_definition__"]
    for value in definition.values:
        value.description = meanings.pop(value.name)
    assert not meanings, f"{name} has no such values: {sorted(meanings)}"
    return enum


class StockReason(StrEnum):
    """Why a person corrects what lies at a location."""

    RECEIPT = "RECEIPT"
    COUNT = "COUNT"
    DAMAGE = "DAMAGE"
    LOSS = "LOSS"
    CORRECTION = "CORRECTION"
    SAMPLE = "SAMPLE"


class UserErrorCode(StrEnum):
    """Why a mutation was refused; the same words as the ``code`` of the domain's errors."""

    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    CHANNEL_LIMIT_REACHED = "CHANNEL_LIMIT_REACHED"
    CALLER_LIMIT_REACHED = "CALLER_LIMIT_REACHED"
    RESERVATION_NOT_HELD = "RESERVATION_NOT_HELD"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    NO_ELIGIBLE_LOCATION = "NO_ELIGIBLE_LOCATION"
    NOT_FOUND = "NOT_FOUND"
    NOT_AUTHORITATIVE = "NOT_AUTHORITATIVE"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    INVALID_INPUT = "INVALID_INPUT"
    STOCK_MOVED = "STOCK_MOVED"
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"
    ALREADY_REDEEMED = "ALREADY_REDEEMED"
    SLOT_FULL = "SLOT_FULL"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    WRONG_PICKUP_CODE = "WRONG_PICKUP_CODE"


_described(
    RuleKind,
    "StockRuleKind",
    "What a stock rule does.",
    SAFETY_STOCK="Keeps units at a location for people in the shop.",
    PROTECTION="Keeps units for its channels, less what they have live; others leave them.",
    CAP="Allows its channels together so many live units of a SKU, held and committed.",
    DAILY_LIMIT="Allows its channels together so many units of a SKU a day, live and sold.",
    MEMBER_LIMIT="Allows each member so many units of a SKU, live and sold; only known members.",
    POOL_EXCLUDE="Takes locations out of a channel's pool.",
    PICKUP_EXCLUDE="Takes locations out of pick-up.",
)
_described(
    EntryKind,
    "StockEntryKind",
    "Why a quantity of stock moved.",
    COUNT="A system or a person counted: the difference to what was known.",
    RECEIPT="Goods came in.",
    SALE="Goods were sold where they lie.",
    RETURN="Goods came back.",
    TRANSFER="Goods went to another location, or came from one.",
    ADJUSTMENT="A person corrected what is on hand, or a correction was refused.",
    HOLD="Units were promised for a while.",
    COMMIT="A promise became an order's: soft became hard.",
    RELEASE="A promise was given back.",
    EXPIRE="The time of a promise was over.",
    FULFILL="Units of an order left the building.",
    MOVE="A promise moved to another location, or is kept for exactly this one from now on.",
)

_described(
    Deed,
    "AuditResult",
    "What came of a mutation.",
    DONE="It was accepted, and is kept with what it changed.",
    REPLAYED="It was done before under the same key; this was the answer again.",
    REFUSED="It was refused, or who called may not do it. Nothing changed.",
    FAILED="It was not ready, was cut off, or failed in here, and nothing changed. Should it be "
    "done after all, its record says so then.",
)
_described(
    Condition,
    "StockCondition",
    "State of the goods. Only what is sellable is ever promised.",
    SELLABLE="As new.",
    DAMAGED="Not to be sold.",
    DISPLAY="On display.",
    QUARANTINE="To be looked at.",
)

_described(
    SignalKind,
    "StockSignalKind",
    "What a stock level is short of, the gravest first: what is oversold is also out of stock, and "
    "what is out of stock also low.",
    OVERSOLD="More is promised there than is on hand: somebody must look.",
    OUT_OF_STOCK="Nothing there may be promised.",
    LOW_STOCK="No more units there may be promised than the configuration calls low.",
    BACK_IN_STOCK="It was told as one of the others that are asked for, and is none of them any "
    "more. Asked for alone: it was out of stock, and is no more.",
)
_described(
    ChannelKind,
    "ChannelKind",
    "What sort of selling a channel is.",
    ONLINE="The retailer's own shop on the net: mini-program, app, website.",
    IN_STORE="Over the counter of a shop; it may sell what is kept for people in the shop.",
    MARKETPLACE="A platform of somebody else, where orders are placed there.",
    LIVE_STREAM="Sold while somebody presents it live.",
    GROUP_BUY="Sold to groups at a group's price.",
    INSTANT_RETAIL="Delivered within the hour from a place nearby.",
)
_described(
    LocationKind,
    "LocationKind",
    "What sort of place a location is.",
    STORE="A shop that people enter.",
    WAREHOUSE="A warehouse that nobody buys in.",
    DARK_STORE="A small warehouse in town for quick delivery; nobody buys in it.",
    POP_UP="A shop for a while.",
    UNMANNED="A shop or cabinet without staff.",
)
_described(
    Capability,
    "LocationCapability",
    "What a location is able to do for a buyer.",
    PICKUP="Goods can be fetched there.",
    SHIP_FROM="Parcels are sent from there.",
    RETURN="Goods can be brought back there.",
    SERVICE="Services are given there: fittings, consultations, repairs.",
)
_described(
    Method,
    "FulfillmentMethod",
    "How goods reach the buyer.",
    PICKUP="Laid ready at a location, and fetched there later.",
    SHIP="Sent to an address.",
    TAKEAWAY="Taken along at once, out of the shop.",
)
_described(
    Status,
    "ReservationStatus",
    "Where a reservation stands.",
    HELD="Its units are kept for one buyer until `expiresAt`.",
    COMMITTED="Its units belong to a confirmed order.",
    FULFILLED="Its units have left for the buyer.",
    RELEASED="Its units were given back.",
    EXPIRED="Its time ran out; its units are free again.",
)
_described(
    OrderStatus,
    "OrderStatus",
    "Where an order stands.",
    PENDING="Placed and not paid: its units are kept until `paymentDueAt`.",
    CONFIRMED="Firm: paid, or in a channel that pays later. Nothing has left yet.",
    PARTIALLY_FULFILLED="Some units have left for the buyer.",
    FULFILLED="Every unit has left for the buyer.",
    CANCELED="Called off, or not paid in time; its units are free again.",
    RETURNED="Everything came back.",
)
_described(
    WriteStatus,
    "BackendWriteStatus",
    "How far what a backend is to be told has come.",
    WAITING="Not sent, not answered, or to be tried again; that happens by itself.",
    DONE="The backend has taken it, or needs to be told no more (`letGo`).",
    FAILED="It is given up: a dead letter, and somebody must look.",
)
_described(
    DeathKind,
    "DeadLetterKind",
    "Why a write is given up.",
    REFUSED="The backend refused it, and would again.",
    RETRIES_SPENT="It was tried for as long as the settings allow, in vain.",
    UNKNOWN_OUTCOME="Its answer was lost, and the backend cannot be asked whether it is there. It "
    "is never sent again by itself: only a person can say.",
)
_described(
    Verdict,
    "DeadLetterVerdict",
    "What a person says of a dead letter.",
    THERE="The backend has it; it was found, or booked by hand.",
    SEND_AGAIN="The backend does not have it and shall be told. Where the backend can be asked it "
    "is looked up before all the same.",
    LET_GO="The backend does not have it and shall not be told any more.",
)
_described(
    BackendStatus,
    "BackendStatus",
    "How a backend answered when it was last asked.",
    UP="All that it is asked for is answered.",
    DEGRADED="Some of what it is asked for is not answered.",
    DOWN="Nothing is answered, or it has not been heard of yet.",
)
_described(
    ProductSort,
    "ProductSort",
    "The order of a list of products. Products that are alike in it follow by handle.",
    RELEVANCE="What answers a search best first; without a search, by handle.",
    TITLE_ASC="By title, A to Z.",
    UPDATED_DESC="What changed last first.",
    PRICE_ASC="The cheapest first, by the lowest price in the filter's channel or in any.",
    PRICE_DESC="The dearest first, by the same price.",
)
_described(
    StockReason,
    "StockReason",
    "Why somebody corrects what lies at a location.",
    RECEIPT="Goods came in that no system has booked.",
    COUNT="Somebody counted.",
    DAMAGE="Goods broke or spoiled and cannot be sold.",
    LOSS="Goods are gone: stolen or not to be found.",
    CORRECTION="A mistake in the books.",
    SAMPLE="Given away or opened as a sample or tester.",
)
_described(
    UserErrorCode,
    "UserErrorCode",
    "Why a mutation was refused. Nothing changed; the same request will be refused again unless "
    "something else changes.",
    INSUFFICIENT_STOCK="Fewer units can be promised than were asked for.",
    CHANNEL_LIMIT_REACHED="A limit of the channel, the day or the member is used up.",
    CALLER_LIMIT_REACHED="The caller has as many units held or ordered as it may at a time.",
    RESERVATION_NOT_HELD="The reservation's state does not allow this; it may be an order's.",
    RESERVATION_EXPIRED="The hold's time is over. Reserve again.",
    NO_ELIGIBLE_LOCATION="No location can do what was asked, whatever its stock.",
    NOT_FOUND="There is no such thing, or none that this caller may see.",
    NOT_AUTHORITATIVE="A backend owns this number and takes no change from here.",
    IDEMPOTENCY_KEY_REUSED="The key was used before with other content. Make a new key.",
    INVALID_INPUT="A value that cannot be meant, or that this caller may not send; see `field`.",
    STOCK_MOVED="The quantity expected by a recount is no longer on hand. Count again.",
    ORDER_NOT_OPEN="The order's state does not allow this.",
    ALREADY_REDEEMED="The coupon was used before.",
    SLOT_FULL="Nothing is free at that time.",
    PERIOD_CLOSED="The accounting period is closed.",
    WRONG_PICKUP_CODE="The pick-up code is not the order's.",
)

_described(
    IdentityKind,
    "IdentityKind",
    "What a member can be known by.",
    PHONE="A telephone number, E.164.",
    EMAIL="A mail address.",
    CARD="A card of the retailer's, as it is printed.",
    OPEN_ID="A person in one WeChat app.",
    UNION_ID="A person in all WeChat apps of one owner.",
    EXTERNAL="What a system calls the person.",
)

_described(
    Reason,
    "SuggestionReason",
    "Why a listing may stand for a SKU.",
    ALIAS="The configuration calls the SKU by the listing's seller code.",
    BARCODE="Both have the same barcode.",
    SELLER_CODE="The seller code is the SKU, but for case, width and punctuation.",
    TITLE="Their titles are alike.",
)

_described(
    PublicationState,
    "PublicationState",
    "How far a listing's number is.",
    TOLD="The marketplace has it.",
    WAITING="It is on its way, or waits until what the marketplace has sold is known.",
    FAILED="The marketplace has not taken it; it is tried again ever more seldom.",
    ENDED="The listing is not offered any more.",
)
