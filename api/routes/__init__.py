"""The routes, a module a subject: each calls a service and returns its result as a response."""

from fastapi import APIRouter

from api.routes import (
    audit,
    auth,
    bank,
    bidders,
    config,
    confirmations,
    exceptions,
    health,
    journal,
    lot_activity,
    lot_import,
    lots,
    many_lots,
    me,
    ops,
    payment_methods,
    pending_acts,
    prices,
    recovery,
    registrations,
    sales,
    settlements,
    signing_keys,
    statements,
    webhooks,
)

v1 = APIRouter(prefix="/api/v1")
desk = (lot_activity, lot_import, many_lots, ops, pending_acts, recovery, bidders)
money = (settlements, bank, statements, exceptions, journal, audit)
public = (auth, config, sales, prices, lots, registrations)
own = (me, payment_methods, confirmations)
for part in (*public, *own, *desk, *money, webhooks):
    v1.include_router(part.router)
v1.include_router(recovery.bidders)
v1.include_router(auth.staff)
v1.include_router(lot_activity.sales)

outside = APIRouter()
for part in (health, signing_keys):
    outside.include_router(part.router)
outside.include_router(audit.public)
