"""Listings for people: those that stand for nothing that is sold, those that repeat another, what
each may stand for, and a person's word about it (P1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.access import Scope as Right
from resolvers.catalog import sold
from resolvers.commands import Decide, run
from resolvers.context import Context
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Variant
from resolvers.domain.errors import InvalidInput, NotFound, Refused, Several, refuse
from resolvers.domain.listings import Listing, ListingMapping, Offer
from resolvers.domain.matching import Suggestion, alias_of, duplicate_of, suggestions
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.search import narrower
from resolvers.filters import ProductFilter, ProductSort
from resolvers.merging import merge_skus, offers_for, offers_of
from resolvers.paging import Page, checked_first, not_a_cursor, page_of

UNITS_MAX = 1000
"""Most units of a SKU that one listing stands for."""

LOOK_MAX = 200
LOOKED_MAX = 1000
"""Most listings that are read together, and by one page, when repeated ones are looked for."""

SEARCHES_MAX = 6
CANDIDATES_MAX = 20
"""Most searches of the catalogue for one listing, and most products of each."""

BARCODES_MAX = 10
"""Most barcodes of a listing that are looked up."""

_UNMATCHED, _DUPLICATES, _OPEN = "unmatched", "duplicates", "open"
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class ListingView:
    """A listing as people see it: what it stands for, if for anything, the id of the one that it
    repeats, and what its marketplace was told that it may sell.
    """

    listing: Listing
    offer: Offer | None = None
    duplicate_of: str | None = None
    publication: PublicationRecord | None = None


# ---- questions --------------------------------------------------------------------------------


async def browse_unmatched(ctx: Context, first: int, after: str | None) -> Page[ListingView]:
    """A page of listings that need a person, by backend and id: those that stand for no SKU that is
    sold, then those that repeat another. It may have fewer than are asked for though more come.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.LISTINGS_READ)
    part, start = _place(after)
    if part == _OPEN:
        raise not_a_cursor()
    edges: list[tuple[str, ListingView]] = []
    if part == _UNMATCHED:
        rows = await ctx.store.listings.listing_page(None, start, first + 1, unmatched=True)
        told = await ctx.store.publications.publications([(it.backend, it.id) for it in rows])
        edges = [
            (_cursor(_UNMATCHED, it), ListingView(it, publication=told.get((it.backend, it.id))))
            for it in rows
        ]
        if len(edges) > first:
            return page_of(edges, first, after)
        start = None
    end = None
    for _ in range(0, LOOKED_MAX, LOOK_MAX):
        page = await ctx.store.listings.listing_page(None, start, LOOK_MAX, unmatched=False)
        edges += [(_cursor(_DUPLICATES, it.listing), it) for it in await _repeated(ctx, page)]
        if len(edges) > first or len(page) < LOOK_MAX:
            return page_of(edges, first, after)
        start, end = (page[-1].backend, page[-1].id), _cursor(_DUPLICATES, page[-1])
    return Page(tuple(edges), has_next=True, has_previous=after is not None, end=end)


async def listing_by_key(ctx: Context, backend: str, id: str) -> ListingView | None:
    """One listing."""
    ctx.principal.require(Right.LISTINGS_READ)
    found = (await ctx.store.listings.listings([(backend, id)])).get((backend, id))
    return None if found is None else (await _viewed(ctx, [found]))[0]


