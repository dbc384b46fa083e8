"""A gateway asked by its operator over HTTP, with a clock that is turned by hand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.sandbox import chain
from resolvers.access import Role
from tests.gateway.house import NOON, House, opened
from tests.mutations import Mutation, counted
from tests.support import Clock


class Shop:
    """A house and its clock. What is asked of it must be answered without errors."""

    def __init__(self, house: House, clock: Clock) -> None:
        self.house = house
        self.clock = clock

    @property
    def token(self) -> dict[str, str]:
        """A fresh token of the operator."""
        return self.house.token(Role.OPERATOR)

    async def post(self, body: Any) -> Any:
        """The body of an answer, whatever it says."""
        return (await self.house.post(body, **self.token)).json()

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer."""
        answer = await self.post({"query": document, "variables": variables})
        assert "errors" not in answer, answer
        return answer["data"]

    async def send(self, mutation: Mutation, **input: Any) -> Any:
        """The payload of a mutation."""
        return (await self.ask(mutation.document, input=input))[mutation.name]

    async def counted(self, mutation: Mutation, key: str) -> Mapping[str, int]:
        """What is there now of all that a mutation may do."""
        return await counted(self.house.runtime.store, mutation, key)


async def opened_shop(data: Path, engine: str = "memory", units: int = 9) -> Shop:
    """A shop with so many units in the warehouse, whose numbers the gateway keeps itself."""
    clock = Clock(NOON)
    house = await opened(data, clock=clock, engine=engine, batch_max=2)
    own = [replace(place, authority=None) for place in chain.LOCATIONS if place.code == "WH-01"]
    await house.runtime.store.catalog.save_locations(own)
    await house.stocked("WH-01", units)
    return Shop(house, clock)
