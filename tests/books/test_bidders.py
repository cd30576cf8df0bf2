import asyncio

import pytest

from auction.books import bidders, catalogue, deposits, paddles
from auction.books.registration_batches import (
    DepositRequest,
    Held,
    add_registrations,
    mark_all_held,
    request_deposits,
)
from auction.books.unit_of_work import Books, Transaction
from auction.domain.errors import LedgerAway, NotFound
from auction.domain.states import DepositMethod, DepositPolicyKind
from tests.books.conftest import Sql, registration_of

SHA = "f" * 64


async def paddle_in(tx: Transaction, bidder_id: str, sale_id: str = "launch") -> int:
    return (await paddles.assign(tx, sale_id=sale_id, bidder_ids=[bidder_id]))[bidder_id]


async def paddle_of(books: Books, bidder_id: str, sale_id: str = "launch") -> int:
    async with books.transaction() as tx:
        await bidders.ensure_bidder(tx, bidder_id=bidder_id, name=bidder_id.title())
        return await paddle_in(tx, bidder_id, sale_id)


async def register(
    books: Books, lot_id: str, bidder_id: str, *, limit_fen: int | None = None, deposit_fen: int = 0
) -> tuple[bidders.Registration, bool]:
    paddle = await paddle_of(books, bidder_id)
    async with books.transaction() as tx:
        new = await add_registrations(tx, [registration_of(lot_id, bidder_id, paddle, limit_fen=limit_fen)])
        if deposit_fen:
            await put_down(tx, lot_id, bidder_id, deposit_fen)
        found = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
    assert found is not None
    return found, bool(new)


async def put_down(tx: Transaction, lot_id: str, bidder_id: str, amount_fen: int) -> None:
    """A purse deposit that the provider holds; the same again changes nothing."""
    request = DepositRequest(
        deposit_id=f"d-{lot_id}-{bidder_id}",
        lot_id=lot_id,
        bidder_id=bidder_id,
        request_key=deposits.REGISTRATION,
        policy=DepositPolicyKind.PURSE,
        method=DepositMethod.AUTHORISATION,
        amount_fen=amount_fen,
        payment_method="sandbox-ok",
        provider="sandbox",
    )
    ((deposit, is_new),) = await request_deposits(tx, [request], at_ms=1)
    if is_new:
        await mark_all_held(tx, [Held(deposit.deposit_id, "sbh_1", None, 2, None)], at_ms=1)


async def held_on_sale_fen(books: Books, sale_id: str, bidder_id: str) -> int:
    async with books.reading() as tx:
        found = await deposits.deposits_on_sale(tx, sale_id=sale_id, bidder_id=bidder_id)
    return sum(one.amount_fen for one in found if one.is_available and one.is_purse)


async def test_paddles_count_from_one_in_each_sale_and_a_bidder_keeps_theirs(books: Books, launch: str) -> None:
    async with books.transaction() as tx:
        await catalogue.add_sale(tx, sale_id="other", title="Other", actor="olga")

    assert [await paddle_of(books, bidder) for bidder in ("ann", "bob", "ann", "cho")] == [1, 2, 1, 3]
    assert await paddle_of(books, "cho", "other") == 1


async def test_bidders_who_come_at_once_get_paddles_without_a_hole_or_a_double(books: Books, launch: str) -> None:
    names = [f"bidder-{n % 20}" for n in range(60)]
    # as many as there are connections: none waits for one, which has a time-out
    at_once = asyncio.Semaphore(10)

    async def come(name: str) -> int:
        async with at_once:
            return await paddle_of(books, name)

    paddles = await asyncio.gather(*map(come, names))

    assert sorted(set(paddles)) == list(range(1, 21))
    assert len(set(zip(names, paddles, strict=True))) == 20


async def test_one_bidder_who_comes_twice_at_once_gets_one_paddle(books: Books, launch: str) -> None:
    async def paddle() -> int:
        async with books.transaction() as tx:
            return await paddle_in(tx, "ann")

    async with books.transaction() as tx:
        await bidders.ensure_bidder(tx, bidder_id="ann", name="Ann")

    assert await asyncio.gather(*(paddle() for _ in range(6))) == [1] * 6


