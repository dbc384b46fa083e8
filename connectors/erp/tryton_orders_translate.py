"""Tryton's sales and till tickets as orders. Pure: no network, no clock.

Sales and tickets alike come with the rows of their lines; what is ours already is left out before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from connectors.erp.tryton_tills import Tills
from connectors.erp.tryton_translate import money_of, title_with, units
from connectors.erp.tryton_wire import Row
from resolvers.domain.catalog import Provenance
from resolvers.domain.locations import Channel, Method
from resolvers.domain.orders import Delivery, Order, OrderEvent, OrderLine, OrderStatus, Payment
from resolvers.domain.values import Money

RETURNED_GOODS = "RETURNED_GOODS"
"""How what was bought is paid as far as goods that came back at the till have paid for it."""


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What all orders of one backend share. Without a channel for ``sales`` there are none."""

    system: str
    sales: Channel | None
    tills: Tills


def translate_sale(
    row: Row, lines: Sequence[Row], terms: OrderTerms, returned: Sequence[Row] = ()
) -> Order | None:
    """A sale as an order; None where it is none for the house. ``returned`` are the lines of its
    returns.

    None is: a return, one in another currency than its channel's, one without goods, and one that
    was called off before anybody quoted it.
    """
    channel, currency = terms.sales, row["currency."]["code"]
    if channel is None or channel.currency != currency or takes_back(row) is not None:
        return None
    if row["state"] == "cancelled" and not row["number"]:
        return None
    sold = [line for line in lines if line["product."] and line["product."]["code"]]
    ordered = [_sale_line(line, row, currency) for line in sold if units(line["quantity"]) > 0]
    if not ordered:
        return None
    ordered = _with_returns(ordered, returned)
    warehouse = row["warehouse."]
    stamps = [row["last_modified_at"]]
    stamps += [move["last_modified_at"] for line in (*sold, *returned) for move in line["moves."]]
    return _order(
        terms.system,
        channel,
        external_id=f"sale:{row['id']}",
        number=row["reference"] or row["number"] or str(row["id"]),
        status=_status(row, sold, ordered),
        lines=ordered,
        placed_at=row["create_date"],
        updated_at=max(stamps),
        origin=warehouse["code"] if warehouse is not None else None,
    )


def translate_ticket(
    row: Row, lines: Sequence[Row], payments: Sequence[Row], terms: OrderTerms
) -> Order | None:
    """A till ticket as an order that was taken away; None where no goods changed hands by it.

    Goods that come back at a till are lines of no units of which some were returned: Tryton does
    not say which ticket had sold them. A ticket of nothing else is RETURNED, and comes to nothing.
    """
    shop, currency = row["point."]["storage_location."]["warehouse."], row["currency."]["code"]
    channel = terms.tills.channel_of(shop["code"] or "") if shop is not None else None
    if channel is None or channel.currency != currency or not row["number"]:
        return None
    ordered = [
        _ticket_line(line, currency)
        for line in lines
        if line["product."] and line["product."]["code"]
    ]
    ordered = [line for line in ordered if line.quantity or line.returned]
    if not ordered:
        return None
    sold = any(line.quantity for line in ordered)
    status = OrderStatus.FULFILLED if sold else OrderStatus.RETURNED
    return _order(
        terms.system,
        channel,
        external_id=f"ticket:{row['id']}",
        number=row["number"],
        status=OrderStatus.CANCELED if row["state"] == "cancelled" else status,
        lines=ordered,
        placed_at=row["create_date"],
        updated_at=row["last_modified_at"],
        delivery=Delivery(Method.TAKEAWAY, location=shop["code"])
        if sold and shop["code"]
        else None,
        payments=(
            *_payments(payments, currency, row["create_date"]),
            *_paid_in_goods(ordered, currency, row["create_date"]),
        ),
        origin=shop["code"],
    )


def _order(
    system: str,
    channel: Channel,
    *,
    external_id: str,
    number: str,
    status: OrderStatus,
    lines: Sequence[OrderLine],
    placed_at: datetime,
    updated_at: datetime,
    delivery: Delivery | None = None,
    payments: tuple[Payment, ...] = (),
    origin: str | None = None,
) -> Order:
    kind, id = external_id.split(":")
    history = (
        OrderEvent("PLACED", placed_at, system),
        OrderEvent(status, updated_at, system),
    )
    return Order(
        id=f"{system}-{kind}-{id}",
        number=number,
        channel=channel.code,
        status=status,
        lines=tuple(lines),
        currency=channel.currency,
        placed_at=placed_at,
        updated_at=updated_at,
        subject=f"backend:{system}",
        delivery=delivery,
        payments=payments,
        history=history,
        origin_location=origin,
        system=system,
        external=(Provenance(system, external_id, updated_at),),
    )


