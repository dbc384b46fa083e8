"""The SQLite engine as one Store."""

from pathlib import Path

from connectors.stores.sqlite.callers import SqliteCallers
from connectors.stores.sqlite.catalog import SqliteCatalog
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import SqliteHouse
from connectors.stores.sqlite.inbox import SqliteInbox
from connectors.stores.sqlite.listings import SqliteListings
from connectors.stores.sqlite.members import SqliteMembers
from connectors.stores.sqlite.outbox import SqliteOutbox
from connectors.stores.sqlite.publications import SqlitePublications
from connectors.stores.sqlite.stock import SqliteStock
from connectors.stores.sqlite.upkeep import SqliteUpkeep
from resolvers.ports import Store


def open_sqlite(path: Path) -> Store:
    """Opens a SQLite file as a store, or makes it; any number of processes may.

    Raises:
        StoreUnusable: with what is wrong and what to do.
    """
    database = Database(path)
    try:
        database.look_over()
    except BaseException:
        database.end()
        raise
    return Store(
        SqliteStock(database),
        SqliteOutbox(database),
        SqliteCatalog(database),
        SqliteHouse(database),
        SqliteCallers(database),
        SqliteInbox(database),
        SqliteMembers(database),
        SqliteListings(database),
        SqlitePublications(database),
        SqliteUpkeep(database),
        database.close,
    )
