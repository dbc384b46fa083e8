"""Quantities that listings may sell, as we tell them (S5, O6)."""

import pytest

from resolvers.backend_ports import Publication, PublicationSink, Role
from resolvers.domain.errors import BackendRefused, UnknownOutcome
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig

SINK = Role.PUBLICATION_SINK


def sink_of(rig: Rig) -> PublicationSink:
    assert rig.backend.publication is not None
    return rig.backend.publication


@shows(
    "as many quantities as it declares go into one call; one more is taken or all refused",
    SINK,
    needs=["offered", "for_sale"],
)
async def test_as_many_quantities_as_it_declares(case, rig: Rig) -> None:
    most = rig.backend.capabilities.publications_per_call
    listings = await rig.offered(most + 1)
    wanted = {listing: 20 + at % 5 for at, listing in enumerate(listings)}

    before = await sink_of(rig).published(listings)
    told = [Publication(f"conf-many-{it}", it, units) for it, units in wanted.items()]

    try:
        results = await sink_of(rig).publish(told)
    except BackendRefused as refused:
        kind, untouched = refused.kind, await sink_of(rig).published(listings) == before
        results = [
            *await sink_of(rig).publish(told[:most]), *await sink_of(rig).publish(told[most:])
        ]  # fmt: skip
    else:
        kind, untouched = "INVALID", True

    assert (kind, untouched) == ("INVALID", True)
    assert [it.reference for it in results] == [f"conf-many-{it}" for it in wanted]
    assert {it.error for it in results} == {None}
    assert await sink_of(rig).published(listings) == wanted
    assert await rig.for_sale(listings[0]) == wanted[listings[0]]
    assert await rig.for_sale(listings[-1]) == wanted[listings[-1]]


@shows("what it has published is what its people see; the unknown is left out", SINK,
       needs=["offered", "for_sale"])  # fmt: skip
async def test_what_is_published_is_what_people_see(case, rig: Rig) -> None:
    [listing] = await rig.offered(1)

    told = await sink_of(rig).published([listing, "99999999"])

    assert told == {listing: await rig.for_sale(listing)}


@shows("one bad line does not cost the others; results are by reference", SINK,
       needs=["offered", "for_sale"])  # fmt: skip
async def test_one_bad_line_does_not_cost_the_others(case, rig: Rig) -> None:
    first, second = await rig.offered(2)
    wanted = [
        Publication("conf-1", first, 7), Publication("conf-2", "99999999", 7),
        Publication("conf-3", second, 8),
    ]  # fmt: skip

    results = await sink_of(rig).publish(wanted)

    assert [it.reference for it in results] == ["conf-1", "conf-2", "conf-3"]
    assert [it.error is None for it in results] == [True, False, True]
    assert (await rig.for_sale(first), await rig.for_sale(second)) == (7, 8)


@shows("a number that has moved since it was seen is not written over, and costs no other", SINK,
       needs=["offered", "for_sale", "sell"])  # fmt: skip
async def test_a_number_that_has_moved_is_not_written_over(case, rig: Rig) -> None:
    moved, quiet = await rig.offered(2)
    seen = await sink_of(rig).published([moved, quiet])
    await rig.sell(moved)

    first, second = await sink_of(rig).publish(
        [
            Publication("conf-moved", moved, 5, seen=seen[moved]),
            Publication("conf-quiet", quiet, 5, seen=seen[quiet]),
        ]
    )

    assert first.error
    assert second.error is None
    assert await rig.for_sale(moved) == seen[moved] - 1
    assert await rig.for_sale(quiet) == 5


@shows("a quantity whose answer was lost can be looked up, and told again without harm", SINK,
       needs=["offered", "for_sale", "lose_answer"])  # fmt: skip
async def test_a_quantity_whose_answer_was_lost(case, rig: Rig) -> None:
    [listing] = await rig.offered(1)
    seen = (await sink_of(rig).published([listing]))[listing]
    wanted = seen + 2
    told = Publication("conf-lost-answer", listing, wanted, seen=seen)
    await rig.lose_answer()

    with pytest.raises(UnknownOutcome):
        await sink_of(rig).publish([told])
    await rig.mend()
    assert await sink_of(rig).published([listing]) == {listing: wanted}
    [again] = await sink_of(rig).publish([told])

    assert again.error is None
    assert await rig.for_sale(listing) == wanted


@shows("a quantity that was lost on its way is seen to be, and told again", SINK,
       needs=["offered", "for_sale", "lose_question"])  # fmt: skip
async def test_a_quantity_that_was_lost_on_its_way(case, rig: Rig) -> None:
    [listing] = await rig.offered(1)
    seen = (await sink_of(rig).published([listing]))[listing]
    wanted = seen + 2
    told = Publication("conf-lost-question", listing, wanted, seen=seen)
    await rig.lose_question()

    with pytest.raises(UnknownOutcome):
        await sink_of(rig).publish([told])
    await rig.mend()
    assert await sink_of(rig).published([listing]) == {listing: seen}
    [again] = await sink_of(rig).publish([told])

    assert again.error is None
    assert await rig.for_sale(listing) == wanted
