"""The mirror of products, variants and locations in memory, with what they are found by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import nsmallest

from connectors.stores.indexing import (
    SortKey,
    after_cursor,
    age_of,
    cursor_of,
    digest_of,
    index_of,
    sort_key_of,
)
from connectors.stores.memory.state import Shelved, State
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.locations import Location
from resolvers.domain.search import matches, query_terms
from resolvers.filters import ProductFilter, ProductSort


class MemoryCatalog:
    """Answers the CatalogStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_products(self, products: Sequence[Product], now: datetime) -> int:
        """Writes what differs."""
        saved = 0
        for product in products:
            digest = digest_of(product)
            before = self._state.products.get(product.handle)
            if before is None or before.digest != digest:
                saved += 1
                put_product(self._state, product, digest, now)
                self._state.emit("catalog", [product.handle])
        return saved

    async def save_locations(self, locations: Sequence[Location]) -> int:
        """Writes the locations that differ; how many did."""
        known = self._state.locations
        differing = {at.code: at for at in locations if known.get(at.code) != at}
        known.update(differing)
        return len(differing)

    async def locations(self) -> Sequence[Location]:
        """Every location, in order of code."""
        return [self._state.locations[code] for code in sorted(self._state.locations)]

    async def product(self, handle: str) -> Product | None:
        """One product."""
        return (await self.products([handle])).get(handle)

    async def products(self, handles: Sequence[str]) -> Mapping[str, Product]:
        """Products by handle."""
        known = self._state.products
        return {handle: known[handle].product for handle in handles if handle in known}

    async def variants(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        """Variants by SKU."""
        known = self._state.variants
        return {sku: known[sku][1] for sku in skus if sku in known}

    async def variant_page(self, after: str | None, limit: int) -> Sequence[Variant]:
        """Variants in order of SKU, after one."""
        known = self._state.variants
        return [known[sku][1] for sku in nsmallest(limit, (s for s in known if s > (after or "")))]

    async def skus_of_barcode(self, barcode: str) -> Sequence[str]:
        """The SKUs that bear a barcode, in order."""
        return sorted(self._state.barcodes.get(barcode, ()))

    async def product_page(
        self, product_filter: ProductFilter, sort: ProductSort, after: str | None, limit: int
    ) -> Sequence[tuple[str, Product]]:
        """Products with the cursor of each.

        Raises:
            InvalidInput: ``after`` is no cursor of this order.
        """
        terms = query_terms(product_filter.search or "")
        start = None if after is None else after_cursor(sort, after, searched=bool(terms))
        key_of = sort_key_of(sort, product_filter.channel)
        page: list[tuple[SortKey, str]] = []
        for handle, shelved in self._state.products.items():
            words = shelved.index.terms
            if terms and not matches(terms, words):
                continue
            if self._matches(shelved, product_filter):
                exact = sum(term in words for term, _ in terms) if terms else 0
                place = key_of(shelved.index, exact), handle
                if start is None or place > start:
                    page.append(place)
        return [
            (
                cursor_of(sort, key, handle, searched=bool(terms)),
                self._state.products[handle].product,
            )
            for key, handle in nsmallest(limit, page)
        ]

    def _matches(self, shelved: Shelved, asked: ProductFilter) -> bool:
        index = shelved.index
        return (
            (not asked.brands or shelved.product.brand in asked.brands)
            and (not asked.categories or not index.categories.isdisjoint(asked.categories))
            and (asked.channel is None or asked.channel in index.channels)
            and (asked.updated_since is None or index.age <= age_of(asked.updated_since))
            and (asked.in_stock is None or asked.in_stock == self._in_stock(shelved.product))
        )

    def _in_stock(self, product: Product) -> bool:
        for variant in product.variants:
            owner, own = self._state.variants.get(variant.sku, ("", variant))
            stream = self._state.streams.get(variant.sku)
            if stream is None or owner != product.handle or own.components:
                continue
            if any(position.unpromised > 0 for position in stream.positions.values()):
                return True
        return False


def put_product(state: State, product: Product, digest: bytes, now: datetime) -> None:
    """Keeps a product with what it is found by, whatever stood there."""
    before = state.products.get(product.handle)
    state.products[product.handle] = Shelved(product, index_of(product, now), digest)
    _put_variants(state, product, before.product.variants if before else ())


def _put_variants(state: State, product: Product, before_it: Sequence[Variant]) -> None:
    """Keeps a product's variants; those that it had and has no longer are gone."""
    known, handle = state.variants, product.handle
    after = {variant.sku for variant in product.variants}
    had = {v.sku for v in before_it if known.get(v.sku, ("", v))[0] == handle}
    for sku in had | after:
        _, before = known.pop(sku, ("", None))
        for barcode in before.barcodes if before else ():
            state.barcodes[barcode].discard(sku)
    for variant in product.variants:
        known[variant.sku] = (handle, variant)
        for barcode in variant.barcodes:
            state.barcodes.setdefault(barcode, set()).add(variant.sku)
