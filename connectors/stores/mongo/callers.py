"""Keys of partners, records of deeds and uses of fields in MongoDB.

A record's id is its instant and its own id, so that the one order in which records are asked for is
that of the ids.
"""

from collections.abc import Sequence
from datetime import date, datetime

from connectors.stores.coding import decoder, instant, micros
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import text
from connectors.stores.mongo.session import Document, Query, Session
from connectors.stores.rows import BETWEEN, number, words
from resolvers.domain.callers import ApiKey, AuditRecord, Deed, Use
from resolvers.filters import AuditFilter

_api_key = decoder(ApiKey)

_BY_ID = (("_id", 1),)


def api_key_doc(key: ApiKey) -> Document:
    """A partner's key, without its secret."""
    return {"_id": key.id, "body": text(key)}


def api_key_from(of: Document) -> ApiKey:
    """A partner's key from its document."""
    return _api_key(of["body"])


def audit_doc(record: AuditRecord) -> Document:
    """A record of a deed."""
    return {
        "_id": _place(record.at, record.id),
        "subject": record.subject,
        "role": record.role,
        "action": record.action,
        "key": record.key,
        "result": record.result.value,
        "target": record.target,
        "codes": list(record.codes),
        "client": record.client,
        "request_id": record.request_id,
    }


def audit_from(of: Document) -> AuditRecord:
    """A record of a deed from its document."""
    at, _, id = of["_id"].partition(BETWEEN)
    return AuditRecord(
        id,
        instant(int(at)),
        of["subject"],
        of["role"],
        of["action"],
        of["key"],
        Deed(of["result"]),
        of["target"],
        tuple(of["codes"]),
        of["client"],
        of["request_id"],
    )


def use_doc(use: Use) -> Document:
    """A count of uses."""
    return {
        "_id": words(use.field, use.client, use.day.isoformat()),
        "day": use.day.isoformat(),
        "client": use.client,
        "field": use.field,
        "count": use.count,
    }


def use_from(of: Document) -> Use:
    """A count of uses from its document."""
    return Use(date.fromisoformat(of["day"]), of["client"], of["field"], of["count"])


class MongoCallers:
    """Answers the CallerStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_api_key(self, key: ApiKey) -> None:
        """Writes a key, over one of the same id."""
        await self._database.write(lambda session: session.put("api_keys", [api_key_doc(key)]))

    async def api_keys(self) -> Sequence[ApiKey]:
        """Every key, in order of (partner, created_at, id)."""
        found = await self._database.plain(lambda session: session.find("api_keys", {}))
        keys = [api_key_from(of) for of in found]
        return sorted(keys, key=lambda key: (key.partner, key.created_at, key.id))

    async def record_audit(self, records: Sequence[AuditRecord]) -> None:
        """Keeps records; one that is there already is left as it is."""
        changes = [
            ({"_id": of["_id"]}, {"$setOnInsert": _unnamed(of)}) for of in map(audit_doc, records)
        ]
        await self._database.write(lambda session: session.update("audit", changes, upsert=True))

    async def audit_page(
        self, audit_filter: AuditFilter, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[AuditRecord]:
        """Records, newest first by (at, id), after a given one."""
        asked = _asked(audit_filter, after)
        found = await self._database.plain(
            lambda session: session.find("audit", asked, order=(("_id", -1),), limit=limit)
        )
        return [audit_from(of) for of in found]

    async def trim_audit(self, before: datetime, limit: int) -> int:
        """Drops records from before an instant, the eldest first."""
        asked = {"_id": {"$lt": number(micros(before))}}

        async def work(session: Session) -> int:
            old = await session.find("audit", asked, fields=("_id",), order=_BY_ID, limit=limit)
            if not old:
                return 0
            return await session.delete("audit", [{"_id": {"$lte": old[-1]["_id"]}}])

        return await self._database.write(work)

    async def add_uses(self, uses: Sequence[Use]) -> None:
        """Adds to the counts of (day, client, field)."""
        changes = []
        for of in map(use_doc, uses):
            named = {name: of[name] for name in ("day", "client", "field")}
            more = {"$inc": {"count": of["count"]}, "$setOnInsert": named}
            changes.append(({"_id": of["_id"]}, more))
        await self._database.write(lambda session: session.update("uses", changes, upsert=True))

    async def uses(self, since: date) -> Sequence[Use]:
        """Counts from a day on, in order of (field, client, day)."""
        asked = {"day": {"$gte": since.isoformat()}}
        found = await self._database.plain(lambda session: session.find("uses", asked))
        return sorted(map(use_from, found), key=lambda use: (use.field, use.client, use.day))


def _place(at: datetime, id: str) -> str:
    return words(number(micros(at)), id)


def _unnamed(of: Document) -> Document:
    return {name: value for name, value in of.items() if name != "_id"}


def _asked(asked: AuditFilter, after: tuple[datetime, str] | None) -> Query:
    """What a filter asks for, behind a record."""
    place: Document = {}
    if asked.since is not None:
        place["$gte"] = number(micros(asked.since))
    ends = [] if after is None else [_place(*after)]
    if asked.until is not None:
        ends.append(number(micros(asked.until)))
    if ends:
        place["$lt"] = min(ends)
    query: Document = {"_id": place} if place else {}
    for field, value in (
        ("subject", asked.subject),
        ("key", asked.key),
        ("target", asked.target),
    ):
        if value is not None:
            query[field] = value
    if asked.actions:
        query["action"] = _any_of(asked.actions)
    if asked.results:
        query["result"] = _any_of([result.value for result in asked.results])
    return query


def _any_of(values: Sequence[str]) -> object:
    """A condition that a field has one of the values; one alone can be walked in an index."""
    return values[0] if len(values) == 1 else {"$in": list(values)}
