"""Makes the public line of an event: what everybody may see of it, and a commitment to what is nobody else's business.

After the bid's way, pure. The archive's chain runs over these lines (`auction.books.chain`), so that a lot's record can
be published as it was archived. A line is canonical JSON in UTF-8, without spaces:

    {"lot_id":"launch-001","epoch":1,"seq":7,"at_ms":1761120000123,"type":"bid","paddle":3,"price_fen":100,"leading":1,
     "ends_at_ms":1761123600000,"commitment":"5f0c..."}

after the first five, the public fields of the event in the order of `auction.domain.events`. The commitment is
SHA-256(salt || private), hex, where `private` is canonical JSON of the other fields in the same order, such as
{"bidder_id":"b-1","amount_fen":500,"key":"k-1"}, and the salt is the first 16 bytes of SHA-256(secret || seq as 8
bytes, big-endian). The secret is the lot's own and stays in the database: whoever is given the salt of an event can
check the private fields of that event, and of no other.
"""

from dataclasses import fields
from hashlib import sha256
from typing import Any

import msgspec

from auction.domain.events import KINDS, Event

PRIVATE = frozenset(
    {"bidder_id", "leader_id", "amount_fen", "ceiling_fen", "limit_fen", "purse_fen", "key", "by", "terms_sha256"}
)
"""Fields that are committed to: who is behind a paddle or an act, maxima, limits and deposits, bidders' keys, and the
fingerprint of the terms, from which a hidden reserve could be found by trying."""
SECRET_BYTES = 32
SALT_BYTES = 16

_encode = msgspec.json.Encoder().encode


def _named(kind: type[Event], *, private: bool) -> tuple[str, ...]:
    # a `restored` event's epoch and seq are those of its line
    own = [field.name for field in fields(kind) if field.name not in {"epoch", "seq"}]
    return tuple([name for name in own if (name in PRIVATE) is private])


_FIELDS = {kind: (_named(kind, private=False), _named(kind, private=True)) for kind in KINDS.values()}


def salt_of(secret: bytes, seq: int) -> bytes:
    """The salt of the event with that seq in the lot of that secret."""
    return sha256(secret + seq.to_bytes(8, "big")).digest()[:SALT_BYTES]


def packed_private(event: Event) -> bytes:
    """The fields of an event that its commitment covers, as canonical JSON."""
    return _encode({name: getattr(event, name) for name in _FIELDS[type(event)][1]})


def commitment(salt: bytes, private: bytes) -> str:
    """The commitment to private fields, as `packed_private` gives them; hex."""
    return sha256(salt + private).hexdigest()


def public_line(  # noqa: PLR0917 - in the order in which they stand in the line
    secret: bytes, lot_id: str, epoch: int, seq: int, at_ms: int, event: Event
) -> bytes:
    """The public line of one event, of the lot with that secret."""
    public, private = _FIELDS[type(event)]
    line: dict[str, Any] = {"lot_id": lot_id, "epoch": epoch, "seq": seq, "at_ms": at_ms, "type": event.kind}
    for name in public:
        line[name] = getattr(event, name)
    if private:
        line["commitment"] = commitment(salt_of(secret, seq), packed_private(event))
    return _encode(line)
