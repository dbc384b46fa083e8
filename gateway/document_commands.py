"""The work behind ``gateway documents``: a manifest held against the schema, for people and CI."""

from pathlib import Path

import orjson

from gateway.desk import bounds_of
from gateway.manifests import Faulty, look_over, read_manifest
from gateway.settings import Limits
from schema.inspection import faults
from schema.root import build_schema


def check(path: Path, limits: Limits, *, as_json: bool) -> tuple[str, bool]:
    """What is wrong with the documents of a manifest, in words or as JSON, and whether nothing is.

    Raises:
        Unreadable: it is no manifest.
    """
    bounds = bounds_of(limits)
    schema = build_schema(bounds)
    manifest = read_manifest(path)
    faulty = look_over(
        manifest, lambda document, remember: faults(schema, document, bounds, remember=remember)
    )
    told = _json if as_json else _words
    return told(len(manifest.entries), faulty), not faulty


def _words(looked: int, faulty: list[Faulty]) -> str:
    lines = [str(each) for each in faulty]
    ended = "all of them can run" if not faulty else f"{len(faulty)} cannot run"
    return "\n".join([*lines, f"{looked} documents: {ended}"])


def _json(looked: int, faulty: list[Faulty]) -> str:
    wrong = [
        {"id": each.entry.id, "name": each.entry.name or None, "problems": each.problems}
        for each in faulty
    ]
    return orjson.dumps({"documents": looked, "faulty": wrong}).decode()
