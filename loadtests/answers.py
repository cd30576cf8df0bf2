"""Whether an answer to a bid is one: what a load test counts as answered. No I/O."""

from collections.abc import Mapping
from typing import Any

RECEIPT_FIELDS = ("lot_id", "seq", "amount_fen", "price_fen", "minimum_fen", "leading", "paddle", "receipt")
REFUSAL_FIELDS = ("code", "at_seq", "price_fen", "minimum_fen", "now_ms")


def fault_in(status: int, body: object, *, lot_id: str, amount_fen: int) -> str | None:
    """What is wrong with the answer to a bid, in words; None: it is a receipt of that bid, or a refusal."""
    if not isinstance(body, Mapping):
        return f"{status}: no JSON object"
    if status in {200, 201}:
        return _wrong_receipt(body, lot_id, amount_fen)
    if status == 409:
        missing = [name for name in REFUSAL_FIELDS if name not in body]
        return f"a refusal without {', '.join(missing)}" if missing else None
    return f"{status} {body.get('code', '')}".strip()


def _wrong_receipt(body: Mapping[str, Any], lot_id: str, amount_fen: int) -> str | None:
    missing = [name for name in RECEIPT_FIELDS if name not in body]
    if missing:
        return f"a receipt without {', '.join(missing)}"
    if (body["lot_id"], body["amount_fen"]) != (lot_id, amount_fen):
        return "a receipt of another bid"
    return None if body["minimum_fen"] >= body["price_fen"] > 0 else "a receipt with a minimum below its price"
