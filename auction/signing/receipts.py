"""Receipts of accepted bids: statements that the house has signed, which anybody checks with its public keys. No I/O.

In the bid's way, on the way back. All bids that one call of the ledger accepted are signed together: the leaves of a
Merkle tree are what is stated of each bid, and its root is signed (`auction.signing.merkle`). A receipt is one line,

    R1.LOT.EPOCH.AT_MS.CHAIN.KID.SEQ.PADDLE.AMOUNT.PRICE.LEADING.ENDS_AT.KEY.BIDDER.INDEX.SIZE.PATH.SIGNATURE

LOT to CHAIN are the call's: the lot and its epoch, the ledger's time, and the lot's checksum in the ledger after it:
two receipts of one seq with different ones prove two histories. SEQ to BIDDER are the leaf: amounts in fen, times in
UTC ms, LEADING 0 or 1, KEY the SHA-256 of the Idempotency-Key in hex. BIDDER is a code of the bidder that the house
alone can compute. PATH is base64url of the hashes from leaf INDEX of SIZE to the root, SIGNATURE that of

    flash-auction receipts 1\\nLOT.EPOCH.AT_MS.CHAIN\\nSIZE\\nROOT\\n

with the root in hex, by the key KID. Ed25519 has no chance in it: whoever signs the same batch makes the same receipts.
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from auction.signing.house_keys import HouseKey
from auction.signing.merkle import leaf_hash, root_and_paths, root_of
from auction.signing.public_keys import PublicKeys, decode_url

LENGTH_MAX = 1_024
PREFIX = "R1."
"""How each begins."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NUMBER = r"(?:0|[1-9][0-9]{0,15})"
_FORM = re.compile(
    rf"R1\.(?P<lot>[a-z0-9-]{{1,64}})\.(?P<epoch>{_NUMBER})\.(?P<at>{_NUMBER})\.(?P<chain>[0-9a-f]{{40}})"
    rf"\.(?P<kid>[A-Za-z0-9_-]{{1,64}})\.(?P<leaf>(?:{_NUMBER}\.){{4}}[01]\.{_NUMBER}\.[0-9a-f]{{64}}"
    rf"\.[A-Za-z0-9_-]{{1,64}})\.(?P<index>{_NUMBER})\.(?P<size>{_NUMBER})\.(?P<path>[A-Za-z0-9_-]*)"
    r"\.(?P<signature>[A-Za-z0-9_-]+)",
    re.ASCII,
)

BidFacts = tuple[int, int, int, int, int, int, str, str]
"""Of one bid: seq, paddle, amount and price (fen), leading (0 or 1), end (UTC ms), idempotency key, bidder's code."""


class ReceiptMalformed(ValueError):
    """A text that is no receipt."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The bids that one call of the ledger accepted, in the order of their seqs; one bid or more."""

    lot_id: str
    epoch: int
    at_ms: int
    chain: str
    bids: Sequence[BidFacts]

    def sign(self, key: HouseKey) -> list[str]:
        """The receipts of the bids, in their order."""
        leaves = [
            f"{seq}.{paddle}.{amount}.{price}.{leading}.{end}.{sha256(idempotency_key.encode()).hexdigest()}.{bidder}"
            for seq, paddle, amount, price, leading, end, idempotency_key, bidder in self.bids
        ]
        root, paths = root_and_paths([leaf_hash(leaf.encode()) for leaf in leaves])
        size, call = len(leaves), f"{self.lot_id}.{self.epoch}.{self.at_ms}.{self.chain}"
        signature = _url(key.sign(_statement(call, size, root)))
        start = f"{PREFIX}{call}.{key.kid}."
        return [
            f"{start}{leaf}.{index}.{size}.{_url(path)}.{signature}"
            for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True))
        ]


@dataclass(frozen=True, slots=True)
class StatedBid:
    """What a receipt states, signed or not. Amounts in fen, times in UTC ms."""

    lot_id: str
    epoch: int
    at_ms: int
    chain: str
    kid: str
    seq: int
    paddle: int
    amount_fen: int
    price_fen: int
    leading: bool
    ends_at_ms: int
    key_sha256: str
    bidder: str
    leaf: str
    index: int
    size: int
    path: bytes
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a receipt says. Raises ReceiptMalformed."""
        found = _FORM.fullmatch(text) if len(text) <= LENGTH_MAX else None
        if found is None:
            raise ReceiptMalformed("it is no receipt: it was changed, or cut")
        try:
            path, signature = decode_url(found["path"]), decode_url(found["signature"])
        except ValueError as error:
            raise ReceiptMalformed("its path or signature is not base64url: it was changed, or cut") from error
        seq, paddle, amount, price, leading, end, key, bidder = found["leaf"].split(".")
        return cls(
            found["lot"],
            int(found["epoch"]),
            int(found["at"]),
            found["chain"],
            found["kid"],
            int(seq),
            int(paddle),
            int(amount),
            int(price),
            leading == "1",
            int(end),
            key,
            bidder,
            found["leaf"],
            int(found["index"]),
            int(found["size"]),
            path,
            signature,
        )

    def is_signed(self, keys: PublicKeys) -> bool:
        """Whether one of these keys signed all that it states."""
        root = root_of(leaf_hash(self.leaf.encode()), self.index, self.size, self.path)
        if root is None:
            return False
        call = f"{self.lot_id}.{self.epoch}.{self.at_ms}.{self.chain}"
        return keys.verify(self.kid, self.signature, _statement(call, self.size, root))


def _statement(call: str, size: int, root: bytes) -> bytes:
    return f"flash-auction receipts 1\n{call}\n{size}\n{root.hex()}\n".encode()


def _url(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()
