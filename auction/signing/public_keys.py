"""Public Ed25519 keys, as `/.well-known/auction-keys.json` lists them: with them anybody checks what the house signed.

The list is a JWK set (RFC 7517, RFC 8037). A key's id is the first 16 characters of its thumbprint (RFC 7638).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KID_LENGTH = 16
SIGNATURE_BYTES = 64


class KeysMalformed(ValueError):
    """A list of public keys that is none; the text says why."""


def encode_url(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_url(text: str) -> bytes:
    """Bytes from base64url without padding; ValueError for any other text, also one with stray bits at its end."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_url(raw) != text:
        raise ValueError("not base64url")
    return raw


def kid_of(public: Ed25519PublicKey) -> str:
    """The id of a key."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode_url(public.public_bytes_raw())}"}}'
    return encode_url(sha256(members.encode()).digest())[:KID_LENGTH]


class PublicKeys:
    """Public keys by their ids."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The Ed25519 keys of a JWK set; keys of other kinds are left out. Raises KeysMalformed."""
        try:
            listed = msgspec.json.decode(text, type=dict[str, Any])["keys"]
            points = [decode_url(one["x"]) for one in listed if one.get("crv") == "Ed25519"]
            keys = [Ed25519PublicKey.from_public_bytes(point) for point in points]
        except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise KeysMalformed("it is no list of keys as /.well-known/auction-keys.json gives it") from error
        if not keys:
            raise KeysMalformed("it lists no Ed25519 key")
        return cls({kid_of(key): key for key in keys})

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def verify(self, kid: str, signature: bytes, signed: bytes) -> bool:
        """Whether the key with that id is known and gave this signature of these bytes."""
        key = self._keys.get(kid)
        if key is None:
            return False
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True
