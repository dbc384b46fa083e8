"""What somebody is known by, in whatever notation, and what masks leave of it (M1, M4)."""

import pytest

from resolvers.domain.errors import InvalidInput
from resolvers.domain.identities import (
    card_of,
    email_of,
    is_region,
    key_of_person,
    masked_identity,
    phone_of,
)
from resolvers.domain.members import IdentityKind


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "+86 138-0013-8000",
        "(+86) 138 0013 8000",
        "0086 13800138000",
        "008613800138000",
        "86-13800138000",
        "8613800138000",
        "１３８００１３８０００",
        "＋８６　１３８００１３８０００",
        " 138\u00a00013\u20138000 ",
        "\u202a+8613800138000\u202c",
    ],
)
def test_a_phone_is_the_same_in_every_notation(written: str) -> None:
    assert phone_of(written, "CN") == "+8613800138000"


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("(021) 6000 0091", "CN", "+862160000091"),
        ("00862160000091", "CN", "+862160000091"),
        ("12000000001", "CN", "+8612000000001"),
        ("650 253 0000", "US", "+16502530000"),
        ("+1 650.253.0000", "CN", "+16502530000"),
        ("+44 20 7946 0000", "CN", "+442079460000"),
        ("6123 4567", "HK", "+85261234567"),
    ],
)
def test_a_phone_without_a_country_is_of_the_region(written: str, region: str, number: str) -> None:
    assert phone_of(written, region) == number


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        "138",
        "13",
        "+86138",
        "call 13800138000",
        "1380013800O",
        "13800138000 ext 5",
        "13800138000;ext=5",
        "tel:13800138000",
        "1380013\ud83d8000",
        "+999 13800138000",
        "1" * 400,
        "++8613800138000",
    ],
)
def test_what_can_be_no_phone_is_refused_and_not_said_back(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        phone_of(written, "CN", field=("by", "phone"))

    assert refused.value.field == ("by", "phone")
    assert refused.value.message == (
        "this is no phone number of CN; write +, the country's code and the number"
    )


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (email_of, "  Lin.Wei@Example.COM ", "lin.wei@example.com"),
        (email_of, "林@例子.中国", "林@例子.中国"),
        (card_of, " 6225 8800\u30001234 ", "622588001234"),
        (card_of, "Vip-0001", "Vip-0001"),
        (key_of_person, "oA1b ", "oA1b "),
    ],
)
def test_other_things_are_known_by_as_they_are_compared(read, written: str, value: str) -> None:
    assert read(written) == value


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (email_of, "nobody"),
        (email_of, "@example.com"),
        (email_of, "a@b@example.com"),
        (email_of, "a b@example.com"),
        (email_of, "a\ud83d@example.com"),
        (email_of, "a\x00@example.com"),
        (email_of, f"{'a' * 250}@example.com"),
        (card_of, "   "),
        (card_of, "1" * 65),
        (card_of, "12\udc00"),
        (key_of_person, ""),
        (key_of_person, "x" * 256),
        (key_of_person, "\ud83d"),
    ],
)
def test_what_nobody_can_be_known_by_is_refused_and_not_said_back(read, written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(written, field=("by",))

    assert refused.value.field == ("by",)
    assert not written.strip() or written not in refused.value.message


@pytest.mark.parametrize(
    ("kind", "value", "left"),
    [
        (IdentityKind.PHONE, "+8613800138000", "+861****8000"),
        (IdentityKind.EMAIL, "lin@example.com", "l****@example.com"),
        (IdentityKind.EMAIL, "no address", "****"),
        (IdentityKind.CARD, "622588001234", "****1234"),
        (IdentityKind.CARD, "1234567", "****"),
        (IdentityKind.OPEN_ID, "oA1bC2dE3", "****"),
        (IdentityKind.UNION_ID, "u-1", "****"),
        (IdentityKind.EXTERNAL, "C100001", "****"),
    ],
)
def test_of_each_kind_something_else_is_left(kind: IdentityKind, value: str, left: str) -> None:
    assert masked_identity(kind, value) == left


def test_a_region_is_one_with_telephones() -> None:
    assert [is_region(code) for code in ("CN", "HK", "US", "cn", "XX", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
