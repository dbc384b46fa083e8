"""The error of a store that cannot be used: one for every engine, so that one place tells of it."""


class StoreUnusable(OSError):
    """The store cannot be opened or written: absent, read-only, full, newer than this program,
    broken. It says what is wrong and what to do, and never a password.
    """
