"""The mirror of members in memory."""

from collections.abc import Mapping, Sequence

from connectors.stores.memory.state import State
from connectors.stores.mirrored import differing, said_by
from resolvers.domain.members import IdentityKind, Member
from resolvers.filters import MemberFilter


class MemoryMembers:
    """Answers the MemberStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_members(self, members: Sequence[Member]) -> int:
        """Writes what differs; the number of members that did."""
        known = {
            it.id: said_by(it) for it in (await self.members([it.id for it in members])).values()
        }
        changed = [it for it, _ in differing(members, lambda it: it.id, said_by, known)]
        self._state.members.update((it.id, it) for it in changed)
        self._state.emit("member", [it.id for it in changed])
        return len(changed)

    async def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id; unknown ones are left out."""
        return {id: self._state.members[id] for id in ids if id in self._state.members}

    async def members_known_by(
        self, kind: IdentityKind, values: Sequence[str], system: str | None = None
    ) -> Mapping[str, Sequence[Member]]:
        """Members by what they are known by, in order of id."""
        found: dict[str, list[Member]] = {}
        for member in self._there():
            known = {
                it.value
                for it in member.identities
                if it.kind is kind and it.value in values and system in (None, it.system)
            }
            for value in known:
                found.setdefault(value, []).append(member)
        return found

    async def member_page(
        self, member_filter: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Member]:
        """Members in order of id, after one."""
        found = [
            it
            for it in self._there()
            if (after is None or it.id > after) and _fits(it, member_filter)
        ]
        return found[:limit]

    async def member_ids(self, system: str, after: str | None, limit: int) -> Sequence[str]:
        """Ids of a system's members that are not gone, in order, after one."""
        found = [
            it.id
            for it in self._there()
            if it.provenance.system == system and (after is None or it.id > after)
        ]
        return found[:limit]

    def _there(self) -> list[Member]:
        found = [it for it in self._state.members.values() if not it.gone]
        return sorted(found, key=lambda it: it.id)


def _fits(member: Member, asked: MemberFilter) -> bool:
    known = {(it.kind, it.value) for it in member.identities}
    return (
        (asked.phone is None or (IdentityKind.PHONE, asked.phone) in known)
        and (asked.email is None or (IdentityKind.EMAIL, asked.email) in known)
        and (asked.card is None or (IdentityKind.CARD, asked.card) in known)
        and (not asked.systems or member.provenance.system in asked.systems)
        and (not asked.tiers or member.tier in asked.tiers)
        and (not asked.tags or bool(set(asked.tags) & set(member.tags)))
        and (asked.updated_since is None or member.updated_at >= asked.updated_since)
    )
