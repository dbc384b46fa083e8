"""A shop with the sandbox's goods over a store in memory, its shelves filled a little."""

from collections.abc import AsyncIterator

import pytest

from tests.support import SKU, Shop, open_shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Five units in the warehouse, three in the shop ST-01, of which one is kept there."""
    opened = await open_shop()
    await opened.stocked(SKU, "WH-01", 5)
    await opened.stocked(SKU, "ST-01", 3)
    yield opened
    await opened.close()
