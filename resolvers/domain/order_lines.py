"""Which line of an order that was told again is which line that we know. Pure.

Systems name their lines as they like and leave out those that were called off; ours keep their
ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from resolvers.domain.orders import Order, OrderLine


def lines_of(before: Order, told: Order) -> tuple[OrderLine, ...]:
    """The lines as they are told now, each under the id that it had. What has left cannot be called
    off: a line never falls below that.
    """
    known = list(before.lines)
    matched = dict(_matched(known, told.lines, exact=True))
    rest = [line for line in known if line not in matched.values()]
    open_ = [line for line in told.lines if line.id not in matched]
    matched |= dict(_matched(rest, open_, exact=False))
    taken = {line.id for line in known}
    numbers = (f"{told.id}.{at}" for at in range(1, len(known) + 2 * len(told.lines) + 1))
    fresh = (id for id in numbers if id not in taken)
    after: list[OrderLine] = []
    for line in told.lines:
        was = matched.get(line.id)
        if was is None:
            after.append(replace(line, id=next(fresh)))
        else:
            after.append(
                replace(
                    line,
                    id=was.id,
                    components=was.components,
                    quantity=max(line.quantity, was.fulfilled),
                    fulfilled=max(line.fulfilled, was.fulfilled),
                    returned=max(line.returned, was.returned),
                )
            )
    gone = [line for line in known if line not in matched.values() and line.fulfilled]
    return (*after, *(replace(line, quantity=line.fulfilled) for line in gone))


def _matched(
    known: Sequence[OrderLine], told: Sequence[OrderLine], *, exact: bool
) -> Iterable[tuple[str, OrderLine]]:
    """Lines that are the same, by the id in what is told: of one SKU, and if ``exact`` of one
    price; each once, in order.
    """
    left = list(known)
    for line in told:
        for was in left:
            if was.sku == line.sku and (not exact or was.unit_price == line.unit_price):
                left.remove(was)
                yield line.id, was
                break
