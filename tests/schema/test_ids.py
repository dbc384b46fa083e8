"""Ids: opaque, typed, and never a key as it is."""

import pytest

from resolvers.domain.errors import InvalidInput
from schema.ids import ID_CHARS_MAX, key_of, opened, required_key, seal


@pytest.mark.parametrize("key", ["amber-essence-001", "a:b", "精华 30ml", "\x1f", "=" * 40])
def test_what_was_sealed_is_found_again(key: str) -> None:
    assert opened(seal("Product", key)) == ("Product", key)


def test_a_key_of_several_parts_keeps_them_apart() -> None:
    assert opened(seal("StockLevel", "BT-1", "ST-01")) == ("StockLevel", "BT-1\x1fST-01")


def test_an_id_has_signs_that_may_stand_in_any_address() -> None:
    assert all(sign.isalnum() or sign in "-_" for sign in seal("Order", "精华?/+ &"))


@pytest.mark.parametrize(
    "id",
    [
        "",
        "amber-essence-001",
        "UHJvZHVjdDphbWJlcg==",  # with the padding that ours never have
        "UHJvZHVjdDo",  # a type and no key
        "OmFtYmVy",  # a key and no type
        "精华",
        "\x00",
        "/w",
        "QQ" * ID_CHARS_MAX,
    ],
)
def test_what_is_no_id_of_ours_is_nobodys(id: str) -> None:
    assert opened(id) is None


def test_an_id_of_another_type_is_not_taken_for_it() -> None:
    order = seal("Order", "1")

    assert key_of("Reservation", order) is None
    with pytest.raises(InvalidInput) as refusal:
        required_key("Reservation", order, ("input", "reservationId"))
    assert refusal.value.field == ("input", "reservationId")
