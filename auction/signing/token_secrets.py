"""Secrets of tokens of one purpose: the newest signs, the earlier ones check until the last token of theirs has ended.

The first one of a purpose follows from AUCTION_SECRET_KEY; later ones are files in the directory of keys, made by
`auction keys rotate` (`auction.signing.key_files`), which also say until when tokens of earlier ones are accepted.
Tokens of versions before there were ids of keys have none and were signed with AUCTION_SECRET_KEY itself, which counts
as one of the first secrets.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from auction.signing.key_files import KeyFileError, key_path, keys_of, write_key
from auction.signing.public_keys import KID_LENGTH, decode_url, encode_url

SECRET_BYTES = 32
NO_KID = ""
"""Stands for the id of tokens without one."""


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """One secret: from when it signs, and until when its tokens are accepted (UTC ms; None: it is the newest)."""

    kid: str
    secret: bytes = field(repr=False)
    from_ms: int
    until_ms: int | None = None


class _KeyFile(msgspec.Struct):
    """What a file holds: the secret, and by their ids until when tokens of all earlier ones are accepted (UTC ms)."""

    secret: str
    ends_ms: dict[str, int]


class TokenSecrets:
    """The secrets of one purpose, at least the one that follows from the configured secret."""

    def __init__(self, configured: str, purpose: str) -> None:
        label = f"flash-auction: tokens of purpose {purpose}, version 1"
        derived = hmac.digest(configured.encode(), label.encode(), hashlib.sha256)
        self.purpose = purpose
        self._first = (_kid_of(derived), derived), (NO_KID, configured.encode())
        self._all: list[TokenSecret] = []
        self._set([])

    def load(self, folder: Path) -> bool:
        """Read the directory again; whether anything is different. Raises KeyFileError, and changes nothing then."""
        try:
            paths = keys_of(folder, self.purpose)
        except OSError as error:
            raise KeyFileError(f"keys in {folder} cannot be read: {error.strerror}") from error
        found = []
        for from_ms, path in paths:
            try:
                file = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
                secret = decode_url(file.secret)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
            except ValueError as error:
                raise KeyFileError(f"{path} must be a file that `auction keys rotate` made") from error
            if len(secret) != SECRET_BYTES:
                raise KeyFileError(f"{path} must hold {SECRET_BYTES} bytes, and holds {len(secret)}")
            found.append((from_ms, secret, file.ends_ms))
        before = self._all
        self._set(found)
        return self._all != before

    def _set(self, files: list[tuple[int, bytes, dict[str, int]]]) -> None:
        """`files`: from when, the secret, until when earlier ones are accepted; in the order of their times."""
        known = [(0, kid, secret) for kid, secret in self._first]
        known += [(from_ms, _kid_of(secret), secret) for from_ms, secret, _ in files]
        # the last of equals signs: of the first two, the one with an id
        known.sort(key=lambda one: (one[0], one[1] != NO_KID))
        self._all = [
            TokenSecret(kid, secret, from_ms, min((ends[kid] for *_, ends in files if kid in ends), default=None))
            for from_ms, kid, secret in known
        ]

    def signing(self, now_ms: int) -> TokenSecret:
        """The newest of a time."""
        return next(one for one in reversed(self._all) if one.from_ms <= max(now_ms, 0))

    def find(self, kid: str) -> TokenSecret | None:
        """The secret with an id; None: there is none."""
        return next((one for one in self._all if one.kid == kid), None)

    def rotate(self, folder: Path, *, now_ms: int, from_ms: int, earlier_until_ms: int) -> None:
        """Make a new secret, and remove those that ended. Raises OSError; FileExistsError: one is from that time."""
        ends_ms = {one.kid: min(one.until_ms or earlier_until_ms, earlier_until_ms) for one in self._all}
        file = _KeyFile(encode_url(secrets.token_bytes(SECRET_BYTES)), ends_ms)
        write_key(key_path(folder, self.purpose, from_ms), msgspec.json.encode(file) + b"\n")
        for one in self._all:
            if one.from_ms and one.until_ms is not None and one.until_ms <= now_ms:
                key_path(folder, self.purpose, one.from_ms).unlink(missing_ok=True)

    def listed(self) -> list[TokenSecret]:
        """All of them, oldest first, but the one of tokens without an id."""
        return [one for one in self._all if one.kid != NO_KID]


def _kid_of(secret: bytes) -> str:
    """The id of a secret, from which nobody gets at the secret."""
    return encode_url(hashlib.sha256(b"flash-auction: id of a secret, version 1\n" + secret).digest())[:KID_LENGTH]
