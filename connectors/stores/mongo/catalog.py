from connectors.stores.memory.catalog import MemoryCatalog
from connectors.stores.memory.state import State


class MongoCatalog(MemoryCatalog):
    def __init__(self, db):
        super().__init__(State())
