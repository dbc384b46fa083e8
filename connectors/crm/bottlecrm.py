"""BottleCRM as the book of members: one configured organization, with the roles it plays.

Each role has a module of its own beside this one; nothing is asked of the CRM before it is used.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import httpx2

from connectors.crm.bottlecrm_events import SCHEME, Events
from connectors.crm.bottlecrm_health import CrmHealth
from connectors.crm.bottlecrm_members import Members
from connectors.crm.bottlecrm_terms import terms_of
from connectors.crm.bottlecrm_wire import REFUSED_AT_ONCE_SECONDS, CrmClient
from connectors.governor import Governor, GovernorTerms
from connectors.webhooks import Endpoint
from connectors.wire import Patience, Wire
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Role, Throttle
from resolvers.house import MEMBERS

VENDOR = "bottlecrm"

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CALLS_AT_ONCE = 4
"""A page of contacts keeps one of the CRM's cores busy for a third of a second."""

CALLS_PER_SECOND = 10.0


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def backend(
    *,
    code: str,
    url: str,
    token: str,
    webhook_secrets: Sequence[bytes] = (),
    timeout_seconds: float = 10.0,
    poll_seconds: float = 2.0,
    options: Mapping[str, str] = NO_OPTIONS,
    refused_at_once_seconds: float = REFUSED_AT_ONCE_SECONDS,
    clock: Callable[[], datetime] = wall_clock,
    timer: Callable[[], float] = time.monotonic,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Backend:
    """One organization. ``url`` is where its web server answers, without ``/api``; ``token`` an
    administrator's personal access token; ``webhook_secrets`` those of its endpoint, the newest
    first: without any it sends no messages. ``timeout_seconds`` bounds one question to it.

    Options: ``phone_region``, ``tier_prefix``, ``tiers``, ``points_field``, ``union_id_field``,
    ``open_id_field``, ``card_field``, ``external_fields``, ``consent_prefix``.

    Raises:
        BadOption: one of the options cannot be meant.
    """
    terms = terms_of(options)
    governor = Governor(
        code, GovernorTerms(calls_at_once=CALLS_AT_ONCE, calls_per_second=CALLS_PER_SECOND)
    )
    patience = Patience(read=timeout_seconds, total=timeout_seconds)
    client = CrmClient(
        Wire(governor, url, patience, transport=transport),
        token,
        refused_at_once_seconds=refused_at_once_seconds,
    )
    return Backend(
        code,
        VENDOR,
        Capabilities(
            roles=(Role.MEMBER_SOURCE, *((Role.EVENT_RECEIVER,) if webhook_secrets else ())),
            idempotency=Idempotency.NONE,  # nothing is written to it
            delta="read whole: nothing that is asked for tells changes",
            throttle=Throttle.UNDOCUMENTED,
            calls_per_second=CALLS_PER_SECOND,
            calls_at_once=CALLS_AT_ONCE,
            webhooks=SCHEME if webhook_secrets else None,
            scanned=(MEMBERS,),
            deletions=False,
        ),
        health=CrmHealth(client, terms),
        poll_seconds=poll_seconds,
        timeout_seconds=timeout_seconds,
        members=Members(client, terms, clock, timer),
        events=Events(Endpoint(tuple(webhook_secrets))) if webhook_secrets else None,
        governor=governor,
        close=client.close,
    )
