"""An order of another system that is told again: what the books make of it, case by case (O1, O6).

That units are conserved however words come is ``tests/property/test_changed_orders``'s.
"""

from dataclasses import replace
from datetime import timedelta

from resolvers.domain import facts
from resolvers.domain.orders import Order, OrderEvent, OrderLine, OrderStatus
from resolvers.domain.outbox import WriteAction
from resolvers.domain.reservation import Status
from resolvers.domain.values import Money
from tests.property.test_changed_orders import NOON, Word, World, order

PLACE, CANCEL = WriteAction.PLACE_SALE, WriteAction.CANCEL_SALE


def stocked(**units: int) -> World:
    """A world with units of A, B or C at WH-01."""
    world = World()
    for sku, many in units.items():
        world.stocked(sku, "WH-01", many)
    return world


def kept(world: World) -> Order:
    return world.known.orders["x1"]


def hold_of(world: World) -> Status:
    return world.known.reservations["hold"].status


def told(world: World) -> list[tuple[WriteAction, str, dict[str, int]]]:
    """What the ERP was told: the action, the reference, and units by SKU."""
    return [
        (it.action, it.sale.reference, {line.sku: line.quantity for line in it.sale.lines})
        for it in world.writes
        if it.sale is not None
    ]


def leave(world: World, reference: str, sku: str, total: int, sold: int) -> None:
    left = facts.Left("x1", sku, "WH-01", sold, total, "erp", reference)
    world.run(lambda books: facts.depart(books, left))


def steps(world: World) -> list[str]:
    return [event.kind for event in kept(world).history]


def test_a_line_that_is_called_off_gives_its_units_back_and_the_sale_is_told_anew():
    world = stocked(A=5, B=5)
    world.hears(Word(1, (("A", 2), ("B", 3))))

    world.hears(Word(2, (("A", 2),)))

    assert (world.hard("A"), world.hard("B")) == (2, 0)
    assert told(world) == [
        (PLACE, "UC-X1", {"A": 2, "B": 3}),
        (CANCEL, "UC-X1", {"A": 2, "B": 3}),
        (PLACE, "UC-X1/WH-01/1", {"A": 2}),
    ]
    assert len({write.id for write in world.writes}) == 3
    assert steps(world) == ["REDUCED"]


def test_an_order_that_grows_takes_more_even_of_what_is_not_there():
    world = stocked(A=2)
    world.hears(Word(1, (("A", 2),)))

    world.hears(Word(2, (("A", 5),)))

    assert world.hard("A") == 5
    position = world.known.streams["A"].positions["WH-01"]
    assert position.unpromised == -3
    assert steps(world) == ["EXTENDED", "OVERSOLD"]


def test_an_older_word_after_a_newer_one_changes_nothing():
    world = stocked(A=5)
    world.hears(Word(2, (("A", 1),)))
    before = world.known

    world.hears(Word(1, (("A", 4),)))

    assert world.known == before


def test_what_has_left_cannot_be_called_off():
    world = stocked(A=5)
    world.hears(Word(1, (("A", 4),)))
    leave(world, "UC-X1", "A", 3, sold=4)

    world.hears(Word(2, (("A", 1),)))

    [line] = kept(world).lines
    assert (line.quantity, line.fulfilled) == (3, 3)
    assert kept(world).status is OrderStatus.FULFILLED
    assert hold_of(world) is Status.FULFILLED
    assert world.hard("A") == 0
    assert told(world) == [(PLACE, "UC-X1", {"A": 4})], "of this sale something has left"
    assert "SALE_TO_CORRECT" in steps(world)


def test_an_order_that_was_handed_over_whole_and_grows_is_open_again():
    world = stocked(A=5, B=5)
    world.hears(Word(1, (("A", 1),)))
    leave(world, "UC-X1", "A", 1, sold=1)
    assert hold_of(world) is Status.FULFILLED

    world.hears(Word(2, (("A", 1), ("B", 2))))

    assert (world.hard("A"), world.hard("B")) == (0, 2)
    assert hold_of(world) is Status.COMMITTED
    assert kept(world).status is OrderStatus.PARTIALLY_FULFILLED


