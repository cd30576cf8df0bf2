"""What follows the hammer, on the pages of bidders and of finance: paying, defaulting, offers, handover, two persons."""

import json
import secrets
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from auction.services.identity.tokens import Role
from tests.browser.conftest import PASSWORD, PublicServer, enter_staff, register, sign_up, take_screenshot
from tests.browser.page_texts import part, text
from tests.browser.test_looks import LOOKS, is_wider_than_its_window, serious_findings
from tests.cli.processes import until

DAY_MS = 86_400_000
TEN_MINUTES_MS = 600_000


@pytest.fixture(scope="module")
def staff(public_server):
    """User names by what they are for: two of finance, an auditor."""
    folder = public_server.command.folder
    settings = {"AUCTION_DATA_DIR": str(folder / "var")}
    names = {"mina": "finance", "milo": "finance", "ada": "auditor"}
    return {name: enter_staff(folder, f"desk.{name}", role, **settings) for name, role in names.items()}


def terms(**settlement: Any) -> dict[str, Any]:
    """Terms after the hammer: a fee, a commission, nobody else asked unless the test says so."""
    cascade = {"depth": 0, "price": "own_bid", "floor_percent": 0, "offer_window_ms": TEN_MINUTES_MS}
    cascade |= settlement.pop("cascade", {})
    plain = {
        "payment_window_ms": DAY_MS,
        "buyer_fee_bps": 500,
        "seller_commission_bps": 1000,
        "when_exhausted": "unsold",
    }
    return {"settlement": {**plain, **settlement, "cascade": cascade}}


def new_bidder(context: PublicServer, username: str) -> str:
    """An account that can sign in; what its tokens speak for."""
    account = {"username": username, "password": PASSWORD, "name": username.title()}
    answer = httpx.post(f"{context.address}/api/v1/auth/accounts", json=account, timeout=30, trust_env=False)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["subject"])


def as_bidder(context: PublicServer, who: str, method: str, path: str, body: Any = None) -> Any:
    return context.ask(method, path, body, who=who, role=Role.BIDDER, **{"Idempotency-Key": secrets.token_hex(8)})


def as_finance(context: PublicServer, who: str, method: str, path: str, body: Any = None) -> Any:
    return context.ask(method, path, body, who=who, role=Role.FINANCE)


def story(context: PublicServer, lot_id: str) -> Any:
    return as_finance(context, "books", "GET", f"/ops/settlements/{lot_id}")


def state(context: PublicServer, lot_id: str) -> str | None:
    found = as_finance(context, "books", "GET", "/ops/settlements?limit=500")["settlements"]
    return next((one["state"] for one in found if one["lot_id"] == lot_id), None)


def until_state(context: PublicServer, lot_id: str, wanted: str) -> None:
    until(lambda: state(context, lot_id) == wanted, f"{lot_id} is {wanted}")


def sold_lot(context: PublicServer, title: str, bids: list[tuple[str, int]], **settlement: Any) -> str:
    """A lot under the hammer, its last bid won."""
    lot_id = context.new_lot(title, **terms(**settlement))
    context.open_lot(lot_id, TEN_MINUTES_MS)
    for bidder, amount_fen in bids:
        context.register(lot_id, bidder)
        context.bid(lot_id, bidder, amount_fen)
    context.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "the hammer falls"})
    until_state(context, lot_id, "awarded")
    return lot_id


def award_of(context: PublicServer, bidder: str, lot_id: str) -> Any:
    awards = as_bidder(context, bidder, "GET", "/me/awards")["awards"]
    return next(award for award in awards if award["lot_id"] == lot_id)


async def subject_of(page: Page) -> str:
    answer = await page.request.get("/api/v1/auth/session")
    return str((await answer.json())["identity"]["subject"])


async def sign_in_to_board(page: Page, username: str) -> None:
    await page.goto("/sign-in")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.click("#sign-button")
    await page.wait_for_url("**/ops/settlements")
    await page.wait_for_selector("#content:not([hidden])")


async def choose(page: Page, lot_id: str) -> None:
    await page.click(f"[data-lot={lot_id}]")
    await page.wait_for_selector("#lot-state")


async def act(page: Page, selector: str, *, reason: str | None = None) -> str:
    """Choose an action, read its consequence, confirm it."""
    await page.click(selector)
    sentence = await page.inner_text("#act-sentence")
    if reason is not None:
        await page.fill("#act-reason", reason)
    await page.click("#act-confirm")
    return sentence


