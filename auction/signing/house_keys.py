"""The house's Ed25519 keys, which sign receipts of bids and the ends of published records.

They are PEM files in one directory (`auction.signing.key_files`), named by the time from which each signs (UTC ms):
`signing-0.pem` is made at the first start, later ones by `auction keys rotate`, and processes that run follow them.
Whatever happened at a time is signed with the newest key of that time, so that the same is signed alike again after a
newer key has come. A file may hold a public key alone: it signs nothing, and what it signed can still be checked.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from auction.signing.key_files import KeyFileError, key_path, keys_of, write_key
from auction.signing.public_keys import PublicKeys, encode_url, kid_of

KIND = "signing"


@dataclass(frozen=True, slots=True)
class HouseKey:
    """One key, and from when it signs (UTC ms)."""

    from_ms: int
    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None = field(repr=False)
    kid: str

    def sign(self, statement: bytes) -> bytes:
        """The signature of some bytes: 64 bytes, the same at every time."""
        if self.private is None:
            raise ValueError(f"key {self.kid} is a public one")
        return self.private.sign(statement)


class HouseKeys:
    """All keys of the house, at least one of which can sign."""

    def __init__(self, keys: "list[HouseKey]") -> None:
        self._set(keys)

    def _set(self, keys: "list[HouseKey]") -> None:
        self._keys = sorted(keys, key=lambda key: key.from_ms)
        self._signing = [key for key in self._keys if key.private is not None]
        self.public = PublicKeys({key.kid: key.public for key in keys})

    @classmethod
    def load_or_create(cls, folder: Path) -> Self:
        """The keys in a directory; makes the first one where there is none. Raises KeyFileError."""
        try:
            keys = cls._load(folder)
            if not keys:
                # of several processes that start together one makes it
                with contextlib.suppress(FileExistsError):
                    create_key(folder, from_ms=0)
                keys = cls._load(folder)
        except OSError as error:
            raise KeyFileError(f"signing keys in {folder} cannot be used: {error.strerror}") from error
        return cls(_usable(folder, keys))

    def load(self, folder: Path) -> bool:
        """Read the directory again; whether anything is different. Raises KeyFileError, and changes nothing then."""
        before = self._forms()
        try:
            keys = self._load(folder)
        except OSError as error:
            raise KeyFileError(f"signing keys in {folder} cannot be used: {error.strerror}") from error
        self._set(_usable(folder, keys))
        return self._forms() != before

    def _forms(self) -> list[tuple[str, int, bool]]:
        return [(key.kid, key.from_ms, key.private is not None) for key in self._keys]

    @classmethod
    def transient(cls) -> Self:
        """A key that is nowhere stored, for commands that sign nothing that anybody is given."""
        return cls([_house_key(0, Ed25519PrivateKey.generate())])

    @staticmethod
    def _load(folder: Path) -> list[HouseKey]:
        return [_read(path, from_ms) for from_ms, path in keys_of(folder, KIND)]

    def key_at(self, at_ms: int) -> HouseKey:
        """The key that signs what happened at a time (UTC ms): the newest of then."""
        return next((key for key in reversed(self._signing) if key.from_ms <= at_ms), self._signing[0])

    def published(self) -> list[dict[str, Any]]:
        """Every public key as a JWK, with its id and from when until when it signs (None: the newest), oldest first."""
        ends_ms = [*(key.from_ms for key in self._keys[1:]), None]
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.kid,
                "x": encode_url(key.public.public_bytes_raw()),
                "from_ms": key.from_ms,
                "until_ms": end_ms,
            }
            for key, end_ms in zip(self._keys, ends_ms, strict=True)
        ]

    def listed(self) -> list[HouseKey]:
        """All of them, oldest first."""
        return list(self._keys)


def create_key(folder: Path, *, from_ms: int) -> Path:
    """Make the file of a new key. Raises OSError; FileExistsError: there is one from that time."""
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = key_path(folder, KIND, from_ms)
    write_key(path, text)
    return path


def keep_public_part(folder: Path, key: HouseKey) -> None:
    """Replace a key's file by its public part: it signs no more, and what it signed can be checked. Raises OSError."""
    text = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_key(key_path(folder, KIND, key.from_ms), text, replace=True)


def _usable(folder: Path, keys: list[HouseKey]) -> list[HouseKey]:
    if all(key.private is None for key in keys):
        raise KeyFileError(f"{folder} holds public keys alone: put a private key there as well")
    return keys


def _house_key(from_ms: int, key: Ed25519PrivateKey | Ed25519PublicKey) -> HouseKey:
    private = key if isinstance(key, Ed25519PrivateKey) else None
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return HouseKey(from_ms, public, private, kid_of(public))


def _read(path: Path, from_ms: int) -> HouseKey:
    text = path.read_bytes()
    try:
        key = load_pem_public_key(text) if b"PUBLIC KEY" in text else load_pem_private_key(text, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path} must be an Ed25519 key in PEM, without a password") from error
    if not isinstance(key, (Ed25519PrivateKey, Ed25519PublicKey)):
        raise KeyFileError(f"{path} must be an Ed25519 key, and is of another kind")
    return _house_key(from_ms, key)