def test_units_that_were_given_back_are_not_taken_for_gone():
    """They used to be: what was sold and is not pinned any more had left, it was thought."""
    world = stocked(A=9)
    world.hears(Word(1, (("A", 6),)))
    leave(world, "UC-X1", "A", 1, sold=6)
    world.hears(Word(2, (("A", 4),)))

    leave(world, "UC-X1", "A", 2, sold=6)

    assert world.hard("A") == 2
    assert world.known.streams["A"].positions["WH-01"].on_hand == 7


def test_an_order_from_before_departures_were_counted_by_sale_goes_on():
    world = stocked(A=9)
    world.hears(Word(1, (("A", 6),)))
    leave(world, "UC-X1", "A", 2, sold=6)
    orders = {"x1": replace(kept(world), left=())}
    world.known = replace(world.known, orders=orders)

    leave(world, "UC-X1", "A", 3, sold=6)

    assert world.hard("A") == 3
    assert kept(world).left == (("UC-X1", "A", 3),)


def test_lines_keep_their_ids_and_a_new_one_gets_a_new_one():
    world = stocked(A=5, B=5, C=5)
    world.hears(Word(1, (("A", 1), ("B", 1))))

    world.hears(Word(2, (("B", 1), ("C", 1))))

    assert [(line.id, line.sku) for line in kept(world).lines] == [("x1.2", "B"), ("x1.3", "C")]


def test_two_lines_of_one_sku_are_told_apart_by_their_price():
    world = stocked(A=5)
    dear, cheap = Money(900, "CNY"), Money(100, "CNY")
    first = order(Word(1, (("A", 1), ("A", 2))))
    lines = [
        replace(line, unit_price=at) for line, at in zip(first.lines, (dear, cheap), strict=True)
    ]
    world.takes(replace(first, lines=tuple(lines)))

    world.takes(replace(order(Word(2, (("A", 2),))), lines=(replace(lines[1], id="x1.1"),)))

    assert [(line.id, line.quantity) for line in kept(world).lines] == [("x1.2", 2)]


def test_our_own_steps_stay_in_its_history():
    world = stocked(A=1)
    placed = OrderEvent("PLACED", NOON, "shop")
    world.takes(replace(order(Word(1, (("A", 2),))), history=(placed,)))

    world.takes(replace(order(Word(2, (("A", 2),))), history=(placed,)))

    assert steps(world) == ["PLACED", "OVERSOLD"]


def test_a_word_after_the_cancellation_changes_nothing():
    world = stocked(A=5)
    world.hears(Word(1, (("A", 2),)))
    world.hears(Word(2, ()))

    world.hears(Word(3, (("A", 2),)))

    assert kept(world).status is OrderStatus.CANCELED
    assert world.hard("A") == 0


def test_an_order_of_a_system_with_its_own_stock_is_only_written_down():
    world = stocked(A=5)
    placed = order(Word(1, (("A", 2),)))
    world.takes(placed, ours=False)
    world.takes(replace(order(Word(2, (("A", 1),))), updated_at=NOON + timedelta(1)), ours=False)

    assert [line.quantity for line in kept(world).lines] == [1]
    assert (world.hard("A"), world.writes) == (0, [])


def test_a_line_is_never_below_what_the_system_itself_says_has_left():
    world = stocked(A=5)
    first = order(Word(1, (("A", 3),)))
    world.takes(first)
    out = replace(first.lines[0], quantity=2, fulfilled=2)
    world.takes(replace(order(Word(2, (("A", 2),))), lines=(out,)))

    [line] = kept(world).lines
    assert isinstance(line, OrderLine)
    assert (line.quantity, line.fulfilled) == (2, 2)
    assert world.hard("A") == 2


def test_what_its_own_system_calls_fulfilled_is_promised_until_all_of_it_has_left():
    """O6: a shop says so when a parcel is packed; the goods' system is told of it later."""
    world = stocked(A=5, B=5)
    world.hears(Word(1, (("A", 2), ("B", 1))))
    said = order(Word(2, (("A", 2), ("B", 1))))
    lines = tuple(replace(line, fulfilled=line.quantity) for line in said.lines)
    world.takes(replace(said, status=OrderStatus.FULFILLED, lines=lines))

    leave(world, "UC-X1", "B", 1, sold=1)
    assert (world.hard("A"), hold_of(world)) == (2, Status.COMMITTED)
    leave(world, "UC-X1", "A", 2, sold=2)

    assert (world.hard("A"), world.hard("B"), hold_of(world)) == (0, 0, Status.FULFILLED)
    assert kept(world).status is OrderStatus.FULFILLED
