"""Signs and reads the sandbox's notifications.

The header is `Sandbox-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>", in hex>`; the body is a Notice as
JSON.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec

from auction.payments.gateway import NOTICE_LENGTH_MAX, NOTICE_TOLERANCE_S, Notice, NoticeRefused, header_of

HEADER = "Sandbox-Signature"
_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def encode_notice(notice: Notice) -> bytes:
    """The body of a notification."""
    return msgspec.json.encode(notice)


def signed_headers(body: bytes, secret: str, now_s: float) -> dict[str, str]:
    """The headers that are sent with a body: its signature at `now_s` (UTC seconds), and its type."""
    sent_at_s = int(now_s)
    return {HEADER: f"t={sent_at_s},v1={_signature(body, secret, sent_at_s)}", "Content-Type": "application/json"}


def read_notice(body: bytes, headers: Mapping[str, str], secret: str, now_s: float) -> Notice:
    """The notification, after checking its signature and age. Raises NoticeRefused."""
    if len(body) > NOTICE_LENGTH_MAX:
        raise NoticeRefused(f"the notice is longer than {NOTICE_LENGTH_MAX:,} bytes")
    form = _FORM.fullmatch(header_of(headers, HEADER))
    if form is None:
        raise NoticeRefused(f"the header {HEADER} is missing or malformed")
    sent_at_s = int(form[1])
    # the signature first: without the secret nothing can be learnt about our clock
    if not hmac.compare_digest(form[2], _signature(body, secret, sent_at_s)):
        raise NoticeRefused("the notice was not signed with the configured secret")
    if abs(now_s - sent_at_s) > NOTICE_TOLERANCE_S:
        raise NoticeRefused(f"the notice was signed more than {NOTICE_TOLERANCE_S} seconds from now")
    try:
        return msgspec.json.decode(body, type=Notice)
    except msgspec.DecodeError:
        raise NoticeRefused("the notice is signed, yet cannot be read") from None


def _signature(body: bytes, secret: str, sent_at_s: int) -> str:
    return hmac.new(secret.encode(), b"%d." % sent_at_s + body, hashlib.sha256).hexdigest()
