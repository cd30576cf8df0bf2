import asyncio

import pytest
from sqlalchemy import text

from auction.books import archive, catalogue
from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway, NotFound, RequestRefused, WrongStatus
from tests.books.conftest import Sql
from tests.books.event_sequences import LotWriter, Stream


async def enter_lot(books: Books, sale_id: str) -> str:
    async with books.transaction() as tx:
        number = await catalogue.next_lot_number(tx, sale_id)
        lot_id = f"{sale_id}-{number:03d}"
        await catalogue.add_lot(tx, lot_id=lot_id, sale_id=sale_id, number=number, title="x", terms={}, actor="olga")
    return lot_id


async def lock_impatiently(books: Books, lot_id: str) -> None:
    async with books.transaction() as tx:
        await tx.session.execute(text("SET LOCAL lock_timeout = '10ms'"))
        await catalogue.lock_lot(tx, lot_id)


async def freeze(books: Books, lot_id: str) -> catalogue.LotRecord:
    async with books.transaction() as tx:
        return await catalogue.freeze_terms(
            tx, lot_id, terms={"start_price_fen": 200}, terms_sha256="f" * 64, opens_at_ms=10, closes_at_ms=20
        )


async def test_a_lot_is_found_as_it_was_entered(books: Books, launch: str) -> None:
    async with books.transaction() as tx:
        number = await catalogue.next_lot_number(tx, "launch")
        entered = await catalogue.add_lot(
            tx,
            lot_id="launch-002",
            sale_id="launch",
            number=number,
            title="二号车",
            terms={"reserve_fen": None, "increments": [{"from_fen": 0, "step_fen": 100}]},
            actor="olga",
            list_price_fen=10**13,
            preset="jd-flash",
        )
    async with books.reading() as tx:
        found = await catalogue.find_lot(tx, "launch-002")

    assert found == entered
    assert (found.number, found.status, found.terms_sha256, found.list_price_fen) == (2, "draft", None, 10**13)
    assert found.terms == {"reserve_fen": None, "increments": [{"from_fen": 0, "step_fen": 100}]}


async def test_sales_are_listed_newest_first_with_their_lots_in_order(books: Books, launch: str) -> None:
    async with books.transaction() as tx:
        await catalogue.add_sale(tx, sale_id="later", title="Later", actor="olga")
    for sale_id in ("later", "launch", "later"):  # later-001, launch-002, later-002
        await enter_lot(books, sale_id)

    async with books.reading() as tx:
        sales = [sale.sale_id for sale in await catalogue.list_sales(tx)]
        lots = [lot.lot_id for lot in await catalogue.lots_of_sales(tx, sales)]
        assert (await catalogue.find_sale(tx, "later")).title == "Later"

    assert sales == ["later", "launch"]
    assert lots == ["later-001", "later-002", "launch-001", "launch-002"]


async def test_lots_entered_at_once_are_numbered_without_a_hole(books: Books, launch: str) -> None:
    entered = await asyncio.gather(*(enter_lot(books, "launch") for _ in range(8)))

    assert sorted(entered) == [f"launch-{number:03d}" for number in range(2, 10)]


async def test_what_is_not_there_is_named(books: Books) -> None:
    async with books.transaction() as tx:
        with pytest.raises(NotFound, match="no sale ghost") as sale:
            await catalogue.find_sale(tx, "ghost")
        with pytest.raises(NotFound, match="no sale ghost"):
            await catalogue.next_lot_number(tx, "ghost")
        with pytest.raises(NotFound, match="no lot ghost-001") as lot:
            await catalogue.find_lot(tx, "ghost-001")
        with pytest.raises(NotFound, match="no lot ghost-001"):
            await catalogue.lock_lot(tx, "ghost-001")
        with pytest.raises(NotFound, match="no lot ghost-001"):
            await catalogue.freeze_terms(
                tx, "ghost-001", terms={}, terms_sha256="f" * 64, opens_at_ms=1, closes_at_ms=2
            )
    assert (sale.value.code, lot.value.code) == ("sale-unknown", "lot-unknown")


async def test_a_sale_id_is_taken_once(books: Books, launch: str) -> None:
    with pytest.raises(RequestRefused, match="sale launch already") as refused:
        async with books.transaction() as tx:
            await catalogue.add_sale(tx, sale_id="launch", title="Again", actor="olga")

    assert refused.value.code == "sale-exists"


async def test_scheduling_freezes_a_draft_once(books: Books, launch: str) -> None:
    frozen = await freeze(books, launch)
    with pytest.raises(WrongStatus) as refused:
        await freeze(books, launch)

    assert (frozen.status, frozen.terms, frozen.terms_sha256) == ("scheduled", {"start_price_fen": 200}, "f" * 64)
    assert (frozen.opens_at_ms, frozen.closes_at_ms) == (10, 20)
    assert refused.value.facts == {"status": "scheduled", "allowed": ["draft"]}


async def test_two_who_schedule_one_lot_at_once_do_it_once(books: Books, launch: str) -> None:
    outcomes = await asyncio.gather(*(freeze(books, launch) for _ in range(4)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LotRecord", *["WrongStatus"] * 3]


async def test_a_locked_lot_is_for_one_transaction_and_does_not_stop_registrations(
    books: Books, launch: str, sql: Sql
) -> None:
    await sql("INSERT INTO bidders (bidder_id, name) VALUES ('ann', 'Ann')")
    async with books.transaction() as tx:
        await catalogue.lock_lot(tx, launch)
        await sql(
            "INSERT INTO registrations (lot_id, bidder_id, paddle, terms_sha256) VALUES (:lot, 'ann', 1, :sha)",
            lot=launch,
            sha="f" * 64,
        )
        with pytest.raises(BooksAway):
            await lock_impatiently(books, launch)


async def test_scheduled_lots_that_the_archive_has_never_seen_are_to_be_installed(books: Books, launch: str) -> None:
    async with books.reading() as tx:
        assert await catalogue.lots_to_install(tx) == []
    await freeze(books, launch)
    async with books.reading() as tx:
        assert [lot.lot_id for lot in await catalogue.lots_to_install(tx)] == [launch]

    lot = LotWriter(Stream())
    async with books.transaction() as tx:
        await archive.append(tx, 3, [next(lot.opening())])
    async with books.reading() as tx:
        assert await catalogue.lots_to_install(tx) == []