async def test_a_winner_pays_chooses_a_centre_and_finance_confirms_the_handover(public_server, visitors, staff):
    lot_id = public_server.new_lot("Paid for", **terms())
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(size="phone") as ann, visitors.page() as desk:
        await sign_up(ann, "money.ann", back_to=f"/lots/{lot_id}")
        await register(ann)
        await ann.fill("#own-amount", "5,000")
        await ann.click("#own-bid")
        await ann.click("#confirm-yes")
        await expect(ann.locator("#leader")).to_have_text(text("lot.you-lead", paddle=1))
        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "the hammer falls"})
        await ann.click("#to-me")

        # price 5,000, fee 250, of it 100 from the deposit
        award = ann.locator("[data-award]")
        await expect(award.locator("[data-row=due] dd")).to_have_text("¥5,150.00")
        await expect(award.locator("[role=timer]")).to_contain_text("23:59")
        await award.locator("select").first.select_option("sandbox-declines")
        await award.locator("[data-act=pay]").click()
        await expect(award).to_contain_text(text("problem.payment-declined", failure=text("failure.card_declined")))
        await award.locator("select").first.select_option("sandbox-ok")
        await award.locator("[data-act=pay]").dblclick()
        await expect(award.locator(".badge")).to_have_text(text("award.paid"))
        await expect(ann.locator("[data-deposit]")).to_have_attribute("data-status", "applied")
        charges = [one for one in story(public_server, lot_id)["operations"] if one["kind"] == "charge"]
        assert sorted(one["status"] for one in charges) == ["failed", "succeeded"]

        await sign_in_to_board(desk, staff["mina"])
        await choose(desk, lot_id)
        await expect(desk.locator("#act-handover")).to_be_disabled()
        await expect(desk.locator("#lot-waits")).to_have_text(text("money.waits-for-centre"))
        await award.locator("select").last.select_option("Shanghai")
        await award.locator("[data-act=centre]").click()
        await expect(award).to_contain_text(text("award.centre-chosen", centre="Shanghai"))
        said = await act(desk, "#act-handover")
        handed = {"title": "Paid for", "centre": "Shanghai", "price": "5,000", "commission": "10%"}
        assert said == text("money.sentence.handover", **handed)
        await expect(desk.locator("#lot-state")).to_have_text(text("settlement.settled"))
        await expect(award.locator(".badge")).to_have_text(text("award.settled"))
        steps = desk.locator("#settlement-steps")
        await expect(steps.locator("[data-step=awarded]")).to_contain_text("¥5,000.00")
        await expect(steps.locator("[data-step=awarded]")).to_contain_text("¥250.00")
        declined = {"amount_fen": "5,150.00", "failure": text("failure.card_declined")}
        await expect(steps).to_contain_text(text("step.payment-declined", **declined))
        await expect(steps).to_contain_text(text("step.payment-received", amount_fen="5,150.00"))
        await expect(steps).to_contain_text(text("step.delivery-centre-chosen", delivery_centre="Shanghai"))
        paid_out = {"delivery_centre": "Shanghai", "seller_fen": "4,500.00", "commission_fen": "750.00"}
        await expect(steps).to_contain_text(text("step.settled", **paid_out))
        await expect(desk.locator("#settlement-entries [data-kind=seller-paid]")).to_contain_text("¥4,500.00")
        journal = await desk.request.get(str(await desk.get_attribute("#lot-csv", "href")))
        assert "seller-paid" in await journal.text()


