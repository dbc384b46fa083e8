"""Search words: Chinese by two-character substrings, Latin text by words and prefixes.

Case and width are ignored. A store keeps the index terms of each product; a query matches a product
when every one of its terms is there, the last Latin word also as a prefix. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable

from resolvers.domain.catalog import Product

_RUNS = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+")
_QUERY_MAX = 200
_TERMS_MAX = 12
_PART_CHARS = 4


def _runs(text: str) -> list[str]:
    return _RUNS.findall(unicodedata.normalize("NFKC", text).casefold())


def _chinese(run: str) -> bool:
    return "\u3400" <= run[0] <= "\u9fff"


def index_terms(product: Product) -> frozenset[str]:
    """Every term under which a product can be found: titles, brand, categories, SKUs, barcodes."""
    texts: list[str] = [*product.titles.values(), product.brand or "", *product.categories]
    for variant in product.variants:
        texts += [*variant.titles.values(), variant.sku, *variant.barcodes]
        texts += [value for _, value in variant.options]
    return frozenset(_index(texts))


def _index(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for run in _runs(text):
            if _chinese(run):
                yield from run
                yield from (run[at : at + 2] for at in range(len(run) - 1))
            else:
                yield run


def words_of(text: str) -> frozenset[str]:
    """What two texts are compared by: Chinese in pairs of characters, Latin text in words."""
    runs = _runs(text)
    pairs = {run[at : at + 2] for run in runs if _chinese(run) for at in range(len(run) - 1)}
    return frozenset(pairs | {run for run in runs if len(run) == 1 or not _chinese(run)})


def likeness(one: str, other: str) -> float:
    """How much of two texts is the same, 0 to 1 (Dice's coefficient of their words)."""
    mine, others = words_of(one), words_of(other)
    both = len(mine) + len(others)
    return 2 * len(mine & others) / both if both else 0.0


def narrower(text: str, most: int) -> tuple[str, ...]:
    """Searches that find what a text may be about: all of it, then each part, then both ends of
    each long Chinese one; at most so many.
    """
    runs = _runs(text[:_QUERY_MAX])
    long = [run for run in runs if _chinese(run) and len(run) > _PART_CHARS]
    ends = [part for run in long for part in (run[-_PART_CHARS:], run[:_PART_CHARS])]
    parts = [run for run in runs if _chinese(run) or (len(run) > 2 and not run.isdigit())]
    return tuple(dict.fromkeys(it for it in (" ".join(runs), *parts, *ends) if it))[:most]


def query_terms(query: str) -> tuple[tuple[str, bool], ...]:
    """The terms of a query, each with whether a prefix is enough. At most twelve are used."""
    terms: dict[str, bool] = {}
    for run in _runs(query[:_QUERY_MAX]):
        if not _chinese(run):
            terms[run] = True
        elif len(run) == 1:
            terms[run] = False
        else:
            terms.update((run[at : at + 2], False) for at in range(len(run) - 1))
    return tuple(terms.items())[:_TERMS_MAX]


def matches(terms: Iterable[tuple[str, bool]], index: frozenset[str]) -> bool:
    """Says whether a product with these index terms answers a query."""
    return all(
        term in index or (prefix and any(word.startswith(term) for word in index))
        for term, prefix in terms
    )


def title_key(product: Product) -> str:
    """What a product is sorted by when sorted by title: its first title, case and width ignored."""
    return unicodedata.normalize("NFKC", next(iter(product.titles.values()))).casefold()


def lowest_price(product: Product, channel: str | None) -> int | None:
    """The lowest price of a product in a channel, or in any, in minor units; None: not sold."""
    prices = [
        price.minor
        for variant in product.variants
        for code, price in variant.prices.items()
        if channel is None or code == channel
    ]
    return min(prices, default=None)
