"""Manifests of trusted documents: both forms, what is refused, and what cannot run."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.manifests import (
    BYTES_MAX,
    DOCUMENTS_MAX,
    REMEMBERED,
    Entry,
    Unreadable,
    hash_of,
    look_over,
    read_manifest,
)

ASK = "{ channels { code } }"


def written(folder: Path, said: Any) -> Path:
    path = folder / "manifest.json"
    path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    return path


def apollo(*operations: Any, **more: Any) -> dict[str, Any]:
    said = {"format": "apollo-persisted-query-manifest", "version": 1}
    return {**said, "operations": list(operations), **more}


def test_the_hash_of_a_document_is_the_one_that_the_draft_gives_as_its_example() -> None:
    document = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}"

    assert hash_of(document) == "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e"


def test_both_forms_are_read(tmp_path: Path) -> None:
    operation = {"id": "a", "name": "Ask", "type": "query", "body": ASK}

    plain = read_manifest(written(tmp_path, {"a": ASK, f"sha256:{hash_of(ASK)}": ASK}))
    named = read_manifest(written(tmp_path, apollo(operation)))

    assert [entry.id for entry in plain.entries] == ["a", f"sha256:{hash_of(ASK)}"]
    assert named.entries == (Entry("a", ASK, hash_of(ASK), "Ask"),)
    for name in ("a", hash_of(ASK), f"sha256:{hash_of(ASK)}"):
        assert named.find(name) == ASK
    assert named.find("b") is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "no JSON: "),
        (b"{", "no JSON: "),
        (b"\xff", "no JSON: "),
        (b"[" * 100_000, "no JSON: "),
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({"a": 5}, "a has no document"),
        ({"a": " "}, "a has no document"),
        ({"": ASK}, "an id is 1 to 256 printable characters"),
        ({"a\n": ASK}, "an id is 1 to 256 printable characters"),
        ({"a" * 257: ASK}, "an id is 1 to 256 printable characters"),
        (
            {f"sha256:{'0' * 64}": ASK},
            f"sha256:{'0' * 64} is not the hash of its document, which is {hash_of(ASK)}",
        ),
        ({str(at): ASK for at in range(DOCUMENTS_MAX + 1)}, "2001 documents; 2000 are allowed"),
        (apollo(format="other"), 'its "format" is not apollo-persisted-query-manifest'),
        (apollo(version=2), 'its "version" is not 1'),
        (apollo(version=True), 'its "version" is not 1'),
        (apollo(operations={}), 'its "operations" are no list'),
        (apollo(5), "operation 1 is no object"),
        (apollo({"body": ASK}), "an id is 1 to 256 printable characters"),
        (apollo({"id": "a"}), "a has no document"),
        (
            apollo({"id": "a", "body": ASK}, {"id": "a", "body": "{ __typename }"}),
            "a stands for two documents",
        ),
        (b" " * (BYTES_MAX + 1), f"more than {BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_manifest_is_refused_in_words(tmp_path: Path, said: Any, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_manifest(written(tmp_path, said))

    assert str(refused.value).startswith(told)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file or directory"):
        read_manifest(tmp_path / "absent.json")


def test_every_document_that_cannot_run_is_found_and_the_first_ones_are_remembered(
    tmp_path: Path,
) -> None:
    manifest = read_manifest(written(tmp_path, {str(at): f"{{ a{at} }}" for at in range(200)}))
    remembered: list[bool] = []

    def faults(document: str, remember: bool) -> list[str]:
        remembered.append(remember)
        return ["one", "two"] if document == "{ a150 }" else []

    faulty = look_over(manifest, faults)

    assert [str(at) for at in faulty] == ["150: one; two"]
    assert remembered == [True] * REMEMBERED + [False] * (200 - REMEMBERED)

    again = look_over(manifest, faults, manifest.by_hash.keys() - {hash_of("{ a150 }")})

    assert again == faulty
    assert len(remembered) == 201
