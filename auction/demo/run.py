"""The demo's course on servers that are starting: creates the sale, runs bots and lots, verifies, then stays up."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.live import Live

from auction.console.output import print_error
from auction.console.verification import all_hold, money_line
from auction.demo import display
from auction.demo.accounts import create_accounts
from auction.demo.api_client import ApiClient, CallCounts, CallFailed
from auction.demo.banner import Guest, print_banner, running_line
from auction.demo.bots import BOTS, Bot, bid_all, create_bots, register_all
from auction.demo.lot_table import LotTable
from auction.demo.names import name_of
from auction.demo.report import read_results, verdict_line
from auction.demo.settlement_bots import SettlementBots
from auction.demo.staff_client import ScheduledLot, StaffClient
from auction.domain.errors import AuctionError
from auction.services.identity.tokens import Role, TokenKeys
from auction.serving.processes import READY_S, wait_until_ready
from auction.serving.sockets import local_address
from auction.settings import Settings

STAFF_SUBJECT = "front-desk"
"""Creates, opens and resumes the lots; the printed staff token and the clerk's account have the same subject."""
POLL_S = 0.3
REFRESHES_PER_S = 5
REVIEW_S, REVIEW_S_MIN = 5.0, 1.0
"""How long a lot stays held for review at speed 1, and however fast the demo."""
LINE_INTERVAL_S, LINE_INTERVAL_S_MIN = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`exits`: end when all lots are verified instead of staying up; `data_dir`: the directory whose data is kept."""

    speed: float
    bots: bool
    exits: bool
    on_terminal: bool
    data_dir: Path | None


class DemoRun:
    """One run of the demo."""

    def __init__(self, settings: Settings, options: DemoOptions) -> None:
        self._settings = settings
        self._options = options
        self._console = Console(highlight=False)
        self._address = local_address(settings.http_host, settings.http_port)
        self._keys = TokenKeys(settings.secret, settings.keys_dir)
        self._counts = CallCounts()
        self._rng = random.Random()  # noqa: S311 - the bots' choices are no secret

    async def run(self) -> int:
        """Run until all lots are verified, then (unless the options say `exits`) until cancelled; the exit code.

        0 when all went well; 1 when the record breaks a promise or the API could not be used.
        """
        try:
            return await self._run()
        except (CallFailed, AuctionError) as error:
            print_error(str(error))
        except BaseExceptionGroup as group:
            known, rest = group.split((CallFailed, AuctionError))
            if rest is not None:
                raise rest from None
            if known is not None:
                print_error(str(_first(known)))
        return 1

    async def _run(self) -> int:
        if not await wait_until_ready(self._address):
            raise CallFailed(f"the server did not answer at {self._address} within {READY_S:.0f} s")
        limits = httpx.Limits(max_connections=2 * BOTS, max_keepalive_connections=2 * BOTS)
        async with httpx.AsyncClient(base_url=f"{self._address}/api/v1", limits=limits, trust_env=False) as client:
            staff = StaffClient(self._client(client, STAFF_SUBJECT, Role.OPS, "Front desk"), self._options.speed)
            sale_id = await staff.create_sale()
            scheduled = await staff.create_lots(sale_id, bots=self._options.bots)
            guests = [await self._guest(client, name, scheduled) for name in ("guest-a", "guest-b")]
            await create_accounts(self._settings, staff_subject=STAFF_SUBJECT)
            print_banner(
                self._console,
                address=self._address,
                sale_id=sale_id,
                scheduled=scheduled,
                guests=guests,
                clerk_token=self._token(STAFF_SUBJECT, Role.OPS),
                bots=self._options.bots,
                data_dir=self._options.data_dir,
            )
            table = LotTable(scheduled)
            bots = self._create_bots(client, scheduled) if self._options.bots else []
            settlement_bots = SettlementBots(staff, bots, table, self._options.speed)
            await self._run_lots(staff, sale_id, table, bots, settlement_bots)
            status = await self._report(sale_id, table)
            if status == 0 and not self._options.exits:
                self._print(f"\n{running_line(self._address)}")
                await self._stay(settlement_bots, table)
            return status

    async def _run_lots(
        self,
        staff: StaffClient,
        sale_id: str,
        table: LotTable,
        bots: Sequence[Bot],
        settlement_bots: SettlementBots,
    ) -> None:
        """Run the lots from their opening to the last decision after their close, with output all the time."""
        async with asyncio.TaskGroup() as tasks:
            output = tasks.create_task(self._show(table))
            bidding = tasks.create_task(_register_and_bid(staff, bots, table)) if bots else None
            settling = tasks.create_task(settlement_bots.run())
            await self._poll_lots(staff, sale_id, table)
            if bidding is not None:
                bidding.cancel()
            settling.cancel()
            await settlement_bots.finish()
            output.cancel()

    async def _poll_lots(self, staff: StaffClient, sale_id: str, table: LotTable) -> None:
        """Poll the sale until all lots are over; with bots, resume lots that were held long enough."""
        held_since_s: dict[str, float] = {}
        review_s = max(REVIEW_S_MIN, REVIEW_S / self._options.speed)
        while not table.over:
            table.update(await staff.show(sale_id))
            for lot in table.lots.values():
                if lot.status != "held" or not self._options.bots:
                    held_since_s.pop(lot.lot_id, None)
                elif time.monotonic() - held_since_s.setdefault(lot.lot_id, time.monotonic()) >= review_s:
                    ends_at_ms = await staff.resume(lot.lot_id)
                    if ends_at_ms is not None:
                        lot.scheduled_ends.add(ends_at_ms)
            await asyncio.sleep(POLL_S)

    async def _show(self, table: LotTable) -> None:
        """Print the live table, or lines, until cancelled."""
        if self._options.on_terminal:
            live_table = display.Display(table, self._counts, BOTS if self._options.bots else 0)
            with Live(live_table, console=self._console, refresh_per_second=REFRESHES_PER_S):
                await asyncio.Event().wait()
        interval_s = max(LINE_INTERVAL_S_MIN, LINE_INTERVAL_S / self._options.speed)
        printed_s = 0.0
        while True:
            self._print_news(table)
            if self._options.bots and time.monotonic() - printed_s >= interval_s:
                printed_s = time.monotonic()
                self._print(display.plain_line(table))
            await asyncio.sleep(POLL_S)

    async def _report(self, sale_id: str, table: LotTable) -> int:
        """Print how the lots ended and whether everything holds; the exit code."""
        results, verdict, money, audit = await read_results(self._settings, sale_id, table)
        is_sound = all_hold(verdict, money, audit)
        if self._options.on_terminal:
            # the live table has shown it
            table.pop_unprinted()
            self._console.print("\n[bold]All lots are closed.[/]")
            self._console.print(display.results_table(results))
            for sentence in (verdict_line(verdict), money_line(money)):
                self._console.print(sentence, style="green" if is_sound else "bold red", markup=False)
        else:
            self._print_news(table)
            if self._options.bots:
                self._print(display.counts_text(self._counts, BOTS).plain)
            for result in results:
                self._print(display.result_line(result))
            self._print(verdict_line(verdict))
            self._print(money_line(money))
        return 0 if is_sound else 1

    async def _stay(self, settlement_bots: SettlementBots, table: LotTable) -> None:
        """Let the bots answer what people decide about the closed lots, until cancelled."""
        while True:
            # a server that is being restarted is asked again
            with contextlib.suppress(CallFailed):
                await settlement_bots.poll()
            self._print_news(table)
            await asyncio.sleep(POLL_S)

    def _print_news(self, table: LotTable) -> None:
        for sentence in table.pop_unprinted():
            self._print(f"       {sentence}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _create_bots(self, client: httpx.AsyncClient, scheduled: Sequence[ScheduledLot]) -> list[Bot]:
        def client_for(number: int) -> ApiClient:
            return self._client(client, f"bidder-{number + 1:02d}", Role.BIDDER, name_of(number))

        return create_bots(scheduled, client_for, self._options.speed, self._rng)

    async def _guest(self, client: httpx.AsyncClient, subject: str, scheduled: Sequence[ScheduledLot]) -> Guest:
        """A bidder for whoever tries the demo, registered for every lot."""
        guest = self._client(client, subject, Role.BIDDER, subject)
        paddle = 0
        for lot in scheduled:
            paddle = await guest.register(lot.lot_id, lot.plan.guest_deposit_fen)
        return Guest(paddle, self._token(subject, Role.BIDDER, subject))

    def _client(self, client: httpx.AsyncClient, subject: str, role: Role, name: str) -> ApiClient:
        return ApiClient(client, self._token(subject, role, name), self._counts, self._rng)

    def _token(self, subject: str, role: Role, name: str = "") -> str:
        lifetime_s = self._settings.token_lifetime_s
        return self._keys.issue(subject=subject, role=role, name=name, now_s=int(time.time()), lifetime_s=lifetime_s)


async def _register_and_bid(staff: StaffClient, bots: Sequence[Bot], table: LotTable) -> None:
    table.add_news(f"{BOTS} bots register")
    await register_all(bots)
    table.add_news("all bots are registered; staff open the lots")
    for lot in table.lots.values():
        table.record_opening(await staff.open(lot.scheduled))
    await bid_all(bots, table)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