async def test_batches_that_come_at_once_get_paddles_without_a_hole_or_a_double(books: Books, launch: str) -> None:
    groups = [[f"bidder-{n % 40}" for n in range(start, start + 12)] for start in range(0, 80, 10)]
    async with books.transaction() as tx:
        await bidders.ensure_bidders(tx, {name: name for group in groups for name in group})

    async def come(group: list[str], *, fails: bool) -> dict[str, int]:
        async with books.transaction() as tx:
            given = await paddles.assign(tx, sale_id="launch", bidder_ids=group)
            if fails:
                raise LedgerAway
            return given

    ends = await asyncio.gather(
        *(come(group, fails=place % 4 == 3) for place, group in enumerate(groups)), return_exceptions=True
    )
    known: dict[str, int] = {}
    for end in ends:
        if isinstance(end, LedgerAway):
            continue
        assert isinstance(end, dict)
        assert not [name for name, paddle in end.items() if known.get(name, paddle) != paddle]
        known |= end
    assert sorted(known.values()) == list(range(1, len(known) + 1))


async def test_a_registration_that_fails_leaves_no_hole_in_the_paddles(books: Books, launch: str) -> None:
    async def take_a_paddle_and_fail() -> None:
        async with books.transaction() as tx:
            await bidders.ensure_bidder(tx, bidder_id="ann", name="Ann")
            await paddle_in(tx, "ann")
            raise LedgerAway

    with pytest.raises(LedgerAway):
        await take_a_paddle_and_fail()

    assert await paddle_of(books, "bob") == 1


async def test_there_is_no_paddle_without_a_sale(books: Books) -> None:
    with pytest.raises(NotFound, match="no sale ghost"):
        await paddle_of(books, "ann", "ghost")


async def test_a_bidder_is_known_by_the_name_they_gave_last(books: Books, sql: Sql) -> None:
    for name in ("Ann", "Ann", "Anne"):
        async with books.transaction() as tx:
            await bidders.ensure_bidder(tx, bidder_id="ann", name=name)

    assert await sql("SELECT bidder_id, name FROM bidders") == [("ann", "Anne")]


async def test_registering_again_gives_the_first_registration(books: Books, launch: str) -> None:
    first, new = await register(books, launch, "ann", limit_fen=1000)
    again, new_again = await register(books, launch, "ann", limit_fen=999_999)

    assert (new, new_again) == (True, False)
    assert again == first
    assert (first.paddle, first.limit_fen, first.admitted_at_ms, first.deposits) == (1, 1000, None, ())


async def test_a_bidder_who_registers_twice_at_once_is_registered_once(books: Books, launch: str) -> None:
    outcomes = await asyncio.gather(*(register(books, launch, "ann", deposit_fen=500) for _ in range(4)))

    assert sorted(new for _, new in outcomes) == [False, False, False, True]
    assert await held_on_sale_fen(books, "launch", "ann") == 500


async def test_a_bidders_registrations_come_with_their_deposits_and_no_one_elses(books: Books, launch: str) -> None:
    await register(books, launch, "ann", limit_fen=1000, deposit_fen=100)
    await register(books, launch, "bob")
    async with books.reading() as tx:
        (anns,) = await bidders.registrations_of(tx, "ann")
        (bobs,) = await bidders.registrations_of(tx, "bob")
        assert await bidders.find_registration(tx, lot_id=launch, bidder_id="ann") == anns
        assert await bidders.find_registration(tx, lot_id=launch, bidder_id="cho") is None

    assert [(one.policy, one.amount_fen, one.status) for one in anns.deposits] == [("purse", 100, "held")]
    assert (bobs.bidder_id, bobs.deposits) == ("bob", ())


async def test_power_is_changed_for_one_registration_only(books: Books, launch: str) -> None:
    await register(books, launch, "ann", limit_fen=1000)
    await register(books, launch, "bob", limit_fen=1000)
    async with books.transaction() as tx:
        await bidders.change_power(tx, lot_id=launch, bidder_id="ann", limit_fen=2000, purse_fen=7, held_fen=1)
        (anns,) = await bidders.registrations_of(tx, "ann")
        (bobs,) = await bidders.registrations_of(tx, "bob")

    assert (anns.limit_fen, anns.purse_fen, anns.power_version) == (2000, 7, 2)
    assert (bobs.limit_fen, bobs.purse_fen, bobs.power_version) == (1000, None, 1)