async def test_a_winner_who_lets_the_time_pass_makes_room_for_the_runner_up(public_server, visitors, staff):
    async with visitors.page() as bob, visitors.page() as desk:
        await sign_up(bob, "money.bob")
        runner_up = await subject_of(bob)
        times = {"payment_window_ms": 8_000, "grace_ms": 12_000}
        bids = [(runner_up, 300_000), ("money.carl", 600_000)]
        lot_id = sold_lot(public_server, "Not paid", bids, **times, cascade={"depth": 1})
        await sign_in_to_board(desk, staff["mina"])
        await choose(desk, lot_id)
        await expect(desk.locator("#lot-clock")).to_contain_text("00:1")
        await bob.goto("/me")
        await expect(bob.locator("#no-awards")).to_be_visible()
        await expect(bob.locator("[data-deposit]")).to_contain_text(part("deposit.held.runner-up"))

        # without a reload
        offer = bob.locator("[data-offer]")
        await expect(offer.locator("[data-row=due] dd")).to_have_text("¥3,150.00")
        said = await act(bob, "[data-act=accept]")
        assert said == text("offer.accept.sentence", title="Not paid", total="3,150.00")
        await bob.click("[data-award] [data-act=pay]")
        await expect(bob.locator("[data-award] .badge")).to_have_text(text("award.paid"))
        await expect(offer.locator(".badge")).to_have_text(text("offer.accepted"))

        steps = desk.locator("#settlement-steps")
        unpaid = {"paddle": 2, "price_fen": "6,000.00", "deposit_fen": "100.00"}
        await expect(steps).to_contain_text(text("step.defaulted.deadline", **unpaid))
        offered = {"paddle": 1, "price_fen": "3,000.00", "own_bid_fen": "3,000.00", "expires_at_ms": ""}
        await expect(steps).to_contain_text(text("step.offered", **offered))
        accepted = {"paddle": 1, "price_fen": "3,000.00", "pay_by_ms": ""}
        await expect(steps).to_contain_text(text("step.offer-accepted", **accepted))
        await expect(desk.locator("#lot-state")).to_have_text(text("award.paid"))
        await expect(desk.locator("#settlement-defaults")).to_contain_text("¥6,000.00")
        # the deposit is shared out once the sale cannot be undone any more
        (award,) = as_bidder(public_server, runner_up, "GET", "/me/awards")["awards"]
        where = {"delivery_centre": award["delivery_centres"][0]}
        as_bidder(public_server, runner_up, "POST", f"/me/awards/{award['award_id']}/handover", where)
        as_finance(public_server, "mina", "POST", f"/ops/settlements/{lot_id}/handover-confirmed")
        await expect(steps).to_contain_text(text("step.waterfall", forfeited_fen="100.00"))
        await expect(steps).to_contain_text(f"{text('money.split.gap')}¥100.00")


async def test_a_lot_that_nobody_takes_over_is_relisted(public_server, visitors, staff):
    async with visitors.page() as dora, visitors.page(language="zh-CN") as emil, visitors.page() as desk:
        await sign_up(dora, "money.dora")
        await sign_up(emil, "money.emil")
        bids = [(await subject_of(emil), 200_000), (await subject_of(dora), 400_000)]
        lot_id = sold_lot(
            public_server,
            "Nobody wants it",
            bids,
            cascade={"depth": 1},
            when_exhausted="relist",
            reauction_cost_fen=7_000,
        )
        await dora.goto("/me")
        said = await act(dora, "[data-act=refuse]")
        assert text("award.refuse.sentence", title="Nobody wants it", amount="100") in said
        await expect(dora.locator("[data-award] .badge")).to_have_text(text("award.defaulted"))
        await emil.goto("/me")
        await act(emil, "[data-act=decline]")
        await expect(emil.locator("[data-offer] .badge")).to_have_text(text("offer.declined", "zh-CN"))
        await expect(emil.locator("[data-deposit]")).to_have_attribute("data-status", "released")

        await sign_in_to_board(desk, staff["milo"])
        await choose(desk, lot_id)
        await expect(desk.locator("#lot-state")).to_have_text(text("settlement.relisted"))
        again = story(public_server, lot_id)["settlement"]["relisted_as"]
        steps = desk.locator("#settlement-steps")
        refused = {"paddle": 2, "price_fen": "4,000.00", "deposit_fen": "100.00"}
        await expect(steps).to_contain_text(text("step.defaulted.refusal", **refused))
        await expect(steps).to_contain_text(text("step.offer-declined", paddle=1, price_fen="2,000.00"))
        await expect(steps).to_contain_text(text("step.relisted", relisted_as=again, cost_fen="70.00"))

        # its defaulter is told so on the new lot
        public_server.open_lot(again, TEN_MINUTES_MS)
        await dora.goto(f"/lots/{again}")
        await dora.check("#accept-terms")
        await dora.click("#register")
        await expect(dora.locator("#gate [role=alert]")).to_have_text(text("problem.bidder-barred.resale"))


