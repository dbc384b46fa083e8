"""Is the shop there, does it let us in, may we do what we must? In words for a person at night."""

from connectors.marketplace.vendure_client import HOME, Session
from connectors.marketplace.vendure_shop import CHANNELS, LOCATION, Shop
from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, CommerceError

NEEDED: tuple[tuple[str, ...], ...] = (
    ("ReadProduct", "ReadCatalog"),
    ("UpdateProduct", "UpdateCatalog"),
    ("ReadStockLocation",),
    ("ReadOrder",),
    ("ReadCustomer",),
)
"""Rights that the user must have; one of each row is enough."""

TO_ENTER: tuple[tuple[str, ...], ...] = (
    ("CreateOrder",),
    ("UpdateOrder",),
    ("DeleteOrder",),
    ("PlaceGatewayOrders",),
)
"""Rights that it must have besides, where our orders are entered."""

_ASKED = "{ activeChannel { code defaultCurrencyCode } }"


class VendureHealth:
    """Asks from the outside in, and stops at the first thing that is wrong. Vendure's own
    ``/health`` is not asked: it is well without its database.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def probe(self) -> Probe:
        """How it is, and what to do if it is not well."""
        client = self._shop.client
        here = f"backends.{client.code}"
        try:
            session = await client.session()
        except BackendRefused as error:
            remedy = (
                f"compare {here}.url and {here}.user, and the password in the variable or file"
                f" that {here}.password_env or password_file names; it tries again in a minute"
            )
            return Probe(good=False, detail=str(error), remedy=remedy)
        except CommerceError as error:
            remedy = (
                f"see whether Vendure runs there and is reachable from here; compare {here}.url"
            )
            return Probe(good=False, detail=str(error), remedy=remedy)
        if (lacking := self._lacking(session, here)) is not None:
            return lacking
        try:
            told = await client.read(_ASKED)
            place = await self._shop.place()
        except BackendRefused as error:
            remedy = (
                f"compare {here}.options.{LOCATION} with the names of the stock locations there"
            )
            return Probe(good=False, detail=str(error), remedy=remedy)
        except CommerceError as error:
            remedy = "wait; if it stays so, look into the log of the shop, and at its database"
            return Probe(good=False, detail=str(error), remedy=remedy)
        currency = told["activeChannel"]["defaultCurrencyCode"]
        where = "nothing is published to it" if place.location is None else "ready"
        return Probe(good=True, detail=f"Vendure, in {currency}; {where}")

    def _lacking(self, session: Session, here: str) -> Probe | None:
        """What is wrong with the channels that we may enter; None if nothing is."""
        for code in (HOME, *self._shop.terms.channels):
            if code not in session.channels:
                remedy = (
                    f"in Vendure, give the role of {here}.user that channel; or compare"
                    f" {here}.options.{CHANNELS} with the codes of the channels there"
                )
                detail = f"its user may not enter the channel {code}"
                return Probe(good=False, detail=detail, remedy=remedy)
            rights = session.channels[code].rights
            needed = (*NEEDED, *(TO_ENTER if self._shop.terms.takes_orders else ()))
            lacking = [any_of[0] for any_of in needed if not rights.intersection(any_of)]
            if lacking:
                detail = f"its user may not {', '.join(lacking)} in the channel {code}"
                remedy = f"in Vendure, give the role of {here}.user these rights"
                if "PlaceGatewayOrders" in lacking:
                    remedy += "; that to place orders comes with examples/vendure-orders"
                return Probe(good=False, detail=detail, remedy=remedy)
        return None
