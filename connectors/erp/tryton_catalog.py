"""The catalogue as a feed: which products changed, read again whole, a page at a time.

What a row means is in ``tryton_translate``; how changes are found, in ``tryton_changes``.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from connectors.erp.tryton_changes import STAMP, Changes, Kind, Watched
from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_translate import (
    CatalogTerms,
    translate_categories,
    translate_product,
)
from connectors.erp.tryton_wire import Row
from resolvers.domain.catalog import Product
from resolvers.domain.locations import Channel

_LOCALES = {"zh_CN": "zh-CN", "zh_TW": "zh-TW"}

_ACTIVE_OR_NOT = ["active", "in", [True, False]]

_TEMPLATE = ("code", "name", "active", "salable", "categories", STAMP)

_VARIANT = (
    "code",
    "active",
    "template",
    "description",
    "identifiers.code",
    "gross_price_used",
    "cost_price",
    STAMP,
)

_KIND = Kind(
    "product",
    "product.template",
    [["products", "where", [["active", "=", True], ["code", "!=", None]]]],
    (
        Watched("product.template", [_ACTIVE_OR_NOT], (), lambda row: row["id"]),
        Watched("product.product", [_ACTIVE_OR_NOT], ("template",), lambda row: row["template"]),
        Watched(
            "product.identifier",
            [],
            ("product.template",),
            lambda row: row["product."]["template"] if row["product."] else None,
        ),
    ),
)
"""A barcode that is written on its own moves neither its variant's stamp nor its template's."""


class Catalog:
    """Templates as products, variants as SKUs."""

    def __init__(
        self,
        client: TrytonClient,
        books: CompanyBooks,
        clock: Callable[[], datetime],
        channels: Sequence[Channel],
        locale: str | None,
    ) -> None:
        """``locale`` is that of the names; None takes the language of the user."""
        self._client = client
        self._books = books
        self._clock = clock
        self._channels = channels
        self._locale = locale
        self._changes = Changes(client, clock, [_KIND])

    async def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]:
        """Pages of at most 200 products: all that are active, or those changed since a cursor.

        One that is not sold any more comes without variants, when it changes.
        """
        terms: CatalogTerms | None = None
        async for found in self._changes.since(cursor):
            if found.ids and terms is None:
                terms = await self._terms()
            products = await self._read(found.ids, terms) if terms is not None else []
            yield products, found.cursor

    async def _terms(self) -> CatalogTerms:
        company = await self._books.company()
        fields = ["name", "parent", "accounting"]
        language = str((await self._client.context()).get("language") or "en")
        return CatalogTerms(
            self._client.code,
            self._locale or _LOCALES.get(language, language.replace("_", "-")),
            company.currency,
            tuple(at.code for at in self._channels if at.currency == company.currency),
            translate_categories(await self._client.every("product.category", [], fields)),
        )

    async def _read(self, ids: Sequence[int], terms: CatalogTerms) -> list[Product]:
        if not ids:
            return []
        templates = await self._client.every(
            "product.template", [["id", "in", ids], _ACTIVE_OR_NOT], _TEMPLATE
        )
        variants = await self._client.every(
            "product.product", [["template", "in", ids], _ACTIVE_OR_NOT], _VARIANT
        )
        of: dict[int, list[Row]] = {}
        for row in variants:
            of.setdefault(row["template"], []).append(row)
        seen_at = self._clock()
        return [
            translate_product(template, _in_order(of.get(template["id"], [])), terms, seen_at)
            for template in templates
        ]


def _in_order(variants: Sequence[Row]) -> list[Row]:
    """By code, as they stand on the shelf; the active ones are told from the rest later."""
    return sorted(variants, key=lambda row: (row["code"] or "", row["id"]))
