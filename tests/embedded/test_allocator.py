"""The allocator of the embedded ledger: mimalloc where its wheel is installed, and nothing else changes without it."""

import os
from importlib.metadata import PackageNotFoundError

import pytest
from redis.asyncio import Redis

from auction.embedded import allocator
from auction.embedded.allocator import allocator_library, allocator_of, with_allocator


async def test_the_embedded_ledger_runs_on_mimalloc(redis: "Redis") -> None:
    if allocator_library() is None:
        pytest.skip("there is no wheel of mimalloc for this machine")
    facts = await redis.info()
    assert allocator_of(facts["process_id"], facts["mem_allocator"]) == "mimalloc"
    assert allocator_of(os.getpid(), "libc") == "libc"


def test_what_is_preloaded_already_stays_so() -> None:
    if (library := allocator_library()) is None:
        pytest.skip("there is no wheel of mimalloc for this machine")
    assert with_allocator({"LD_PRELOAD": "/shim.so", "TZ": "UTC"}) == {
        "LD_PRELOAD": f"/shim.so {library}",
        "TZ": "UTC",
    }


def test_without_its_wheel_nothing_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(allocator, "distribution", missing)
    assert with_allocator({"TZ": "UTC"}) == {"TZ": "UTC"}


def test_on_other_systems_nothing_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert with_allocator({"TZ": "UTC"}) == {"TZ": "UTC"}


def test_of_a_server_elsewhere_the_one_it_was_built_with_is_told() -> None:
    assert allocator_of(2**22 + 1, "jemalloc-5.3.0") == "jemalloc-5.3.0"