async def test_staff_relist_a_lot_that_stayed_unsold_and_its_page_leads_to_the_new_one(public_server, visitors, staff):
    kim = "money.kim"
    lot_id = sold_lot(public_server, "Once more", [(kim, 300_000)])
    award = award_of(public_server, kim, lot_id)["award_id"]
    as_bidder(public_server, kim, "POST", f"/me/awards/{award}/refuse", {})
    until_state(public_server, lot_id, "unsold")
    async with visitors.page() as desk:
        await sign_in_to_board(desk, staff["milo"])
        await choose(desk, lot_id)
        await desk.click("#act-relist")
        await desk.fill("#act-cost", "70")
        assert text("money.sentence.relist", title="Once more") in await desk.inner_text("#act-sentence")
        await desk.click("#act-confirm")
        await expect(desk.locator("#lot-state")).to_have_text(text("settlement.relisted"))
        again = story(public_server, lot_id)["settlement"]["relisted_as"]
        await expect(desk.locator("#settlement-steps")).to_contain_text(
            text("step.relisted", relisted_as=again, cost_fen="70.00")
        )

        await desk.goto(f"/lots/{lot_id}")
        await expect(desk.locator("#state-note")).to_contain_text(text("outcome.lot.relisted"))
        await desk.click("#new-lot")
        await desk.wait_for_url(f"**/lots/{again}")
        await expect(desk.locator("#title")).to_have_text("Once more")


async def test_a_default_before_its_time_takes_two_persons(public_server, visitors, staff):
    lot_id = sold_lot(public_server, "In doubt", [("money.fred", 500_000)])
    async with visitors.page() as mina, visitors.page() as milo, visitors.page() as ada:
        await sign_in_to_board(mina, staff["mina"])
        await choose(mina, lot_id)
        said = await act(mina, "#act-default", reason="the address does not exist")
        facts = {"price": "5,000", "paddle": 1, "bidder": "money.fred", "deposit": "100"}
        assert said == text("money.sentence.default", **facts) + text("money.sentence.two")
        asked = text("money.asked", action=text("money.action.default"))
        await expect(mina.locator("#lot-outcome")).to_contain_text(asked)
        await expect(mina.locator("[data-approval=default]")).to_contain_text(text("money.approval.yours"))
        await expect(mina.locator("#agree-default")).to_be_hidden()
        assert state(public_server, lot_id) == "awarded"
        await act(mina, "#act-default", reason="I ask again")
        await expect(mina.locator("#act-wrong")).to_have_text(text("ops.problem.same-person"))
        await mina.click("#act-back")

        await sign_in_to_board(ada, staff["ada"])
        await choose(ada, lot_id)
        await expect(ada.locator("#lot-actions")).to_contain_text(text("money.read-only"))
        await expect(ada.locator("#lot-actions button")).to_have_count(0)
        await expect(ada.locator("#agree-default")).to_be_hidden()

        await sign_in_to_board(milo, staff["milo"])
        await expect(milo.locator(f"[data-lot={lot_id}] .marks")).to_contain_text(text("money.action.default"))
        await choose(milo, lot_id)
        await expect(milo.locator("[data-approval=default]")).to_contain_text("the address does not exist")
        said = await act(milo, "#agree-default", reason="I looked too")
        assert part("money.sentence.agrees") in said
        await expect(milo.locator("#lot-outcome")).to_contain_text(text("money.done.default", title="In doubt"))
        await expect(mina.locator("#lot-state")).to_have_text(text("settlement.unsold"))
        await expect(mina.locator("#settlement-steps")).to_contain_text(
            text("step.defaulted.staff", paddle=1, price_fen="5,000.00", deposit_fen="100.00")
        )
        await expect(mina.locator("#approvals")).to_be_empty()


async def test_somebody_who_was_faster_is_told_of_in_words(public_server, visitors, staff):
    lot_id = sold_lot(public_server, "Fetched twice", [("money.gina", 500_000)])
    award = award_of(public_server, "money.gina", lot_id)["award_id"]
    as_bidder(public_server, "money.gina", "POST", f"/me/awards/{award}/payment", {})
    as_bidder(public_server, "money.gina", "POST", f"/me/awards/{award}/handover", {"delivery_centre": "Wuhan"})
    async with visitors.page() as desk:
        await sign_in_to_board(desk, staff["mina"])
        await choose(desk, lot_id)
        await desk.click("#act-handover")
        # the page does not hear of it before it is asked for
        await desk.route("**/ops/settlements*", lambda route: route.abort())
        await desk.route(f"**/ops/settlements/{lot_id}", lambda route: route.abort())
        as_finance(public_server, "somebody", "POST", f"/ops/settlements/{lot_id}/handover-confirmed")
        await desk.click("#act-confirm")
        await expect(desk.locator("#act-wrong")).to_have_text(
            text("ops.problem.wrong-state", state=text("settlement.settled"))
        )
        await desk.unroute("**/ops/settlements*")
        await desk.unroute(f"**/ops/settlements/{lot_id}")
        await desk.click("#act-back")
        await expect(desk.locator("#lot-state")).to_have_text(text("settlement.settled"))
        await expect(desk.locator("#lot-actions button")).to_have_count(0)


