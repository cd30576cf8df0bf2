"""Signing up and signing in with a password of the house's own: argon2, off the event loop, a few at a time."""

import asyncio
import re
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from auction.books import accounts
from auction.books.accounts import LoginAccount
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.context import AppContext
from auction.services.identity.tokens import Role

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 10, 200
USERNAME_PATTERN = r"[A-Za-z0-9._-]{3,32}"
HASHES_AT_ONCE = 2
"""Each takes a core and 64 MB for some tens of ms; more at once would only starve the bids."""

_hasher = PasswordHasher()
_turns = asyncio.Semaphore(HASHES_AT_ONCE)
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
    """A new account, its name in lower case. Its tokens speak for `subject`, for somebody new where that is None.

    Raises RequestRefused(username-invalid, password-too-short, username-taken).
    """
    if _username.fullmatch(username) is None:
        raise RequestRefused(
            ProblemCode.USERNAME_INVALID, "A user name is 3 to 32 letters, digits, dots, hyphens or underscores."
        )
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise RequestRefused(
            ProblemCode.PASSWORD_INVALID,
            f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters, this one {len(password)}.",
        )
    password_hash = await _hash(password)
    async with context.books.transaction() as tx:
        return await accounts.add_account(
            tx,
            username=username.lower(),
            subject=subject or f"{role}-{secrets.token_hex(8)}",
            name=name,
            role=str(role),
            password_hash=password_hash,
        )


async def authenticate(context: AppContext, *, username: str, password: str) -> LoginAccount:
    """The account whose name and password these are. RequestRefused(credentials-wrong), whichever of them is wrong."""
    async with context.books.reading() as tx:
        account = await accounts.find_account(tx, username.lower()[:64])
    # an unknown name costs as much as a wrong password: nobody learns which names there are
    known_hash = account.password_hash if account is not None else _nobodys_hash()
    right = await _verify(known_hash, password[:PASSWORD_LENGTH_MAX])
    if account is None or not right:
        raise RequestRefused(ProblemCode.CREDENTIALS_WRONG, "The user name or the password is wrong.")
    if _hasher.check_needs_rehash(account.password_hash):
        password_hash = await _hash(password)
        async with context.books.transaction() as tx:
            await accounts.change_password_hash(tx, account.username, password_hash)
    return account


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex(16))


async def _hash(password: str) -> str:
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


async def _verify(password_hash: str, password: str) -> bool:
    async with _turns:
        try:
            return await asyncio.to_thread(_hasher.verify, password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
