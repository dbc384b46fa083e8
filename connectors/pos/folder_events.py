"""What a folder tells by itself: that tickets have come, and that rows of a file were left out.

Both are messages that are pulled. A file of tickets goes to ``done/`` when its message is kept;
what was left out of another file waits for a person, until that file is another.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from connectors.pos.folder_desk import Desk
from connectors.pos.folder_goods import PLACES, PRODUCTS, Goods
from connectors.pos.folder_tickets import DONE, INBOX, TICKETS, TICKETS_BYTES_MAX, kept_name
from resolvers.domain.errors import BackendUnavailable, NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import Pulled
from resolvers.house import CATALOG, LOCATIONS, ORDERS, STOCK

_ENTITIES = {PRODUCTS: CATALOG, PLACES: LOCATIONS}


class Events:
    """The messages of one folder."""

    def __init__(self, desk: Desk, goods: Goods) -> None:
        """Reads nothing yet."""
        self._desk = desk
        self._goods = goods
        self._told: dict[str, str] = {}

    async def pull(self, limit: int) -> Sequence[Pulled]:
        """The files of tickets in ``inbox/`` that have rested; then what was left out of others."""
        found = await self._desk.ask(self._pulled, limit)
        if not found:
            await self._desk.ask(self._goods.look_through)
            if not await self._desk.ask(self._desk.is_read, PRODUCTS):
                with suppress(NotUnderstood):  # noted with what was left out
                    async for _ in self._goods.products(""):
                        pass
            found = [
                _message(f"left/{signature}/{name}", file=name, signature=signature, left_out=text)
                for name, (signature, text) in list(self._desk.left.items())
                if text and self._told.get(name) != signature
            ]
        return found[:limit]

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """Moves files to ``done/``, unless they were written anew since."""
        await self._desk.ask(self._acknowledge, ids)

    def hints(self, message: Message) -> Sequence[Hint]:
        """A file of tickets by its name in ``done/``; of another file what it was read for, once
        another than that of which something was left out was read. Nothing is opened: a disk that
        hangs must hold up nobody.
        """
        told = json.loads(message.body)
        name = told["file"]
        if "left_out" not in told:
            return [Hint(ORDERS, told["kept"])]
        known, _ = self._desk.left.get(name, (told["signature"], ""))
        if known == told["signature"]:
            raise NotUnderstood(told["left_out"])
        return [Hint(_ENTITIES.get(name, STOCK))]

    def _pulled(self, limit: int) -> list[Pulled]:
        found: list[Pulled] = []
        for entry in self._desk.files.entries(TICKETS, INBOX):
            if len(found) == limit:
                break
            digest = sha256(entry.signature.encode())
            try:
                with self._desk.files.opened(entry.name, INBOX) as (seen, file):
                    if seen.size <= TICKETS_BYTES_MAX:
                        digest = sha256(file.read(TICKETS_BYTES_MAX))
            except (FileNotFoundError, PermissionError, BackendUnavailable):
                continue  # somebody is at it: another time. The others do not wait for it
            kept = kept_name(entry.name, digest.hexdigest())
            id = f"tickets/{seen.signature}/{kept}/{entry.name}"
            found.append(_message(id, file=entry.name, kept=kept))
        return found

    def _acknowledge(self, ids: Sequence[str]) -> None:
        for id in ids:
            kind, signature, name, *original = id.split("/")
            if kind == "left":
                self._told[name] = signature
                continue
            try:
                with self._desk.files.opened(original[0], INBOX) as (entry, _):
                    same = entry.signature == signature
            except (FileNotFoundError, PermissionError):
                continue
            if same:
                self._desk.files.move(original[0], INBOX, DONE, name)


def _message(id: str, **body: str) -> Pulled:
    return Pulled(id, body.get("kept") or id, json.dumps(body, ensure_ascii=False).encode())
