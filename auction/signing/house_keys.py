"""The house's Ed25519 keys, which sign receipts of bids and the ends of published records.

They are PEM files in one directory, named by the time from which each signs (UTC ms): `signing-0.pem` is made at the
first start, readable by its owner alone. Whatever happened at a time is signed with the newest key of that time, so
that the same is signed alike again after a newer key has come. A file may hold a public key alone: it signs nothing,
and what it signed before can still be checked.
"""

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from auction.signing.public_keys import PublicKeys, encode_url, kid_of

FILE_NAME = re.compile(r"signing-(0|[1-9][0-9]{0,15})\.pem")
FIRST_FILE = "signing-0.pem"


class KeyFileError(Exception):
    """The directory of keys, or a file in it, cannot be used; the text says which and why."""


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
        self._keys = sorted(keys, key=lambda key: key.from_ms)
        self._signing = [key for key in self._keys if key.private is not None]
        self.public = PublicKeys({key.kid: key.public for key in keys})

    @classmethod
    def load_or_create(cls, folder: Path) -> Self:
        """The keys in a directory; makes the first one where there is none. Raises KeyFileError."""
        try:
            keys = cls._load(folder)
            if not keys:
                _create_first(folder)
                keys = cls._load(folder)
        except OSError as error:
            raise KeyFileError(f"signing keys in {folder} cannot be used: {error.strerror}") from error
        if all(key.private is None for key in keys):
            raise KeyFileError(f"{folder} holds public keys alone: put a private key there as well")
        return cls(keys)

    @classmethod
    def transient(cls) -> Self:
        """A key that is nowhere stored, for commands that sign nothing that anybody is given."""
        return cls([_house_key(0, Ed25519PrivateKey.generate())])

    @staticmethod
    def _load(folder: Path) -> list[HouseKey]:
        if not folder.is_dir():
            return []
        found = ((FILE_NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
        return [_read(path, int(match[1])) for match, path in found if match]

    def key_at(self, at_ms: int) -> HouseKey:
        """The key that signs what happened at a time (UTC ms): the newest of then."""
        return next((key for key in reversed(self._signing) if key.from_ms <= at_ms), self._signing[0])

    def published(self) -> list[dict[str, Any]]:
        """Every public key as a JWK, with its id and from when it signs, oldest first."""
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.kid,
                "x": encode_url(key.public.public_bytes_raw()),
                "from_ms": key.from_ms,
            }
            for key in self._keys
        ]


def key_files(folder: Path) -> list[Path]:
    """The files of a directory's keys."""
    return sorted(path for path in folder.iterdir() if FILE_NAME.fullmatch(path.name)) if folder.is_dir() else []


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


def _create_first(folder: Path) -> None:
    """Make the first key, whole or not at all: of several processes that start together one makes it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # mkstemp: mode 0600
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".signing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            (folder / FIRST_FILE).hardlink_to(name)
    finally:
        Path(name).unlink()
    parent = os.open(folder, os.O_RDONLY)
    try:
        # what it signs must not outlive it
        os.fsync(parent)
    finally:
        os.close(parent)
