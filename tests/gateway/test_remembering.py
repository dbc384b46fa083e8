"""Values of headers that are read once (G5)."""

from gateway.remembering import CHARS_MAX, REMEMBERED, remembering


def test_a_usual_value_is_read_once_and_a_long_one_each_time() -> None:
    read: list[str] = []

    @remembering
    def length(value: str) -> int:
        read.append(value)
        return len(value)

    usual, long = "x" * CHARS_MAX, "x" * (CHARS_MAX + 1)
    told = [length(value) for value in (usual, usual, long, long)]

    assert told == [CHARS_MAX, CHARS_MAX, CHARS_MAX + 1, CHARS_MAX + 1]
    assert read == [usual, long, long]


def test_the_value_that_was_not_seen_longest_makes_room() -> None:
    read: list[str] = []
    look = remembering(read.append)

    for at in range(REMEMBERED + 1):
        look(f"{at}")
    look("1")
    look("0")

    assert len(read) == REMEMBERED + 2
    assert read[-1] == "0"


def test_what_is_refused_is_refused_again() -> None:
    @remembering
    def refuse(value: str) -> int:
        raise ValueError(value)

    told = []
    for _ in range(2):
        try:
            refuse("x")
        except ValueError as error:
            told.append(str(error))

    assert told == ["x", "x"]
