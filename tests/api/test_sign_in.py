"""Sign-in under attack: guessing is slowed down, hashing is bounded, and nobody works for those who have left."""

import asyncio
import threading

import pytest

from api.http.bodies import ClientGone
from api.http.disconnection import while_connected
from auction.domain.errors import TooManySignIns
from auction.services.context import AppContext
from auction.services.identity import accounts
from auction.services.identity.password_hashing import HashingPool
from auction.services.sign_in_rate import DELAY_S_MAX, FREE_FAILURES, SignInRate
from tests.api.conftest import Asker

PASSWORD = "correct horse battery"
ANN = {"username": "ann", "password": PASSWORD}


async def test_after_some_wrong_passwords_even_the_right_one_waits(asker: Asker):
    await asker.post("/auth/accounts", {**ANN, "name": "Ann"})
    for username in ("ann", "nobody"):
        wrong = {"username": username, "password": "another password"}
        answers = [await asker.post("/auth/session", wrong) for _ in range(FREE_FAILURES + 1)]
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "credentials-wrong")}
        late = await asker.post("/auth/session", {"username": username.upper(), "password": PASSWORD})
        assert (late.status_code, late.json()["code"]) == (429, "too-many-sign-ins")
        assert int(late.headers["retry-after"]) >= 1
    assert (await asker.post("/auth/accounts", {**ANN, "username": "bob", "name": "Bob"})).status_code == 201
    assert (await asker.post("/auth/session", {**ANN, "username": "bob"})).status_code == 200


def test_the_wait_doubles_up_to_a_bound_and_ends_with_the_right_password():
    now = [0.0]
    rate = SignInRate(clock_s=lambda: now[0])
    waits = []
    for _ in range(FREE_FAILURES + 8):
        rate.add("ann")
        with_wait = 0
        try:
            rate.check("ann")
        except TooManySignIns as refused:
            with_wait = int(refused.facts["retry_after_s"])
        waits.append(with_wait)
        now[0] += with_wait
        rate.check("ann")
    assert waits == [0] * FREE_FAILURES + [3, 5, 9, 17, 33, 61, 61, 61]
    assert max(waits) == DELAY_S_MAX + 1
    rate.clear("ann")
    rate.add("ann")
    rate.check("ann")


async def test_what_does_not_fit_in_the_queue_is_refused_and_who_leaves_it_is_not_worked_for():
    pool, go = HashingPool(threads=1, waiting_max=1), threading.Event()
    ran: list[str] = []
    first = asyncio.ensure_future(pool.run(go.wait))
    second = asyncio.ensure_future(pool.run(ran.append, "second"))
    await asyncio.sleep(0)
    with pytest.raises(TooManySignIns):
        await pool.run(ran.append, "third")
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    fourth = asyncio.ensure_future(pool.run(ran.append, "fourth"))
    go.set()
    await asyncio.gather(first, fourth)
    assert ran == ["fourth"]
    assert await pool.run(lambda: "free again") == "free again"


class Leaving:
    """A request whose client hangs up."""

    async def receive(self) -> dict[str, str]:
        return {"type": "http.disconnect"}


async def test_work_for_a_client_that_has_left_is_given_up():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ClientGone):
        await while_connected(Leaving(), work())  # type: ignore[arg-type]
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_taken_name_costs_no_hash(asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch):
    await asker.post("/auth/accounts", {**ANN, "name": "Ann"})

    def fail(_: str) -> str:
        raise AssertionError("hashed")

    monkeypatch.setattr(accounts, "hash_password", fail)
    answer = await asker.post("/auth/accounts", {**ANN, "username": "Ann", "name": "Ann"})
    assert answer.json()["code"] == "username-taken"
