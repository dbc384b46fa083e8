"""What the settings say about one shop beside its address and its secrets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.marketplace.shopify_translate import Terms, gid, number_of
from connectors.options import BadOption
from resolvers.domain.identities import is_region
from resolvers.domain.locations import Channel, ChannelKind

LOCATION = "location"
CHANNEL = "channel"
POS_CHANNEL = "pos_channel"
POS_LOCATIONS = "pos_locations"
PHONE_REGION = "phone_region"
REFRESH_TOKEN_FILE = "refresh_token_file"  # noqa: S105  # the name of an option

REGION_DEFAULT = "CN"

_ONLINE = (ChannelKind.ONLINE, ChannelKind.MARKETPLACE)


@dataclass(frozen=True, slots=True)
class Options:
    """The options, read. ``location`` is the id of the location that we publish to; ``places`` are
    our codes of the tills' locations, by the number of Shopify's.
    """

    terms: Terms
    location: str
    places: Mapping[int, str]
    refresh_token_file: str | None


def read(code: str, told: Mapping[str, str], channels: Sequence[Channel]) -> Options:
    """Reads the options of one shop.

    Raises:
        BadOption: one of them cannot be meant.
    """
    region = told.get(PHONE_REGION, REGION_DEFAULT)
    if not is_region(region):
        raise BadOption(PHONE_REGION, "two capital letters of a country", repr(region[:20]))
    terms = Terms(
        code,
        _channel(told, CHANNEL, channels, _ONLINE),
        _channel(told, POS_CHANNEL, channels, (ChannelKind.IN_STORE,)),
        region,
    )
    return Options(terms, _location(told), _places(told), told.get(REFRESH_TOKEN_FILE))


def _location(told: Mapping[str, str]) -> str:
    found = told.get(LOCATION)
    try:
        return gid("Location", found or "")
    except ValueError:
        expected = "the number of the location in Shopify that the gateway publishes to"
        shown = "nothing" if found is None else repr(found[:40])
        raise BadOption(LOCATION, expected, shown) from None


def _places(told: Mapping[str, str]) -> Mapping[int, str]:
    places: dict[int, str] = {}
    for entry in filter(None, (part.strip() for part in told.get(POS_LOCATIONS, "").split(","))):
        number, _, code = (part.strip() for part in entry.partition("="))
        try:
            places[number_of(gid("Location", number))] = code
        except ValueError:
            code = ""
        if not code:
            expected = "numbers of Shopify's locations with codes of ours, such as 75001=ST-01"
            raise BadOption(POS_LOCATIONS, expected, repr(entry[:40]))
    return places


def _channel(
    told: Mapping[str, str],
    option: str,
    channels: Sequence[Channel],
    kinds: Iterable[ChannelKind],
) -> Channel | None:
    """The channel that is named, or the first of its kind. With a code that is no channel's: none,
    and nothing of it is read.
    """
    if option in told:
        return next((at for at in channels if at.code == told[option]), None)
    return next((at for at in channels if at.kind in kinds), None)
