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
    lots,
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
staff = (ops, pending_acts, recovery, bidders, settlements, bank, statements, exceptions, journal, audit)
own = (me, payment_methods, confirmations)
for part in (auth, config, sales, prices, lots, registrations, *own, *staff, webhooks):
    v1.include_router(part.router)
v1.include_router(recovery.bidders)
v1.include_router(auth.staff)

outside = APIRouter()
for part in (health, signing_keys):
    outside.include_router(part.router)
outside.include_router(audit.public)
