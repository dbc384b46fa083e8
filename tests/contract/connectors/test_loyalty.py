"""Points that a system keeps for members, as they are asked for (M2)."""

from resolvers.backend_ports import Role
from tests.contract.connectors.cases import shows
from tests.contract.connectors.reading import read
from tests.contract.connectors.rig import Rig

POINTS = Role.LOYALTY


@shows("balances are what its people count, with tiers that it declares; those of ids that nobody"
       " has are left out", POINTS, needs=["count_points"])  # fmt: skip
async def test_balances_are_what_people_count(case, rig: Rig) -> None:
    terms, loyalty = rig.backend.capabilities.loyalty, rig.backend.loyalty
    assert terms is not None and loyalty is not None
    ids = sorted((await read(rig.backend, Role.MEMBER_SOURCE)).ids)[:5]
    for at, id in enumerate(ids):
        await rig.count_points(id, 700 + at)

    told = await loyalty.balances([*ids, "no id of theirs", "' or ''='"])

    assert {id: balance.points for id, balance in told.items()} == {
        id: 700 + at for at, id in enumerate(ids)
    }
    assert {balance.tier for balance in told.values()} <= {None, *terms.tiers}
    assert await loyalty.balances([]) == {}
    assert await loyalty.balances(["no id of theirs"]) == {}


@shows("a balance is of this moment", POINTS, needs=["count_points"])
async def test_a_balance_is_of_this_moment(case, rig: Rig) -> None:
    assert rig.backend.loyalty is not None
    id, other, *_ = sorted((await read(rig.backend, Role.MEMBER_SOURCE)).ids)
    seen = []
    for points in (12, 0):
        await rig.count_points(other, points)
        seen.append((await rig.backend.loyalty.balances([id, other]))[other].points)

    assert seen == [12, 0]
