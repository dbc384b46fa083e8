"""What members may spend: asked of the system that keeps their points, all of an answer at once.

A member whose record is of a system without points of its own has what the mirror says. Earning and
spending is not here yet.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiodataloader import DataLoader

from resolvers.backend_ports import Backend
from resolvers.batching import Batched
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, CommerceError, Unready
from resolvers.domain.members import Member
from resolvers.loyalty_port import Loyalty, PointsBalance

ASKED_SECONDS = 2.0
"""How long an answer waits for points; whoever reads a profile does not wait for longer."""

ASKED_MAX = 100
"""Most members that one call asks about."""

Person = tuple[str, str]
"""A system's code, and what it calls a member."""

Found = PointsBalance | None
"""A balance; None if the system does not know the member."""


@dataclass(frozen=True, slots=True)
class Spendable:
    """Points of a member; ``outage`` is why they are those that the mirror last saw."""

    points: int | None
    outage: Unready | None = None


def balances_of(
    backends: Mapping[str, Backend], seconds: float = ASKED_SECONDS
) -> DataLoader[Person, Found]:
    """The loader of one request: each system is asked once, beside the others. Who asks for a
    member of one that gives no answer is told so (``Unready``).
    """

    async def batch(keys: list[Person]) -> list[Found | Unready]:
        systems: dict[str, list[str]] = {}
        for system, id in keys:
            systems.setdefault(system, []).append(id)
        told = await asyncio.gather(
            *(_asked(backends[system], ids, seconds) for system, ids in systems.items())
        )
        found = dict(zip(systems, told, strict=True))
        return [
            at if isinstance(at := found[system], Unready) else at.get(id) for system, id in keys
        ]

    return Batched(batch, most=ASKED_MAX)  # type: ignore[arg-type]  # errors are raised


async def spendable(
    backends: Mapping[str, Backend], loader: DataLoader[Person, Found], member: Member
) -> Spendable:
    """What a member may spend.

    Raises:
        Unready: its system gives no answer, and the mirror has none either.
    """
    system = member.provenance.system
    backend = backends.get(system)
    if backend is None or backend.loyalty is None:
        return Spendable(member.points)
    try:
        found = await loader.load((system, member.provenance.external_id))
    except Unready as outage:
        if member.points is None:
            raise
        return Spendable(member.points, outage)
    return Spendable(None if found is None else found.points)


async def _asked(
    backend: Backend, ids: Sequence[str], seconds: float
) -> Mapping[str, PointsBalance] | Unready:
    """What a system says of some members, or that it does not."""
    loyalty: Loyalty | None = backend.loyalty
    assert loyalty is not None, "only systems with points are asked for them"
    try:
        async with asyncio.timeout(min(seconds, backend.timeout_seconds)):
            return await loyalty.balances(ids)
    except TimeoutError:
        return BackendTimedOut(f"{backend.code} did not answer in time", backend=backend.code)
    except Unready as error:
        return error
    except CommerceError as error:
        return BackendUnavailable(str(error), backend=backend.code)
