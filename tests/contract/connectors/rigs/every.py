"""Every rig. A new connector's is one more line here."""

from tests.contract.connectors.rig import Rig
from tests.contract.connectors.rigs.bottlecrm import BottleCrmRig
from tests.contract.connectors.rigs.folder import FolderRig
from tests.contract.connectors.rigs.sandbox import (
    SandboxErpRig,
    SandboxMarketplaceRig,
    SandboxMembersRig,
    SandboxTillsRig,
)
from tests.contract.connectors.rigs.shopify import ShopifyRig
from tests.contract.connectors.rigs.tryton import TrytonRig
from tests.contract.connectors.rigs.vendure import VendureRig

RIGS: tuple[type[Rig], ...] = (
    SandboxErpRig,
    SandboxTillsRig,
    SandboxMarketplaceRig,
    SandboxMembersRig,
    FolderRig,
    ShopifyRig,
    TrytonRig,
    VendureRig,
    BottleCrmRig,
)
