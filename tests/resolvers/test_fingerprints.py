"""A request is known again after an upgrade: a key that was sent before it still answers (S4).

What stands here was printed by an earlier program; a field that is added must not show in it.
"""

from hashlib import sha256

from resolvers.commands import fingerprint
from resolvers.domain.reservation import Line
from resolvers.reservations import ReserveStock

RESERVE = (
    "ReserveStock(key='k', channel='web', lines=(Line(sku='A', quantity=1),), location=None,"
    " method=None, member_id=None, ttl_seconds=None)"
)


def test_a_hold_prints_as_it_always_did() -> None:
    asked = ReserveStock("k", "web", (Line("A", 1),))

    assert repr(asked) == RESERVE
    assert fingerprint(asked) == sha256(RESERVE.encode()).hexdigest()
