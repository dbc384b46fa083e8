"""What the connector has to know of a shop before it can read or write: its channels as ours, and
the stock location that we publish to.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.marketplace.vendure_client import HOME, VendureClient
from connectors.marketplace.vendure_translate import Place
from connectors.marketplace.vendure_wire import legible, refused
from connectors.options import BadOption
from resolvers.domain.locations import Channel, ChannelKind

CHANNELS = "channels"
"""Name of the option that says which of the shop's channels are which of ours:
``__default_channel__=web, mini=mini-program``."""

LOCATION = "location"
"""Name of the option with the name of the stock location that we publish to."""

BARCODE = "barcode_field"
"""Name of the option with the custom field of variants that holds the barcode."""

REGION = "phone_region"
"""Name of the option with the country whose way of writing telephone numbers is read."""

REGION_DEFAULT = "CN"

BUYER = "order_customer"
"""Name of the option with the mail address of the customer that our orders are entered for."""

WAY = "order_shipping"
"""Name of the option with the code of the way to ship that our orders are entered with: a free one,
as the goods are sent from elsewhere."""

KEPT_SECONDS = 300.0
"""How long the shop's settings are believed."""

PLACES_MAX = 1000

_FIELD = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_MAIL = re.compile(r"[^@\s]{1,100}@[^@\s]{1,100}")
_PLACES = """query($options: StockLocationListOptions) {
  rows: stockLocations(options: $options) { totalItems items { id name } }
}"""
_SETTINGS = "{ globalSettings { outOfStockThreshold trackInventory } }"


@dataclass(frozen=True, slots=True)
class ShopTerms:
    """What the settings say of one shop. ``channels`` are ours by the shop's code."""

    channels: Mapping[str, Channel]
    location: str | None
    barcode_field: str | None
    region: str
    buyer: str = ""
    way: str = ""

    @property
    def takes_orders(self) -> bool:
        """Says whether orders of ours are entered there."""
        return bool(self.buyer)


def terms_of(options: Mapping[str, str], channels: Sequence[Channel]) -> ShopTerms:
    """The options, understood.

    Raises:
        BadOption: one of them cannot be meant.
    """
    field = options.get(BARCODE)
    if field is not None and _FIELD.fullmatch(field) is None:
        raise BadOption(BARCODE, "the name of a custom field", repr(field))
    buyer, way = options.get(BUYER, "").strip(), options.get(WAY, "").strip()
    if BUYER in options and _MAIL.fullmatch(buyer) is None:
        raise BadOption(BUYER, "a mail address", repr(buyer[:60]))
    if bool(buyer) != bool(way):
        lacking = WAY if buyer else BUYER
        raise BadOption(lacking, f"a value, as there is {BUYER if way else WAY}", repr(""))
    return ShopTerms(
        _mapped(options.get(CHANNELS), channels),
        options.get(LOCATION),
        field,
        options.get(REGION, REGION_DEFAULT),
        buyer,
        way,
    )


def _mapped(told: str | None, channels: Sequence[Channel]) -> Mapping[str, Channel]:
    ours = {channel.code: channel for channel in channels}
    if told is None:
        fit = (ChannelKind.MARKETPLACE, ChannelKind.ONLINE)
        first = next((at for kind in fit for at in channels if at.kind is kind), None)
        return {} if first is None else {HOME: first}
    mapped: dict[str, Channel] = {}
    for pair in told.split(","):
        theirs, equals, named = (part.strip() for part in pair.partition("="))
        if not theirs or not equals or named not in ours or theirs in mapped:
            expected = (
                "pairs like mini=mini-program: a channel of the shop, and one of [[channels]]"
            )
            raise BadOption(CHANNELS, expected, repr(pair.strip()))
        mapped[theirs] = ours[named]
    return mapped


class Shop:
    """One shop as its settings stand; they are asked for now and then."""

    def __init__(
        self,
        client: VendureClient,
        terms: ShopTerms,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.terms = terms
        self._timer = timer
        self._place: Place | None = None
        self._asked_at = 0.0
        self._line = asyncio.Lock()

    async def place(self) -> Place:
        """Where we publish to.

        Raises:
            BackendRefused: the shop has no location of that name.
        """
        async with self._line:
            if self._place is None or self._timer() - self._asked_at > KEPT_SECONDS:
                self._place = await self._read_place()
                self._asked_at = self._timer()
            return self._place

    async def _read_place(self) -> Place:
        code, name = self.client.code, self.terms.location
        if name is None:
            return Place(None)
        places, _ = await self.client.listed(_PLACES, {"take": PLACES_MAX})
        told = await self.client.read(_SETTINGS)
        with legible("its settings", code):
            fit = [place["id"] for place in places if place["name"] == name]
            settings = told["globalSettings"]
            threshold, tracked = settings["outOfStockThreshold"], settings["trackInventory"]
        if len(fit) != 1:
            many = "no stock location" if not fit else "several stock locations"
            raise refused(f"it has {many} named {name[:60]!r}", "INVALID", code)
        return Place(fit[0], int(threshold), bool(tracked))