async def test_only_held_purse_deposits_of_the_sale_fill_the_purse(books: Books, launch: str, sql: Sql) -> None:
    for sale_id, number in (("launch", 2), ("launch", 3), ("launch", 4), ("other", 1)):
        async with books.transaction() as tx:
            if sale_id == "other":
                await catalogue.add_sale(tx, sale_id="other", title="Other", actor="olga")
            await catalogue.add_lot(
                tx,
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
    await sql("UPDATE deposits SET status = 'released', disposition = 'release' WHERE lot_id = 'launch-003'")
    await sql("UPDATE deposits SET policy = 'flat' WHERE lot_id = 'launch-004'")

    assert await held_on_sale_fen(books, "launch", "ann") == 21
    assert await held_on_sale_fen(books, "launch", "nobody") == 0


async def waiting_for_the_ledger(books: Books, before_ms: int = 0) -> list[str]:
    async with books.reading() as tx:
        return [r.bidder_id for r in await bidders.registrations_to_sync(tx, before_ms=before_ms)]


async def test_registrations_not_seen_admitted_are_found_while_their_lot_is_not_over(
    books: Books, launch: str, sql: Sql
) -> None:
    for bidder in ("ann", "bob"):
        registration, _ = await register(books, launch, bidder)
        async with books.transaction() as tx:
            await bidders.mark_synced(tx, registration)
    await sql("UPDATE registrations SET registered_at_ms = 5 WHERE bidder_id = 'bob'")
    assert await waiting_for_the_ledger(books, 2**62) == []

    await sql("UPDATE lots SET status = 'open'")
    assert await waiting_for_the_ledger(books, 2**62) == ["bob", "ann"]
    assert await waiting_for_the_ledger(books, 6) == ["bob"]

    await sql("UPDATE registrations SET admitted_at_ms = 7 WHERE bidder_id = 'bob'")
    assert await waiting_for_the_ledger(books, 2**62) == ["ann"]

    await sql("UPDATE lots SET status = 'closed'")
    assert await waiting_for_the_ledger(books, 2**62) == []


async def test_a_power_that_the_ledger_was_not_told_of_is_found_until_it_is_told(
    books: Books, launch: str, sql: Sql
) -> None:
    first, _ = await register(books, launch, "ann", limit_fen=1000)
    await sql("UPDATE lots SET status = 'open'")
    assert await waiting_for_the_ledger(books) == ["ann"]

    async with books.transaction() as tx:
        await bidders.mark_synced(tx, first)
    assert await waiting_for_the_ledger(books) == []

    async with books.transaction() as tx:
        await bidders.change_power(tx, lot_id=launch, bidder_id="ann", limit_fen=2000, purse_fen=None, held_fen=None)
        # what was told is the figure of before: it does not count for the new one
        await bidders.mark_synced(tx, first)
    assert await waiting_for_the_ledger(books) == ["ann"]


async def test_a_bidder_is_linked_through_any_mark_they_share_and_only_through_one_of_its_kind(
    books: Books, launch: str
) -> None:
    for bidder in ("ann", "bob", "cho", "dan"):
        await paddle_of(books, bidder)
    async with books.transaction() as tx:
        assert await bidders.add_links(tx, [("ann", "device", "a" * 64)]) == {"ann"}
        assert await bidders.add_links(tx, [("ann", "device", "a" * 64)]) == set()
        again = [("bob", "device", "a" * 64), ("ann", "device", "a" * 64), ("ann", "instrument", "b" * 64)]
        assert await bidders.add_links(tx, again) == {"ann", "bob"}
        await bidders.add_links(tx, [("cho", "instrument", "b" * 64), ("dan", "identity", "b" * 64)])

    async with books.reading() as tx:
        assert await bidders.linked_to(tx, ["ann"]) == {"ann", "bob", "cho"}
        assert await bidders.linked_to(tx, ["dan"]) == {"dan"}
        assert await bidders.linked_to(tx, []) == set()


async def test_a_level_of_identity_is_noted_of_bidders_who_are_known(books: Books, launch: str) -> None:
    await paddle_of(books, "ann")
    async with books.transaction() as tx:
        assert await bidders.identity_levels(tx, ["ann"]) == {"ann": 0}
        assert await bidders.set_identity_level(tx, "ann", 2)
        assert not await bidders.set_identity_level(tx, "ghost", 2)
        assert await bidders.identity_levels(tx, ["ann", "ghost"]) == {"ann": 2}
