"""A worker's step is spared while nothing is written, and done as soon as something was."""

import math
from itertools import pairwise

import pytest
from sqlalchemy import text

from auction.books import changes
from auction.books.unit_of_work import Books, Transaction
from auction.domain.errors import BooksAway
from auction.workers import change_watch
from auction.workers.change_watch import ChangeWatch


class Step:
    """A step that counts, and asks to be repeated after what it is told."""

    def __init__(self) -> None:
        self.times = 0
        self.wait_s = 0.25
        self.fails = False

    async def __call__(self) -> float:
        self.times += 1
        if self.fails:
            raise BooksAway
        return self.wait_s


class Written:
    """What the database says; a server's own work would change it at any time."""

    def __init__(self) -> None:
        self.said = "1:1:"

    async def __call__(self, books: Books) -> str:
        return self.said


@pytest.fixture
def step() -> Step:
    return Step()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    written = Written()
    monkeypatch.setattr(changes, "snapshot", written)
    # no step is due by time alone
    monkeypatch.setattr(change_watch, "LOOK_S", math.inf)
    return written


async def steps(watch: ChangeWatch, step: Step, turns: int) -> list[int]:
    """How many steps each turn does."""
    done = []
    for _ in range(turns):
        before = step.times
        assert await watch() == step.wait_s
        done.append(step.times - before)
    return done


async def write(tx: Transaction) -> None:
    await tx.session.execute(text("INSERT INTO bidders (bidder_id, name) VALUES (gen_random_uuid()::text, 'Ann')"))


async def test_a_step_is_spared_until_something_is_written(books: Books, step: Step, written: Written) -> None:
    watch = ChangeWatch(books, step)
    assert await steps(watch, step, 3) == [1, 0, 0]
    written.said = "2:2:"
    assert await steps(watch, step, 3) == [1, 0, 0]


async def test_what_a_step_leaves_over_or_fails_at_is_done_in_the_next_turn(
    books: Books, step: Step, written: Written
) -> None:
    watch = ChangeWatch(books, step)
    step.wait_s = 0.0
    assert await steps(watch, step, 2) == [1, 1]
    step.wait_s, step.fails = 0.25, True
    for _ in range(2):
        with pytest.raises(BooksAway):
            await watch()
    step.fails = False
    assert await steps(watch, step, 2) == [1, 0]


async def test_what_time_alone_makes_due_is_looked_for_without_anything_written(
    books: Books, step: Step, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_watch, "LOOK_S", 0.0)
    assert await steps(ChangeWatch(books, step), step, 3) == [1, 1, 1]


async def test_the_database_says_another_thing_after_each_commit_and_the_same_while_nothing_happens(
    books: Books,
) -> None:
    before = await changes.snapshot(books)
    async with books.transaction() as tx:
        await write(tx)
    after = await changes.snapshot(books)
    assert before != after
    async with books.transaction() as tx:
        await write(tx)
        during = await changes.snapshot(books)
    # begun before that look, committed after it
    assert await changes.snapshot(books) != during
    looks = [await changes.snapshot(books) for _ in range(10)]
    assert any(one == next_one for one, next_one in pairwise(looks)), looks