async def test_a_slow_deposit_is_waited_for_and_a_higher_one_raises_the_limit(public_server, visitors):
    lot_id = public_server.new_lot("Up the ladder", preset="guarded-flash")
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(size="phone") as page:
        await sign_up(page, "money.hans", back_to=f"/lots/{lot_id}")
        await page.select_option("#register-method", "sandbox-slow")
        await page.check("#accept-terms")
        await page.click("#register")
        await expect(page.locator("#deposit-waits")).to_have_text(text("lot.deposit-waits"))
        # and through a reload
        await page.reload()
        await expect(page.locator("#deposit-waits")).to_be_visible()
        await page.wait_for_selector("#bid-form:not([hidden])")
        await expect(page.locator("#standing")).to_contain_text(text("lot.limit", limit="10,000"))

        await page.click("#top-up summary")
        await page.select_option("#top-up-band", label=text("top-up.rung", more="900", limit="100,000"))
        await page.select_option("#top-up-method", "sandbox-declines")
        await page.click("#top-up-send")
        declined = text("problem.deposit-declined", amount_fen="900.00", failure=text("failure.card_declined"))
        await expect(page.locator("#top-up-outcome")).to_have_text(declined)
        await take_screenshot(page, "lot-top-up")
        assert await serious_findings(page) == []
        await page.select_option("#top-up-method", "sandbox-slow")
        await page.click("#top-up-send")
        await expect(page.locator("#top-up-outcome")).to_have_text(text("top-up.waiting", amount="900.00"))
        await expect(page.locator("#standing")).to_contain_text(text("lot.limit", limit="100,000"))
        await expect(page.locator("#outcome")).to_contain_text(text("lot.limit", limit="100,000"))

        await page.goto("/me")
        await expect(page.locator("#registrations")).to_contain_text("Up the ladder")
        await expect(page.locator("#registrations")).to_contain_text(
            text("lot.limit", limit="100,000") + text("registration.held", amount="1,000.00")
        )
        await expect(page.locator("[data-deposit][data-status=held]")).to_have_count(2)
        await expect(page.locator("[data-deposit][data-status=failed]")).to_contain_text(
            text("deposit.where.failed", failure=text("failure.card_declined"))
        )


