"""Secrets of tokens: the newest signs, earlier ones check until the last of their tokens has ended, and not longer."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from auction.services.identity.tokens import Identity, Purpose, Role, TokenKeys, TokenRefused
from auction.services.signing_keys import KeyFollower
from auction.signing.key_files import KeyFileError

SECRET = "a secret of the tests, long enough"
LIFETIME_S = 600
NOW_S = 1_800_000_000


def issued(keys: TokenKeys, now_s: int, purpose: Purpose = Purpose.SESSION) -> str:
    return keys.issue(subject="ann", role=Role.BIDDER, now_s=now_s, lifetime_s=LIFETIME_S, purpose=purpose)


def kid_of(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def rotated(folder: Path, at_s: int, *, lifetime_s: int = LIFETIME_S) -> TokenKeys:
    """The keys after a rotation: a new secret signs at once, and earlier ones check for a lifetime."""
    TokenKeys(SECRET, folder).rotate(
        folder, now_ms=at_s * 1000, from_ms=at_s * 1000, earlier_until_ms=(at_s + lifetime_s) * 1000
    )
    return TokenKeys(SECRET, folder)


def without_kid(now_s: int) -> str:
    """A token as versions before there were ids of keys made it."""
    claims = {"sub": "ann", "role": "bidder", "aud": "session", "jti": "j", "iat": now_s, "exp": now_s + LIFETIME_S}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def test_every_token_names_its_key_and_each_purpose_has_its_own():
    keys = TokenKeys(SECRET)
    session, live = issued(keys, NOW_S), issued(keys, NOW_S, Purpose.LIVE)

    assert kid_of(session) != kid_of(live)
    assert keys.verify(live, NOW_S, Purpose.LIVE).subject == "ann"
    with pytest.raises(TokenRefused, match="not one for live"):
        keys.verify(session, NOW_S, Purpose.LIVE)
    with pytest.raises(TokenRefused, match="not one for session"):
        keys.verify(live, NOW_S)
    # another process with the same secret has the same keys
    assert kid_of(issued(TokenKeys(SECRET), NOW_S)) == kid_of(session)
    assert kid_of(issued(TokenKeys(SECRET + "!"), NOW_S)) != kid_of(session)


def test_a_new_key_signs_and_the_earlier_one_checks_until_its_last_token_has_ended(tmp_path: Path):
    before = TokenKeys(SECRET, tmp_path)
    last = issued(before, NOW_S)
    after = rotated(tmp_path, NOW_S)

    assert kid_of(issued(after, NOW_S)) != kid_of(last)
    assert kid_of(issued(after, NOW_S - 1)) == kid_of(last)
    assert after.verify(last, NOW_S + LIFETIME_S - 1).subject == "ann"
    assert after.verify(without_kid(NOW_S), NOW_S + LIFETIME_S - 1).subject == "ann"
    # what was made with an earlier secret later, or for longer, ends with the secret
    forged = before.issue(subject="eve", role=Role.OPS, now_s=NOW_S + 10, lifetime_s=10 * LIFETIME_S)
    assert after.verify(forged, NOW_S + 10).expires_at_s == NOW_S + LIFETIME_S
    for token in (forged, without_kid(NOW_S + LIFETIME_S)):
        with pytest.raises(TokenRefused, match="expired"):
            after.verify(token, NOW_S + LIFETIME_S)


def test_an_earlier_secret_can_be_ended_at_once(tmp_path: Path):
    last = issued(TokenKeys(SECRET, tmp_path), NOW_S)
    after = rotated(tmp_path, NOW_S, lifetime_s=0)
    for token in (last, without_kid(NOW_S)):
        with pytest.raises(TokenRefused, match="expired"):
            after.verify(token, NOW_S)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 3 * LIFETIME_S), min_size=1, max_size=6), st.integers(0, 4 * LIFETIME_S))
def test_however_often_keys_are_replaced_tokens_live_as_long_as_they_say(
    tmp_path_factory: pytest.TempPathFactory, waits_s: list[int], later_s: int
):
    folder, now_s = tmp_path_factory.mktemp("keys"), NOW_S
    tokens = [(issued(TokenKeys(SECRET, folder), now_s), now_s), (without_kid(now_s), now_s)]
    for wait_s in waits_s:
        now_s += wait_s
        tokens.append((issued(rotated(folder, now_s), now_s), now_s))
    keys, now_s = TokenKeys(SECRET, folder), now_s + later_s
    for token, from_s in tokens:
        accepted: Identity | None = None
        with contextlib.suppress(TokenRefused):
            accepted = keys.verify(token, now_s)
        assert (accepted is not None) == (now_s < from_s + LIFETIME_S)
    # the secret of the settings ended at the first rotation, and stays so
    old = issued(TokenKeys(SECRET), NOW_S + waits_s[0] + LIFETIME_S)
    with pytest.raises(TokenRefused):
        keys.verify(old, NOW_S + waits_s[0] + LIFETIME_S)


def test_secrets_that_ended_are_removed(tmp_path: Path):
    rotated(tmp_path, NOW_S)
    rotated(tmp_path, NOW_S + 1)
    rotated(tmp_path, NOW_S + 2 * LIFETIME_S)
    names = sorted(path.name for path in tmp_path.glob("session-*.key"))
    assert names == [f"session-{NOW_S + 1}000.key", f"session-{NOW_S + 2 * LIFETIME_S}000.key"]


def test_files_are_private_and_a_damaged_one_is_named(tmp_path: Path):
    keys = rotated(tmp_path, NOW_S)
    (path,) = tmp_path.glob("live-*.key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret=" not in repr(keys.listed())
    before = issued(keys, NOW_S + 5)
    for text in (b"{", b'{"secret": "AA", "ends_ms": {}}', b'{"secret": "?", "ends_ms": {}}'):
        path.write_bytes(text)
        with pytest.raises(KeyFileError, match=path.name):
            TokenKeys(SECRET, tmp_path)
        with pytest.raises(KeyFileError, match=path.name):
            keys.load(tmp_path)
    assert keys.verify(before, NOW_S + 5).subject == "ann"


def test_a_process_takes_up_new_keys_and_keeps_its_own_while_they_are_damaged(tmp_path: Path):
    keys = TokenKeys(SECRET)
    follower = KeyFollower(tmp_path)
    follower.follow(keys)
    old = issued(keys, NOW_S)
    new = issued(rotated(tmp_path, NOW_S + 1), NOW_S + 1)
    with pytest.raises(TokenRefused, match="not signed with this server's key"):
        keys.verify(new, NOW_S + 1)
    follower.check()
    assert keys.verify(new, NOW_S + 1).subject == keys.verify(old, NOW_S + 1).subject == "ann"
    assert keys.changes == 1
    follower.check()
    assert keys.changes == 1

    (path,) = tmp_path.glob("session-*.key")
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    follower.check()
    assert keys.verify(new, NOW_S + 1).subject == "ann"
    path.write_bytes(whole)
    follower.check()
    assert keys.verify(new, NOW_S + 1).subject == "ann"


@pytest.mark.parametrize("kid", ["unknown", "", "x" * 300, "../signing-0.pem"])
def test_a_key_that_nobody_has_signs_nothing(kid: str):
    claims = {"sub": "eve", "role": "ops", "aud": "session", "jti": "j", "iat": NOW_S, "exp": NOW_S + 60}
    token = jwt.encode({"alg": "HS256", "kid": kid}, claims, OctKey.import_key("another secret, quite as long as ours"))
    with pytest.raises(TokenRefused, match="not signed with this server's key"):
        TokenKeys(SECRET).verify(token, NOW_S)
