"""Is the CRM there, does it let us in, may we see everybody? In words for a person at night."""

from connectors.crm.bottlecrm_terms import Terms
from connectors.crm.bottlecrm_wire import CrmClient, member_of, rows_of
from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, CommerceError

SCOPES = "contacts:read, tags:read, custom-fields:read and profile:read"
"""Scopes of the token that the connector needs."""


class CrmHealth:
    """Asks from the outside in, and stops at the first thing that is wrong."""

    def __init__(self, client: CrmClient, terms: Terms) -> None:
        self._client = client
        self._terms = terms

    async def probe(self) -> Probe:
        """How it is, and what to do if it is not well."""
        here = f"backends.{self._client.code}"
        try:
            await self._client.answers()
        except CommerceError as error:
            remedy = f"see whether the CRM runs there and its database does; compare {here}.url"
            return Probe(good=False, detail=str(error), remedy=remedy)
        try:
            await self._client.require_sight()
            count, lacking = await self._count(), await self._lacking()
            await self._client.get("/tags/")
        except BackendRefused as error:
            remedy = (
                f"in the CRM, make an administrator's token with the scopes {SCOPES}, and put it"
                f" into the variable or file that {here}.password_env or password_file names"
            )
            return Probe(good=False, detail=str(error), remedy=remedy)
        except CommerceError as error:
            remedy = "wait; if it stays so, look into the log of the CRM's web server"
            return Probe(good=False, detail=str(error), remedy=remedy)
        told = f", without the custom fields {', '.join(lacking)}" if lacking else ""
        return Probe(good=True, detail=f"{count} contacts{told}")

    async def _count(self) -> int:
        answer = await self._client.get("/contacts/", {"limit": "1"})
        with self._client.legible("contacts"):
            rows_of(answer, "results")
            assert answer is not None, "its rows were read"
            count: int = member_of(answer, "count", int)
        return count

    async def _lacking(self) -> list[str]:
        """Custom fields that the settings name and the CRM does not have; their facts are absent,
        and nothing else is.
        """
        query = {"target_model": "Contact", "include_counts": "false"}
        answer = await self._client.get("/custom-fields/", query)
        with self._client.legible("custom fields"):
            known = {member_of(row, "key", str) for row in rows_of(answer, "definitions")}
        terms = self._terms
        named = [terms.points_field, terms.card_field, terms.union_id_field, terms.open_id_field]
        return [key for key in (*named, *(key for key, _ in terms.external)) if key not in known]
