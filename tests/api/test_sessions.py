"""Sessions: what a token is for, how long staff's live, and how they are ended."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.http.config import ApiConfig
from auction.domain.errors import NotFound, RequestRefused
from auction.services.context import AppContext
from auction.services.identity import account_changes, accounts, sessions
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
    (act,) = (await asker.get("/ops/audit?action=end-sessions", signed("amy", Role.AUDITOR))).json()["actions"]
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


async def sessions_of(asker: Asker, headers: dict[str, str], path: str = "/auth/sessions") -> list[dict[str, Any]]:
    answer = await asker.get(path, headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["sessions"]
    return found


async def test_ones_own_sessions_are_listed_and_ended_one_by_one(asker: Asker, ann: str):
    asker.http.headers["User-Agent"] = "phone\x7f of ann"
    lost = await bearer_of(asker)
    asker.http.headers["User-Agent"] = "desk"
    kept = await bearer_of(asker)
    listed = await sessions_of(asker, kept)
    assert [(one["client"], one["is_this"]) for one in listed] in (
        [("desk", True), ("phone of ann", False)],
        [("phone of ann", False), ("desk", True)],  # both in one second
    )
    (phone,) = [one["session_id"] for one in listed if not one["is_this"]]
    assert await sessions_of(asker, OPS, f"/ops/sessions/{ann}") == [{**one, "is_this": False} for one in listed]
    assert (await asker.get(f"/ops/sessions/{ann}", kept)).status_code == 403
    # nobody ends another's
    path = f"/api/v1/auth/sessions/{phone}"
    assert (await asker.http.delete(path, headers=signed("bob"))).json()["code"] == "session-unknown"
    assert (await asker.http.delete(path, headers=kept)).status_code == 204
    assert (await asker.http.delete(path, headers=kept)).json()["code"] == "session-unknown"
    assert (await asker.get("/me/deposits", lost)).json()["code"] == "token-invalid"
    assert (await asker.get("/me/deposits", kept)).status_code == 200
    await asker.http.delete("/api/v1/auth/session", headers=kept)
    assert await sessions_of(asker, OPS, f"/ops/sessions/{ann}") == []


async def test_a_changed_account_loses_every_session_and_a_new_sign_in_is_accepted_at_once(
    asker: Asker, ann: str, context: AppContext
):
    why = {"actor": "command-line", "reason": "a test"}
    changes = {
        "disable-account": account_changes.disable(context, "Ann", **why),
        "enable-account": account_changes.enable(context, "ann", **why),
        "change-role": account_changes.set_role(context, "ann", role=Role.AUDITOR, **why),
        "change-password": account_changes.set_password(context, "ann", password="another password", **why),
    }
    form = {"username": "ann", "password": PASSWORD}
    for action, change in changes.items():
        before = None if action == "enable-account" else await bearer_of(asker)
        await change
        if before is not None:
            assert (await asker.get("/auth/sessions", before)).json()["code"] == "token-invalid", action
        answer = await asker.http.post("/api/v1/auth/token", data=form)
        if action == "disable-account":
            assert (answer.status_code, answer.json()["code"]) == (409, "account-disabled")
        elif action == "change-password":
            assert answer.json()["code"] == "credentials-wrong"
            answer = await asker.http.post("/api/v1/auth/token", data=form | {"password": "another password"})
        if action != "disable-account":
            # in the same second, too
            after = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert len(await sessions_of(asker, after)) == 1, action
    actions = (await asker.get("/ops/audit", signed("amy", Role.AUDITOR))).json()["actions"]
    actions = [one for one in actions if one["action"] not in {"sign-in", "refuse-sign-in"}]
    assert [one["action"] for one in actions] == list(changes)[::-1]
    assert actions[1]["details"] == {"subject": ann, "username": "ann", "before": "bidder", "after": "auditor"}
    with pytest.raises(NotFound, match="no account with the user name bob"):
        await account_changes.disable(context, "bob", **why)


async def test_a_sign_in_that_was_under_way_when_the_account_changed_begins_no_session(
    asker: Asker, ann: str, context: AppContext
):
    known = await accounts.authenticate(context, username="ann", password=PASSWORD)
    await account_changes.disable(context, "ann", actor="command-line", reason="a test")
    with pytest.raises(RequestRefused, match="changed meanwhile"):
        await sessions.begin_session(context, known, sessions.SignInPlace("", ""), lifetime_s=60)
    assert await sessions.list_sessions(context, ann) == []


async def test_a_session_begun_in_the_second_of_an_earlier_end_is_ended_by_the_next(
    ann: str, context: AppContext, monkeypatch: pytest.MonkeyPatch
):
    now_s = time.time()
    stopped = SimpleNamespace(time=lambda: now_s, time_ns=lambda: int(now_s * 1e9))
    monkeypatch.setattr(sessions, "time", stopped)
    known = await accounts.authenticate(context, username="ann", password=PASSWORD)
    await sessions.end_sessions(context, ann, actor="amy", reason="a test")
    begun = await sessions.begin_session(context, known, sessions.SignInPlace("", ""), lifetime_s=60)
    token = SimpleNamespace(subject=ann, token_id=begun.session_id, issued_at_s=begun.created_at_ms // 1000)
    assert not context.revocations.covers(token)
    await sessions.end_sessions(context, ann, actor="amy", reason="a test")
    assert context.revocations.covers(token)


async def test_a_session_says_when_it_was_last_seen(asker: Asker, context: AppContext) -> None:
    await asker.post("/auth/accounts", {"username": "eve.seen", "password": PASSWORD, "name": "Eve"}, {})
    form = {"username": "eve.seen", "password": PASSWORD}
    token = (await asker.http.post("/api/v1/auth/token", data=form)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    (before,) = (await asker.http.get("/api/v1/auth/sessions", headers=bearer)).json()["sessions"]
    assert before["seen_at_ms"] == before["created_at_ms"]
    later_s = before["created_at_ms"] / 1000 + 100
    for seen_s in (later_s, later_s - 50):
        context.seen_sessions.add(before["session_id"], seen_s)
        context.seen_sessions.add("a token of the command line", seen_s)
        await context.seen_sessions.write(context.books)
    (after,) = (await asker.http.get("/api/v1/auth/sessions", headers=bearer)).json()["sessions"]
    assert after["seen_at_ms"] == int(later_s * 1000)
