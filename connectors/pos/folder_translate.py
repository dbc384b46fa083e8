"""Rows of the files of a till or a warehouse, as the house's records; and our sales as rows.

Pure. Instants without a zone are of the shop's; quantities are whole; amounts are major units. How
a row is read from a line stands in ``connectors/csv_rows.py``.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.csv_rows import LeftOut, Row, amount, instant, whole
from resolvers.domain.catalog import Component, Media, Product, Provenance, Variant, title_of
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.locations import Capability, Channel, GeoPoint, Location, LocationKind, Method
from resolvers.domain.orders import (
    Delivery,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    Payment,
)
from resolvers.domain.outbox import Sale
from resolvers.domain.values import QUANTITY_MAX, Money

ON_HAND_MAX = 10**9
LINES_MAX = 1000
"""Most lines of one ticket."""

LOCATION_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Codes of places: they stand in names of files."""


@dataclass(frozen=True, slots=True)
class FolderTerms:
    """What rows are understood by. ``code`` is the backend's; ``channel`` that of its tickets, in
    whose currency a plain ``price`` is; ``channels`` all of ours.
    """

    code: str
    channel: Channel
    channels: tuple[Channel, ...]
    zone: ZoneInfo
    locale: str


# ---- goods --------------------------------------------------------------------------------------

PRODUCT_COLUMNS = ("sku", "title")


def translate_products(
    found: Iterable[Row], terms: FolderTerms, stamp: datetime, left: LeftOut
) -> Iterator[Product]:
    """Products, each from the rows that stand together and name it; of a SKU the first row."""
    done: set[int] = set()
    skus: set[int] = set()
    handle = ""
    group: list[tuple[Row, Variant]] = []
    for row in found:
        try:
            sku = row.text("sku")
            variant = _variant(row, sku, terms, stamp)
        except NotUnderstood as error:
            left.note(row.line, str(error))
            continue
        if hash(sku) in skus:
            left.note(row.line, "its sku stands above already")
        elif variant.product == handle:
            group.append((row, variant))
        elif hash(variant.product) in done:
            left.note(row.line, "the rows of its product stand apart")
            continue
        else:
            if group:
                yield _product(group, terms, stamp)
            handle, group = variant.product, [(row, variant)]
            done.add(hash(handle))
        skus.add(hash(sku))
    if group:
        yield _product(group, terms, stamp)


def _variant(row: Row, sku: str, terms: FolderTerms, stamp: datetime) -> Variant:
    titles = {terms.locale: row.text("title")}
    prices: dict[str, Money] = {}
    options: list[tuple[str, str]] = []
    plain = row.cells.get("price", "")
    for channel in terms.channels:
        own = row.cells.get(f"price:{channel.code}".lower(), "")
        if own:
            prices[channel.code] = amount(own, f"price:{channel.code}", channel.currency)
        elif plain and channel.currency == terms.channel.currency:
            prices[channel.code] = amount(plain, "price", channel.currency)
    for column, value in row.cells.items():
        kind, colon, name = column.partition(":")
        if colon and value and kind == "title":
            titles[name] = value
        elif colon and value and kind == "option":
            options.append((name, value))
    parts = tuple(_component(part) for part in row.several("components"))
    cost = row.cells.get("cost", "")
    return Variant(
        sku=sku,
        product=row.text("product") if row.cells.get("product") else sku,
        titles=titles,
        barcodes=row.several("barcodes"),
        options=tuple(options),
        prices=prices,
        unit_cost=amount(cost, "cost", terms.channel.currency) if cost else None,
        components=parts,
        provenance=(Provenance(terms.code, sku, stamp),),
    )


def _component(text: str) -> Component:
    sku, _, units = text.rpartition("*")
    if not sku.strip():
        raise NotUnderstood("components are no list like SKU-A*1;SKU-B*2")
    return Component(sku.strip(), whole(units.strip(), "components", 1, QUANTITY_MAX))


