"""The parts of a store as the memory engine has them: how each is read, and written over.

What a row says, and what its key is, stands in ``connectors/stores/rows.py``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.stores.checkpoints import checkpoint_of, head_of
from connectors.stores.coding import instant
from connectors.stores.indexing import digest_of
from connectors.stores.memory.append import (
    add_write,
    note_level,
    put_order,
    put_pin,
    put_reservation,
    put_unseen,
    put_write,
)
from connectors.stores.memory.catalog import put_product
from connectors.stores.memory.state import State
from connectors.stores.rows import (
    Counted,
    Journaled,
    Kept,
    Mastered,
    Opened,
    Placed,
    Sealed,
    Shelf,
)
from resolvers.domain.books import Recorded, put
from resolvers.domain.callers import ApiKey, AuditRecord, Use
from resolvers.domain.feeds import Feed
from resolvers.domain.inbox import Message
from resolvers.domain.ledger import Checkpoint
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.locations import Location
from resolvers.domain.members import Member
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.rules import RuleBook, RuleChange
from resolvers.domain.stock import Pin, Stream, TakenKey, Unseen


def records_of(state: State, part: str) -> list[Any]:
    """Every record of a part, in no order."""
    return list(_READ[part](state))


def load(state: State, part: str, records: Sequence[Any]) -> None:
    """Writes records of a part, whatever stood there."""
    for record in records:
        _WRITE[part](state, record)


def _shelves(state: State) -> Iterable[Shelf]:
    return (Shelf(it.index.age, it.product) for it in state.products.values())


def _reservations(state: State) -> Iterable[Kept]:
    return (Kept(state.reserved_at[id], it) for id, it in state.reservations.items())


def _sealed(state: State) -> Iterable[Sealed]:
    return (Sealed(seal, head_of(it)) for seal, it in state.folded.values())


def _folded_counts(state: State) -> Iterable[Counted]:
    return (
        Counted(sku, *of, units)
        for sku, (_, it) in state.folded.items()
        for of, units in it.taken.items()
    )


def _streams(state: State) -> Iterable[Opened]:
    return (Opened(it.sku, it.version, it.at) for it in state.streams.values() if it.at is not None)


def _positions(state: State) -> Iterable[Placed]:
    return (
        Placed(at, state.streams[sku].positions[place])
        for (sku, place), at in state.changed_at.items()
    )


def _pins(state: State) -> Iterable[Pin]:
    return (pin for it in state.streams.values() for pin in it.pins.values())


def _unseen(state: State) -> Iterable[Unseen]:
    return (movement for here in state.unseen.values() for movement in here.values())


def _masters(state: State) -> Iterable[Mastered]:
    return (Mastered(code, it) for own in state.masters.values() for code, it in own.items())


def _taken(state: State) -> Iterable[Counted]:
    return (
        Counted(it.sku, *of, units)
        for it in state.streams.values()
        for of, units in it.taken.items()
    )


_READ: Mapping[str, Callable[[State], Iterable[Any]]] = {
    "locations": lambda state: state.locations.values(),
    "products": _shelves,
    "rules": lambda state: state.rulings,
    "feeds": lambda state: state.feeds.values(),
    "orders": lambda state: state.orders.values(),
    "reservations": _reservations,
    "writes": lambda state: state.writes.values(),
    "keys": lambda state: state.keys.values(),
    "journal": lambda state: state.journal.values(),
    "checkpoints": _sealed,
    "checkpoint_counts": _folded_counts,
    "streams": _streams,
    "positions": _positions,
    "pins": _pins,
    "unseen": _unseen,
    "taken": _taken,
    "api_keys": lambda state: state.api_keys.values(),
    "audit": lambda state: state.audit.values(),
    "uses": lambda state: state.uses.values(),
    "messages": lambda state: state.messages.values(),
    "members": lambda state: state.members.values(),
    "masters": _masters,
    "listings": lambda state: state.listings.values(),
    "mappings": lambda state: state.mappings.values(),
    "publications": lambda state: state.publications.values(),
}


def _put_location(state: State, it: Location) -> None:
    state.locations[it.code] = it


def _put_shelf(state: State, it: Shelf) -> None:
    put_product(state, it.product, digest_of(it.product), instant(-it.age))


def _put_ruling(state: State, it: RuleChange) -> None:
    known = {ruling.version: ruling for ruling in state.rulings} | {it.version: it}
    state.rulings = [known[version] for version in sorted(known)]
    state.rules = RuleBook()
    for ruling in state.rulings:
        state.rules = ruling.applied(state.rules)


def _put_feed(state: State, it: Feed) -> None:
    state.feeds[it.key] = it


def _put_order(state: State, it: Order) -> None:
    put_order(state, it)


def _put_kept(state: State, it: Kept) -> None:
    put_reservation(state, it.reservation, it.changed_at)


def _put_write(state: State, it: Write) -> None:
    (put_write if it.id in state.writes else add_write)(state, it)


def _put_recorded(state: State, it: Recorded) -> None:
    state.keys[it.key] = it


def _put_batch(state: State, it: Journaled) -> None:
    if it.batch in state.journal:
        for sku in {entry.sku for entry in it.entries}:
            own = state.entries.get(sku, [])
            own[:] = [(at, entry) for at, entry in own if at[0] != it.batch]
    state.journal_batch(it)


def _put_sealed(state: State, it: Sealed) -> None:
    _, before = state.folded.get(it.head.sku, ("", Checkpoint(it.head.sku)))
    state.folded[it.head.sku] = (it.seal, checkpoint_of(it.head, before.taken))


def _put_folded_count(state: State, it: Counted) -> None:
    seal, before = state.folded.get(it.sku, ("", Checkpoint(it.sku)))
    taken: dict[TakenKey, int] = {**before.taken, (it.kind, it.name): it.units}
    state.folded[it.sku] = (seal, replace(before, taken=taken))


def _stream(state: State, sku: str) -> Stream:
    """A stream whose dictionaries are the state's own to change; empty if there was none."""
    return state.streams.setdefault(sku, Stream(sku))


