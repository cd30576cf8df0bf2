"""What happens in the demo, in order: the sale is entered, bidders come in, the lots run, results are checked."""

import asyncio
import random
import time
from collections.abc import Sequence

import httpx
from rich.console import Console
from rich.live import Live

from auction.cli.verify import money_line
from auction.console.output import complain
from auction.demo import display
from auction.demo.accounts import make_accounts
from auction.demo.api_client import ApiClient, CallCounts, CallFailed
from auction.demo.banner import Guest, print_banner
from auction.demo.bots import BIDDERS, Bot, bid_all, bring_in, create_bots, name_of
from auction.demo.lot_table import LotTable
from auction.demo.report import conclude, verdict_line
from auction.demo.settlement_bots import SettlementBots
from auction.demo.staff_client import ScheduledLot, StaffClient
from auction.domain.errors import AuctionError
from auction.services.identity.tokens import Role, TokenKey
from auction.serving.processes import READY_S, until_ready
from auction.serving.sockets import address_for_visitors
from auction.settings import Settings

DESK = "front-desk"
"""Who enters, opens and resumes the lots; the tokens that are printed speak for it too."""
LOOK_EVERY_S = 0.3
PICTURES_A_SECOND = 5
HELD_FOR_S, HELD_S_MIN = 5.0, 1.0
"""How long staff think about a held lot at speed 1, and however fast the demo."""
LINES_EVERY_S, LINE_INTERVAL_S_MIN = 5.0, 1.0


