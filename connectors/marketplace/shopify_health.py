"""Is the shop there, does it let us in, may we do what we must? In words for a person at night."""

from connectors.governor import Lane
from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_operations import API_VERSION, SHOP
from connectors.marketplace.shopify_rows import ShopAnswer
from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, CommerceError

SCOPES = (
    "read_customers",
    "read_inventory",
    "read_locations",
    "read_orders",
    "read_products",
    "write_inventory",
)
"""What the app has to be allowed. Who may write may read."""


class ShopifyHealth:
    """Asks one question that says it all."""

    def __init__(self, client: ShopifyClient, location: str) -> None:
        self._client = client
        self._location = location

    async def probe(self) -> Probe:
        """How it is, and what to do if it is not well."""
        here = f"backends.{self._client.code}"
        try:
            told = await self._client.ask(
                SHOP, {"location": self._location}, ShopAnswer, lane=Lane.LIVE
            )
        except CommerceError as error:
            return Probe(good=False, detail=str(error), remedy=_remedy(error, here))
        granted = {scope.handle for scope in told.current_app_installation.access_scopes}
        granted |= {scope.replace("write_", "read_") for scope in granted}
        lacking = [scope for scope in SCOPES if scope not in granted]
        if lacking:
            return Probe(
                good=False,
                detail=f"the app may not {', '.join(lacking)}",
                remedy="give the app these access scopes, and install it anew",
            )
        if told.location is None or not told.location.is_active:
            return Probe(
                good=False,
                detail=f"it has no active location {self._location}",
                remedy=f"compare {here}.options.location with the shop's locations",
            )
        if self._client.version not in ("", API_VERSION):
            return Probe(
                good=False,
                detail=f"it answers as {self._client.version}, not as {API_VERSION}",
                remedy="take a release of the gateway that knows a version which Shopify still has",
            )
        shop, place = told.shop, told.location
        return Probe(
            good=True,
            detail=f"{shop.name}, {shop.currency_code}, API {API_VERSION}, stock of {place.name}",
        )


def _remedy(error: CommerceError, here: str) -> str:
    match error:
        case BackendRefused(kind="AUTH"):
            return (
                f"compare {here}.user, and the secret in the variable or file that"
                f" {here}.password_env or password_file names, with the app; see its access scopes"
            )
        case BackendRefused(kind="NOT_FOUND"):
            return f"compare {here}.url with the shop's address, https://….myshopify.com"
        case BackendRefused():
            return "take a newer release of the gateway: the shop does not understand this one"
        case _:
            return f"wait; if it stays so, compare {here}.url, and see whether Shopify is well"
