"""The acts that one person of staff requests and another one agrees to."""

from enum import StrEnum


class ApprovalAction(StrEnum):
    """The acts that need two persons of staff."""

    VOID = "void"
    DEFAULT = "default"
    WRITE_OFF = "writeoff"
    REFUND_OTHERWISE = "refund-otherwise"
    COLLECT = "collect"
    BANK_RECEIPT = "bank-receipt"
    SEND_TRANSFER = "send-transfer"
    CLOSE_LOT = "close-lot"
    EXTEND_LOT = "extend-lot"
    VOID_BID = "void-bid"
    VOID_LOT = "void-lot"
    SET_IDENTITY = "set-identity"
    BLOCK_BIDDER = "block-bidder"
    UNBLOCK_BIDDER = "unblock-bidder"
