"""Login accounts: creating them, and checking passwords (`password_hashing`)."""

import re
import secrets
from dataclasses import replace
from functools import cache

from auction.books import accounts
from auction.books.accounts import LoginAccount
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.text import NAME
from auction.services.context import AppContext
from auction.services.identity.password_hashing import (
    HashingPool,
    hash_password,
    is_password,
    needs_rehash,
)
from auction.services.identity.tokens import Role

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 10, 200
USERNAME_PATTERN = r"[A-Za-z0-9._-]{3,32}"

_pool = HashingPool()
_username = re.compile(USERNAME_PATTERN)


async def create_account(
    context: AppContext,
    *,
    username: str,
    password: str,
    name: str,
    role: Role = Role.BIDDER,
    subject: str | None = None,
) -> LoginAccount:
    """Creates a login account; the user name is stored in lower case, the name in normalisation form C.

    Its tokens carry `subject`; None makes up a new one. Raises RequestRefused (username-invalid, password-invalid,
    username-taken), and TextRefused for a name that callers have not checked.
    """
    if _username.fullmatch(username) is None:
        raise RequestRefused(
            ProblemCode.USERNAME_INVALID, "A user name is 3 to 32 letters, digits, dots, hyphens or underscores."
        )
    name = NAME.accept(name)
    _check_password(password)
    # a name that is taken costs no hash
    async with context.books.reading() as tx:
        if await accounts.find_account(tx, username.lower()) is not None:
            raise accounts.username_taken(username.lower())
    password_hash = await _pool.run(hash_password, password)
    async with context.books.transaction() as tx:
        return await accounts.add_account(
            tx,
            username=username.lower(),
            subject=subject or f"{role}-{secrets.token_hex(8)}",
            name=name,
            role=str(role),
            password_hash=password_hash,
        )


async def new_password_hash(password: str) -> str:
    """The hash of a new password. Raises RequestRefused(password-invalid), TooManySignIns."""
    _check_password(password)
    return await _pool.run(hash_password, password)


def _check_password(password: str) -> None:
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise RequestRefused(
            ProblemCode.PASSWORD_INVALID,
            f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters, this one {len(password)}.",
        )
    if not _is_utf8(password):
        raise RequestRefused(ProblemCode.PASSWORD_INVALID, "A password is UTF-8 text without half characters.")


async def authenticate(context: AppContext, *, username: str, password: str) -> LoginAccount:
    """The account with this user name and password; renews its hash where argon2's parameters have changed.

    A stored name that the text rule would not accept today is sanitised; the user name stands in where nothing is
    left of it. Raises RequestRefused (credentials-wrong), whichever of the two is wrong, RequestRefused
    (account-disabled), and TooManySignIns.
    """
    known_as = username.lower()
    context.sign_in_rate.check(known_as)
    account = None
    if _username.fullmatch(username) is not None:
        async with context.books.reading() as tx:
            account = await accounts.find_account(tx, username.lower())
    # an unknown user name takes as long as a wrong password: the time does not tell which user names exist
    known_hash = account.password_hash if account is not None else _unknown_hash()
    is_right = await _pool.run(is_password, known_hash, password)
    if account is None or not is_right:
        context.sign_in_rate.add(known_as)
        raise RequestRefused(ProblemCode.CREDENTIALS_WRONG, "The user name or the password is wrong.")
    context.sign_in_rate.clear(known_as)
    if account.disabled_at_ms is not None:
        raise RequestRefused(ProblemCode.ACCOUNT_DISABLED, "This account was disabled; ask the auction house.")
    if needs_rehash(account.password_hash):
        password_hash = await _pool.run(hash_password, password)
        async with context.books.transaction() as tx:
            await accounts.change_password_hash(tx, account.username, password_hash)
    return replace(account, name=NAME.sanitise(account.name, account.username))


@cache
def _unknown_hash() -> str:
    """The hash that passwords of unknown user names are checked against."""
    return hash_password(secrets.token_hex(16))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
