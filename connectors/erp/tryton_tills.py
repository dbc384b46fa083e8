"""Which channel the tickets of each shop's tills belong to.

A till is a shop's by the warehouse that its goods lie in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.options import BadOption
from resolvers.domain.locations import Channel, ChannelKind

TILL_CHANNELS = "till_channels"
"""Name of the option with the channel of each shop's tickets: ``SH01=huaihai,SH02=lujiazui``."""

_EXPECTED = "codes of shops with codes of IN_STORE channels, as in SH01=huaihai,SH02=lujiazui"


@dataclass(frozen=True, slots=True)
class Tills:
    """Channels by shop; ``rest`` is that of all other shops, None if their tickets are not read."""

    named: Mapping[str, Channel]
    rest: Channel | None

    def channel_of(self, shop: str) -> Channel | None:
        """The channel of a shop's tickets."""
        return self.named.get(shop, self.rest)


def read(options: Mapping[str, str], channels: Sequence[Channel]) -> Tills:
    """What the option says; of the shops that it leaves out, what channels say of their locations;
    else the first channel of kind IN_STORE.

    Raises:
        BadOption: a pair that is none, a shop twice, or a channel that is none of a shop.
    """
    stores = {at.code: at for at in channels if at.kind is ChannelKind.IN_STORE}
    named: dict[str, Channel] = {}
    for at in stores.values():
        for shop in at.locations:
            named.setdefault(shop, at)
    told: set[str] = set()
    for pair in filter(None, options.get(TILL_CHANNELS, "").split(",")):
        shop, _, code = (part.strip() for part in pair.partition("="))
        if not shop or shop in told or code not in stores:
            raise BadOption(TILL_CHANNELS, _EXPECTED, repr(pair[:40]))
        told.add(shop)
        named[shop] = stores[code]
    return Tills(named, next(iter(stores.values()), None))
