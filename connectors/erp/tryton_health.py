"""Is Tryton there, does it let us in, may we do what we have to? In words for a person at night."""

from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_sale_terms import SaleTerms
from connectors.erp.tryton_wire import NoDatabase
from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, BackendThrottled, CommerceError

GROUPS = "Sales, Stock and POS"
"""Groups of Tryton that together give the rights below."""

_SERIES = "8."
_READ, _CREATE, _WRITE = "read", "create", "write"
_NEEDED = {
    "product.product": (_READ,),
    "product.template": (_READ,),
    "product.identifier": (_READ,),
    "product.category": (_READ,),
    "stock.location": (_READ,),
    "stock.move": (_READ, _WRITE),
    "stock.reporting.inventory": (_READ,),
    "stock.shipment.out": (_READ, _WRITE),
    "stock.shipment.out.return": (_READ, _WRITE),
    "stock.shipment.internal": (_READ, _CREATE, _WRITE),
    "sale.point.sale": (_READ,),
    "sale.sale": (_READ, _CREATE, _WRITE),
    "sale.line": (_READ, _CREATE),
    "party.party": (_READ,),
    "account.tax": (_READ,),
    "account.configuration": (_READ,),
    "sale.configuration": (_READ,),
    "company.company": (_READ,),
}
"""What the gateway does with which model."""


class TrytonHealth:
    """Asks from the outside in, and stops at the first thing that is wrong."""

    def __init__(self, client: TrytonClient, terms: SaleTerms) -> None:
        self._client = client
        self._terms = terms

    async def probe(self) -> Probe:
        """How it is, and what to do if it is not well."""
        here = f"backends.{self._client.code}"
        try:
            version = await self._client.version()
        except CommerceError as error:
            remedy = f"see whether Tryton runs there and is reachable from here; compare {here}.url"
            return Probe(good=False, detail=str(error), remedy=remedy)
        if not version.startswith(_SERIES):
            remedy = f"point {here}.url at a Tryton of series 8"
            return Probe(
                good=False, detail=f"{self._client.code} is Tryton {version[:20]}", remedy=remedy
            )
        try:
            await self._client.context()
        except CommerceError as error:
            return Probe(good=False, detail=str(error), remedy=_let_in(error, here))
        return await self._may(version, here)

    async def _may(self, version: str, here: str) -> Probe:
        """Whether the user may do what the gateway does, and whether the buyer is there."""
        try:
            rights = await self._client.read("model.ir.model.access.get_access", list(_NEEDED))
            lacking = [
                f"{right} {model}"
                for model, needed in _NEEDED.items()
                for right in needed
                if not rights[model][right]
            ]
            if lacking:
                remedy = f"in Tryton, give the user of {here}.user the groups {GROUPS}"
                return Probe(
                    good=False, detail=f"its user may not {', '.join(lacking)}", remedy=remedy
                )
            company = await self._terms.company()
            await self._terms.buyer()
        except BackendRefused as error:
            remedy = (
                f"in Tryton, give the user of {here}.user a company, and make a party with an"
                f" address whose code is that of {here}.options.party (default ONLINE)"
            )
            return Probe(good=False, detail=str(error), remedy=remedy)
        except CommerceError as error:
            remedy = "wait; if it stays so, look into the log of the Tryton server"
            return Probe(good=False, detail=str(error), remedy=remedy)
        return Probe(
            good=True, detail=f"Tryton {version}, in {company.currency}, {company.time_zone.key}"
        )


def _let_in(error: CommerceError, here: str) -> str:
    """What to do when the login failed."""
    match error:
        case NoDatabase():
            return f"compare {here}.database with the databases of that server; see its log"
        case BackendRefused(kind="AUTH"):
            return (
                f"compare {here}.user, and the password in the variable or file that"
                f" {here}.password_env or password_file names; then wait 5 minutes"
            )
        case BackendThrottled():
            return f"wait; if it stays so, see what limits calls before the server of {here}.url"
        case _:
            return (
                f"wait 5 minutes; if wrong passwords locked the login, mend {here}.user and"
                f" {here}.password_env first"
            )
