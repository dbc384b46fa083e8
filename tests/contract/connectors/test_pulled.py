"""Messages that we fetch: nothing is taken from their source unseen, and none is two (S2)."""

from collections.abc import Sequence

from resolvers.backend_ports import Backend, Role
from resolvers.domain.inbox import DEDUPE_CHARS_MAX, Message
from resolvers.event_ports import EventPuller, Pulled
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig

PULLER = Role.EVENT_PULLER
LIMIT = 10


def puller_of(backend: Backend) -> EventPuller:
    assert backend.puller is not None
    return backend.puller


def keys(found: Sequence[Pulled]) -> list[str]:
    return [it.dedupe_key for it in found]


def kept(rig: Rig, pulled: Pulled) -> Message:
    headers = tuple(pulled.headers.items())
    return Message("1", rig.backend.code, pulled.dedupe_key, rig.clock(), pulled.body, headers)


async def told_by(rig: Rig, pulled: Pulled) -> set[str]:
    """The orders that a message leads to."""
    assert rig.backend.deliveries is not None
    found: set[str] = set()
    for hint in puller_of(rig.backend).hints(kept(rig, pulled)):
        assert hint.external_id is not None
        delivered = await rig.backend.deliveries.delivered(hint.external_id)
        assert delivered.left_out == ""
        found |= {order.number for order in delivered.orders}
    return found


@shows("a message is pulled again, by whoever asks, until it is acknowledged; its key is the same",
       PULLER, needs=["lay_down"])  # fmt: skip
async def test_a_message_is_pulled_until_it_is_acknowledged(case, rig: Rig) -> None:
    assert await puller_of(rig.backend).pull(LIMIT) == []
    for name in ("first", "second"):
        await rig.lay_down(name)

    came = await puller_of(rig.backend).pull(LIMIT)
    again = await puller_of(rig.backend).pull(LIMIT)
    elsewhere = await puller_of(rig.connect()).pull(LIMIT)

    assert len(set(keys(came))) == 2
    assert keys(came) == keys(again) == keys(elsewhere)
    assert [it.body for it in came] == [it.body for it in again] == [it.body for it in elsewhere]
    assert all(0 < len(key) <= DEDUPE_CHARS_MAX and key.isprintable() for key in keys(came))

    await puller_of(rig.backend).acknowledge([came[0].id])
    assert keys(await puller_of(rig.connect()).pull(LIMIT)) == keys(came)[1:]
    await puller_of(rig.backend).acknowledge([it.id for it in came])
    await puller_of(rig.connect()).acknowledge([it.id for it in came])  # as if it had died
    assert await puller_of(rig.connect()).pull(LIMIT) == []


@shows("as many are pulled as are asked for, the eldest first, and none is lost behind them",
       PULLER, needs=["lay_down"])  # fmt: skip
async def test_the_eldest_are_pulled_first(case, rig: Rig) -> None:
    told = [await rig.lay_down(f"many-{at}") for at in range(5)]
    puller = puller_of(rig.backend)
    came: list[set[str]] = []
    for at in range(3):
        found = await puller.pull(2)
        came += [await told_by(rig, it) for it in found]
        if not at:
            told.append(await rig.lay_down("behind"))
        await puller.acknowledge([it.id for it in found])

    assert came == told
    assert await puller.pull(2) == []


@shows("a message says the same before it is acknowledged, and after", PULLER, needs=["lay_down"])
async def test_a_message_says_the_same_after(case, rig: Rig) -> None:
    told = await rig.lay_down("kept")
    puller = puller_of(rig.backend)
    [pulled] = await puller.pull(LIMIT)

    before = await told_by(rig, pulled)
    await puller.acknowledge([pulled.id])

    assert before == told
    assert await told_by(rig, pulled) == told


@shows("what became another between pull and acknowledgement is pulled anew, and nothing of it is"
       " lost", PULLER, needs=["lay_down", "lay_anew"])  # fmt: skip
async def test_what_became_another_is_pulled_anew(case, rig: Rig) -> None:
    await rig.lay_down("grows")
    puller = puller_of(rig.backend)
    [first] = await puller.pull(LIMIT)
    told = await rig.lay_anew("grows")

    await puller.acknowledge([first.id])
    [second] = await puller.pull(LIMIT)
    await puller.acknowledge([second.id])

    assert second.dedupe_key != first.dedupe_key
    assert await told_by(rig, second) == told
    assert await puller.pull(LIMIT) == []
