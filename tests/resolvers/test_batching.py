"""What a request asks for in one moment is read together (G5)."""

import asyncio
import gc

import pytest

from resolvers.batching import TURNS_MAX, Batched

WAITING_SECONDS = 30


class Reads:
    """A read that keeps what it was asked for; "bad" cannot be read."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def __call__(self, keys: list[str]) -> list[str]:
        self.asked.append(keys)
        if "bad" in keys:
            raise OSError("the disk is away")
        return [key.upper() for key in keys]


async def after(turns: int, loader: Batched[str, str], key: str) -> str:
    for _ in range(turns):
        await asyncio.sleep(0)
    return await loader.load(key)


async def test_keys_that_come_a_turn_apart_are_one_read() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)

    told = list(await asyncio.gather(*(after(at, loader, key) for at, key in enumerate("aba"))))

    assert told == ["A", "B", "A"]
    assert reads.asked == [["a", "b"]]


async def test_keys_that_come_later_are_another_read() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)

    told = list(await asyncio.gather(after(0, loader, "a"), after(20, loader, "b")))

    assert told == ["A", "B"]
    assert reads.asked == [["a"], ["b"]]


async def test_a_line_that_never_ends_keeps_nobody_waiting() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)
    many = [after(turn, loader, f"{turn}") for turn in range(3 * TURNS_MAX)]

    told = await asyncio.wait_for(asyncio.gather(*many), WAITING_SECONDS)

    assert told == [f"{turn}" for turn in range(3 * TURNS_MAX)]
    assert len(reads.asked[0]) <= TURNS_MAX + 1


async def test_a_read_has_no_more_keys_than_it_may() -> None:
    reads = Reads()
    loader = Batched(reads.__call__, most=2)

    assert await loader.load_many(list("abc")) == list("ABC")
    assert reads.asked == [["a", "b"], ["c"]]


@pytest.mark.parametrize(("cache", "asked"), [(True, [["a"]]), (False, [["a"], ["a"]])])
async def test_who_keeps_nothing_reads_again(cache: bool, asked: list[list[str]]) -> None:
    reads = Reads()
    loader = Batched(reads.__call__, cache=cache)

    assert [await loader.load("a"), await loader.load("a")] == ["A", "A"]
    assert reads.asked == asked


async def test_a_failure_is_told_to_all_of_its_read_and_not_kept() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)
    together = [loader.load("a"), loader.load("bad")]
    failed = await asyncio.gather(*together, return_exceptions=True)
    assert [type(it) for it in failed] == [OSError, OSError]

    assert await loader.load("a") == "A"


async def test_what_is_known_is_not_read_until_it_is_forgotten() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)
    loader.prime("a", "known")

    assert await loader.load_many(list("aba")) == ["known", "B", "known"]
    loader.prime("b", "too late")
    assert await loader.load("b") == "B"
    assert await loader.clear("a").load("a") == "A"
    assert reads.asked == [["b"], ["a"]]


async def test_many_of_which_one_cannot_be_read_raise_what_it_raised() -> None:
    loader = Batched(Reads().__call__)
    loader.prime("a", "known")

    with pytest.raises(OSError, match="away"):
        await loader.load_many(["a", "bad", "b"])


async def test_who_stops_waiting_leaves_the_others_theirs() -> None:
    reads = Reads()
    loader = Batched(reads.__call__)
    leaving = [
        asyncio.ensure_future(after(0, loader, "a")),
        asyncio.ensure_future(loader.load_many(["a", "b"])),
    ]
    staying = asyncio.ensure_future(loader.load_many(["b", "a"]))
    await asyncio.sleep(0)
    for it in leaving:
        it.cancel()

    assert await asyncio.wait_for(staying, WAITING_SECONDS) == ["B", "A"]
    assert await loader.load("a") == "A"
    assert [it.cancelled() for it in leaving] == [True, True]
    assert reads.asked == [["a", "b"]]


async def test_a_failure_that_nobody_waits_for_any_more_is_told_to_nobody() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about))
    loader = Batched(Reads().__call__)
    leaving = asyncio.ensure_future(loader.load_many(["a", "bad"]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    for _ in range(2 * TURNS_MAX):
        await asyncio.sleep(0)
    assert leaving.cancelled()
    del loader, leaving
    gc.collect()

    assert told == []
