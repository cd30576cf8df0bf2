import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from api.http.auth import Authenticator, NotSignedIn, authorization_of
from api.http.sessions import CsrfKey
from auction.services.identity.tokens import Purpose, Role, TokenKeys, TokenRefused
from tests.api.conftest import SECRET, token

NOW_S = 1_800_000_000
GOOD = {
    "sub": "ann", "name": "Ann", "role": "bidder", "aud": "session", "jti": "j1", "iat": NOW_S, "exp": NOW_S + 60
}  # fmt: skip


def forged(claims: dict[str, object], *, secret: str = SECRET, alg: str = "HS256") -> str:
    return jwt.encode({"alg": alg}, dict(claims), OctKey.import_key(secret), algorithms=[alg])


def test_a_token_says_who_in_which_role_until_when():
    key = TokenKeys(SECRET)

    identity = key.verify(
        key.issue(subject="ann", name="Ann 安", role=Role.OPS, now_s=NOW_S, lifetime_s=60), NOW_S + 59.9
    )

    assert (identity.subject, identity.name, identity.role) == ("ann", "Ann 安", Role.OPS)
    assert identity.expires_at_s == NOW_S + 60


def test_a_token_without_a_name_goes_by_its_subject():
    key = TokenKeys(SECRET)

    assert key.verify(key.issue(subject="ann", role=Role.OPS, now_s=NOW_S, lifetime_s=60), NOW_S).name == "ann"


def test_a_token_is_over_at_its_expiry():
    with pytest.raises(TokenRefused) as refused:
        TokenKeys(SECRET).verify(forged(GOOD), NOW_S + 60)

    assert refused.value.code == "token-expired"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "a" * 65},
        {"sub": "an n"},
        {"sub": "ann\n"},
        {"sub": "ann\0"},
        {"sub": "安"},
        {"sub": 7},
        {"name": "A\0nn"},
        {"name": "a" * 101},
        {"role": "owner"},
        {"role": None},
        {"role": ["ops"]},
        {"aud": "live"},
        {"aud": ["session", "live"]},
        {"aud": None},
        {"jti": ""},
        {"jti": 1},
        {"iat": NOW_S + 61},
        {"iat": None},
        {"exp": float(NOW_S + 60)},
        {"exp": True},
    ],
    ids=str,
)
def test_a_signed_token_with_a_wrong_claim_is_not_accepted(claims):
    with pytest.raises(TokenRefused) as refused:
        TokenKeys(SECRET).verify(forged({**GOOD, **claims}), NOW_S)

    assert refused.value.code == "token-invalid"


def unsigned() -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, GOOD)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "a.b.c",
        "é",
        "x" * 5000,
        unsigned(),
        forged(GOOD, secret="another secret, quite as long as ours"),
        forged(GOOD, secret=SECRET * 2, alg="HS512"),
        forged(GOOD)[:-2],
        "x" + forged(GOOD),
    ],
)
def test_a_forged_token_is_not_accepted(text):
    with pytest.raises(TokenRefused) as refused:
        TokenKeys(SECRET).verify(text, NOW_S)

    assert refused.value.code == "token-invalid"
    assert not text or text not in refused.value.detail


@pytest.mark.parametrize("wrong", [{"subject": "an n"}, {"name": "A\0"}, {"lifetime_s": 0}, {"lifetime_s": 10**9}])
def test_a_token_that_would_not_be_accepted_back_is_not_issued(wrong):
    with pytest.raises(ValueError, match=r"subject|name|lives"):
        TokenKeys(SECRET).issue(**{"subject": "ann", "role": Role.OPS, "now_s": NOW_S, "lifetime_s": 60, **wrong})


class CountingKey(TokenKeys):
    verified = 0

    def verify(self, token, now_s, purpose=Purpose.SESSION):
        self.verified += 1
        return super().verify(token, now_s, purpose)


@pytest.fixture
def clock():
    return [float(NOW_S)]


@pytest.fixture
def counting():
    return CountingKey(SECRET)


def test_a_token_is_verified_once_and_not_again_until_it_expires(clock, counting):
    authenticator = Authenticator(counting, CsrfKey.derive(SECRET), clock_s=lambda: clock[0])
    header = f"Bearer {token(now_s=NOW_S)}".encode()

    assert authenticator.identify(header) is authenticator.identify(header)
    assert counting.verified == 1

    clock[0] += 3600
    with pytest.raises(TokenRefused, match="expired"):
        authenticator.identify(header)
    with pytest.raises(TokenRefused, match="expired"):
        authenticator.identify(header)


def test_the_oldest_token_is_forgotten_where_too_many_are_cached(clock, counting):
    authenticator = Authenticator(counting, CsrfKey.derive(SECRET), clock_s=lambda: clock[0], cached_max=2)
    headers = [f"Bearer {token(who, now_s=NOW_S)}".encode() for who in ("ann", "bob", "cat")]
    for header in headers:
        authenticator.identify(header)

    for header in reversed(headers):
        authenticator.identify(header)

    assert counting.verified == 4  # ann's once more, and only hers
    assert len(authenticator._cache) == 2


def test_the_scheme_is_read_whatever_its_case_and_no_other_is_accepted(clock, counting):
    authenticator = Authenticator(counting, CsrfKey.derive(SECRET), clock_s=lambda: clock[0])
    text = token(now_s=NOW_S).encode()

    assert authenticator.identify(b"bEaReR  " + text).subject == "ann"
    for wrong in (b"Basic " + text, text, b"Bearer", b"Bearer ", b"", b"Bearer " + text + b"\xff", b"Bearer " * 1000):
        with pytest.raises(TokenRefused):
            authenticator.identify(wrong)
    with pytest.raises(NotSignedIn):
        authenticator.identify(None)


def test_two_tokens_are_none():
    assert authorization_of([(b"authorization", b"a"), (b"authorization", b"b")]) is None


def test_neither_key_nor_token_is_printed():
    assert SECRET not in repr(TokenKeys(SECRET))
