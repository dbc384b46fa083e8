"""Master data and listings as their sources say them, in memory."""

from collections.abc import Mapping, Sequence

from connectors.stores.indexing import digest_of
from connectors.stores.memory.state import State
from connectors.stores.mirrored import differing, said_by
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing, ListingMapping


class MemoryListings:
    """Answers the ListingStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_masters(self, backend: str, products: Sequence[Product]) -> None:
        """Keeps products as their source says them."""
        for product in products:
            own = self._state.masters.setdefault(product.handle, {})
            if backend not in own or digest_of(own[backend]) != digest_of(product):
                own[backend] = product

    async def masters(self, handles: Sequence[str]) -> Mapping[str, Sequence[tuple[str, Product]]]:
        """What each source says of products, as (backend, product), in order of backend."""
        return {
            handle: sorted(self._state.masters[handle].items())
            for handle in handles
            if handle in self._state.masters
        }

    async def save_listings(self, listings: Sequence[Listing]) -> int:
        """Writes what differs; the number of listings that did."""
        before = await self.listings([(it.backend, it.id) for it in listings])
        known = {key: said_by(it) for key, it in before.items()}
        found = differing(listings, lambda it: (it.backend, it.id), said_by, known)
        changed = [it for it, _ in found]
        self._state.listings.update(((it.backend, it.id), it) for it in changed)
        return len(changed)

    async def listings(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Listing]:
        """Listings by (backend, id); unknown ones are left out."""
        return {key: self._state.listings[key] for key in keys if key in self._state.listings}

    async def listings_of(self, skus: Sequence[str]) -> Mapping[str, Sequence[Listing]]:
        """Active listings that stand for a SKU, in order of (backend, id)."""
        found: dict[str, list[Listing]] = {}
        for key in sorted(self._state.listings):
            listing = self._state.listings[key]
            sku = self._sku_of(listing)
            if listing.active and sku is not None and sku in skus:
                found.setdefault(sku, []).append(listing)
        return found

    async def listing_page(
        self, backend: str | None, after: tuple[str, str] | None, limit: int, *, unmatched: bool
    ) -> Sequence[Listing]:
        """Listings in order of (backend, id), after one."""
        found = [
            self._state.listings[key]
            for key in sorted(self._state.listings)
            if (backend is None or key[0] == backend) and (after is None or key > after)
        ]
        if unmatched:
            found = [it for it in found if it.active and self._is_unmatched(it)]
        return found[:limit]

    async def save_mapping(self, mapping: ListingMapping) -> None:
        """Writes a person's word, over an earlier one about the same listing."""
        self._state.mappings[mapping.backend, mapping.listing] = mapping

    async def mappings(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], ListingMapping]:
        """Mappings by (backend, listing); absent ones are left out."""
        return {key: self._state.mappings[key] for key in keys if key in self._state.mappings}

    def _sku_of(self, listing: Listing) -> str | None:
        mapping = self._state.mappings.get((listing.backend, listing.id))
        return listing.seller_code if mapping is None else mapping.sku

    def _is_unmatched(self, listing: Listing) -> bool:
        sku = self._sku_of(listing)
        return sku is None or sku not in self._state.variants
