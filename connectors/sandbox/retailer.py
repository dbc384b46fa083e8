"""The sandbox retailer as the gateway is configured with it: five systems, and the channels.

What each system is and does stands in its own module.
"""

from dataclasses import replace
from pathlib import Path

from connectors.sandbox import couriers
from connectors.sandbox.chain import CHANNELS
from connectors.sandbox.crm import POINTS, SandboxCrm
from connectors.sandbox.erp import SALES_PER_CALL, SandboxErp
from connectors.sandbox.marketplaces import PER_CALL, Name, SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend, Capabilities, CompareAndSet, Idempotency, Role
from resolvers.domain.sources import BY_SEQUENCE

__all__ = ["CHANNELS", "backends", "demo", "receiving"]

VENDOR = "sandbox"
POLL_SECONDS = 1.0

_FEED_ONLY = Capabilities(
    roles=(Role.ORDER_SOURCE,), idempotency=Idempotency.NONE, delta="change sequence"
)


_MARKETPLACE = Capabilities(
    roles=(Role.LISTING_SOURCE, Role.ORDER_SOURCE, Role.PUBLICATION_SINK, Role.LIVE_PRICES),
    idempotency=Idempotency.NONE,
    delta="change sequence",
    write_seconds_max=1.0,
    publications_per_call=PER_CALL,
    publication_cas=CompareAndSet.NATIVE,
    deletions=True,
)


def backends(data: Path) -> tuple[Backend, ...]:
    """The five systems of the chain whose state lies under ``data``; made there on first use."""
    erp, crm, tills = SandboxErp(data), SandboxCrm(data), SandboxTills(data)
    return (
        Backend(
            "erp",
            VENDOR,
            Capabilities(
                roles=(
                    Role.CATALOG_SOURCE,
                    Role.LOCATION_SOURCE,
                    Role.STOCK_FEED,
                    Role.STOCK_SINK,
                    Role.ORDER_SINK,
                    Role.RETURN_SINK,
                    Role.TRANSFER_SINK,
                    Role.LIVE_STOCK,
                ),
                idempotency=Idempotency.NATIVE_KEY,
                stock=BY_SEQUENCE,
                delta="change sequence; stock read whole, and what moved in between",
                cancels=True,
                returns=True,
                transfers=True,
                sales_per_call=SALES_PER_CALL,
                write_seconds_max=1.0,
            ),
            health=erp,
            poll_seconds=POLL_SECONDS,
            catalog=erp,
            locations=erp,
            stock=erp,
            movements=erp,
            stock_sink=erp,
            order_sink=erp,
            sale_lookup=erp,
            return_sink=erp,
            transfer_sink=erp,
            live_stock=erp,
            close=erp.close,
        ),
        Backend(
            "crm",
            VENDOR,
            Capabilities(
                roles=(Role.MEMBER_SOURCE, Role.LOYALTY),
                idempotency=Idempotency.NONE,
                delta="change sequence",
                deletions=True,
                loyalty=POINTS,
            ),
            health=crm,
            poll_seconds=POLL_SECONDS,
            members=crm,
            loyalty=crm,
            close=crm.close,
        ),
        Backend(
            "pos",
            VENDOR,
            _FEED_ONLY,
            health=tills,
            poll_seconds=POLL_SECONDS,
            order_source=tills,
            close=tills.close,
        ),
        _marketplace(data, "a"),
        _marketplace(data, "b"),
    )


def receiving(door: Backend, endpoint: Endpoint) -> Backend:
    """The same marketplace, whose messages are taken."""
    declared = replace(
        door.capabilities,
        roles=(*door.capabilities.roles, Role.EVENT_RECEIVER),
        webhooks=couriers.SCHEME,
    )
    return replace(door, capabilities=declared, events=couriers.receiver(endpoint))


def demo(data: Path) -> tuple[Backend, ...]:
    """The five systems with marketplaces that send messages, signed by a secret of their own, and
    are told what they may sell.
    """
    endpoint = Endpoint((couriers.secret_of(data),))
    return tuple(
        replace(receiving(door, endpoint), publishes=True)
        if door.code.startswith("marketplace-")
        else door
        for door in backends(data)
    )


def _marketplace(data: Path, name: Name) -> Backend:
    door = SandboxMarketplace(data, name)
    return Backend(
        door.code,
        VENDOR,
        _MARKETPLACE,
        health=door,
        poll_seconds=POLL_SECONDS,
        order_source=door,
        listings=door,
        publication=door,
        live_prices=door,
        close=door.close,
    )