async def test_a_payment_whose_answer_is_lost_is_made_once(public_server, visitors):
    async with visitors.page() as page:
        await sign_up(page, "money.iris")
        lot_id = sold_lot(public_server, "Lost answer", [(await subject_of(page), 500_000)])
        await page.goto("/me")

        async def lose(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await expect(page.locator("[data-act=pay]")).to_be_enabled()
        await page.route("**/payment", lose)
        # what the page sees meanwhile is old
        await page.route("**/me/awards", lambda route: route.abort())
        await page.click("[data-act=pay]")
        await expect(page.locator("[data-award]")).to_contain_text(text("award.no-answer"))
        await page.unroute("**/payment")
        await page.click("[data-act=pay]")
        await expect(page.locator("[data-award] .badge")).to_have_text(text("award.paid"))
        charges = [one for one in story(public_server, lot_id)["operations"] if one["kind"] == "charge"]
        assert [one["status"] for one in charges] == ["succeeded"]


async def test_the_pages_of_money_are_closed_to_others(visitors, staff):
    async with visitors.page() as page:
        await page.goto("/me")
        await expect(page.locator("#gate")).to_contain_text(text("me.gate.nobody"))
        await page.goto("/ops/settlements")
        await expect(page.locator("#gate")).to_contain_text(text("money.gate.nobody"))
        await sign_up(page, "money.jack", back_to="/me")
        for empty in ("awards", "offers", "deposits", "registrations"):
            await expect(page.locator(f"#no-{empty}")).to_be_visible()
        await page.goto("/ops/settlements")
        await expect(page.locator("#gate")).to_contain_text(f"({text('ops.role.bidder')})")
        await page.click("#sign-out")
        await page.wait_for_selector("#sign-in")
        await sign_in_to_board(page, staff["mina"])
        await page.goto("/me")
        await expect(page.locator("#gate")).to_contain_text(text("me.gate.staff"))
        await page.goto("/ops")
        await expect(page.locator("#gate a[href='/ops/settlements']")).to_be_visible()


@pytest.fixture(scope="module")
def shelf(public_server):
    """A bidder with something in every state, and the lot that is chosen on the board: with a default and an offer."""
    mia = new_bidder(public_server, "looks.mia")
    other = "looks.nils"
    sold_lot(public_server, "首发限量版 No. 001 · First of its line", [(other, 100), (mia, 7_819_339_900)])
    paid = sold_lot(public_server, "典藏版 No. 002", [(mia, 8_800_000)])
    done = sold_lot(public_server, "No. 003", [(mia, 120_000)])
    for lot_id in (paid, done):
        award = award_of(public_server, mia, lot_id)["award_id"]
        as_bidder(public_server, mia, "POST", f"/me/awards/{award}/payment", {})
        if lot_id == done:
            as_bidder(public_server, mia, "POST", f"/me/awards/{award}/handover", {"delivery_centre": "Chengdu"})
            as_finance(public_server, "mina", "POST", f"/ops/settlements/{done}/handover-confirmed")
    offered = sold_lot(public_server, "No. 004", [(mia, 660_000), (other, 900_000)], cascade={"depth": 1})
    award = award_of(public_server, other, offered)["award_id"]
    as_bidder(public_server, other, "POST", f"/me/awards/{award}/refuse", {"reason": "typed by mistake"})
    until_state(public_server, offered, "offered")
    as_finance(public_server, "mina", "POST", f"/ops/settlements/{offered}/void", {"reason": "a wrong description"})
    running = public_server.new_lot("No. 005", preset="guarded-flash")
    public_server.open_lot(running, 3_600_000)
    public_server.register(running, mia)
    lost = sold_lot(public_server, "No. 006", [(mia, 50_000)])
    award = award_of(public_server, mia, lost)["award_id"]
    as_bidder(public_server, mia, "POST", f"/me/awards/{award}/refuse", {})
    until_state(public_server, lost, "unsold")
    return offered


@pytest.mark.parametrize("size, language, scheme", LOOKS)
async def test_the_pages_of_money_fit_and_have_no_serious_accessibility_finding(  # noqa: PLR0917 - each is a fixture
    visitors, shelf, staff, size, language, scheme
):
    findings: list[str] = []
    name = f"{size}-{language}-{scheme}"

    async def look(page: Page, what: str, *, whole: bool = True) -> None:
        await page.wait_for_timeout(300)
        await take_screenshot(page, f"{what}-{name}", full_page=whole)
        findings.extend(f"{what}: {finding}" for finding in await serious_findings(page))
        if await is_wider_than_its_window(page):
            findings.append(f"{what}: wider than its window")

    async with visitors.page(size=size, language=language, scheme=scheme) as page:
        await page.goto("/sign-in?next=/me")
        await page.fill("#username", "looks.mia")
        await page.fill("#password", PASSWORD)
        await page.click("#sign-button")
        await page.wait_for_selector("[data-award]")
        await look(page, "me")
        await page.click("[data-award][data-status=due] [data-act=refuse]")
        await page.wait_for_selector("#act-sentence")
        await look(page, "me-refuse", whole=False)
    async with visitors.page(size=size, language=language, scheme=scheme) as page:

        async def with_something_stuck(route: Route) -> None:
            board = await (await route.fetch()).json()
            for one in board["settlements"]:
                if one["lot_id"] == shelf:
                    one["stuck"] = ["refund-d0123456789abcdef"]
            await route.fulfill(body=json.dumps(board), content_type="application/json")

        await page.route("**/api/v1/ops/settlements", with_something_stuck)
        await sign_in_to_board(page, staff["milo"])
        await page.wait_for_selector(f"[data-lot={shelf}]")
        await look(page, "board", whole=False)
        await choose(page, shelf)
        await look(page, "board-lot")
        await page.click("#agree-void")
        await page.wait_for_selector("#act-reason")
        await page.click("#act-confirm")
        await look(page, "board-agree", whole=False)
    assert findings == []
