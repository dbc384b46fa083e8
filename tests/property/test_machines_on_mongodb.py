"""The machines of stock and rules in MongoDB: few lives each, as its stand-in is slow (S4, G5)."""

from datetime import datetime

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from connectors.stores.mongo.engine import open_mongo
from resolvers.ports import Store
from tests.mongod import fresh_name
from tests.property.test_rules_machine import RulesInStore
from tests.property.test_stock_machine import StockInStore

FEW = settings(max_examples=4, stateful_step_count=40, deadline=None, derandomize=True)


@pytest.mark.mongo
@pytest.mark.timeout(600)
@pytest.mark.parametrize("machine", [StockInStore, RulesInStore])
def test_a_machine_lives_in_mongodb_too(
    mongo_url: str, machine: type[StockInStore | RulesInStore]
) -> None:
    class OnMongo(machine):  # type: ignore[misc, valid-type]
        """Each life in a database of its own, whose server has the machine's time."""

        async def opened(self) -> Store:
            self.name = getattr(self, "name", None) or fresh_name()

            def now() -> datetime:
                told: datetime = self.now
                return told

            async def server_time() -> datetime:
                return now()

            return open_mongo(mongo_url, self.name, now, fresh_name(), server_time=server_time)

    life: type[RuleBasedStateMachine] = OnMongo
    run_state_machine_as_test(life, settings=FEW)
