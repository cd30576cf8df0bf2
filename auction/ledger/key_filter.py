"""Which idempotency keys were accepted on a lot, in two bytes each: "certainly not", or "perhaps".

Beside the bid's way: the edge sends every bid whose key may have been accepted on to the ledger. No I/O.
"""

FIRST_KEYS = 1 << 12
"""Keys that the first bitmap is for; each further one is for four times as many as the one before."""
GROWTH = 4
BITS_A_KEY = 16
"""With two bits set for each key about one new key in 70 looks known, a bitmap."""


class KeyFilter:
    """Keys by bidder. A key that was added is always found."""

    __slots__ = ("_bitmaps", "_left", "_size")

    def __init__(self, first_keys: int = FIRST_KEYS) -> None:
        self._size = first_keys
        """Keys that the last bitmap is for; a power of two."""
        self._left = first_keys
        self._bitmaps = [bytearray(first_keys * BITS_A_KEY // 8)]

    def add(self, bidder_id: str, key: str) -> None:
        """The bidder's key was accepted."""
        if not self._left:
            self._size *= GROWTH
            self._left = self._size
            self._bitmaps.append(bytearray(self._size * BITS_A_KEY // 8))
        self._left -= 1
        number = hash((bidder_id, key))
        bitmap = self._bitmaps[-1]
        mask = len(bitmap) - 1
        bitmap[(number >> 3) & mask] |= 1 << (number & 7)
        bitmap[(number >> 35) & mask] |= 1 << ((number >> 32) & 7)

    def may_have(self, bidder_id: str, key: str) -> bool:
        """False: the key was certainly not added."""
        number = hash((bidder_id, key))
        first_bit, second_bit = 1 << (number & 7), 1 << ((number >> 32) & 7)
        first, second = number >> 3, number >> 35
        for bitmap in self._bitmaps:
            mask = len(bitmap) - 1
            if bitmap[first & mask] & first_bit and bitmap[second & mask] & second_bit:
                return True
        return False
