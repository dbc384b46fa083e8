"""What listings may sell, as we told their marketplace and as that says now (G6, S5)."""

from collections.abc import Awaitable, Callable

from resolvers.backend_ports import Publication
from resolvers.domain.reconciling import ListingDifference
from resolvers.reconciling import Asked, Reconciled, reconcile
from tests.resolvers.conftest import ADMIN, House
from tests.resolvers.telling import CODE, Telling


async def test_a_number_that_its_marketplace_has_otherwise_is_named_until_it_is_put_right(
    house: House,
) -> None:
    """`gateway reconcile` looks at what is told, and at it again once orders were read."""
    telling = Telling(house)
    await telling.tell()
    listing, told = await telling.listing(), await telling.number()
    await telling.house.marketplace.publish([Publication("by hand", listing, told + 4, seen=told)])

    async def nobody(_: str) -> None:
        """No publisher comes by."""

    async def publisher(_: str) -> None:
        await telling.house.sync(CODE)
        telling.anew()
        await telling.tell()

    async def compared(followed: Callable[[str], Awaitable[None]]) -> Reconciled:
        return await reconcile(telling.house(ADMIN), telling.backend, Asked(), followed)

    left_alone, put_right = await compared(nobody), await compared(publisher)

    assert left_alone.listings == (ListingDifference(listing, told, told + 4),)
    assert not left_alone.agrees
    assert put_right.agrees
    assert (left_alone.listings_compared or 0) > 900
    assert await telling.number() == told
