"""Bids over live connections: the answers of the bid endpoint, sent as frames to the connection that bid.

In the bid's way, like `api.bids`, whose checks, limits, keys and answers it shares: a bid may be retried over either,
and gets the same receipt. The bidder is who the connection's live token names, as long as that is valid.
"""

import time
from time import perf_counter

import msgspec
from prometheus_client.registry import Collector

from api.bids.answers import BidAnswers
from api.bids.body import offer_of
from api.bids.idempotency import checked_key
from api.http.auth import Authenticator, NotSignedIn, WrongRole
from api.http.metrics import BidCounts, EdgeGauges
from api.http.sessions import CsrfKey
from api.live.connection import LiveConnection
from api.live.frames import PlacedFrame, RefusedFrame, encode_frame
from api.live.protocol import Place
from auction.services.bidding.placement import BidOutcome, start_bid
from auction.services.context import AppContext
from auction.services.identity.roles import Role
from auction.services.identity.tokens import Identity, TokenCode, TokenKeys, TokenRefused

_encode = msgspec.json.Encoder().encode


class LiveBids:
    """Takes the bids of one gateway's connections; a `BidTaker`."""

    def __init__(self, context: AppContext, secret: str) -> None:
        self._context = context
        # live tokens were verified by the gateway
        authenticator = Authenticator(TokenKeys(secret), CsrfKey.derive(secret), context.revocations)
        self._answers = BidAnswers(authenticator, BidCounts(), context.money.currency)
        self.collectors: tuple[Collector, ...] = (self._answers.counts, EdgeGauges(context.edge))

    def place(self, connection: LiveConnection, bid: Place) -> None:
        """Have a bid decided, and send the connection the answer."""
        started_s = perf_counter()

        def finish(outcome: BidOutcome) -> None:
            status, _, body = self._answers.answer(bid.lot_id, outcome, started_s)
            kind = PlacedFrame if status in {200, 201} else RefusedFrame
            frame = kind(lot_id=bid.lot_id, key=bid.key, status=status, body=msgspec.Raw(body))
            connection.send_answer(encode_frame(frame))

        try:
            bidder_id = self._bidder_of(connection)
            key = checked_key(bid.key.encode(), twice=False)
            amount_fen, is_maximum = offer_of(_encode(bid.offer))
            start_bid(
                self._context,
                bid.lot_id,
                bidder_id=bidder_id,
                amount_fen=amount_fen,
                key=key,
                is_maximum=is_maximum,
                done=finish,
            )
        except Exception as error:  # noqa: BLE001 - every bid is answered, whatever happens
            finish(error)

    def revocation_count(self) -> int:
        """Grows with each session that was ended before its time."""
        return self._context.revocations.changes

    def is_revoked(self, identity: Identity) -> bool:
        """Whether the session of a live token was ended."""
        return self._context.revocations.covers(identity)

    def _bidder_of(self, connection: LiveConnection) -> str:
        """Who bids. Raises NotSignedIn, TokenRefused, WrongRole."""
        identity = connection.identity
        if identity is None:
            raise NotSignedIn("A token is required: send it in a sub before the first bid.")
        if identity.expires_at_s <= time.time():
            raise TokenRefused(TokenCode.TOKEN_EXPIRED, "The token has expired; send a new one in a sub.")
        if self._context.revocations.covers(identity):
            raise TokenRefused(TokenCode.TOKEN_INVALID, "The session of this token was ended; sign in again.")
        if identity.role is not Role.BIDDER:
            raise WrongRole(identity.role, (Role.BIDDER,))
        return identity.subject
