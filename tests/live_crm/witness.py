"""People who work in the CRM itself: for tests that look at it, or change it, without the gateway.

Shares no code with the connector, so that one mistake cannot hide in both.
"""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any

SECONDS = 60


class CrmRefused(Exception):
    """The CRM answered, and the answer was no."""


class Witness:
    """Somebody with a token, or with an administrator's session."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call below ``/api/``; what it answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/{path}", content, headers)
            response = connection.getresponse()
            told = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise CrmRefused(f"{method} {path}: HTTP {response.status}: {told[:300]!r}")
        return json.loads(told) if told else None

    def contacts(self) -> list[Any]:
        """Everybody, as the list says them."""
        rows: list[Any] = self.ask("GET", "contacts/?limit=1000")["results"]
        return rows

    def by_reference(self) -> dict[str, Any]:
        """Everybody by the reference that the seed gave them."""
        return {row["source_ref"]: row for row in self.contacts()}

    def tag(self, name: str) -> str:
        """The id of a tag."""
        tags = self.ask("GET", "tags/")["tags"]
        return str(next(tag["id"] for tag in tags if tag["name"] == name))

    def create(self, last: str, first: str, **more: Any) -> str:
        """Enters somebody; the new id."""
        return str(
            self.ask("POST", "contacts/", {"first_name": first, "last_name": last, **more})["id"]
        )

    def change(self, id: str, **fields: Any) -> None:
        self.ask("PATCH", f"contacts/{id}/", fields)

    def delete(self, id: str) -> None:
        self.ask("DELETE", f"contacts/{id}/")

    def merge(self, keeper: str, loser: str) -> None:
        self.ask("POST", f"contacts/{keeper}/merge/", {"merge_id": loser})

    def new_token(self, name: str, scopes: Sequence[str]) -> tuple[str, str]:
        """A token of its own, and its id; only with a session."""
        made = self.ask("POST", "profile/tokens/", {"name": name, "scopes": list(scopes)})
        return str(made["token"]), str(made["id"])

    def revoke(self, token_id: str) -> None:
        self.ask("DELETE", f"profile/tokens/{token_id}/")

    def send_to(self, url: str) -> tuple[str, str]:
        """Has changes of contacts sent to an address, only with a session; the endpoint's id and
        its secret.
        """
        events = ["contact.created", "contact.updated", "contact.deleted"]
        made = self.ask("POST", "webhooks/", {"url": url, "events": events})
        return str(made["id"]), str(made["secret"])
