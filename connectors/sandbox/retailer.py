"""The sandbox retailer as the gateway is configured with it: five systems, and the channels.

What each system is and does stands in its own module.
"""

from dataclasses import replace
from pathlib import Path

from connectors.sandbox import couriers
from connectors.sandbox.chain import CHANNELS
from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.erp import SALES_PER_CALL, SandboxErp
from connectors.sandbox.marketplaces import Name, SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Role
from resolvers.domain.sources import BY_SEQUENCE

__all__ = ["CHANNELS", "backends", "demo", "receiving"]

VENDOR = "sandbox"
POLL_SECONDS = 1.0

_FEED_ONLY = Capabilities(
    roles=(Role.ORDER_SOURCE,), idempotency=Idempotency.NONE, delta="change sequence"
)


_MARKETPLACE = Capabilities(
    roles=(Role.LISTING_SOURCE, Role.ORDER_SOURCE, Role.LIVE_PRICES),
    idempotency=Idempotency.NONE,
    delta="change sequence",
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
                    Role.LIVE_STOCK,
                ),
                idempotency=Idempotency.NATIVE_KEY,
                stock=BY_SEQUENCE,
                delta="change sequence; stock read whole, and what moved in between",
                cancels=True,
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
            live_stock=erp,
            close=erp.close,
        ),
        Backend(
            "crm",
            VENDOR,
            Capabilities(
                roles=(Role.MEMBER_SOURCE,),
                idempotency=Idempotency.NONE,
                delta="change sequence",
                deletions=True,
            ),
            health=crm,
            poll_seconds=POLL_SECONDS,
            members=crm,
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
    """The five systems with marketplaces that send messages, signed by a secret of their own."""
    endpoint = Endpoint((couriers.secret_of(data),))
    return tuple(
        receiving(door, endpoint) if door.code.startswith("marketplace-") else door
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
        live_prices=door,
        close=door.close,
    )
