"""Reads secrets from where the settings say that they are: a variable, or a file of one line."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gateway.settings_callers import WechatAppSettings
from gateway.settings_file import Place, Reader, Source, shown
from gateway.settings_process import Secret, Storage
from gateway.settings_sections import BackendSettings

_BYTES_MAX = 65_536

_PASSWORD, _WEBHOOKS, _WEBHOOKS_OLD = "password", "webhook_secret", "webhook_secret_old"


def secret_variables(source: Source) -> frozenset[str]:
    """Variables that hold a secret, so that none of them is taken for a setting."""
    entries = [source.tables.get("store")]
    for name in ("backends", "wechat_apps"):
        tables = source.tables.get(name, [])
        entries += tables if isinstance(tables, list) else []
    names = (
        entry.get(f"{secret}_env")
        for entry in entries
        if isinstance(entry, dict)
        for secret in (_PASSWORD, _WEBHOOKS, _WEBHOOKS_OLD)
    )
    return frozenset(name for name in names if isinstance(name, str))


Locked = TypeVar("Locked", Storage, WechatAppSettings)
"""A section with a password and no other secret."""


def with_password(
    reader: Reader, section: Locked, place: Place, folder: Path, environ: Mapping[str, str]
) -> Locked:
    """A section with its password."""
    return replace(section, password=_secret(reader, section, _PASSWORD, place, folder, environ))


def with_secrets(
    reader: Reader, backend: BackendSettings, place: Place, folder: Path, environ: Mapping[str, str]
) -> BackendSettings:
    """A backend's section with its password and the live secrets of its webhooks, the newest first;
    one before it is refused where there is none now.
    """
    password, now, before = (
        _secret(reader, backend, name, place, folder, environ)
        for name in (_PASSWORD, _WEBHOOKS, _WEBHOOKS_OLD)
    )
    key = f"backends.{backend.code}.{_WEBHOOKS}"
    if before is not None and now is None and reader.sound(f"{key}_env", f"{key}_file"):
        expected = f"{_WEBHOOKS}_env or {_WEBHOOKS}_file, which goes with the one before it"
        reader.refuse(f"{key}_env", place, expected, "nothing")
    live = tuple(secret for secret in (now, before) if secret is not None)
    return replace(backend, password=password, webhook_secrets=live)


def _secret(  # noqa: PLR0917  # which one, and where everything is
    reader: Reader,
    section: BackendSettings | Storage | WechatAppSettings,
    name: str,
    place: Place,
    folder: Path,
    environ: Mapping[str, str],
) -> Secret | None:
    """One secret, from where its section says that it is; None if it says nothing."""
    code = getattr(section, "code", None)
    key = f"store.{name}" if code is None else f"{place[0]}.{code}.{name}"
    variable, file = getattr(section, f"{name}_env"), getattr(section, f"{name}_file")
    if variable is not None and file is not None:
        expected = f"{name}_env or {name}_file, not both"
        reader.refuse(f"{key}_file", (*place, f"{name}_file"), expected, "both")
        return None
    if variable is not None:
        if text := environ.get(variable, ""):
            return Secret(text)
        expected, found = "the name of a variable that is set", f"{shown(variable)}, which is not"
        reader.refuse(f"{key}_env", (*place, f"{name}_env"), expected, found)
    if file is not None:
        try:
            return Secret(_first_line(folder / file))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not one line of text"
            what = name if name == _PASSWORD else "secret"
            expected, found = f"a file that holds a {what}", f"{shown(file)}: {reason.lower()}"
            reader.refuse(f"{key}_file", (*place, f"{name}_file"), expected, found)
    return None


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(_BYTES_MAX).decode().rstrip("\r\n")
    if not text or "\n" in text:
        raise ValueError("a secret is one line")
    return text
