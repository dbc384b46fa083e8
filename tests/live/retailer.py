"""The real systems of one retailer, all at once: ERP and tills on Tryton, a webshop on Vendure,
members in BottleCRM. Each is a copy of what was seeded, under a folder of its own.

Seeded alike: the webshop sells a part of the ERP's goods, and its customers are in the CRM, too.
"""

import contextlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.vendure.house import RunningVendure, VendureHouse
from tests.live_crm.house import CrmHouse, RunningCrm

CONFIG = Path(__file__).parents[2] / "examples" / "retailer.toml"
ERP, SHOP, CRM = "erp", "shop", "crm"


@dataclass(frozen=True)
class Retailer:
    """The three, running. ``secret`` is what the shop signs its messages by."""

    erp: RunningTryton
    shop: RunningVendure
    crm: RunningCrm
    secret: str

    @property
    def alive(self) -> bool:
        return self.erp.alive and self.shop.alive and self.crm.alive

    def variables(self) -> dict[str, str]:
        """What a gateway needs to know of them, beside the file of settings."""
        return {
            "GATEWAY_BACKENDS_ERP_URL": self.erp.url,
            "GATEWAY_BACKENDS_SHOP_URL": self.shop.url,
            "GATEWAY_BACKENDS_CRM_URL": self.crm.url,
            "TRYTON_GATEWAY_PASSWORD": self.erp.house.password("gateway"),
            "VENDURE_GATEWAY_PASSWORD": self.shop.password,
            "VENDURE_WEBHOOK_SECRET": self.secret,
            "CRM_TOKEN": self.crm.token,
        }

    def send_messages_to(self, port: int) -> None:
        """Has the shop tell a gateway on that port what changes; it is started again for that."""
        self.shop.stop()
        self.shop.start_again((f"http://127.0.0.1:{port}/webhooks/{SHOP}", self.secret))


@contextlib.contextmanager
def open_retailer(folder: Path) -> Iterator[Retailer]:
    """Starts the three beside each other, installed and seeded before if that was not done yet. The
    ERP's books stay in the folder and are gone on with; the others are new each time.
    """
    erp_house, shop_house, crm_house = TrytonHouse.ready(), VendureHouse.ready(), CrmHouse.ready()
    folders = {code: folder / code for code in (ERP, SHOP, CRM)}
    for at in folders.values():
        at.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(folders)) as threads:
        erp = threads.submit(erp_house.start, folders[ERP])
        shop = threads.submit(shop_house.start, folders[SHOP])
        crm = threads.submit(crm_house.start, folders[CRM])
        failures: list[Exception] = []
        for start in (erp, shop, crm):  # one that fails leaves none of the others behind
            try:
                stack.enter_context(start.result())
            except Exception as failure:  # noqa: BLE001  # raised again below
                failures.append(failure)
        if failures:
            raise failures[0]
        yield Retailer(erp.result(), shop.result(), crm.result(), secrets.token_urlsafe(24))
