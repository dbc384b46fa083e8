"""The MongoDB engine as one Store."""

from datetime import datetime

from connectors.stores.mongo.callers import MongoCallers
from connectors.stores.mongo.catalog import MongoCatalog
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.clock import ClusterClock, ServerTime
from connectors.stores.mongo.driver import Login
from connectors.stores.mongo.house import MongoHouse
from connectors.stores.mongo.inbox import MongoInbox
from connectors.stores.mongo.layout import prepare
from connectors.stores.mongo.listings import MongoListings
from connectors.stores.mongo.members import MongoMembers
from connectors.stores.mongo.outbox import MongoOutbox
from connectors.stores.mongo.publications import MongoPublications
from connectors.stores.mongo.stock import MongoStock
from connectors.stores.mongo.tail import Tail
from connectors.stores.mongo.turns import Turns
from connectors.stores.mongo.upkeep import MongoUpkeep
from resolvers.ports import Clock, Store


def open_mongo(
    url: str,
    name: str,
    clock: Clock,
    owner: str,
    *,
    login: Login | None = None,
    server_time: ServerTime | None = None,
) -> Store:
    """A database of a MongoDB replica set as a store; it connects when it is first asked.

    ``clock`` is this process's own, which is compared with the server's; ``owner`` names the
    process among those that wait for turns, ``login`` a user and its password. ``server_time`` asks
    another clock than the server's.

    Raises:
        StoreUnusable: the address cannot be one.
    """
    database = Database(url, name, prepare, login=login)

    async def local_time() -> datetime:
        told: datetime = (await database.hello())["localTime"]
        return told

    cluster = ClusterClock(server_time or local_time, clock)
    tail = Tail(database, "events")

    async def close() -> None:
        await tail.close()
        await database.close()

    return Store(
        MongoStock(database, cluster, Turns(database, owner)),
        MongoOutbox(database, clock),
        MongoCatalog(database),
        MongoHouse(database, cluster, tail),
        MongoCallers(database),
        MongoInbox(database),
        MongoMembers(database, clock),
        MongoListings(database),
        MongoPublications(database),
        MongoUpkeep(database, cluster),
        close,
    )