def _product(group: Sequence[tuple[Row, Variant]], terms: FolderTerms, stamp: datetime) -> Product:
    head, first = group[0]
    named = head.cells.get("product_title")
    picture = head.cells.get("image", "")
    titles = {terms.locale: named} if named else first.titles
    return Product(
        handle=first.product,
        titles=titles,
        variants=tuple(variant for _, variant in group),
        brand=head.cells.get("brand") or None,
        description=head.cells.get("description") or None,
        categories=head.several("categories"),
        media=(Media(picture, title_of(titles, None)),) if picture.startswith("https://") else (),
        updated_at=stamp,
        provenance=(Provenance(terms.code, first.product, stamp),),
    )


# ---- places, and what lies there ----------------------------------------------------------------

LOCATION_COLUMNS = ("code", "name", "kind")


def translate_locations(found: Iterable[Row], terms: FolderTerms, left: LeftOut) -> list[Location]:
    """Places, of each code the first row."""
    places: dict[str, Location] = {}
    for row in found:
        try:
            place = _location(row, terms)
        except NotUnderstood as error:
            left.note(row.line, str(error))
            continue
        if place.code in places:
            left.note(row.line, "its code stands above already")
        places.setdefault(place.code, place)
    return list(places.values())


def _location(row: Row, terms: FolderTerms) -> Location:
    code = row.text("code")
    if LOCATION_CODE.fullmatch(code) is None:
        raise NotUnderstood("code has other signs than letters, digits, '.', '_' and '-'")
    try:
        kind = LocationKind(row.text("kind").upper())
        able = tuple(Capability(it.upper()) for it in row.several("capabilities"))
        degrees = [float(text) for at in ("latitude", "longitude") if (text := row.cells.get(at))]
    except ValueError:
        raise NotUnderstood("kind, capabilities, latitude or longitude is none") from None
    within = (abs(at) <= most for at, most in zip(degrees, (90, 180), strict=False))
    if len(degrees) == 1 or not all(within):
        raise NotUnderstood("latitude and longitude are no point")
    return Location(
        code,
        row.text("name"),
        kind,
        row.cells.get("region") or None,
        GeoPoint(*degrees) if degrees else None,
        able,
        row.cells.get("address") or None,
        row.cells.get("phone") or None,
        terms.zone.key,
        authority=terms.code,
    )


STOCK_COLUMNS = ("sku", "on_hand")


def translate_stock(
    found: Iterable[Row], zone: ZoneInfo, left: LeftOut
) -> tuple[dict[str, int], datetime | None]:
    """What a place has, and the earliest ``as_of`` of its rows; None if they have none.

    A number that makes no sense counts as none, and of two of one SKU the lower: less is promised.
    """
    levels: dict[str, int] = {}
    taken: datetime | None = None
    last, told = "", None
    for row in found:
        try:
            sku = row.text("sku")
            units = whole(row.cells["on_hand"], "on_hand", -ON_HAND_MAX, ON_HAND_MAX)
            if (at := row.cells.get("as_of", "")) != last:  # most rows say what the last one did
                told, last = instant(at, "as_of", zone) if at else None, at
        except NotUnderstood as error:
            left.note(row.line, str(error))
            continue
        if sku in levels:
            left.note(row.line, "its sku stands above already; the lower number counts")
        levels[sku] = min(units, levels.get(sku, units))
        if told is not None:
            taken = told if taken is None else min(taken, told)
    return levels, taken


# ---- tickets ------------------------------------------------------------------------------------

