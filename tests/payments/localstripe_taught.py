"""localstripe from PyPI as a process of its own, taught the few things of today's Stripe that it does not know yet.

    python tests/payments/localstripe_taught.py --port N --from-scratch

What is taught: `allowed_payment_method_types`, `metadata` of a capture, a confirmation's `use_stripe_sdk`,
`payment_method` and `off_session` (a card that wants its owner is refused then, and can be confirmed on session later),
the `cancellation_reason`, `amount_received`, that only what is held is captured, and idempotency keys (the same key with the same request gives the
first answer again, a fault too, with another request it is refused; after 24 hours it is forgotten), search by metadata,
which is behind, and lists with the newest first.

`POST /_config/taught` with `{"fault": path}` answers the next POST of that path with a fault, `"done": true` after doing
it; with `{"forward_s": n}` keys are so much older; with `{"search_behind": n}` search misses the newest n payments.
"""

import json
import re
import time
from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.errors import UserError

_intents = resources.PaymentIntent
_create_as_shipped = _intents._api_create.__func__
KEY_S = 24 * 3600
_answers: dict[str, tuple[tuple[str, bytes], int, Any, float]] = {}
_faults: dict[str, bool] = {}
"""Path -> whether the request is done before its fault."""
_taught = {"forward_s": 0, "search_behind": 0}


def _create(cls: Any, /, allowed_payment_method_types: Any = None, **data: Any) -> Any:
    return _create_as_shipped(cls, **data)


def _confirm(id: str, payment_method: str | None = None, off_session: Any = None, use_stripe_sdk: Any = None) -> Any:  # noqa: A002 - localstripe's name
    intent = _intents._api_retrieve(id)
    if intent.status == "requires_payment_method" and payment_method is not None:
        intent.payment_method, intent.latest_charge, intent._refused_off_session = payment_method, None, False
    if off_session == "true" and intent.status == "requires_confirmation":
        method = resources.PaymentMethod._api_retrieve(intent.payment_method)
        if method._requires_authentication():
            intent.payment_method, intent._refused_off_session = None, True
            raise UserError(402, "authentication required", {"type": "card_error", "code": "authentication_required"})
    return _intents._api_confirm(id)


def _cancel(id: str, cancellation_reason: str | None = None) -> Any:  # noqa: A002 - localstripe's name
    intent = _intents._api_cancel(id)
    intent.cancellation_reason = cancellation_reason
    return intent


_error_as_shipped = _intents.last_payment_error.fget


def _last_payment_error(intent: Any) -> Any:
    if getattr(intent, "_refused_off_session", False):
        return {"code": "authentication_required", "message": "The card's owner has to authenticate."}
    return _error_as_shipped(intent)


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


def _search(query: str, limit: int = 10) -> Any:
    field = re.fullmatch(r"metadata\['(\w+)'\]:'(.*)'", query)
    if field is None:
        raise UserError(400, "Bad request")
    intents = [one for key, one in resources.store.items() if key.startswith("payment_intent:")]
    indexed = intents[: len(intents) - int(_taught["search_behind"])]
    found = resources.List("/v1/payment_intents/search", limit=limit)
    found._list = [one for one in indexed if (one.metadata or {}).get(field[1]) == field[2]]
    return found


def _newest_first(cls: Any, /, url: str, **data: Any) -> Any:
    found = _list_as_shipped(cls, url, **data)
    found._list.reverse()
    return found


async def _teach(request: web.Request) -> web.Response:
    told = json.loads(await request.read())
    if "fault" in told:
        _faults[told["fault"]] = bool(told.get("done"))
    _taught["forward_s"] += int(told.get("forward_s", 0))
    _taught["search_behind"] = int(told.get("search_behind", _taught["search_behind"]))
    return web.json_response({})


def _fault() -> web.Response:
    return web.json_response({"error": {"type": "api_error", "message": "something went wrong"}}, status=500)


@web.middleware
async def _remembering(request: web.Request, handler: Any) -> web.StreamResponse:
    key = request.headers.get("Idempotency-Key")
    if request.path == "/_config/taught":
        return await _teach(request)
    if request.method != "POST":
        untouched: web.StreamResponse = await handler(request)
        return untouched
    asked = (request.path, await request.read())
    now_s = time.time() + _taught["forward_s"]
    if key in _answers and now_s - _answers[key][3] < KEY_S:
        first, status, body, _ = _answers[key]
        if first != asked:
            error = {"error": {"type": "idempotency_error", "message": "this key was used for another request"}}
            return web.json_response(error, status=400)
        return web.Response(body=body, status=status, content_type="application/json")
    is_done = _faults.pop(request.path, None)
    answer: web.Response = await handler(request) if is_done is not False else _fault()
    if is_done:
        answer = _fault()
    if key is not None:
        _answers[key] = (asked, answer.status, answer.body, now_s)
    return answer


_list_as_shipped = _intents._api_list_all.__func__
_intents._api_list_all = classmethod(_newest_first)
_intents._api_create = classmethod(_create)
_setups = resources.SetupIntent
_setup_as_shipped = _setups._api_create.__func__
_attach_as_shipped = _setups._attach_pm


def _set_up(cls: Any, /, allowed_payment_method_types: Any = None, **data: Any) -> Any:
    return _setup_as_shipped(cls, **data)


def _attach(setup: Any, method: Any) -> None:
    _attach_as_shipped(setup, method)
    if setup.status == "succeeded":
        method.customer = setup.customer


_setups._api_create = classmethod(_set_up)
_setups._attach_pm = _attach
_intents.last_payment_error = property(_last_payment_error)
_intents.amount_received = property(_amount_received)
# it would write everything to one file, the same for all, after every change
resources.store.dump_to_disk = lambda: None
# in place: the server reads this list when it is imported
_TAUGHT = {
    "/v1/payment_intents/{id}/capture": _capture,
    "/v1/payment_intents/{id}/confirm": _confirm,
    "/v1/payment_intents/{id}/cancel": _cancel,
}
resources.extra_apis[:] = [
    *((method, path, _TAUGHT.get(path, known)) for method, path, known in resources.extra_apis),
    ("GET", "/v1/payment_intents/search", _search),
]

if __name__ == "__main__":
    from localstripe import server

    # outermost, so that refusals are remembered as well
    server.app.middlewares.insert(0, _remembering)
    server.start()
