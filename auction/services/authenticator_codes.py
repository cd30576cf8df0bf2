"""Codes of staff's authenticators (TOTP, RFC 6238): each is accepted once, and guessing is slowed down.

Off the bid's way. Six digits of a step of 30 s, SHA-1, as authenticator apps make them; the steps before and after are
accepted as well, so that a telephone's clock may be off by as much.
"""

import hmac
import re

from pyotp import TOTP, random_base32

from auction.books import second_factors
from auction.books.second_factors import SecondFactor
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.context import AppContext
from auction.signing.encryption import EncryptionKey, NotDecrypted

STEP_S = 30
DRIFT_STEPS = 1
_CODE = re.compile(r"[0-9]{6}")
_ISSUER = "Flash auction"


def new_secret() -> str:
    """A secret for an authenticator: 160 bits in base 32."""
    return random_base32()


def enrolment_uri(secret: str, username: str) -> str:
    """What an authenticator app reads from the QR code."""
    return TOTP(secret, name=username, issuer=_ISSUER).provisioning_uri()


def step_of(secret: str, code: str, now_ms: int, *, after: int = 0) -> int | None:
    """The time step whose code this is, among those accepted now and later than `after`; None: no such code."""
    digits = code.replace(" ", "")
    if _CODE.fullmatch(digits) is None:
        return None
    authenticator, step_now = TOTP(secret), now_ms // 1000 // STEP_S
    steps = range(step_now - DRIFT_STEPS, step_now + DRIFT_STEPS + 1)
    right = [step for step in steps if hmac.compare_digest(authenticator.generate_otp(step), digits)]
    return next((step for step in right if step > after), None)


def decrypt_secret(key: EncryptionKey, encrypted: str) -> str:
    """The secret of an authenticator. Raises RequestRefused(second-factor-missing) under another secret key."""
    try:
        return key.decrypt(encrypted)
    except NotDecrypted:
        raise RequestRefused(
            ProblemCode.SECOND_FACTOR_MISSING,
            "The authenticator was set up under another AUCTION_SECRET_KEY: it has to be reset "
            "(auction accounts reset-factor) and set up again.",
        ) from None


def missing() -> RequestRefused:
    """The refusal of an account that has no authenticator yet."""
    return RequestRefused(
        ProblemCode.SECOND_FACTOR_MISSING, "This account needs an authenticator app; set one up by signing in."
    )


def required() -> RequestRefused:
    """The refusal of a call without a code."""
    return RequestRefused(ProblemCode.CODE_REQUIRED, "This needs the code that your authenticator app shows now.")


def wrong(context: AppContext, subject: str) -> RequestRefused:
    """The refusal of a wrong code, which is counted."""
    context.code_rate.add(subject)
    return RequestRefused(
        ProblemCode.CODE_WRONG,
        "The code is wrong or was used before: each is good once, for about 30 seconds. Wait for the next one.",
    )


async def accept_code(
    context: AppContext, tx: Transaction, factor: SecondFactor | None, key: EncryptionKey, code: str
) -> None:
    """Use a code of somebody's authenticator, in the transaction of what it confirms.

    Raises RequestRefused(second-factor-missing, code-required, code-wrong), TooManySignIns.
    """
    if factor is None or factor.sealed_secret is None:
        raise missing()
    if not code:
        raise required()
    context.code_rate.check(factor.subject)
    secret = decrypt_secret(key, factor.sealed_secret)
    step = step_of(secret, code, context.clock_ms(), after=factor.last_step)
    if step is None or not await second_factors.use_step(tx, factor.subject, step):
        raise wrong(context, factor.subject)
    context.code_rate.clear(factor.subject)
