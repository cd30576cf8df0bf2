import asyncio

import pytest

from auction.books import bidders, catalogue
from auction.books.unit_of_work import Books
from auction.domain.errors import LedgerAway, NotFound
from tests.books.conftest import Sql

SHA = "f" * 64


async def paddle_of(books: Books, bidder_id: str, sale_id: str = "launch") -> int:
    async with books.transaction() as work:
        await bidders.ensure_bidder(work, bidder_id=bidder_id, name=bidder_id.title())
        return await bidders.assign_paddle(work, sale_id=sale_id, bidder_id=bidder_id)


async def register(
    books: Books, lot_id: str, bidder_id: str, *, limit_fen: int | None = None, deposit_fen: int = 0
) -> tuple[bidders.Registration, bool]:
    paddle = await paddle_of(books, bidder_id)
    async with books.transaction() as work:
        registration = await bidders.add_registration(
            work,
            lot_id=lot_id,
            bidder_id=bidder_id,
            paddle=paddle,
            limit_fen=limit_fen,
            purse_fen=None,
            terms_sha256=SHA,
        )
        if deposit_fen:
            await bidders.hold_deposit(work, lot_id=lot_id, bidder_id=bidder_id, policy="purse", amount_fen=deposit_fen)
    return registration


async def test_paddles_count_from_one_in_each_sale_and_a_bidder_keeps_theirs(books: Books, launch: str) -> None:
    async with books.transaction() as work:
        await catalogue.add_sale(work, sale_id="other", title="Other", actor="olga")

    assert [await paddle_of(books, bidder) for bidder in ("ann", "bob", "ann", "cho")] == [1, 2, 1, 3]
    assert await paddle_of(books, "cho", "other") == 1


async def test_bidders_who_come_at_once_get_paddles_without_a_hole_or_a_double(books: Books, launch: str) -> None:
    names = [f"bidder-{n % 20}" for n in range(60)]
    paddles = await asyncio.gather(*(paddle_of(books, name) for name in names))

    assert sorted(set(paddles)) == list(range(1, 21))
    assert len(set(zip(names, paddles, strict=True))) == 20


async def test_one_bidder_who_comes_twice_at_once_gets_one_paddle(books: Books, launch: str) -> None:
    async def paddle() -> int:
        async with books.transaction() as work:
            return await bidders.assign_paddle(work, sale_id="launch", bidder_id="ann")

    async with books.transaction() as work:
        await bidders.ensure_bidder(work, bidder_id="ann", name="Ann")

    assert await asyncio.gather(*(paddle() for _ in range(6))) == [1] * 6


async def test_a_registration_that_fails_leaves_no_hole_in_the_paddles(books: Books, launch: str) -> None:
    async def take_a_paddle_and_fail() -> None:
        async with books.transaction() as work:
            await bidders.ensure_bidder(work, bidder_id="ann", name="Ann")
            await bidders.assign_paddle(work, sale_id="launch", bidder_id="ann")
            raise LedgerAway

    with pytest.raises(LedgerAway):
        await take_a_paddle_and_fail()

    assert await paddle_of(books, "bob") == 1


async def test_there_is_no_paddle_without_a_sale(books: Books) -> None:
    with pytest.raises(NotFound, match="no sale ghost"):
        await paddle_of(books, "ann", "ghost")


async def test_a_bidder_is_known_by_the_name_they_gave_last(books: Books, sql: Sql) -> None:
    for name in ("Ann", "Ann", "Anne"):
        async with books.transaction() as work:
            await bidders.ensure_bidder(work, bidder_id="ann", name=name)

    assert await sql("SELECT bidder_id, name FROM bidders") == [("ann", "Anne")]


async def test_registering_again_gives_the_first_registration(books: Books, launch: str) -> None:
    first, new = await register(books, launch, "ann", limit_fen=1000)
    again, new_again = await register(books, launch, "ann", limit_fen=999_999)

    assert (new, new_again) == (True, False)
    assert again == first
    assert (first.paddle, first.limit_fen, first.admitted_at_ms, first.deposit) == (1, 1000, None, None)


