"""What masks leave of names, telephones and streets."""

import pytest

from resolvers.domain.personal import hidden, masked_name, masked_phone


@pytest.mark.parametrize(
    ("phone", "left"),
    [
        ("13812345678", "138****5678"),
        ("138 1234-5678", "138****5678"),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("+86 138 1234 5678", "+861****5678"),
        (" +8612000000001", "+861****0001"),
        ("02112345678", "021****5678"),
        ("2112345678", "****78"),
        ("1234567", "****67"),
        ("123456", "****"),
        ("110", "****"),
        ("", "****"),
        ("call me", "****"),
        ("138\ud83d12345678", "138****5678"),
    ],
)
def test_of_a_telephone_number_the_middle_is_hidden(phone: str, left: str) -> None:
    assert masked_phone(phone) == left


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("林若溪", "林**"),
        ("欧阳 娜娜", "欧**"),
        ("  李", "李**"),
        ("𠮷野", "𠮷**"),
        ("Ada Lovelace", "A**"),
        ("\ud842\udfb7", "**"),
        ("\ud83d林", "**"),
        ("\u0301a", "**"),
        ("\u200b林", "**"),
        ("", "**"),
        ("   ", "**"),
    ],
)
def test_of_a_name_the_first_character_is_left(name: str, left: str) -> None:
    assert masked_name(name) == left
    assert left.encode()


def test_of_a_street_nothing_is_left() -> None:
    assert hidden("示例路 1 号 302 室") == "****"
