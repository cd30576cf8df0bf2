"""The second factor of staff: an authenticator app at sign-in, and a fresh code to agree to another person's request."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from pyotp import TOTP

from api.http.sessions import CSRF_COOKIE, DEVICE_COOKIE, SESSION_COOKIE
from auction.books import second_factors
from auction.services.authenticator_codes import STEP_S
from auction.services.context import AppContext
from auction.services.identity import accounts, second_factor
from auction.services.identity.tokens import Role
from auction.services.sign_in_rate import FREE_FAILURES
from auction.signing.encryption import EncryptionKey, NotDecrypted
from tests.api.conftest import SECRET, Asker, signed

PASSWORD = "correct horse battery"
REASON = {"reason": "a typing error"}
START_MS = 1_800_000_000_000
AUDITOR = signed("amy", Role.AUDITOR)


class Clock:
    """The time by which codes are made and checked."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def next_code_of(self, secret: str) -> str:
        """The code of the step after this one, which is then."""
        self.now_ms += STEP_S * 1000
        return TOTP(secret).at(self.now_ms // 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def context(context: AppContext, clock: Clock) -> AppContext:
    """A house with second factors, and with acts of two persons."""
    return replace(context, two_persons=True, authenticator_key=EncryptionKey.derive(SECRET), clock_ms=clock)


async def account(context: AppContext, username: str, role: Role = Role.OPS) -> dict[str, str]:
    await accounts.create_account(
        context, username=username, password=PASSWORD, name=username.title(), role=role, subject=username
    )
    return {"username": username, "password": PASSWORD}


async def enrolled(asker: Asker, context: AppContext, clock: Clock, username: str) -> tuple[dict[str, str], str]:
    """The credentials of a new member of staff, and their authenticator's secret."""
    who = await account(context, username)
    secret = (await asker.post("/auth/second-factor", who)).json()["secret"]
    confirmed = await asker.post("/auth/second-factor/confirm", {**who, "code": clock.next_code_of(secret)})
    assert confirmed.status_code == 200, confirmed.text
    asker.http.cookies.clear()
    return who, secret


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def bearer(asker: Asker, who: dict[str, str], code: str) -> dict[str, str]:
    answer = await asker.http.post("/api/v1/auth/token", data={**who, "code": code})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def lot_with_a_bid(asker: Asker) -> str:
    lot_id = await asker.open_lot()
    assert (await asker.bid(lot_id, 100)).status_code == 201
    return lot_id


async def test_staff_set_up_an_authenticator_at_the_first_sign_in_and_need_it_at_every_later_one(
    asker: Asker, context: AppContext, clock: Clock
):
    who = await account(context, "dora")
    assert code_of(await asker.post("/auth/session", who)) == (409, "second-factor-missing")
    begun = await asker.post("/auth/second-factor", who)
    assert begun.status_code == 201
    assert begun.json()["uri"].startswith("otpauth://totp/Flash%20auction:dora?secret=" + begun.json()["secret"])
    assert begun.json()["qr_svg"].startswith("<svg xmlns=")
    # begun once more, the first secret is of no more use
    old, secret = begun.json()["secret"], (await asker.post("/auth/second-factor", who)).json()["secret"]
    confirm = "/auth/second-factor/confirm"
    assert code_of(await asker.post(confirm, {**who, "code": clock.next_code_of(old)})) == (409, "code-wrong")
    assert code_of(await asker.post("/auth/session", who)) == (409, "second-factor-missing")
    code = clock.next_code_of(secret)
    confirmed = await asker.post(confirm, {**who, "code": code})
    assert confirmed.json()["identity"]["subject"] == "dora"
    assert len(set(confirmed.json()["recovery_codes"])) == second_factor.RECOVERY_CODES
    assert SESSION_COOKIE in asker.http.cookies
    # the code that was confirmed is used up
    assert code_of(await asker.post("/auth/session", {**who, "code": code})) == (409, "code-wrong")
    assert code_of(await asker.post("/auth/session", who)) == (409, "code-required")
    assert code_of(await asker.http.post("/api/v1/auth/token", data=who)) == (409, "code-required")
    code = clock.next_code_of(secret)
    assert (await asker.post("/auth/session", {**who, "code": f"{code[:3]} {code[3:]}"})).status_code == 200
    assert code_of(await asker.post("/auth/session", {**who, "code": code})) == (409, "code-wrong")
    # nobody replaces it with the password alone
    assert code_of(await asker.post("/auth/second-factor", who)) == (409, "code-required")
    actions = (await asker.get("/ops/audit", AUDITOR)).json()["actions"]
    actions = [one for one in actions if one["action"] not in {"sign-in", "refuse-sign-in"}]
    assert [(one["actor"], one["action"]) for one in actions] == [("dora", "enrol-second-factor")]


async def test_a_code_is_good_one_step_before_and_after_and_no_further(asker: Asker, context: AppContext, clock: Clock):
    who, secret = await enrolled(asker, context, clock, "dora")
    for drift, status in ((2, 409), (1, 200), (-2, 409)):
        clock.now_ms += 4 * STEP_S * 1000
        code = TOTP(secret).at(clock.now_ms // 1000 + drift * STEP_S)
        assert (await asker.post("/auth/session", {**who, "code": code})).status_code == status, drift
    clock.now_ms += 4 * STEP_S * 1000
    code = TOTP(secret).at(clock.now_ms // 1000 - STEP_S)
    assert (await asker.post("/auth/session", {**who, "code": code})).status_code == 200


async def test_guessed_codes_are_slowed_down_even_before_the_right_one(asker: Asker, context: AppContext, clock: Clock):
    who, secret = await enrolled(asker, context, clock, "dora")
    for guess in range(FREE_FAILURES + 1):
        assert code_of(await asker.post("/auth/session", {**who, "code": f"x{guess}"})) == (409, "code-wrong")
    late = await asker.post("/auth/session", {**who, "code": clock.next_code_of(secret)})
    assert code_of(late) == (429, "too-many-sign-ins")


async def test_a_recovery_code_signs_in_once_and_lets_another_phone_be_set_up(
    asker: Asker, context: AppContext, clock: Clock
):
    who = await account(context, "dora")
    secret = (await asker.post("/auth/second-factor", who)).json()["secret"]
    confirmed = await asker.post("/auth/second-factor/confirm", {**who, "code": clock.next_code_of(secret)})
    first, second, *_ = confirmed.json()["recovery_codes"]
    assert (await asker.post("/auth/session", {**who, "code": first.upper()})).status_code == 200
    assert code_of(await asker.post("/auth/session", {**who, "code": first})) == (409, "code-wrong")
    begun = await asker.post("/auth/second-factor", {**who, "code": second})
    # until the new one has shown a code, the old one counts
    assert (await asker.post("/auth/session", {**who, "code": clock.next_code_of(secret)})).status_code == 200
    new = begun.json()["secret"]
    again = await asker.post("/auth/second-factor/confirm", {**who, "code": clock.next_code_of(new)})
    assert again.status_code == 200
    assert code_of(await asker.post("/auth/session", {**who, "code": clock.next_code_of(secret)})) == (
        409,
        "code-wrong",
    )
    assert (await asker.post("/auth/session", {**who, "code": clock.next_code_of(new)})).status_code == 200
    actions = (await asker.get("/ops/audit", AUDITOR)).json()["actions"]
    actions = [one for one in actions if one["action"] not in {"sign-in", "refuse-sign-in"}]
    assert [one["action"] for one in actions] == [
        "enrol-second-factor",
        "use-recovery-code",
        "use-recovery-code",
        "enrol-second-factor",
    ]
    # what is stored is of no use without AUCTION_SECRET_KEY
    async with context.books.reading() as tx:
        stored = await second_factors.find(tx, "dora")
    assert stored is not None
    assert stored.sealed_secret is not None
    assert new not in repr(stored) + stored.sealed_secret
    assert second not in str(stored.recovery_hashes)
    assert len(stored.recovery_hashes) == second_factor.RECOVERY_CODES
    assert EncryptionKey.derive(SECRET).decrypt(stored.sealed_secret) == new
    with pytest.raises(NotDecrypted):
        EncryptionKey.derive("another secret of the tests, long enough").decrypt(stored.sealed_secret)


async def test_bidders_and_houses_without_it_have_no_second_factor(asker: Asker, context: AppContext):
    ann = await account(context, "ann", Role.BIDDER)
    assert (await asker.post("/auth/session", ann)).status_code == 200
    assert DEVICE_COOKIE not in asker.http.cookies
    assert code_of(await asker.post("/auth/second-factor", ann)) == (409, "second-factor-not-used")
    assert code_of(await asker.post("/auth/second-factor/confirm", {**ann, "code": "123456"})) == (
        409,
        "second-factor-not-used",
    )
    fin = await account(context, "fin", Role.FINANCE)
    assert code_of(await asker.post("/auth/session", fin)) == (409, "second-factor-missing")
    without = replace(context, authenticator_key=None)
    known = await accounts.authenticate(without, **fin)
    await second_factor.check_sign_in(without, known, "")


async def test_the_second_person_confirms_with_a_fresh_code_of_their_own(
    asker: Asker, context: AppContext, clock: Clock
):
    who, secret = await enrolled(asker, context, clock, "eve")
    lot_id = await lot_with_a_bid(asker)
    path = f"/ops/lots/{lot_id}/close"
    requested = await asker.post(path, REASON, signed("dora", Role.OPS))
    assert requested.status_code == 202
    agreed = {**REASON, "pending_id": requested.json()["pending_id"]}
    code = clock.next_code_of(secret)
    eve = await bearer(asker, who, code)
    assert code_of(await asker.post(path, agreed, eve)) == (409, "code-required")
    # the code of the sign-in is used up, and one of somebody else's is none
    used = await asker.post(path, agreed, {**eve, "X-Second-Factor": code})
    assert code_of(used) == (409, "code-wrong")
    # staff without an authenticator, such as those with a token of the command line, agree to nothing
    stranger = {**signed("olga", Role.OPS), "X-Second-Factor": clock.next_code_of(secret)}
    assert code_of(await asker.post(path, agreed, stranger)) == (409, "second-factor-missing")
    assert (await asker.get(f"/lots/{lot_id}")).json()["status"] == "open"
    done = await asker.post(path, agreed, {**eve, "X-Second-Factor": clock.next_code_of(secret)})
    assert (done.status_code, done.json()["status"]) == (200, "closed")


async def test_nobody_agrees_in_the_session_or_the_browser_that_the_request_came_from(
    asker: Asker, context: AppContext, clock: Clock
):
    first, first_secret = await enrolled(asker, context, clock, "dora")
    second, second_secret = await enrolled(asker, context, clock, "eve")
    lot_id = await lot_with_a_bid(asker)
    path = f"/ops/lots/{lot_id}/close"

    async def in_browser(body: dict[str, Any], code: str = "") -> httpx.Response:
        headers = {"X-CSRF-Token": asker.http.cookies[CSRF_COOKIE], **({"X-Second-Factor": code} if code else {})}
        return await asker.post(path, body, headers)

    await asker.post("/auth/session", {**first, "code": clock.next_code_of(first_secret)})
    requested = await in_browser(REASON)
    assert requested.status_code == 202
    agreed = {**REASON, "pending_id": requested.json()["pending_id"]}
    await asker.http.delete("/api/v1/auth/session", headers={"X-CSRF-Token": asker.http.cookies[CSRF_COOKIE]})
    # the same browser signs in as the second
    await asker.post("/auth/session", {**second, "code": clock.next_code_of(second_secret)})
    refused = await in_browser(agreed, clock.next_code_of(second_secret))
    assert code_of(refused) == (409, "same-session")
    assert refused.json()["asked_by"] == "dora"
    # another browser
    asker.http.cookies.clear()
    await asker.post("/auth/session", {**second, "code": clock.next_code_of(second_secret)})
    assert (await in_browser(agreed, clock.next_code_of(second_secret))).status_code == 200


async def test_money_acts_of_two_persons_need_the_code_too_and_a_refused_one_changes_nothing(
    asker: Asker, context: AppContext, clock: Clock
):
    _, secret = await enrolled(asker, context, clock, "fay")
    receipt = {
        "bank_reference": "G43127",
        "amount_fen": 2_000_000,
        "value_date": "2026-10-24",
        "payer_name": "李四",
        "payer_account": "",
        "remittance": "",
    }
    clock.now_ms = START_MS
    fin, fay = signed("fin", Role.FINANCE), signed("fay", Role.FINANCE)
    path = "/ops/receipts/bank"
    assert (await asker.post(path, receipt, fin)).status_code == 202
    assert code_of(await asker.post(path, receipt, fay)) == (409, "code-required")
    code = clock.next_code_of(secret)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert code_of(await asker.post(path, receipt, {**fay, "X-Second-Factor": wrong})) == (409, "code-wrong")
    (waiting,) = (await asker.get(path, fin)).json()["receipts"]
    assert waiting["status"] == "waiting"
    code = clock.next_code_of(secret)
    assert (await asker.post(path, receipt, {**fay, "X-Second-Factor": code})).status_code == 201
    statement = "交易日期,对方户名,贷方金额,摘要,流水号\n" + "".join(
        f"2026-10-24,李四,2{number}000.00,RF78,H{number}\n" for number in range(2)
    )

    async def imported(who: dict[str, str]) -> httpx.Response:
        headers = {**who, "Content-Type": "text/csv"}
        return await asker.http.post("/api/v1/ops/statements?book=true", content=statement.encode(), headers=headers)

    assert [one["status"] for one in (await imported(fin)).json()["lines"]] == ["waiting", "waiting"]
    assert code_of(await imported(fay)) == (409, "code-required")
    # one code for all that the statement agrees to
    booked = await imported({**fay, "X-Second-Factor": clock.next_code_of(secret)})
    assert [one["status"] for one in booked.json()["lines"]] == ["booked", "booked"]


async def test_a_factor_that_was_reset_is_set_up_anew(asker: Asker, context: AppContext, clock: Clock):
    who, secret = await enrolled(asker, context, clock, "dora")
    known = await accounts.authenticate(context, **who)
    assert await second_factor.reset(context, known, actor="command-line", reason="lost phone")
    assert not await second_factor.reset(context, known, actor="command-line", reason="lost phone")
    again = await asker.post("/auth/session", {**who, "code": clock.next_code_of(secret)})
    assert code_of(again) == (409, "second-factor-missing")
    last = (await asker.get("/ops/audit?action=reset-second-factor", AUDITOR)).json()["actions"][0]
    assert (last["actor"], last["action"], last["reason"]) == ("command-line", "reset-second-factor", "lost phone")
    assert last["details"] == {"subject": "dora", "username": "dora"}
