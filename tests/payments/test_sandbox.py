"""The provider of our own: its cards, its clock, its file shared by processes, its notices."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, NoticeRefused, Reply, ReplyStatus
from auction.payments.sandbox import REDELIVER_AFTER_MS, SandboxGateway
from auction.payments.sandbox.file import SandboxFile
from tests.payments.conftest import NOTICE_SECRET, Clock

DAY_MS = 86_400_000
# another process on the same file: performs the same operations and prints what it was answered
_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from auction.payments.sandbox import SandboxGateway

async def main(path, count):
    gateway = SandboxGateway(Path(path), notice_secret="another process, another secret")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        reply = await gateway.hold(f"hold-{number}", amount_fen=100, payment_method="sandbox-ok", payer="bidder-1")
        print(reply.ref, flush=True)
    await gateway.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def hold(gateway: SandboxGateway, card: str = "sandbox-ok", operation_id: str = "hold-1", **other) -> Reply:
    wanted = {"amount_fen": 10_000, "payment_method": card, "payer": "bidder-1", **other}
    return await gateway.hold(operation_id, **wanted)


async def charge(gateway: SandboxGateway, card: str = "sandbox-ok", operation_id: str = "charge-1") -> Reply:
    return await gateway.charge(operation_id, amount_fen=10_000, payment_method=card, payer="bidder-1")


async def test_the_same_operation_from_many_callers_makes_one_hold(opened: Callable[..., SandboxGateway]) -> None:
    gateways = [opened() for _ in range(4)]
    replies = await asyncio.gather(*(hold(gateway) for gateway in gateways for _ in range(10)))
    assert len(set(replies)) == 1
    assert (await gateways[0].movements()).held_fen == 10_000


def test_two_processes_with_the_same_operations_never_make_two_holds(tmp_path: Path) -> None:
    path, count = tmp_path / "shared.sqlite", 30
    others = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER_PROCESS, str(path), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
    told = [other.communicate("go\n", timeout=60)[0].split() for other in others]
    assert len(told[0]) == count
    assert told[0] == told[1]
    file = SandboxFile(path)
    with file.transaction():
        assert file.movements().held_fen == 100 * count
    file.close()


async def test_what_was_done_is_still_known_after_a_restart(opened: Callable[..., SandboxGateway]) -> None:
    first = opened()
    reply = await hold(first)
    await first.close()
    assert await opened().look_up("hold-1", OperationKind.HOLD) == reply


@pytest.mark.parametrize(
    "card, failure", [("sandbox-declines", "card_declined"), ("sandbox-insufficient", "insufficient_funds")]
)
async def test_a_bad_card_holds_nothing(sandbox: SandboxGateway, card: str, failure: str) -> None:
    assert (await hold(sandbox, card)).failure == failure
    assert (await charge(sandbox, card)).failure == failure
    movements = await sandbox.movements()
    assert (movements.held_fen, movements.cash_fen) == (0, 0)


async def test_a_slow_card_is_pending_and_then_succeeds(sandbox: SandboxGateway, clock: Clock) -> None:
    reply = await hold(sandbox, "sandbox-slow")
    assert (reply.status, reply.expires_at_ms) == (ReplyStatus.PENDING, None)
    assert (await sandbox.capture("capture-1", ref=reply.ref, amount_fen=1)).failure == "not_ready"
    clock.pass_ms(2_999)
    assert (await hold(sandbox, "sandbox-slow")).status is ReplyStatus.PENDING
    clock.pass_ms(1)
    done = await hold(sandbox, "sandbox-slow")
    assert (done.status, done.ref) == (ReplyStatus.SUCCEEDED, reply.ref)
    assert done.expires_at_ms == clock.now_ms + 7 * DAY_MS


async def test_a_slow_card_may_decline_in_the_end(sandbox: SandboxGateway, clock: Clock) -> None:
    assert (await charge(sandbox, "sandbox-slow-declines")).status is ReplyStatus.PENDING
    clock.pass_ms(3_000)
    assert (await charge(sandbox, "sandbox-slow-declines")).failure == "card_declined"
    assert await sandbox.balance_fen() == 0


async def test_a_slow_refund_counts_only_once_it_is_through(sandbox: SandboxGateway, clock: Clock) -> None:
    taken = await charge(sandbox, "sandbox-slow")
    clock.pass_ms(3_000)
    assert (await sandbox.refund("refund-1", ref=taken.ref, amount_fen=6_000)).status is ReplyStatus.PENDING
    assert await sandbox.balance_fen() == 10_000
    # what is on its way back cannot be sent back again
    assert (await sandbox.refund("refund-2", ref=taken.ref, amount_fen=6_000)).failure == "amount_too_large"
    clock.pass_ms(3_000)
    assert await sandbox.balance_fen() == 4_000


async def test_a_hold_runs_out_and_is_then_neither_captured_nor_released(sandbox: SandboxGateway, clock: Clock) -> None:
    reply = await hold(sandbox, "sandbox-expires")
    assert reply.expires_at_ms == clock.now_ms + 5_000
    clock.pass_ms(5_000)
    assert (await sandbox.capture("capture-1", ref=reply.ref, amount_fen=1)).failure == "expired"
    assert (await sandbox.release("release-1", ref=reply.ref)).failure == "expired"
    looked_up = await sandbox.look_up("hold-1", OperationKind.HOLD)
    assert looked_up is not None
    assert looked_up.failure == "expired"
    assert (await sandbox.movements()).held_fen == 0


async def test_a_capture_in_the_last_millisecond_is_in_time(sandbox: SandboxGateway, clock: Clock) -> None:
    reply = await hold(sandbox)
    clock.pass_ms(7 * DAY_MS - 1)
    assert (await sandbox.capture("capture-1", ref=reply.ref, amount_fen=10_000)).status is ReplyStatus.SUCCEEDED


async def test_a_partial_capture_frees_the_rest(sandbox: SandboxGateway) -> None:
    reply = await hold(sandbox)
    await sandbox.capture("capture-1", ref=reply.ref, amount_fen=3_000)
    movements = await sandbox.movements()
    assert (movements.held_fen, movements.captured_fen, movements.cash_fen) == (0, 3_000, 3_000)


async def test_more_than_was_taken_is_never_refunded(sandbox: SandboxGateway) -> None:
    reply = await hold(sandbox)
    assert (await sandbox.refund("refund-0", ref=reply.ref, amount_fen=1)).failure == "not_ready"
    await sandbox.capture("capture-1", ref=reply.ref, amount_fen=3_000)
    refunds = await asyncio.gather(
        *(sandbox.refund(f"refund-{number}", ref=reply.ref, amount_fen=1_000) for number in range(1, 9))
    )
    assert sorted(refund.failure or "" for refund in refunds) == [""] * 3 + ["amount_too_large"] * 5
    movements = await sandbox.movements()
    assert (movements.refunded_fen, movements.cash_fen) == (3_000, 0)


async def test_a_capture_that_fails_leaves_the_hold(sandbox: SandboxGateway) -> None:
    reply = await hold(sandbox, "sandbox-capture-fails")
    assert (await sandbox.capture("capture-1", ref=reply.ref, amount_fen=1)).failure == "capture_failed"
    assert (await sandbox.release("release-1", ref=reply.ref)).status is ReplyStatus.SUCCEEDED


async def test_a_refund_that_fails_once_succeeds_as_another_operation(sandbox: SandboxGateway) -> None:
    taken = await charge(sandbox, "sandbox-refund-fails-once")
    failed = await sandbox.refund("refund-1", ref=taken.ref, amount_fen=10_000)
    assert failed.failure == "refund_failed"
    assert await sandbox.refund("refund-1", ref=taken.ref, amount_fen=10_000) == failed
    assert (await sandbox.refund("refund-2", ref=taken.ref, amount_fen=10_000)).status is ReplyStatus.SUCCEEDED


async def test_an_answer_that_got_lost_is_found_by_asking_again(sandbox: SandboxGateway) -> None:
    with pytest.raises(GatewayAway):
        await hold(sandbox, "sandbox-no-answer")
    assert (await hold(sandbox, "sandbox-no-answer")).status is ReplyStatus.SUCCEEDED
    assert (await sandbox.movements()).held_fen == 10_000


async def test_each_payer_has_a_card_of_their_own_unless_one_is_named(sandbox: SandboxGateway) -> None:
    own = await hold(sandbox, operation_id="hold-1", payer="bidder-1")
    others = await hold(sandbox, operation_id="hold-2", payer="bidder-2")
    named = await hold(sandbox, "sandbox-ok:card7", operation_id="hold-3", payer="bidder-1")
    declined = await hold(sandbox, "sandbox-declines:card7", operation_id="hold-4", payer="bidder-2")
    assert len({own.instrument, others.instrument, named.instrument}) == 3
    assert declined.instrument == named.instrument


async def test_a_file_in_somebody_elses_hands_is_no_answer(
    tmp_path: Path, sandbox: SandboxGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auction.payments.sandbox.file.BUSY_MS", 50)
    other = SandboxFile(tmp_path / "sandbox.sqlite")
    with other.transaction(), pytest.raises(GatewayAway):
        await hold(sandbox)
    other.close()
    assert (await hold(sandbox)).status is ReplyStatus.SUCCEEDED


async def test_a_fault_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    file = SandboxFile(tmp_path / "sandbox.sqlite")
    with suppress(ZeroDivisionError), file.transaction():
        file.queue_notice(b"lost", due_at_ms=0, place=0)
        raise ZeroDivisionError
    with file.transaction():
        assert file.take_notices(10, now_ms=1, again_at_ms=2) == []
    file.close()


async def test_a_notice_tells_what_an_operation_came_to(sandbox: SandboxGateway, clock: Clock) -> None:
    reply = await hold(sandbox)
    (due,) = await sandbox.due_notices(10)
    notice = sandbox.read_notice(due.body, due.headers, clock.now_s)
    assert (notice.operation_id, notice.kind, notice.ref) == ("hold-1", OperationKind.HOLD, reply.ref)
    assert notice.reply == reply


async def test_slow_outcomes_and_lapsed_holds_are_announced_when_they_happen(
    sandbox: SandboxGateway, clock: Clock
) -> None:
    await hold(sandbox, "sandbox-slow")
    assert await sandbox.due_notices(10) == []
    clock.pass_ms(3_000 + 7 * DAY_MS)
    notices = [sandbox.read_notice(due.body, due.headers, clock.now_s) for due in await sandbox.due_notices(10)]
    told = [(notice.reply.status, notice.reply.failure) for notice in notices]
    assert told == [(ReplyStatus.SUCCEEDED, None), (ReplyStatus.FAILED, "expired")]


async def test_a_notice_comes_again_until_it_is_delivered(sandbox: SandboxGateway, clock: Clock) -> None:
    await hold(sandbox)
    (first,) = await sandbox.due_notices(10)
    assert await sandbox.due_notices(10) == []
    clock.pass_ms(REDELIVER_AFTER_MS)
    (again,) = await sandbox.due_notices(10)
    assert (again.id, again.body) == (first.id, first.body)
    assert again.headers != first.headers
    await sandbox.notice_delivered(again.id)
    clock.pass_ms(REDELIVER_AFTER_MS)
    assert await sandbox.due_notices(10) == []


async def test_notices_come_twice_on_demand(opened: Callable[..., SandboxGateway], clock: Clock) -> None:
    gateway = opened(duplicate=True)
    await hold(gateway)
    first, second = await gateway.due_notices(10)
    assert first.id != second.id
    assert first.body == second.body


async def test_notices_come_in_any_order_on_demand(opened: Callable[..., SandboxGateway], clock: Clock) -> None:
    gateway = opened(shuffle=7)
    wanted = [f"hold-{number}" for number in range(12)]
    for operation_id in wanted:
        await hold(gateway, operation_id=operation_id)
    notices = [gateway.read_notice(due.body, due.headers, clock.now_s) for due in await gateway.due_notices(100)]
    told = [str(notice.operation_id) for notice in notices]
    assert sorted(told) == sorted(wanted)
    assert told != wanted


async def test_a_courier_takes_no_more_than_it_can_carry(sandbox: SandboxGateway) -> None:
    for number in range(5):
        await hold(sandbox, operation_id=f"hold-{number}")
    assert [len(await sandbox.due_notices(3)) for _ in range(3)] == [3, 2, 0]


async def test_a_forged_notice_is_refused(opened: Callable[..., SandboxGateway], clock: Clock) -> None:
    gateway = opened()
    await hold(gateway)
    (due,) = await gateway.due_notices(1)
    with pytest.raises(NoticeRefused, match="not signed"):
        gateway.read_notice(due.body.replace(b"succeeded", b"failed   "), due.headers, clock.now_s)
    with pytest.raises(NoticeRefused, match="not signed"):
        opened(notice_secret="guessed").read_notice(due.body, due.headers, clock.now_s)
    moved = {key: text.replace("t=1800", "t=1801") for key, text in due.headers.items()}
    with pytest.raises(NoticeRefused, match="not signed"):
        gateway.read_notice(due.body, moved, clock.now_s)


@pytest.mark.parametrize("header", ["", "t=1", "v1=00", "t=1,v1=zz", "t=-1,v1=" + "0" * 64, "t=" + "9" * 400])
async def test_a_notice_without_a_proper_signature_is_refused(sandbox: SandboxGateway, header: str) -> None:
    with pytest.raises(NoticeRefused, match="malformed"):
        sandbox.read_notice(b"{}", {"Sandbox-Signature": header}, 1.0)


async def test_a_notice_five_minutes_from_now_is_refused(sandbox: SandboxGateway, clock: Clock) -> None:
    await hold(sandbox)
    (due,) = await sandbox.due_notices(1)
    lower_case = {key.lower(): text for key, text in due.headers.items()}
    for offset_s in (-300, 300):
        assert sandbox.read_notice(due.body, lower_case, clock.now_s + offset_s).operation_id
    for offset_s in (-301, 301):
        with pytest.raises(NoticeRefused, match="300 seconds"):
            sandbox.read_notice(due.body, due.headers, clock.now_s + offset_s)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"notice_id": 7}', b"x" * 300_000])
async def test_a_signed_notice_that_cannot_be_read_is_refused(sandbox: SandboxGateway, body: bytes) -> None:
    from auction.payments.sandbox.notices import signed_headers

    with pytest.raises(NoticeRefused):
        sandbox.read_notice(body, signed_headers(body, NOTICE_SECRET, 1_000), 1_000)


async def test_a_reply_fails_with_a_reason_and_only_then() -> None:
    reply = Reply(ReplyStatus.SUCCEEDED, "ref")
    with pytest.raises(ValueError, match="failure"):
        replace(reply, failure="card_declined")
    with pytest.raises(ValueError, match="failure"):
        replace(reply, status=ReplyStatus.FAILED)


async def test_closing_twice_is_closing_once(sandbox: SandboxGateway) -> None:
    await hold(sandbox)
    await sandbox.close()
    await sandbox.close()
