"""What a mutation has read at once is not read again by who asks later in it (G5)."""

from pathlib import Path

import pytest

from connectors.sandbox import chain, goods
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.loaders import Loaders
from tests.support import SKU, Shop


async def test_what_was_read_at_once_is_kept_for_the_request(tmp_path: Path) -> None:
    shop = Shop(open_sqlite(tmp_path / "shop.sqlite"))
    await shop.furnish(goods.catalogue(), chain.LOCATIONS)
    loaders = Loaders(shop.store, shop.clock)
    book = await loaders.rules_at_once()
    [variant, unknown] = await loaders.variants_at_once([SKU, "NO-SUCH"])
    await shop.close()

    with pytest.raises(Exception, match="closed"):  # whoever reads from now on is told so
        await Loaders(shop.store, shop.clock).rules()
    assert variant is not None and variant.sku == SKU and unknown is None
    assert await loaders.variants_by_sku.load_many([SKU, "NO-SUCH"]) == [variant, None]
    assert await loaders.rules() is book
    assert await loaders.rules_at_once() is book
