"""The second factor of staff: setting up an authenticator app at the first sign-in, and its codes at every later one.

Whoever signs in with the password first sets it up. A recovery code stands in for a code once: for a lost telephone.
Where there is neither, `auction accounts reset-factor` lets the account set up another one. Off the bid's way.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from auction.books import audit, second_factors
from auction.books.accounts import LoginAccount
from auction.books.second_factors import SecondFactor
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.authenticator_codes import (
    accept_code,
    decrypt_secret,
    enrolment_uri,
    missing,
    new_secret,
    required,
    step_of,
    wrong,
)
from auction.services.context import AppContext
from auction.services.identity.roles import STAFF
from auction.signing.encryption import EncryptionKey

RECOVERY_CODES = 10
_RECOVERY_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without characters that are read as another."""
_RECOVERY_GROUPS, _RECOVERY_GROUP_LENGTH = 4, 4
"""79 bits: too many to guess from a hash."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret in base 32, and the same as the address that a QR code holds."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


async def check_sign_in(context: AppContext, account: LoginAccount, code: str) -> None:
    """Check the second factor of an account whose password was right; bidders have none.

    Raises RequestRefused(second-factor-missing, code-required, code-wrong), TooManySignIns, BooksAway.
    """
    key = context.authenticator_key
    if key is None or account.role not in STAFF:
        return
    async with context.books.transaction() as tx:
        await _accept(context, tx, account, key, code)


async def begin_enrolment(context: AppContext, account: LoginAccount, code: str) -> Enrolment:
    """A new secret for an account whose password was right; it counts once its first code was shown.

    `code`: of the authenticator that is to be replaced, or a recovery code. Raises RequestRefused(
    second-factor-not-used, code-required, code-wrong), TooManySignIns, BooksAway.
    """
    key = _key_of(context, account)
    secret = new_secret()
    async with context.books.transaction() as tx:
        factor = await second_factors.find(tx, account.subject, locked=True)
        if factor is not None and factor.sealed_secret is not None:
            await _accept(context, tx, account, key, code)
        await second_factors.begin(tx, account.subject, key.encrypt(secret))
    return Enrolment(secret, enrolment_uri(secret, account.username))


async def confirm_enrolment(context: AppContext, account: LoginAccount, code: str) -> list[str]:
    """Enrol the authenticator that shows this code: the recovery codes, which are stored as hashes and told once.

    Raises RequestRefused(second-factor-not-used, second-factor-missing, code-required, code-wrong), TooManySignIns,
    BooksAway.
    """
    key = _key_of(context, account)
    now_ms = context.clock_ms()
    recovery_codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    async with context.books.transaction() as tx:
        factor = await second_factors.find(tx, account.subject, locked=True)
        if factor is None or factor.pending_secret is None:
            raise missing()
        if not code:
            raise required()
        context.code_rate.check(account.subject)
        step = step_of(decrypt_secret(key, factor.pending_secret), code, now_ms)
        if step is None:
            raise wrong(context, account.subject)
        hashes = [_hash_of(one) for one in recovery_codes]
        await second_factors.enrol(tx, account.subject, step=step, recovery_hashes=hashes, at_ms=now_ms)
        details = {"replaced": factor.sealed_secret is not None}
        await audit.record_action(tx, actor=account.subject, action="enrol-second-factor", details=details)
    context.code_rate.clear(account.subject)
    return recovery_codes


async def reset(context: AppContext, account: LoginAccount, *, actor: str, reason: str) -> bool:
    """Remove an account's authenticator and recovery codes: the next sign-in sets up another. False: it had none."""
    async with context.books.transaction() as tx:
        if not await second_factors.remove(tx, account.subject):
            return False
        details = {"subject": account.subject, "username": account.username}
        await audit.record_action(tx, actor=actor, action="reset-second-factor", reason=reason, details=details)
    return True


def _key_of(context: AppContext, account: LoginAccount) -> EncryptionKey:
    if context.authenticator_key is None or account.role not in STAFF:
        raise RequestRefused(
            ProblemCode.SECOND_FACTOR_NOT_USED,
            "Accounts of staff alone have a second factor, in a house that uses it (AUCTION_SECOND_FACTOR).",
        )
    return context.authenticator_key


async def _accept(context: AppContext, tx: Transaction, account: LoginAccount, key: EncryptionKey, code: str) -> None:
    """Use a code or a recovery code."""
    factor = await second_factors.find(tx, account.subject, locked=True)
    if factor is not None and (used := _recovery_hash(factor, code)) is not None:
        context.code_rate.check(account.subject)
        await second_factors.use_recovery_hash(tx, factor, used)
        details = {"left": len(factor.recovery_hashes) - 1}
        await audit.record_action(tx, actor=account.subject, action="use-recovery-code", details=details)
        context.code_rate.clear(account.subject)
        return
    await accept_code(context, tx, factor, key, code)


def _new_recovery_code() -> str:
    groups = (
        "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_GROUP_LENGTH))
        for _ in range(_RECOVERY_GROUPS)
    )
    return "-".join(groups)


def _recovery_hash(factor: SecondFactor, code: str) -> str | None:
    """The stored hash of this recovery code; None: it is none, or was used."""
    found = _hash_of(code)
    return found if found in factor.recovery_hashes else None


def _hash_of(recovery_code: str) -> str:
    plain = recovery_code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