async def browse_open_publications(
    ctx: Context, backend: str | None, first: int, after: str | None
) -> Page[ListingView]:
    """A page of listings whose marketplace has not taken yet what they may sell, by backend and id
    (S5).

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.LISTINGS_READ)
    part, start = (_OPEN, None) if after is None else _place(after)
    if part != _OPEN:
        raise not_a_cursor()
    rows = await ctx.store.publications.open_publications(backend, start, first + 1)
    keys = [(it.backend, it.listing) for it in rows]
    found = await ctx.store.listings.listings(keys)
    views = await _viewed(ctx, [found[key] for key in keys if key in found])
    return page_of([(_cursor(_OPEN, it.listing), it) for it in views], first, after)


async def suggested(ctx: Context, view: ListingView) -> Sequence[Suggestion]:
    """What a listing may stand for, the likeliest first, without what it stands for already."""
    listing, catalog = view.listing, ctx.store.catalog
    bearers = {
        barcode: await catalog.skus_of_barcode(barcode)
        for barcode in dict.fromkeys(listing.barcodes[:BARCODES_MAX])
    }
    alias = alias_of(listing, ctx.terms.catalog.aliases)
    named = [sku for skus in bearers.values() for sku in skus]
    found = dict(await catalog.variants([*named, *([] if alias is None else [alias])]))
    for search in (listing.seller_code, *narrower(listing.title, SEARCHES_MAX)):
        searched = await _searched(ctx, search) if search else []
        found.update((variant.sku, variant) for variant in searched)
        if searched and search != listing.seller_code:
            break  # what answers a wider search is less alike
    if view.offer is not None:
        found.pop(view.offer.sku, None)
    return suggestions(listing, found.values(), bearers, alias)


async def _searched(ctx: Context, text: str) -> list[Variant]:
    asked = ProductFilter(search=text)
    order = ProductSort.RELEVANCE
    rows = await ctx.store.catalog.product_page(asked, order, None, CANDIDATES_MAX)
    return [variant for _, product in rows for variant in product.variants]


async def _repeated(ctx: Context, page: Sequence[Listing]) -> list[ListingView]:
    views = await _viewed(ctx, [it for it in page if it.active])
    return [view for view in views if view.duplicate_of is not None]


async def _viewed(ctx: Context, listings: Sequence[Listing]) -> list[ListingView]:
    """Listings with what they stand for, as far as that is sold."""
    offers = await offers_of(ctx, listings)
    known = await ctx.store.catalog.variants(list({offer.sku for offer in offers}))
    standing = {(it.listing.backend, it.listing.id): it for it in offers if it.sku in known}
    others = await offers_for(ctx, list(known))
    told = await ctx.store.publications.publications([(it.backend, it.id) for it in listings])
    views = []
    for listing in listings:
        offer = standing.get((listing.backend, listing.id))
        same = None if offer is None else duplicate_of(offer, others.get(offer.sku, ()))
        repeats = same if listing.active else None
        number = told.get((listing.backend, listing.id))
        views.append(ListingView(listing, offer, repeats, number))
    return views


def _cursor(part: str, listing: Listing) -> str:
    return _BETWEEN.join((part, listing.backend, listing.id))


def _place(after: str | None) -> tuple[str, tuple[str, str] | None]:
    if after is None:
        return _UNMATCHED, None
    part, *key = after.split(_BETWEEN, 2)
    if part not in (_UNMATCHED, _DUPLICATES, _OPEN) or len(key) != 2:
        raise not_a_cursor()
    return part, (key[0], key[1])


# ---- a person's word --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MapListing:
    """That a listing stands for so many units of a SKU, as a caller says it."""

    backend: str
    listing_id: str
    sku: str
    units: int = 1


async def map_listing(ctx: Context, key: str, asked: MapListing) -> tuple[ListingView, bool]:
    """Says what a listing stands for, over what was said before: the listing as it is now, and
    whether this was said before under this key.

    The key is kept first, with the instant of the word; a process that is killed before it has kept
    the word does so when the key is sent again, unless somebody has said otherwise since.

    Raises:
        InvalidInput: units that cannot be meant.
        NotFound: no such listing or SKU (several at once); nothing changed.
    """
    ctx.principal.require(Right.LISTINGS)

    async def prepare() -> tuple[Scope, Decide]:
        await _checked(ctx, asked)

        def decide(books: Books) -> tuple[Change, str]:
            said = f"{asked.backend}/{asked.listing_id} {books.now.isoformat()}"
            return Change(), said

        return Scope(), decide

    outcome = await run(ctx, "mapListing", key, asked, prepare)
    said_at = datetime.fromisoformat(outcome.answer.rpartition(" ")[2])
    await _keep(ctx, asked, said_at)
    view = await listing_by_key(ctx, asked.backend, asked.listing_id)
    assert view is not None, "a listing may end, but it is never forgotten"
    return view, outcome.replayed


async def _checked(ctx: Context, asked: MapListing) -> None:
    wrong: list[Refused] = []
    if not 1 <= asked.units <= UNITS_MAX:
        told = f"a listing stands for 1 to {UNITS_MAX} units"
        wrong.append(InvalidInput(told, field=("input", "units")))
    if not await ctx.store.listings.listings([(asked.backend, asked.listing_id)]):
        told = f"{asked.backend[:64]!r} has no listing {asked.listing_id[:64]!r}"
        wrong.append(NotFound(told, field=("input", "listingId")))
    try:
        await sold(ctx, [asked.sku], [("input", "sku")])
    except Several as several:
        wrong += several.refusals
    except Refused as refusal:
        wrong.append(refusal)
    refuse(wrong)


async def _keep(ctx: Context, asked: MapListing, said_at: datetime) -> None:
    """Keeps a word, unless a later one about the same listing is kept, and shows what follows."""
    key, store = (asked.backend, asked.listing_id), ctx.store.listings
    before = (await store.mappings([key])).get(key)
    if before is not None and before.set_at > said_at:
        return
    found = (await store.listings([key])).get(key)
    earlier = [] if found is None else await offers_of(ctx, [found])
    said_by = ctx.principal.subject
    await store.save_mapping(ListingMapping(*key, asked.sku, asked.units, said_by, said_at))
    await merge_skus(ctx, [asked.sku, *(offer.sku for offer in earlier)])