TICKET_COLUMNS = ("number", "location", "time", "sku", "quantity", "price")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One sale at a till. With a ``reference`` it hands over a sale of ours."""

    number: str
    location: str
    at: datetime
    lines: tuple[OrderLine, ...]
    associate: str | None
    reference: str | None


def translate_tickets(found: Iterable[Row], terms: FolderTerms, left: LeftOut) -> list[Ticket]:
    """Tickets, each from the rows that stand together and bear its number. One that has a row, or
    stands beside a line, that makes no sense is left out as a whole: it may lack a line.
    """
    tickets: list[Ticket] = []
    seen: set[str] = set()
    spoilt: list[tuple[int, str]] = []
    for group in _together(found):
        first, number = group[0].line, group[0].cells["number"]
        beside = range(first - 1, group[-1].line + 2)
        if number in seen:
            spoilt.append((first, "its number stands above already"))
        elif not left.lines.isdisjoint(beside):
            spoilt.append((first, "a line beside it makes no sense, and may be its own"))
        else:
            try:
                tickets.append(_ticket(group, terms))
            except NotUnderstood as error:
                spoilt.append((first, str(error)))
        seen.add(number)
    for line, why in spoilt:  # now: a ticket that is left out spoils none beside it
        left.note(line, why)
    return tickets


def _together(found: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows of one number that stand together."""
    group: list[Row] = []
    for row in found:
        if group and row.cells["number"] != group[0].cells["number"]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _ticket(group: Sequence[Row], terms: FolderTerms) -> Ticket:
    head = group[0]
    if len(group) > LINES_MAX:
        raise NotUnderstood(f"more than {LINES_MAX} lines")
    if any(row.cells[name] != head.cells[name] for row in group for name in ("location", "time")):
        raise NotUnderstood("its rows differ in location or time")
    return Ticket(
        head.text("number"),
        head.text("location"),
        instant(head.cells["time"], "time", terms.zone),
        tuple(_line(str(at), row, terms) for at, row in enumerate(group, start=1)),
        head.cells.get("associate") or None,
        head.cells.get("reference") or None,
    )


def _line(id: str, row: Row, terms: FolderTerms) -> OrderLine:
    sku = row.text("sku")
    units = whole(row.cells["quantity"], "quantity", 1, QUANTITY_MAX)
    price = amount(row.cells["price"], "price", terms.channel.currency)
    return OrderLine(id, sku, row.cells.get("title") or sku, units, price, fulfilled=units)


def order_of(ticket: Ticket, terms: FolderTerms) -> Order:
    """A ticket as an order: paid and taken away."""
    currency, at = terms.channel.currency, ticket.at
    total = sum((it.unit_price.times(it.quantity) for it in ticket.lines), Money(0, currency))
    return Order(
        id=f"{terms.code}-{ticket.number}",
        number=ticket.number,
        channel=terms.channel.code,
        status=OrderStatus.FULFILLED,
        lines=ticket.lines,
        currency=currency,
        placed_at=at,
        updated_at=at,
        subject=f"backend:{terms.code}",
        delivery=Delivery(Method.TAKEAWAY, location=ticket.location),
        payments=(Payment("TILL", total, at, ticket.number),),
        history=(OrderEvent("PLACED", at, terms.code),),
        associate_code=ticket.associate,
        origin_location=ticket.location,
        system=terms.code,
        external=(Provenance(terms.code, ticket.number, at),),
    )


# ---- our sales ----------------------------------------------------------------------------------

SALE_COLUMNS = (
    "reference",
    "action",
    "line",
    "placed_at",
    "location",
    "sku",
    "quantity",
    "unit_price",
    "currency",
)


def translate_sale(sale: Sale, action: str) -> str:
    """A sale of ours as the rows of a file."""
    written = io.StringIO(newline="")
    rows = csv.writer(written)
    rows.writerow(SALE_COLUMNS)
    at = sale.placed_at.astimezone(UTC).isoformat(timespec="seconds")
    for number, line in enumerate(sale.lines, start=1):
        price = line.unit_price
        told = (sale.reference, action, number, at, sale.location, line.sku, line.quantity)
        rows.writerow((*told, price.amount, price.currency))
    return written.getvalue()
