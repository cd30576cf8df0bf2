"""What the house signs of its audit log: how many rows its chain has, and the head of the chain. No I/O.

`/.well-known/auction-audit.json` publishes it as JSON: rows, at_ms, sha256, kid, signature. Who keeps one can show
later that a row before it was changed, left out or put in.
"""

from dataclasses import dataclass
from typing import Self

import msgspec

from auction.signing.house_keys import HouseKeys
from auction.signing.public_keys import SIGNATURE_BYTES, PublicKeys, decode_url, encode_url


class HeadMalformed(ValueError):
    """A text that is no published head of an audit log."""


class PublishedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head as it is published; `sha256` in hex, `at_ms` when the last row was chained (UTC ms)."""

    rows: int
    at_ms: int
    sha256: str
    kid: str
    signature: str

    @classmethod
    def parse(cls, line: str | bytes) -> Self:
        """A head from its JSON. Raises HeadMalformed."""
        try:
            return msgspec.json.decode(line, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise HeadMalformed("it is no head of an audit log as /.well-known/auction-audit.json gives it") from error

    def is_signed(self, keys: PublicKeys) -> bool:
        """Whether one of these keys signed it."""
        try:
            signature = decode_url(self.signature)
        except ValueError:
            return False
        head = AuditHead(self.rows, self.at_ms, self.sha256)
        return len(signature) == SIGNATURE_BYTES and keys.verify(self.kid, signature, head.statement())


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The head of the chain after so many rows."""

    rows: int
    at_ms: int
    sha256: str

    def statement(self) -> bytes:
        """The bytes that are signed."""
        return f"flash-auction audit 1\n{self.rows}\n{self.at_ms}\n{self.sha256}\n".encode()

    def publish(self, keys: HouseKeys) -> PublishedHead:
        """The head signed with the key of its time."""
        key = keys.key_at(self.at_ms)
        return PublishedHead(self.rows, self.at_ms, self.sha256, key.kid, encode_url(key.sign(self.statement())))
