"""What a connector does when its system turns it away, forgets it, or says nothing (S5, G6)."""

import asyncio
import time

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
)
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import WRONG, Rig

CALLERS = 30
TRIES_MAX = 10


async def until_answered(rig: Rig, backend: Backend) -> int:
    """Asks until it is answered; how often it was throttled."""
    for tries in range(TRIES_MAX):
        try:
            await rig.ask(backend)
        except BackendThrottled:
            continue
        else:
            return tries
    raise AssertionError(f"not answered after {TRIES_MAX} tries")


@shows("the doctor finds it well")
async def test_the_doctor_finds_it_well(case, rig: Rig) -> None:
    probe = await rig.backend.health.probe()

    assert probe.good, probe.detail
    assert probe.detail


@shows("where nobody answers the doctor says so, and what to do", needs=["elsewhere"])
async def test_where_nobody_answers(case, rig: Rig) -> None:
    backend = rig.elsewhere()

    with pytest.raises(BackendUnavailable):
        await rig.ask(backend)
    probe = await backend.health.probe()

    assert not probe.good
    assert probe.detail
    assert probe.remedy


@shows("a credential that is wrong is refused, told with what to do, and shown to nobody",
       needs=["stranger"])  # fmt: skip
async def test_a_wrong_credential(case, rig: Rig) -> None:
    backend = rig.stranger()

    with pytest.raises(BackendRefused) as refused:
        await rig.ask(backend)
    probe = await backend.health.probe()

    assert refused.value.kind == "AUTH"
    assert not probe.good
    assert "password" in probe.remedy
    assert WRONG not in f"{refused.value} {probe}"


@shows("a wrong credential is tried once, not again and again", needs=["stranger", "logins"])
async def test_a_wrong_credential_is_tried_once(case, rig: Rig) -> None:
    backend = rig.stranger()
    before = rig.logins()

    for _ in range(6):
        with pytest.raises(BackendRefused):
            await rig.ask(backend)

    assert rig.logins() - before == 1


@shows("a credential that has ended is renewed, or refused as AUTH with what to do",
       needs=["expire"])  # fmt: skip
async def test_a_credential_that_has_ended(case, rig: Rig) -> None:
    backend = rig.backend
    await rig.ask(backend)
    await rig.expire()

    if rig.renews:
        await rig.ask(backend)
        return
    with pytest.raises(BackendRefused) as refused:
        await rig.ask(backend)
    probe = await backend.health.probe()
    assert refused.value.kind == "AUTH"
    assert not probe.good
    assert probe.remedy


@shows("many callers whose credential has ended get one new one", needs=["expire", "logins"])
async def test_many_callers_get_one_new_credential(case, rig: Rig) -> None:
    backend = rig.backend
    await rig.ask(backend)
    before = rig.logins()
    await rig.expire()

    await asyncio.gather(*(rig.ask(backend) for _ in range(6)))

    assert rig.logins() - before == 1


@shows("asked too much, all are answered in the end, and few are turned away meanwhile",
       needs=["throttle", "turned_away"])  # fmt: skip
async def test_throttling_makes_no_storm(case, rig: Rig) -> None:
    backend = rig.backend
    await rig.ask(backend)
    rig.throttle()

    await asyncio.gather(*(until_answered(rig, backend) for _ in range(CALLERS)))

    assert 1 <= rig.turned_away() <= backend.capabilities.calls_at_once
    assert backend.governor is not None
    standing = backend.governor.standing()
    assert standing.calls_per_second < backend.capabilities.calls_per_second
    assert standing.breaker == "CLOSED", "it answered, if only to say that it is too much"


@shows("a question that is not answered ends within the time that was set", needs=["fall_silent"])
async def test_silence_ends_in_time(case, rig: Rig) -> None:
    backend = rig.connect(timeout_seconds=2.0)
    await rig.ask(backend)
    await rig.fall_silent()
    began = time.monotonic()

    with pytest.raises(BackendTimedOut):
        await rig.ask(backend)

    assert time.monotonic() - began < 10
    await rig.mend()
    await rig.ask(backend)
