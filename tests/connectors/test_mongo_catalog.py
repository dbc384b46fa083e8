"""The mirror in MongoDB: two processes that write it at once, and more than a command may carry."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from connectors.stores.mongo.engine import open_mongo
from resolvers.domain.catalog import Product
from resolvers.ports import Store
from tests.contract.shop import NOON, Shop, product, variant
from tests.mongod import fresh_name

pytestmark = pytest.mark.mongo

ROUNDS = 5


@pytest.fixture
async def stores(mongo_url: str) -> AsyncIterator[list[Store]]:
    """Two processes' doors to one database."""
    name = fresh_name()

    async def server_time() -> datetime:
        return NOON

    opened = [
        open_mongo(mongo_url, name, lambda: NOON, owner, server_time=server_time)
        for owner in ("one", "other")
    ]
    yield opened
    for store in opened:
        await store.close()


async def save(stores: list[Store], *said: list[Product]) -> list[int]:
    """Each process saves its products, both at once; how many each has written."""
    return await asyncio.gather(
        *(
            store.catalog.save_products(products, NOON)
            for store, products in zip(stores, said, strict=True)
        )
    )


async def test_what_two_processes_read_alike_is_written_and_told_once(stores):
    chain = [product(f"p-{at:03}") for at in range(60)]

    assert sum(await save(stores, chain, chain)) == 60

    told = await Shop(stores[0]).events()
    assert sorted(told) == [("catalog", one.handle) for one in chain]


async def test_a_part_that_is_too_much_for_one_command_is_saved_whole(stores):
    told = "x" * 400_000
    large = [replace(product(f"p-{at:02}"), description=told) for at in range(45)]

    assert await stores[0].catalog.save_products(large, NOON) == 45

    assert await stores[1].catalog.products([one.handle for one in large]) == {
        one.handle: one for one in large
    }


async def test_of_two_words_on_one_product_both_are_told_and_the_last_stands_whole(stores):
    for at in range(ROUNDS):
        handle, barcode = f"p-{at}", f"69000{at}"
        said = [
            product(handle, (variant(f"{sku}-{at}", handle, barcodes=(barcode,)),), brand=sku)
            for sku in ("A", "B")
        ]

        assert await save(stores, [said[0]], [said[1]]) == [1, 1]

        stands = await stores[0].catalog.product(handle)
        assert stands in said
        skus = [f"{stands.brand}-{at}"]
        assert await stores[1].catalog.skus_of_barcode(barcode) == skus
        assert list(await stores[1].catalog.variants([f"A-{at}", f"B-{at}"])) == skus

    told = await Shop(stores[0]).events()
    assert told == [("catalog", f"p-{at}") for at in range(ROUNDS) for _ in range(2)]


async def test_a_variant_that_two_products_claim_at_once_is_one_of_theirs(stores):
    one = product("one", (variant("V", "one", barcodes=("690001",)),))
    other = product("other", (variant("V", "other", barcodes=("690002",)),))

    assert await save(stores, [one], [other]) == [1, 1]

    found = (await stores[0].catalog.variants(["V"]))["V"]
    assert found in (one.variants[0], other.variants[0])
    assert await stores[1].catalog.skus_of_barcode(found.barcodes[0]) == ["V"]
    await stores[1].catalog.save_products([product(found.product, ())], NOON)
    assert await stores[0].catalog.variants(["V"]) == {}
