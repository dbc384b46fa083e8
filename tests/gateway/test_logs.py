"""The log as it is written: JSON, ours from the configured level, libraries when it matters."""

import io
import json
import logging
from contextlib import redirect_stderr
from dataclasses import replace
from typing import Any

from gateway.logs import configure_logging
from tests.gateway.house import House, house_of


class _Stream(io.TextIOWrapper):
    """A standard error that is read back."""

    def lines(self) -> list[dict[str, Any]]:
        self.flush()
        told = self.buffer
        assert isinstance(told, io.BytesIO)
        return [json.loads(line) for line in told.getvalue().splitlines()]


def opened() -> _Stream:
    return _Stream(io.BytesIO(), encoding="utf-8")


def test_libraries_are_heard_only_when_something_is_wrong() -> None:
    stream = opened()
    with redirect_stderr(stream):
        configure_logging("debug")
        logging.getLogger("httpx2").info("GET http://erp/?openid=o-1")
        logging.getLogger("websockets.server").debug("< TEXT 'call 13800138000'")
        logging.getLogger("pymongo.command").warning("insert of me@mail.example failed")
        logging.getLogger("gateway.desk").debug("ours, %s", "Bearer abcdefg")

    assert [(line["event"], line["level"], line["logger"]) for line in stream.lines()] == [
        ("insert of [hidden] failed", "warning", "pymongo.command"),
        ("ours, [hidden]", "debug", "gateway.desk"),
    ]


class _Broken:
    """A catalogue with a bug whose error quotes what it was asked."""

    async def variants(self, skus: list[str]) -> dict[str, Any]:
        raise LookupError(f"no shelf for {skus!r}")

    products = locations = variants


async def test_a_bug_is_logged_whole_but_for_the_words_of_its_request(house: House) -> None:
    stream = opened()
    catalog: Any = _Broken()
    store = replace(house.runtime.store, catalog=catalog)
    broken = house_of(replace(house.runtime, store=store))
    body = {
        "query": "query($x: String!) { variant(by: {sku: $x}) { sku } }",
        "variables": {"x": "长乐路十二号"},
    }

    with redirect_stderr(stream):
        configure_logging()
        answer = await broken.post(body, X_Request_Id="r-9")

    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    [line] = stream.lines()
    assert (line["level"], line["logger"]) == ("error", "schema.errors")
    assert "LookupError: no shelf for ['[hidden]']" in line["exception"]
    assert "长乐路" not in json.dumps(line, ensure_ascii=False)
    assert line["request_id"] == "r-9"
