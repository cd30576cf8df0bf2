"""localstripe from PyPI as a process of its own, taught the few things of today's Stripe that it does not know yet.

    python tests/payments/localstripe_taught.py --port N --from-scratch

What is taught: `allowed_payment_method_types`, `off_session` of a confirmation, `metadata` of a capture,
`amount_received`, that only what is held is captured, and idempotency keys (the same key with the same request gives the
first answer again, with another request it is refused).
"""

from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.errors import UserError

_intents = resources.PaymentIntent
_create_as_shipped = _intents._api_create.__func__
_answers: dict[str, tuple[tuple[str, bytes], int, Any]] = {}


def _create(cls: Any, /, allowed_payment_method_types: Any = None, **data: Any) -> Any:
    return _create_as_shipped(cls, **data)


def _confirm(id: str, off_session: Any = None) -> Any:  # noqa: A002 - localstripe's name
    return _intents._api_confirm(id)


def _capture(id: str, metadata: dict[str, str] | None = None, **data: Any) -> Any:  # noqa: A002 - localstripe's name
    intent = _intents._api_retrieve(id)
    if intent.status != "requires_capture":
        raise UserError(400, "Bad request", {"code": "payment_intent_unexpected_state"})
    before = intent.metadata
    # first, for the webhook is written during the capture
    intent.metadata = {**before, **(metadata or {})}
    intent._taken = int(data.get("amount_to_capture") or intent.amount)
    try:
        return _intents._api_capture(id, **data)
    except UserError:
        intent.metadata = before
        raise


def _amount_received(intent: Any) -> int:
    return int(getattr(intent, "_taken", intent.amount)) if intent.status == "succeeded" else 0


@web.middleware
async def _remembering(request: web.Request, handler: Any) -> web.StreamResponse:
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        untouched: web.StreamResponse = await handler(request)
        return untouched
    asked = (request.path, await request.read())
    if key in _answers:
        first, status, body = _answers[key]
        if first != asked:
            error = {"error": {"type": "idempotency_error", "message": "this key was used for another request"}}
            return web.json_response(error, status=400)
        return web.Response(body=body, status=status, content_type="application/json")
    answer: web.Response = await handler(request)
    _answers[key] = (asked, answer.status, answer.body)
    return answer


_intents._api_create = classmethod(_create)
_intents.amount_received = property(_amount_received)
# it would write everything to one file, the same for all, after every change
resources.store.dump_to_disk = lambda: None
# in place: the server reads this list when it is imported
_TAUGHT = {"/v1/payment_intents/{id}/capture": _capture, "/v1/payment_intents/{id}/confirm": _confirm}
resources.extra_apis[:] = [(method, path, _TAUGHT.get(path, known)) for method, path, known in resources.extra_apis]

if __name__ == "__main__":
    from localstripe import server

    # outermost, so that refusals are remembered as well
    server.app.middlewares.insert(0, _remembering)
    server.start()
