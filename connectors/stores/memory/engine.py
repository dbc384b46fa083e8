"""The memory engine as one Store: the reference of what a store answers, and the fake of the tests.

It forgets everything when the process ends.
"""

from connectors.stores.memory.callers import MemoryCallers
from connectors.stores.memory.catalog import MemoryCatalog
from connectors.stores.memory.house import MemoryHouse
from connectors.stores.memory.inbox import MemoryInbox
from connectors.stores.memory.listings import MemoryListings
from connectors.stores.memory.members import MemoryMembers
from connectors.stores.memory.outbox import MemoryOutbox
from connectors.stores.memory.publications import MemoryPublications
from connectors.stores.memory.state import State
from connectors.stores.memory.stock import MemoryStock
from connectors.stores.memory.upkeep import MemoryUpkeep
from resolvers.ports import Store


def open_memory() -> Store:
    """A store of its own, empty."""
    state = State()
    return Store(
        MemoryStock(state),
        MemoryOutbox(state),
        MemoryCatalog(state),
        MemoryHouse(state),
        MemoryCallers(state),
        MemoryInbox(state),
        MemoryMembers(state),
        MemoryListings(state),
        MemoryPublications(state),
        MemoryUpkeep(state),
        _close,
    )


async def _close() -> None:
    """Nothing to give back."""