def _put_opened(state: State, it: Opened) -> None:
    state.streams[it.sku] = replace(_stream(state, it.sku), version=it.version, at=it.at)


def _put_placed(state: State, it: Placed) -> None:
    positions = _stream(state, it.position.sku).positions
    put(positions, it.position.location, it.position, keep=True)
    note_level(state, it.position, it.changed_at)


def _put_pin(state: State, it: Pin) -> None:
    pins = _stream(state, it.sku).pins
    put(pins, (it.reservation, it.location), it, keep=it.quantity > 0)
    put_pin(state, it)


def _put_unseen(state: State, it: Unseen) -> None:
    put(_stream(state, it.sku).unseen, it.id, it, keep=it.on_hand != 0)
    put_unseen(state, it)


def _put_count(state: State, it: Counted) -> None:
    put(_stream(state, it.sku).taken, (it.kind, it.name), it.units, keep=True)


def _put_api_key(state: State, it: ApiKey) -> None:
    state.api_keys[it.id] = it


def _put_audit(state: State, it: AuditRecord) -> None:
    state.audit[it.at, it.id] = it


def _put_use(state: State, it: Use) -> None:
    state.uses[it.field, it.client, it.day] = it


def _put_message(state: State, it: Message) -> None:
    state.message_keys[it.backend, it.dedupe_key] = it.id
    state.messages[it.id] = it


def _put_member(state: State, it: Member) -> None:
    state.members[it.id] = it


def _put_master(state: State, it: Mastered) -> None:
    state.masters.setdefault(it.product.handle, {})[it.backend] = it.product


def _put_listing(state: State, it: Listing) -> None:
    state.listings[it.backend, it.id] = it


def _put_mapping(state: State, it: ListingMapping) -> None:
    state.mappings[it.backend, it.listing] = it


def _put_publication(state: State, it: PublicationRecord) -> None:
    state.publications[it.backend, it.listing] = it


_WRITE: Mapping[str, Callable[[State, Any], None]] = {
    "locations": _put_location,
    "products": _put_shelf,
    "rules": _put_ruling,
    "feeds": _put_feed,
    "orders": _put_order,
    "reservations": _put_kept,
    "writes": _put_write,
    "keys": _put_recorded,
    "journal": _put_batch,
    "checkpoints": _put_sealed,
    "checkpoint_counts": _put_folded_count,
    "streams": _put_opened,
    "positions": _put_placed,
    "pins": _put_pin,
    "unseen": _put_unseen,
    "taken": _put_count,
    "api_keys": _put_api_key,
    "audit": _put_audit,
    "uses": _put_use,
    "messages": _put_message,
    "members": _put_member,
    "masters": _put_master,
    "listings": _put_listing,
    "mappings": _put_mapping,
    "publications": _put_publication,
}
