"""The connector on a running CRM, as the gateway has it, all of whose roles are there."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

from connectors.crm.bottlecrm import backend
from connectors.crm.bottlecrm_members import Members
from resolvers.backend_ports import Backend, Changes
from resolvers.domain.members import Member
from tests.live_crm.house import RunningCrm
from tests.live_crm.people import TIERS

OPTIONS = {"tiers": ",".join(TIERS), "external_fields": "pos_customer_id=pos"}


class Door:
    """One connection; use it in an ``async with``."""

    def __init__(self, crm: RunningCrm, **settings: Any) -> None:
        asked = {"code": "crm", "url": crm.url, "token": crm.token, "options": OPTIONS, **settings}
        self.backend: Backend = backend(**asked)
        assert isinstance(self.backend.members, Members)
        self.members = self.backend.members

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.backend.close is not None
        await self.backend.close()  # type: ignore[misc]  # typed as anything; here a coroutine

    def pages(self) -> AsyncIterator[Changes[Member]]:
        return self.members.members("")

    async def everybody(self) -> dict[str, Member]:
        """One whole reading, by the CRM's ids."""
        found: dict[str, Member] = {}
        ended = False
        async for page in self.pages():
            assert not ended
            found |= {it.provenance.external_id: it for it in page.items}
            ended = page.whole
        assert ended
        return found

    async def one(self, id: str) -> Member:
        """Somebody who is there."""
        found = await self.members.member(id)
        assert found is not None
        return found

    async def with_phone(self, e164: str) -> Sequence[str]:
        """The ids of those who have a telephone."""
        return [it.provenance.external_id for it in await self.members.with_phone(e164)]