class DemoRun:
    """One performance on a house that is being started."""

    def __init__(self, settings: Settings, *, speed: float, bots: bool, on_terminal: bool) -> None:
        self._settings = settings
        self._speed = speed
        self._bots = bots
        self.on_terminal = on_terminal
        self._console = Console(highlight=False)
        self._address = address_for_visitors(settings.http_host, settings.http_port)
        self._key = TokenKey(settings.secret)
        self._tally = CallCounts()
        self._chance = random.Random()  # noqa: S311 - whims of bots, no secret

    async def perform(self) -> int:
        """0 when all went well, 1 where the record breaks a promise or the house could not be used."""
        try:
            return await self._perform()
        except (CallFailed, AuctionError) as error:
            complain(str(error))
        except BaseExceptionGroup as group:
            known, rest = group.split((CallFailed, AuctionError))
            if rest is not None:
                raise rest from None
            if known is not None:
                complain(str(_first(known)))
        return 1

    async def _perform(self) -> int:
        if not await until_ready(self._address):
            raise CallFailed(f"the house did not answer at {self._address} within {READY_S:.0f} s")
        limits = httpx.Limits(max_connections=2 * BIDDERS, max_keepalive_connections=2 * BIDDERS)
        async with httpx.AsyncClient(base_url=f"{self._address}/api/v1", limits=limits, trust_env=False) as client:
            staff_client = StaffClient(self._caller(client, DESK, Role.OPS, "Front desk"), self._speed)
            sale_id = await staff_client.enter_sale()
            scheduled = await staff_client.enter_lots(sale_id, by_hand=not self._bots)
            guests = [await self._guest(client, name, scheduled) for name in ("guest-a", "guest-b")]
            await make_accounts(self._settings, staff_subject=DESK)
            print_banner(
                self._console,
                address=self._address,
                sale_id=sale_id,
                scheduled=scheduled,
                guests=guests,
                clerk_token=self._token(DESK, Role.OPS),
                bots=self._bots,
            )
            table = LotTable(scheduled)
            await self._run_lots(client, staff_client, sale_id, table)
        return await self._conclude(sale_id, table)

    async def _run_lots(
        self, client: httpx.AsyncClient, staff_client: StaffClient, sale_id: str, table: LotTable
    ) -> None:
        """The lots from their opening to their close, shown all along."""
        seats: list[Bot] = []
        if self._bots:
            scheduled = [lot.scheduled for lot in table.lots.values()]
            seats = create_bots(
                scheduled,
                lambda number: self._caller(client, f"bidder-{number + 1:02d}", Role.BIDDER, name_of(number)),
                self._speed,
                self._chance,
            )
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(self._show(table))
            bidding = tasks.create_task(_come_and_bid(staff_client, seats, table)) if seats else None
            afterwards = SettlementBots(staff_client, seats, table, self._speed)
            following = tasks.create_task(afterwards.follow())
            await self._watch(staff_client, sale_id, table)
            if bidding is not None:
                bidding.cancel()
            following.cancel()
            await afterwards.finish()
            showing.cancel()

    async def _watch(self, staff_client: StaffClient, sale_id: str, table: LotTable) -> None:
        """Look at the sale again and again until it is over; have staff resume what is held for review."""
        held_since: dict[str, float] = {}
        hold_s = max(HELD_S_MIN, HELD_FOR_S / self._speed)
        while not table.over:
            table.take(await staff_client.show(sale_id))
            for lot in table.lots.values():
                if lot.status != "held" or not self._bots:
                    held_since.pop(lot.lot_id, None)
                elif time.monotonic() - held_since.setdefault(lot.lot_id, time.monotonic()) >= hold_s:
                    ends_at_ms = await staff_client.resume(lot.lot_id)
                    if ends_at_ms is not None:
                        lot.given_ends.add(ends_at_ms)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _show(self, table: LotTable) -> None:
        """Show the board until cancelled."""
        if self.on_terminal:
            picture = display.Display(table, self._tally, BIDDERS if self._bots else 0)
            with Live(picture, console=self._console, refresh_per_second=PICTURES_A_SECOND):
                await asyncio.Event().wait()
        every_s = max(LINE_INTERVAL_S_MIN, LINES_EVERY_S / self._speed)
        printed_s = 0.0
        while True:
            self._print_news(table)
            if self._bots and time.monotonic() - printed_s >= every_s:
                printed_s = time.monotonic()
                self._say(display.plain_line(table))
            await asyncio.sleep(LOOK_EVERY_S)

    def _print_news(self, table: LotTable) -> None:
        while table.unsaid:
            self._say(f"       {table.unsaid.popleft()[1]}")

    async def _conclude(self, sale_id: str, table: LotTable) -> int:
        results, verdict, money = await conclude(self._settings, sale_id, table)
        broken = bool(verdict.breaches) or any(rule.broken for rule in money)
        if self.on_terminal:
            self._console.print("\n[bold]The hammer has fallen.[/]")
            self._console.print(display.results_table(results))
            for sentence in (verdict_line(verdict), money_line(money)):
                self._console.print(sentence, style="bold red" if broken else "green", markup=False)
            if not broken:
                self._console.print(f"\nThe house stays open at {self._address}  [dim]Ctrl-C stops all of it.[/]")
        else:
            self._print_news(table)
            if self._bots:
                self._say(display.tally_text(self._tally, BIDDERS).plain)
            for result in results:
                self._say(display.result_line(result))
            self._say(verdict_line(verdict))
            self._say(money_line(money))
        return int(broken)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    async def _guest(self, client: httpx.AsyncClient, subject: str, scheduled: Sequence[ScheduledLot]) -> Guest:
        """A bidder for whoever watches: registered for every lot."""
        caller = self._caller(client, subject, Role.BIDDER, subject)
        paddle = 0
        for lot in scheduled:
            paddle = await caller.register(lot.lot_id, lot.plan.guest_deposit_fen)
        return Guest(paddle, self._token(subject, Role.BIDDER, subject))

    def _caller(self, client: httpx.AsyncClient, subject: str, role: Role, name: str) -> ApiClient:
        return ApiClient(client, self._token(subject, role, name), self._tally, self._chance)

    def _token(self, subject: str, role: Role, name: str = "") -> str:
        lifetime_s = self._settings.token_lifetime_s
        return self._key.issue(subject=subject, role=role, name=name, now_s=int(time.time()), lifetime_s=lifetime_s)


async def _come_and_bid(staff_client: StaffClient, seats: Sequence[Bot], table: LotTable) -> None:
    table.say(f"{BIDDERS} bidders come in")
    await bring_in(seats)
    table.say("everybody has a paddle; staff open the lots")
    for lot in table.lots.values():
        table.open(await staff_client.open(lot.scheduled))
    await bid_all(seats, table)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
