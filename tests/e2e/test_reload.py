"""SIGHUP to a gateway that serves: what it takes over, unnoticed by those who ask meanwhile."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.child import START_SECONDS, Child, started

SETTINGS = """
[retailer]
name = "Chain"

[server]
drain_seconds = 0

[documents]
manifest = "manifest.json"
trusted = "enforce"
look_seconds = 0

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"
"""
CODE = {"data": {"channels": [{"code": "web"}]}}
NAME = {"data": {"channels": [{"name": "Web"}]}}
HANG_UPS = 10


def manifest(folder: Path, ask: str) -> None:
    aside = folder / "manifest.new"
    aside.write_text(json.dumps({"ask": ask}))
    aside.replace(folder / "manifest.json")


def until_logged(child: Child, words: str, times: int = 1) -> None:
    until = time.monotonic() + START_SECONDS
    while child.log().count(words) < times:
        assert time.monotonic() < until, child.log()
        time.sleep(0.02)


def until_heard(heard: list[tuple[int, Any]], body: Any) -> None:
    until, before = time.monotonic() + START_SECONDS, len(heard)
    while (200, body) not in heard[before:]:
        assert time.monotonic() < until, heard[-3:]
        time.sleep(0.005)


def test_a_signal_takes_files_over_while_requests_are_answered(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS)
    manifest(tmp_path, "{ channels { code } }")
    heard: list[tuple[int, Any]] = []
    over = threading.Event()

    with started(tmp_path / "data", "serve", "--config", str(config)) as child:
        child.read_until("\n")

        def ask() -> None:
            with httpx2.Client() as client:
                while not over.is_set():
                    answer = client.post(f"{child.address}/graphql", json={"documentId": "ask"})
                    heard.append((answer.status_code, answer.json()))

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        try:
            for at in range(1, HANG_UPS + 1):
                manifest(tmp_path, "{ channels { name } }" if at % 2 else "{ channels { code } }")
                os.kill(child.process.pid, signal.SIGHUP)
                until_logged(child, "settings taken over", at)
                until_heard(heard, NAME if at % 2 else CODE)
            config.write_text(SETTINGS + "[serverr]\n")
            os.kill(child.process.pid, signal.SIGHUP)
            until_logged(child, "settings not taken over, all stays as it was")
            config.write_text(SETTINGS.replace('"Web"', '"Shop"'))
            os.kill(child.process.pid, signal.SIGHUP)
            until_logged(child, "changed, but not before a restart: channels")
        finally:
            over.set()
            for thread in asking:
                thread.join()
        free = child.ask("{ channels { code } }  ")
        assert child.stop() == 0

    assert all(answer in ((200, CODE), (200, NAME)) for answer in heard)
    assert free["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    assert "Traceback" not in child.log()


def test_a_manifest_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS)
    manifest(tmp_path, "{ nonsense }")

    with started(tmp_path / "data", "serve", "--config", str(config)) as child:
        assert child.process.wait(START_SECONDS) == 2

    assert child.log().splitlines()[-1] == (
        "gateway: documents.manifest: expected only documents that can run here, "
        "found ask: 1:3: Cannot query field 'nonsense' on type 'Query'."
    )
