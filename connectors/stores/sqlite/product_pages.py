"""The question behind one page of products: its filters, its order, and where it starts.

Words of SQL only; nothing is asked here. Every order is ascending by (sort key, handle), so a page
is a range of one index wherever nothing is searched for.
"""

from connectors.stores.indexing import SortKey, age_of
from connectors.stores.sqlite.questions import Where, marks
from resolvers.domain.search import query_terms
from resolvers.filters import ProductFilter, ProductSort

_KEYS = {
    ProductSort.TITLE_ASC: "title",
    ProductSort.UPDATED_DESC: "age",
    ProductSort.PRICE_ASC: "cheap",
    ProductSort.PRICE_DESC: "dear",
}
_HIGHEST = chr(0x10FFFF)  # after every word with the same beginning

_WITH_TERM = "SELECT handle FROM product_terms WHERE term = ?"
_WITH_PREFIX = "SELECT handle FROM product_terms WHERE term >= ? AND term < ?"
_HAS_TERM = "EXISTS (SELECT 1 FROM product_terms WHERE term = ? AND handle = p.handle)"
_SOLD_IN = "EXISTS (SELECT 1 FROM product_channels WHERE handle = p.handle AND channel = ?)"
_IN_STOCK = (
    "EXISTS (SELECT 1 FROM variants AS v JOIN positions AS s ON s.sku = v.sku"
    " WHERE v.handle = p.handle AND NOT v.bundle"
    " AND s.on_hand - s.soft - s.hard - s.elsewhere > 0)"
)


def page_question(
    product_filter: ProductFilter,
    sort: ProductSort,
    after: tuple[SortKey, str] | None,
    limit: int,
) -> tuple[str, list[object]]:
    """SQL that answers rows of (sort key, handle, body), and its values."""
    terms = query_terms(product_filter.search or "")
    where = _conditions(product_filter, terms)
    channel = product_filter.channel
    by_price = sort in (ProductSort.PRICE_ASC, ProductSort.PRICE_DESC)
    if channel is not None and not by_price:
        where.add(_SOLD_IN, channel)
    if sort is ProductSort.RELEVANCE:
        return _by_relevance(terms, where, after, limit)
    key, handle, tables = f"p.{_KEYS[sort]}", "p.handle", "products AS p"
    if channel is not None and by_price:
        key, handle = f"c.{_KEYS[sort]}", "c.handle"
        # CROSS keeps SQLite at the order of the channel's prices.
        tables = "product_channels AS c CROSS JOIN products AS p ON p.handle = c.handle"
        where.add("c.channel = ?", channel)
    if after is not None:
        where.add(f"({key}, {handle}) > (?, ?)", *after)
    sql = (
        f"SELECT {key}, p.handle, p.body FROM {tables} {where.sql} ORDER BY {key}, {handle} LIMIT ?"
    )
    return sql, [*where.values, limit]


def _by_relevance(
    terms: tuple[tuple[str, bool], ...],
    where: Where,
    after: tuple[SortKey, str] | None,
    limit: int,
) -> tuple[str, list[object]]:
    """More of the words exactly first; without words, by handle alone."""
    if not terms:
        if after is not None:
            where.add("p.handle > ?", after[1])
        sql = f"SELECT 0, p.handle, p.body FROM products AS p {where.sql} ORDER BY p.handle LIMIT ?"
        return sql, [*where.values, limit]
    score = " + ".join(_HAS_TERM for _ in terms)
    if after is not None:
        where.add("(key, p.handle) > (?, ?)", *after)
    sql = (
        f"SELECT -({score}) AS key, p.handle, p.body FROM products AS p {where.sql}"
        " ORDER BY key, p.handle LIMIT ?"
    )
    return sql, [*(term for term, _ in terms), *where.values, limit]


def _conditions(product_filter: ProductFilter, terms: tuple[tuple[str, bool], ...]) -> Where:
    where = Where()
    if terms:
        parts = [_WITH_PREFIX if prefix else _WITH_TERM for _, prefix in terms]
        values = [
            value
            for term, prefix in terms
            for value in ((term, term + _HIGHEST) if prefix else (term,))
        ]
        where.add(f"p.handle IN ({' INTERSECT '.join(parts)})", *values)
    where.among("p.brand", product_filter.brands)
    if product_filter.categories:
        where.add(
            "EXISTS (SELECT 1 FROM product_categories AS g WHERE g.handle = p.handle"
            f" AND g.category IN ({marks(product_filter.categories)}))",
            *product_filter.categories,
        )
    if product_filter.updated_since is not None:
        where.add("p.age <= ?", age_of(product_filter.updated_since))
    if product_filter.in_stock is not None:
        where.add(_IN_STOCK if product_filter.in_stock else f"NOT {_IN_STOCK}")
    return where
