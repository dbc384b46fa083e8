"""What a connector says of an option of its settings that it cannot take."""


class BadOption(ValueError):
    """An option that cannot be meant: its name, what is expected there, and what stands there."""

    def __init__(self, option: str, expected: str, found: str) -> None:
        super().__init__(f"{option}: expected {expected}, found {found}")
        self.option = option
        self.expected = expected
        self.found = found
