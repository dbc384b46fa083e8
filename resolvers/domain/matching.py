"""Which SKU a listing may stand for that nobody has mapped: suggestions, each with its reason.

A suggestion is for a person to accept; nothing is sold by one. Pure: what is looked up comes in.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from resolvers.domain.catalog import Variant
from resolvers.domain.listings import Listing, Offer
from resolvers.domain.search import likeness

SUGGESTIONS_MAX = 5
"""Most suggestions for one listing."""

ALIAS_SCORE = 1.0
BARCODE_SCORE = 0.95
CODE_SCORE = 0.9
SHARED_BARCODE_SCORE = 0.6
TITLE_SCORE_MAX = 0.8
"""A title that is the same word for word; two sizes of one thing often differ by one word."""

TITLE_LIKENESS_MIN = 0.35
"""Below this, titles have no more in common than those of any two things of a kind."""


class Reason(StrEnum):
    """Why a SKU is suggested."""

    ALIAS = "ALIAS"
    BARCODE = "BARCODE"
    SELLER_CODE = "SELLER_CODE"
    TITLE = "TITLE"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A SKU that a listing may stand for. ``score`` is 0 to 1; 1 is somebody's own word."""

    sku: str
    reason: Reason
    score: float


def plain_code(code: str) -> str:
    """A code without what people write in many ways: case, width, blanks and punctuation."""
    folded = unicodedata.normalize("NFKC", code).casefold()
    return "".join(sign for sign in folded if sign.isalnum())


def alias_of(listing: Listing, aliases: Mapping[str, str]) -> str | None:
    """The SKU that the configuration calls by the listing's seller code."""
    if listing.seller_code is None:
        return None
    code = plain_code(listing.seller_code)
    return next((sku for alias, sku in aliases.items() if plain_code(alias) == code), None)


def suggestions(
    listing: Listing,
    candidates: Iterable[Variant],
    bearers: Mapping[str, Sequence[str]],
    alias: str | None,
) -> tuple[Suggestion, ...]:
    """The best suggestions among some variants, no SKU twice, the best first. ``bearers`` are the
    SKUs that have each of the listing's barcodes; what several have says less.
    """
    scores = {
        sku: BARCODE_SCORE if len(skus) == 1 else SHARED_BARCODE_SCORE
        for skus in sorted(bearers.values(), key=len, reverse=True)
        for sku in skus
    }
    found = [_best(listing, variant, scores.get(variant.sku), alias) for variant in candidates]
    best = sorted((it for it in found if it is not None), key=lambda it: (-it.score, it.sku))
    return tuple(best[:SUGGESTIONS_MAX])


def _best(
    listing: Listing, variant: Variant, barcode: float | None, alias: str | None
) -> Suggestion | None:
    sku = variant.sku
    if sku == alias:
        return Suggestion(sku, Reason.ALIAS, ALIAS_SCORE)
    if barcode == BARCODE_SCORE:
        return Suggestion(sku, Reason.BARCODE, barcode)
    if listing.seller_code and plain_code(listing.seller_code) == plain_code(sku):
        return Suggestion(sku, Reason.SELLER_CODE, CODE_SCORE)
    if barcode is not None:
        return Suggestion(sku, Reason.BARCODE, barcode)
    alike = max(likeness(listing.title, title) for title in variant.titles.values())
    if alike < TITLE_LIKENESS_MIN:
        return None
    return Suggestion(sku, Reason.TITLE, round(alike * TITLE_SCORE_MAX, 2))


def duplicate_of(offer: Offer, others: Iterable[Offer]) -> str | None:
    """The id of the listing that an offer repeats: the first of its backend that stands for as many
    units of the same SKU; None if it is the first itself.
    """
    same = [
        other.listing.id
        for other in others
        if (other.listing.backend, other.sku, other.units)
        == (offer.listing.backend, offer.sku, offer.units)
    ]
    first = min(same, default=offer.listing.id)
    return None if first >= offer.listing.id else first
