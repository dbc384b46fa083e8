"""A CRM that answers from a script: a list of contacts that can move between two questions."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from connectors.crm.bottlecrm import backend
from connectors.crm.bottlecrm_members import Members
from resolvers.backend_ports import Backend

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
GOLD, OLD = (str(UUID(int=at)) for at in (901, 902))
TAGS = [
    {"id": GOLD, "name": "tier:gold", "is_active": True},
    {"id": OLD, "name": "summer 2019", "is_active": False},
]

Row = dict[str, Any]
Answer = httpx2.Response


def recorded(name: str) -> Any:
    """An answer of a real CRM."""
    file = Path(__file__).parent / "fixtures" / "bottlecrm" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def id_of(number: int) -> str:
    return str(UUID(int=number))


def contact(number: int, **more: Any) -> Row:
    """Somebody; the higher the number, the newer."""
    return {
        "id": id_of(number),
        "first_name": "Ruoxi",
        "last_name": f"Wu{number}",
        "email": None,
        "phone": "",
        "phone_e164": "",
        "tags": [GOLD],
        "created_at": "2026-11-01T10:00:00.000001+08:00",
        "updated_at": "2026-11-02T10:00:00.000001+08:00",
        "is_active": True,
        "custom_fields": {},
        **more,
    }


class ScriptedCrm:
    """Its books, and what it has been asked. ``between`` is called after each page of the list;
    ``answers`` overrules what a path answers, one answer after another.
    """

    def __init__(self, count: int = 0) -> None:
        self.rows = [contact(number) for number in range(count, 0, -1)]
        self.tags: list[Row] = [*TAGS]
        self.role = "ADMIN"
        self.asked: list[str] = []
        self.between: Callable[[], object] = lambda: None
        self.answers: dict[str, list[Callable[[], Answer]]] = {}

    def book(self) -> Members:
        """The connector's members."""
        members = self.door().members
        assert isinstance(members, Members)
        return members

    def door(self, *, options: Mapping[str, str] | None = None, slow_after: float = 3.0) -> Backend:
        """The connector before it."""
        return backend(
            code="crm",
            url="http://crm.test",
            token="bcrm_pat_secret",
            webhook_secrets=[recorded("updated")["secret"].encode()],
            options=options or {},
            refused_at_once_seconds=slow_after,
            clock=lambda: NOW,
            transport=httpx2.MockTransport(self._answer),
        )

    def _answer(self, request: httpx2.Request) -> Answer:
        path = request.url.path.removeprefix("/api")
        self.asked.append(path)
        if scripted := self.answers.get(path):
            return (scripted.pop(0) if len(scripted) > 1 else scripted[0])()
        assert request.headers["authorization"] == "Bearer bcrm_pat_secret"
        match path.strip("/").split("/"):
            case ["contacts"]:
                return self._list(request.url.params)
            case ["tags"]:
                return httpx2.Response(200, json={"tags": self.tags})
            case ["profile"]:
                return httpx2.Response(200, json={"user_obj": {"role": self.role}})
            case ["contacts", "duplicates"]:
                return httpx2.Response(200, json={"duplicates": self.rows[:10]})
            case ["contacts", id]:
                found = next((row for row in self.rows if row["id"] == id), None)
                missing = {"detail": "No Contact matches the given query."}
                told = missing if found is None else {"contact_obj": found}
                return httpx2.Response(404 if found is None else 200, json=told)
            case _:
                raise AssertionError(path)

    def _list(self, query: httpx2.QueryParams) -> Answer:
        offset, limit = int(query["offset"]), int(query["limit"])
        rows, count = self.rows[offset : offset + limit], len(self.rows)
        answer = httpx2.Response(200, json={"count": count, "results": rows})
        self.between()
        return answer