def takes_back(row: Row) -> int | None:
    """The id of the sale that a sale takes back; None if it is no return."""
    model, _, id = str(row["origin"] or "").partition(",")
    return int(id) if model == "sale.sale" and id.isdigit() else None


def _with_returns(lines: Sequence[OrderLine], returned: Iterable[Row]) -> list[OrderLine]:
    """The lines with what has come back of each: dealt over those of its SKU, as far as it left."""
    back: dict[str, int] = {}
    for line in returned:
        came = sum(
            move["internal_quantity"]
            for move in line["moves."]
            if move["state"] == "done" and move["from_location."]["type"] == "customer"
        )
        sku = line["product."]["code"]
        back[sku] = back.get(sku, 0) + units(came)
    dealt: list[OrderLine] = []
    for sold in lines:
        some = min(back.get(sold.sku, 0), sold.fulfilled)
        back[sold.sku] = back.get(sold.sku, 0) - some
        dealt.append(replace(sold, returned=some))
    return dealt


def _status(row: Row, lines: Sequence[Row], ordered: Sequence[OrderLine]) -> OrderStatus:
    moves = [move for line in lines for move in line["moves."]]
    called_off = moves and all(move["state"] == "cancelled" for move in moves)
    if row["state"] == "cancelled" or (called_off and row["shipment_state"] == "none"):
        return OrderStatus.CANCELED
    if all(line.returned == line.quantity for line in ordered):
        return OrderStatus.RETURNED
    if row["shipment_state"] == "sent":
        return OrderStatus.FULFILLED
    if any(line.fulfilled for line in ordered):
        return OrderStatus.PARTIALLY_FULFILLED
    return OrderStatus.CONFIRMED


def _sale_line(line: Row, sale: Row, currency: str) -> OrderLine:
    quantity = units(line["quantity"])
    left = sum(
        move["internal_quantity"]
        for move in line["moves."]
        if move["state"] == "done" and move["to_location."]["type"] == "customer"
    )
    return OrderLine(
        f"{sale['id']}.{line['id']}",
        line["product."]["code"],
        title_with(line["product."]["name"], line["product."]["description"]),
        quantity,
        _gross(line["unit_price"], line["taxes."], currency),
        fulfilled=quantity if sale["shipment_state"] == "sent" else min(quantity, units(left)),
    )


def _ticket_line(line: Row, currency: str) -> OrderLine:
    sold, returned = max(0, units(line["quantity"])), max(0, units(-line["quantity"]))
    return OrderLine(
        f"{line['sale']}.{line['id']}",
        line["product."]["code"],
        title_with(line["product."]["name"], line["product."]["description"]),
        sold,
        money_of(line["unit_gross_price"], currency),
        fulfilled=sold,
        returned=returned,
    )


def _gross(net: Decimal | None, taxes: Iterable[Row], currency: str) -> Money:
    """A unit price with its taxes on top: shares of it, and fixed amounts."""
    price = net or Decimal(0)
    added = Decimal(0)
    for tax in taxes:
        if tax["type"] == "percentage":
            added += price * tax["rate"]
        elif tax["type"] == "fixed":
            added += tax["amount"]
    return money_of(price + added, currency)


def _payments(rows: Iterable[Row], currency: str, at: datetime) -> Iterable[Payment]:
    """What was paid by each method; change that was given back is taken off."""
    paid: dict[str, Decimal] = {}
    for row in rows:
        method = row["method."]["name"]
        paid[method] = paid.get(method, Decimal(0)) + row["amount"]
    for method, amount in paid.items():
        if amount > 0:
            yield Payment(method, money_of(amount, currency), at)


def _paid_in_goods(lines: Sequence[OrderLine], currency: str, at: datetime) -> Iterable[Payment]:
    """What goods that came back have paid of those that were bought by the same ticket."""
    bought = sum(line.unit_price.minor * line.quantity for line in lines)
    returned = sum(line.unit_price.minor * line.returned for line in lines)
    if paid := min(bought, returned):
        yield Payment(RETURNED_GOODS, Money(paid, currency), at)


def by_sale(rows: Iterable[Row]) -> Mapping[int, Sequence[Row]]:
    """Rows of lines or payments, by the sale or ticket that they belong to."""
    of: dict[int, list[Row]] = {}
    for row in rows:
        of.setdefault(row["sale"], []).append(row)
    return of
