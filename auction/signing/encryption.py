"""Encrypts what is stored and has to be read again, such as the secrets of authenticators: of no use to who has a copy.

Off the bid's way.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Self

from cryptography.fernet import Fernet, InvalidToken

_PURPOSE = b"flash-auction: secrets of authenticators, version 1"


class NotDecrypted(Exception):
    """It was encrypted with another key, or changed."""


class EncryptionKey:
    """Encrypts and decrypts text (Fernet: AES-128-CBC, HMAC-SHA-256), with a key of its own from the secret."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = Fernet(urlsafe_b64encode(key))

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key that follows from a secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def encrypt(self, text: str) -> str:
        """The text, readable with this key alone."""
        return self._key.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text that was encrypted. Raises NotDecrypted."""
        try:
            return self._key.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise NotDecrypted from None

    def __repr__(self) -> str:
        return "EncryptionKey(...)"
