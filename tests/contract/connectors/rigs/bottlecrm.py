"""A real BottleCRM. One for the whole run; who deletes somebody has entered them."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from connectors.crm.bottlecrm import backend
from resolvers.backend_ports import Backend, Role
from resolvers.event_ports import RawMessage
from tests.contract.connectors.receiver import Receiver
from tests.contract.connectors.rig import WRONG, Feeds, Reasons, Things
from tests.contract.connectors.tap import HttpRig
from tests.live_crm.door import OPTIONS
from tests.live_crm.house import CrmHouse, RunningCrm
from tests.live_crm.witness import CrmRefused, Witness

SETTLES_MAX = 100

_numbers = count(1)


class Contacts(Things):
    """They are read whole each time, 200 to a page."""

    edge = 201
    cannot: ClassVar[Reasons] = {"change_at_once": "it is read whole; its stamps are not asked for"}

    @property
    def staff(self) -> Witness:
        staff: Witness = self.rig.staff
        return staff

    async def there(self) -> set[str]:
        return {row["id"] for row in self.staff.contacts()}

    async def change(self, count: int) -> set[str]:
        changed = [row["id"] for row in self.staff.contacts()][:count]
        for id in changed:
            self.staff.change(id, phone=f"138 {next(_numbers):08}")
        return set(changed)

    async def delete(self) -> str:
        id = self.staff.create("新", "会员")
        self.staff.delete(id)
        return id


class BottleCrmRig(HttpRig):
    name = "BottleCRM"
    mark = "live_crm"
    roles = (Role.MEMBER_SOURCE, Role.EVENT_RECEIVER)
    feeds: ClassVar[Feeds] = {Role.MEMBER_SOURCE: Contacts}
    renews = False
    cannot: ClassVar[Reasons] = {
        "logins": "nobody logs in there: a token is shown with each call",
    }

    @staticmethod
    @contextmanager
    def running(folder: Path) -> Iterator[RunningCrm]:
        with CrmHouse.ready().start(folder) as crm:
            yield crm

    def _is_write(self, request: Any) -> bool:
        return False

    @cached_property
    def staff(self) -> Witness:
        crm: RunningCrm = self.system
        return Witness(crm.port, crm.house.token("staff"))

    @cached_property
    def administrator(self) -> Witness:
        crm: RunningCrm = self.system
        return Witness(crm.port, crm.house.token("session"))

    @cached_property
    def token(self) -> tuple[str, str]:
        """One of the test's own, and its id."""
        return self.administrator.new_token(f"conformance {next(_numbers)}", ["*:read"])

    def made(self, **otherwise: Any) -> Backend:
        told: dict[str, Any] = {
            "code": "crm",
            "url": self.system.url,
            "token": self.token[0],
            "webhook_secrets": (self.secret,),
            "timeout_seconds": 30.0,
            "options": OPTIONS,
            "clock": self.clock,
            "timer": self.timer,
            "transport": self.tap,
        }
        return backend(**{**told, **otherwise})

    async def ask(self, backend: Backend) -> object:
        assert backend.members is not None
        return await backend.members.member("00000000-0000-4000-8000-000000000000")

    def stranger(self) -> Backend:
        return self.connect(token=WRONG)

    async def expire(self) -> None:
        self.administrator.revoke(self.token[1])

    def receiving(self, *secrets: bytes) -> Backend:
        return self.connect(webhook_secrets=secrets)

    async def messages(self) -> Sequence[RawMessage]:
        """Of two people who were entered; an administrator has the second sent again."""
        with Receiver(lambda raw: str(json.loads(raw.body)["id"]), polite=True) as receiver:
            endpoint, secret = self.administrator.send_to(receiver.url)
            self.secret = secret.encode()
            for _ in range(2):
                self.staff.create("新", "会员")
            receiver.has(2)
            self.send_again(endpoint)
            return receiver.three()

    def send_again(self, endpoint: str) -> None:
        """As soon as the CRM has noted that the first was taken."""
        for _ in range(SETTLES_MAX):
            sent = self.administrator.ask("GET", f"webhooks/{endpoint}/deliveries/")["results"]
            with suppress(CrmRefused):
                self.administrator.ask("POST", f"webhooks/deliveries/{sent[0]['id']}/redeliver/")
                return
            time.sleep(0.1)
        raise AssertionError("a delivery that was taken is still being attempted")

    async def stale(self) -> RawMessage:
        """Kept on its way for an hour."""
        first, *_ = await self.messages()
        return replace(first, received_at=first.received_at + timedelta(hours=1))
