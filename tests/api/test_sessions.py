"""Sessions: what a token is for, how long staff's live, and how they are ended."""

from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.http.config import ApiConfig
from auction.services.context import AppContext
from auction.services.identity import accounts
from auction.services.identity.roles import Role
from auction.services.revocations import Revocations
from tests.api.conftest import OPS, SECRET, Asker, signed

PASSWORD = "correct horse battery"
WHY = {"reason": "a lost phone"}


async def bearer_of(asker: Asker, username: str = "ann") -> dict[str, str]:
    form = {"username": username, "password": PASSWORD}
    answer = await asker.http.post("/api/v1/auth/token", data=form)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def ann(asker: Asker) -> str:
    """The subject of Ann's account."""
    answer = await asker.post("/auth/accounts", {"username": "ann", "password": PASSWORD, "name": "Ann"})
    subject: str = answer.json()["subject"]
    return subject


async def test_a_live_token_opens_no_route_and_does_not_renew_itself(asker: Asker, ann: str):
    live = (await asker.post("/auth/live-token", None, await bearer_of(asker))).json()["token"]
    headers = {"Authorization": f"Bearer {live}"}
    for answer in (
        await asker.get("/me/deposits", headers),
        await asker.post("/auth/live-token", None, headers),
        await asker.get("/sales", headers),
        await asker.post("/ops/sales", {"title": "A sale"}, headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")


async def test_signing_out_ends_the_token_and_no_other(asker: Asker, ann: str):
    first, second = await bearer_of(asker), await bearer_of(asker)
    assert (await asker.get("/me/deposits", first)).status_code == 200
    assert (await asker.http.delete("/api/v1/auth/session", headers=first)).status_code == 204
    assert (await asker.get("/me/deposits", first)).json()["code"] == "token-invalid"
    assert (await asker.post("/auth/live-token", None, first)).status_code == 401
    assert (await asker.get("/me/deposits", second)).status_code == 200


async def test_a_page_signs_out_with_its_csrf_token_and_its_cookie_is_of_no_more_use(asker: Asker, ann: str):
    await asker.post("/auth/session", {"username": "ann", "password": PASSWORD})
    cookies = dict(asker.http.cookies)

    async def status_after_sign_out(csrf: dict[str, str]) -> int:
        asker.http.cookies = httpx.Cookies(cookies)
        await asker.http.delete("/api/v1/auth/session", headers=csrf)
        asker.http.cookies = httpx.Cookies(cookies)
        return (await asker.get("/me/deposits")).status_code

    # another site can make a browser send cookies
    assert await status_after_sign_out({}) == 200
    assert await status_after_sign_out({"X-CSRF-Token": cookies["auction_csrf"]}) == 401


async def test_staff_end_every_session_of_a_person_and_it_is_audited(asker: Asker, ann: str):
    headers = [await bearer_of(asker) for _ in range(2)]
    assert (await asker.post(f"/ops/sessions/{ann}/end", WHY, headers[0])).status_code == 403
    assert (await asker.post(f"/ops/sessions/{ann}/end", WHY, OPS)).status_code == 204
    assert [(await asker.get("/me/deposits", one)).status_code for one in headers] == [401, 401]
    (act,) = (await asker.get("/ops/audit", signed("amy", Role.AUDITOR))).json()["actions"]
    assert (act["actor"], act["action"], act["reason"]) == ("olga", "end-sessions", WHY["reason"])
    assert act["details"] == {"subject": ann}


async def test_another_process_follows(asker: Asker, ann: str, context: AppContext):
    headers = await bearer_of(asker)
    elsewhere = replace(context, revocations=Revocations())
    transport = httpx.ASGITransport(app=create_app(elsewhere, ApiConfig(secret=SECRET)))
    async with httpx.AsyncClient(transport=transport, base_url="http://other") as http:
        assert (await http.get("/api/v1/me/deposits", headers=headers)).status_code == 200
        await asker.http.delete("/api/v1/auth/session", headers=headers)
        await elsewhere.revocations.check(context.books)
        assert (await http.get("/api/v1/me/deposits", headers=headers)).status_code == 401


async def test_a_token_that_staff_sign_in_with_lives_an_hour(asker: Asker, context: AppContext):
    for username, role, expires_in in (("olga", Role.OPS, 3_600), ("bob", Role.BIDDER, 43_200)):
        await accounts.create_account(context, username=username, password=PASSWORD, name=username, role=role)
        answer = await asker.http.post("/api/v1/auth/token", data={"username": username, "password": PASSWORD})
        assert answer.json()["expires_in"] == expires_in
