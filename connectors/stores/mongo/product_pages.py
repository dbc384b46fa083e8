"""The question behind one page of products: its filters, its order, and where it starts.

Pipelines of MongoDB only; nothing is asked here. Every order is ascending by (sort key, handle), so
a page is a range of one index wherever nothing narrower leads to its products.
"""

from collections.abc import Sequence

from connectors.stores.indexing import SortKey, age_of
from connectors.stores.mongo.session import Query
from resolvers.domain.search import query_terms
from resolvers.filters import ProductFilter, ProductSort

_FIELDS = {
    ProductSort.TITLE_ASC: "title",
    ProductSort.UPDATED_DESC: "age",
    ProductSort.PRICE_ASC: "cheap",
    ProductSort.PRICE_DESC: "dear",
}
_BY_PRICE = (ProductSort.PRICE_ASC, ProductSort.PRICE_DESC)
_HIGHEST = chr(0x10FFFF)  # after every word with the same beginning

_Terms = tuple[tuple[str, bool], ...]
_After = tuple[SortKey, str] | None


def page_question(
    product_filter: ProductFilter, sort: ProductSort, after: _After, limit: int
) -> tuple[str, Sequence[Query]]:
    """A collection and its pipeline, which answers ``{_id: handle, key, body}`` in order."""
    collection, walk, key = _walk(product_filter, sort, after)
    page = {"$project": {"key": key, "body": 1}}
    return collection, [*walk, *_stocked(product_filter), {"$limit": limit}, page]


def _walk(
    product_filter: ProductFilter, sort: ProductSort, after: _After
) -> tuple[str, list[Query], object]:
    """All that comes after a place, in order; where it is, and what its sort key is there."""
    terms = query_terms(product_filter.search or "")
    conditions = _conditions(product_filter, terms)
    if sort is ProductSort.RELEVANCE:
        if not terms:
            return "products", _by_handle(conditions, after), {"$literal": 0}
        return "products", _reckoned(_irrelevance(terms), conditions, after), "$key"
    field, channel = _FIELDS[sort], product_filter.channel
    if channel is None or sort not in _BY_PRICE:
        return "products", _by_field(field, conditions, after), f"${field}"
    if terms or product_filter.brands or product_filter.categories:
        price = _price_in(channel, dearest=sort is ProductSort.PRICE_DESC)
        return "products", _reckoned(price, conditions, after), "$key"
    # Most of the channel may match: its prices are walked, instead of all of them being sorted.
    return "prices", _by_price_in(channel, field, conditions, after), "$key"


def _by_handle(conditions: list[Query], after: _After) -> list[Query]:
    beyond: list[Query] = [] if after is None else [{"_id": {"$gt": after[1]}}]
    return [*_kept([*conditions, *beyond]), {"$sort": {"_id": 1}}]


def _by_field(field: str, conditions: list[Query], after: _After) -> list[Query]:
    matching = _kept([*conditions, *_beyond(field, "_id", after)])
    return [*matching, {"$sort": {field: 1, "_id": 1}}]


def _reckoned(key: Query, conditions: list[Query], after: _After) -> list[Query]:
    """Everything that matches is given its key, and sorted by it."""
    return [
        *_kept(conditions),
        {"$set": {"key": key}},
        *_kept(_beyond("key", "_id", after)),
        {"$sort": {"key": 1, "_id": 1}},
    ]


def _by_price_in(channel: str, field: str, conditions: list[Query], after: _After) -> list[Query]:
    products = {
        "from": "products",
        "localField": "handle",
        "foreignField": "_id",
        "pipeline": [*_kept(conditions), {"$project": {"body": 1}}],
        "as": "product",
    }
    return [
        *_kept([{"channel": channel}, *_beyond(field, "handle", after)]),
        {"$sort": {field: 1, "handle": 1}},
        {"$lookup": products},
        {"$unwind": "$product"},
        {"$project": {"_id": "$handle", "key": f"${field}", "body": "$product.body"}},
    ]


def _kept(conditions: Sequence[Query]) -> list[Query]:
    return [{"$match": {"$and": list(conditions)}}] if conditions else []


def _beyond(field: str, handle: str, after: _After) -> list[Query]:
    """What comes after a place in an order. The first of the two bounds an index by itself."""
    if after is None:
        return []
    key, last = after
    later: Query = {field: {"$gt": key}}
    beside: Query = {field: key, handle: {"$gt": last}}
    return [{field: {"$gte": key}}, {"$or": [later, beside]}]


def _conditions(product_filter: ProductFilter, terms: _Terms) -> list[Query]:
    conditions = [_with_prefix(term) if prefix else {"terms": term} for term, prefix in terms]
    if product_filter.brands:
        conditions.append({"brand": {"$in": list(product_filter.brands)}})
    if product_filter.categories:
        conditions.append({"categories": {"$in": list(product_filter.categories)}})
    if product_filter.channel is not None:
        conditions.append({"channels": product_filter.channel})
    if product_filter.updated_since is not None:
        conditions.append({"age": {"$lte": age_of(product_filter.updated_since)}})
    return conditions


def _with_prefix(term: str) -> Query:
    # $elemMatch: without it one word might be after the first bound and another before the second.
    return {"terms": {"$elemMatch": {"$gte": term, "$lt": term + _HIGHEST}}}


def _irrelevance(terms: _Terms) -> Query:
    """Minus how many of the words are there exactly."""
    exact = {"$setIntersection": ["$terms", {"$literal": [term for term, _ in terms]}]}
    return {"$multiply": [-1, {"$size": exact}]}


def _price_in(channel: str, *, dearest: bool) -> Query:
    """The sort key of a price in a channel that has one."""
    at = {"$indexOfArray": ["$channels", {"$literal": channel}]}
    return {"$multiply": [-1 if dearest else 1, {"$arrayElemAt": ["$prices", at]}]}


def _stocked(product_filter: ProductFilter) -> list[Query]:
    """Keeps products of which some place has more than was promised, or those of which none has."""
    if product_filter.in_stock is None:
        return []
    streams = {
        "from": "streams",
        "localField": "_id",
        "foreignField": "_id",
        "pipeline": [{"$match": {"positions.free": {"$gt": 0}}}, {"$project": {"_id": 1}}],
        "as": "streams",
    }
    variants = {
        "from": "variants",
        "localField": "_id",
        "foreignField": "handle",
        "pipeline": [
            {"$match": {"bundle": False}},
            {"$lookup": streams},
            {"$match": {"streams": {"$ne": []}}},
            {"$limit": 1},
            {"$project": {"_id": 1}},
        ],
        "as": "stocked",
    }
    wanted: Query = {"$ne": []} if product_filter.in_stock else {"$eq": []}
    return [{"$lookup": variants}, {"$match": {"stocked": wanted}}]
