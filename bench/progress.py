"""How far a long bench has come, for whoever waits: one line on standard error, written over."""

import sys


def said(words: str) -> None:
    """Shows some words in the place of the last ones; none wipe the line."""
    sys.stderr.write(f"\r{words:60}" if words else "\r" + " " * 60 + "\r")
    sys.stderr.flush()
