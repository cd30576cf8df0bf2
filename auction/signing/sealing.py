"""Seals what is stored and has to be read again, such as the secrets of authenticators: of no use to who has a copy.

Off the bid's way.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Self

from cryptography.fernet import Fernet, InvalidToken

_PURPOSE = b"flash-auction: secrets of authenticators, version 1"


class SealBroken(Exception):
    """It was sealed with another key, or changed."""


class SealingKey:
    """Seals and opens text (Fernet: AES-128-CBC, HMAC-SHA-256), with a key derived from the secret for this alone."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = Fernet(urlsafe_b64encode(key))

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key that follows from a secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def seal(self, text: str) -> str:
        """The text, readable with this key alone."""
        return self._key.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises SealBroken."""
        try:
            return self._key.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SealBroken from None

    def __repr__(self) -> str:
        return "SealingKey(...)"
