"""`auction keys`: new keys are taken up by what runs, nobody is signed out, and what was signed can still be checked."""

import json
import time
from pathlib import Path

import httpx
from joserfc import jws
from joserfc.jwk import OctKey
from websockets.sync.client import connect

from auction.services.identity.tokens import Role
from auction.signing.public_keys import PublicKeys
from auction.signing.receipts import StatedBid
from tests.cli.commands import Said, auction
from tests.cli.processes import SECRET, answered, caller, commanded, free_port, served, until
from tests.cli.test_serve import bidding, open_a_lot

PASSWORD = "a password of the tests"


def keys(folder: Path, *words: str) -> Said:
    """`auction keys ...` as an operator runs it beside `auction serve`."""
    with commanded(
        folder / "keys-command",
        "keys",
        *words,
        AUCTION_DATA_DIR=str(folder / "var"),
        AUCTION_SECRET_KEY=SECRET,
        AUCTION_PAYMENT_PROVIDER="sandbox",
    ) as command:
        return Said(command.ended(), command.said, command.complained)


def kid_of(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def signed_in(port: int) -> str:
    """The token of a new session."""
    form = {"username": "dora", "password": PASSWORD}
    answer = answered(lambda: httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/token", data=form))
    return str(answer.raise_for_status().json()["access_token"])


def get(port: int, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return answered(lambda: httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers))


def test_new_keys_are_taken_up_within_seconds_and_nobody_is_signed_out(tmp_path: Path):
    port, live_port = free_port(), free_port()
    with served(tmp_path, port, "--workers", "2", "--live-port", str(live_port)):
        lot_id = open_a_lot(port)
        new = {"username": "dora", "password": PASSWORD, "name": "Dora"}
        answered(lambda: httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/accounts", json=new)).raise_for_status()
        before = signed_in(port)
        with bidding(port, lot_id, "alice") as alice, bidding(port, lot_id, "bob") as bob:
            first = StatedBid.parse(alice(100).json()["receipt"])

            said = keys(tmp_path, "rotate", "--reason", "once a year", "--json")
            assert said.code == 0, said
            assert said.json()["is_audited"], said
            until(lambda: kid_of(signed_in(port)) != kid_of(before) or None, "a token with the new key")
            # whichever of the two processes signed, both accept both
            after = signed_in(port)
            for token in [before, after] * 4:
                assert get(port, "/api/v1/auth/sessions", token).status_code == 200
            second = StatedBid.parse(bob(200).json()["receipt"])
            repeated = StatedBid.parse(alice(100).json()["receipt"])

        assert second.kid != first.kid
        assert repeated == first
        published = get(port, "/.well-known/auction-keys.json")
        listed = published.json()["keys"]
        assert [key["kid"] for key in listed] == [first.kid, second.kid]
        assert [key["until_ms"] for key in listed] == [said.json()["from_ms"], None]
        public = PublicKeys.parse(published.content)
        assert first.is_signed(public)
        assert second.is_signed(public)

        # a live gateway accepts tokens of the new key as well
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/v1/auth/live-token", headers={"Authorization": f"Bearer {after}"}
        )
        live_token = answer.raise_for_status().json()["token"]
        with connect(f"ws://127.0.0.1:{live_port}/", proxy=None) as connection:
            assert json.loads(connection.recv())["type"] == "hello"
            connection.send(json.dumps({"type": "sub", "lot_id": lot_id, "token": live_token}))
            assert json.loads(connection.recv())["lot_id"] == lot_id

        states = {(one["purpose"], one["state"]) for one in keys(tmp_path, "list", "--json").json()}
        assert states == {
            (purpose, state) for purpose in ("receipts", "session", "live") for state in ("checks", "signs")
        }
        with caller(port, Role.AUDITOR, "ada") as auditor:
            (row,) = [row for row in auditor.get("ops/audit").json()["actions"] if row["action"] == "rotate-keys"]
        assert (row["actor"], row["reason"]) == ("command-line", "once a year")

        # somebody else may have the keys: everybody is signed out
        assert keys(tmp_path, "rotate", "--end-earlier", "--reason", "a laptop was stolen").code == 0
        until(lambda: get(port, "/api/v1/auth/sessions", after).status_code == 401 or None, "earlier sessions end")
        until(lambda: get(port, "/api/v1/auth/sessions", signed_in(port)).status_code == 200 or None, "a new session")
        assert first.is_signed(PublicKeys.parse(get(port, "/.well-known/auction-keys.json").content))
        assert "PUBLIC KEY" in (tmp_path / "var" / "keys" / "signing-0.pem").read_text()


def test_what_cannot_be_done_is_said(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)
    monkeypatch.setenv("AUCTION_SIGNING_KEYS", str(tmp_path / "keys"))
    assert (
        "--only must be one of tokens, receipts, got 'both'"
        in auction("keys", "rotate", "--only", "both", "--reason", "yearly").err
    )
    assert "--reason" in auction("keys", "rotate", "--reason", " ").err
    said = auction("keys", "list")
    assert [line.split()[0] for line in said.out.splitlines()] == ["receipts", "session", "live"]
    assert SECRET not in said.out
    pending = tmp_path / "keys" / f"session-{int(time.time() + 3600) * 1000}.key"
    pending.write_text(json.dumps({"secret": "A" * 43, "ends_ms": {}}))
    said = auction("keys", "rotate", "--reason", "yearly")
    assert (said.code, "does not sign yet" in said.err) == (1, True)
    pending.write_text("no key")
    said = auction("keys", "list")
    assert (said.code, pending.name in said.err) == (1, True)


def test_tokens_are_made_with_the_newest_key(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)
    monkeypatch.setenv("AUCTION_SIGNING_KEYS", str(tmp_path / "keys"))
    (tmp_path / "keys").mkdir()
    words = ("token", "--subject", "ada", "--role", "bidder")
    before = auction(*words).out.strip()
    (tmp_path / "keys" / "session-1000.key").write_text(json.dumps({"secret": "A" * 42 + "E", "ends_ms": {}}))
    after = auction(*words).out.strip()
    assert kid_of(after) != kid_of(before)
    # raises for another key
    jws.deserialize_compact(after, OctKey.import_key(bytes(31) + b"\x01"), algorithms=["HS256"])
