"""A Merkle tree over the bids of one batch, as in RFC 6962: one signature of its root is one of every bid. No I/O.

A leaf's hash is SHA-256(0x00 || leaf), that of two nodes SHA-256(0x01 || left || right); a last node without a right
one goes up as it is.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + leaf).digest()


def root_and_paths(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """The root over the hashes of one leaf or more, and for each the hashes beside its way up, joined, lowest first."""
    levels = [list(leaves)]
    while len(level := levels[-1]) > 1:
        above = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
    paths = [b""]
    for level in reversed(levels[:-1]):
        last = len(level) - 1
        # the other of each pair; the last one may be alone
        paths = [paths[i >> 1] if i == last and i % 2 == 0 else level[i ^ 1] + paths[i >> 1] for i in range(last + 1)]
    return levels[-1][0], paths


def root_of(leaf: bytes, index: int, size: int, path: bytes) -> bytes | None:
    """The root that the hash of leaf `index` of `size` and its path lead to; None where it is no path of that leaf."""
    if not 0 <= index < size:
        return None
    node, last, left = leaf, size - 1, path
    while last:
        if index % 2 or index < last:
            sibling, left = left[:HASH_BYTES], left[HASH_BYTES:]
            if len(sibling) != HASH_BYTES:
                return None
            node = sha256(b"\1" + (sibling + node if index % 2 else node + sibling)).digest()
        index, last = index >> 1, last >> 1
    return None if left else node