async def test_a_bidder_who_registers_twice_at_once_is_registered_once(books: Books, launch: str) -> None:
    outcomes = await asyncio.gather(*(register(books, launch, "ann", deposit_fen=500) for _ in range(4)))

    assert sorted(new for _, new in outcomes) == [False, False, False, True]
    async with books.transaction() as work:
        assert await bidders.held_on_sale_fen(work, sale_id="launch", bidder_id="ann") == 500


async def test_a_bidders_registrations_come_with_their_deposits_and_no_one_elses(books: Books, launch: str) -> None:
    await register(books, launch, "ann", limit_fen=1000, deposit_fen=100)
    await register(books, launch, "bob")
    async with books.reading() as work:
        (anns,) = await bidders.registrations_of(work, "ann")
        (bobs,) = await bidders.registrations_of(work, "bob")
        assert await bidders.find_registration(work, lot_id=launch, bidder_id="ann") == anns
        assert await bidders.find_registration(work, lot_id=launch, bidder_id="cho") is None

    assert anns.deposit is not None
    assert (anns.deposit.policy, anns.deposit.amount_fen, anns.deposit.status) == ("purse", 100, "held")
    assert (bobs.bidder_id, bobs.deposit) == ("bob", None)


async def test_power_is_changed_for_one_registration_only(books: Books, launch: str) -> None:
    await register(books, launch, "ann", limit_fen=1000)
    await register(books, launch, "bob", limit_fen=1000)
    async with books.transaction() as work:
        await bidders.change_power(work, lot_id=launch, bidder_id="ann", limit_fen=2000, purse_fen=7)
        (anns,) = await bidders.registrations_of(work, "ann")
        (bobs,) = await bidders.registrations_of(work, "bob")

    assert (anns.limit_fen, anns.purse_fen) == (2000, 7)
    assert (bobs.limit_fen, bobs.purse_fen) == (1000, None)


async def test_only_held_purse_deposits_of_the_sale_fill_the_purse(books: Books, launch: str, sql: Sql) -> None:
    for sale_id, number in (("launch", 2), ("launch", 3), ("launch", 4), ("other", 1)):
        async with books.transaction() as work:
            if sale_id == "other":
                await catalogue.add_sale(work, sale_id="other", title="Other", actor="olga")
            await catalogue.add_lot(
                work,
                lot_id=f"{sale_id}-{number:03d}",
                sale_id=sale_id,
                number=number,
                title="x",
                terms={},
                actor="olga",
            )
    for lot_id, fen in (
        ("launch-001", 1),
        ("launch-002", 20),
        ("launch-003", 300),
        ("launch-004", 4000),
        ("other-001", 50_000),
    ):
        await register(books, lot_id, "ann", deposit_fen=fen)
    await register(books, "launch-001", "bob", deposit_fen=600_000)
    await sql("UPDATE deposits SET status = 'released' WHERE lot_id = 'launch-003'")
    await sql("UPDATE deposits SET policy = 'flat' WHERE lot_id = 'launch-004'")

    async with books.transaction() as work:
        assert await bidders.held_on_sale_fen(work, sale_id="launch", bidder_id="ann") == 21
        assert await bidders.held_on_sale_fen(work, sale_id="launch", bidder_id="nobody") == 0


async def test_registrations_not_seen_admitted_are_found_while_their_lot_is_not_over(
    books: Books, launch: str, sql: Sql
) -> None:
    async def waiting(before_ms: int = 2**62) -> list[str]:
        async with books.reading() as work:
            return [r.bidder_id for r in await bidders.registrations_to_admit(work, before_ms=before_ms)]

    await register(books, launch, "ann")
    await register(books, launch, "bob")
    await sql("UPDATE registrations SET registered_at_ms = 5 WHERE bidder_id = 'bob'")
    assert await waiting() == []

    await sql("UPDATE lots SET status = 'open'")
    assert await waiting() == ["bob", "ann"]
    assert await waiting(before_ms=6) == ["bob"]

    await sql("UPDATE registrations SET admitted_at_ms = 7 WHERE bidder_id = 'bob'")
    assert await waiting() == ["ann"]

    await sql("UPDATE lots SET status = 'closed'")
    assert await waiting() == []
