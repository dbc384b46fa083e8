"""What one setting's value may be: TOML's values and a variable's text, as their field wants them.

Which settings there are stands in ``gateway/settings_sections.py``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Any, get_args, get_origin

_WHOLE = re.compile(r"[+-]?\d{1,18}")


def fitted(value: Any, hint: Any, metadata: Mapping[str, Any]) -> Any:
    """The value as its field wants it.

    Raises:
        ValueError: it is of another kind, or out of range.
    """
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ValueError
        return tuple(fitted(element, get_args(hint)[0], metadata) for element in value)
    if get_origin(hint) is Mapping:
        if not isinstance(value, dict) or not all(isinstance(at, str) for at in value.values()):
            raise ValueError
        return dict(value)
    if hint is bool:
        if not isinstance(value, bool):
            raise ValueError
        return value
    if hint in (int, float):
        return _number(value, hint, metadata)
    if hint is datetime:
        return _instant(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    if metadata["fits"] is not None and not metadata["fits"](value):
        raise ValueError
    return hint(value)


def _number(value: Any, hint: Any, metadata: Mapping[str, Any]) -> Any:
    is_number = isinstance(value, int if hint is int else int | float)
    if isinstance(value, bool) or not is_number or not metadata["low"] <= value <= metadata["high"]:
        raise ValueError
    return hint(value)


def _instant(value: Any) -> datetime:
    """An instant; one without its offset could be any of two dozen."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError from error


def from_text(text: str, hint: Any) -> Any:
    """What a variable says, as TOML would have said it; text of no such kind stays."""
    bare = without_none(hint)
    if get_origin(bare) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if bare is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if bare in (int, float) and _WHOLE.fullmatch(text):
        return int(text)
    if bare is float:
        try:
            return float(text)
        except ValueError:
            return text
    return text


def without_none(hint: Any) -> Any:
    """The kind of a setting that may be absent, without its absence."""
    if isinstance(hint, UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint
