"""The routes of the public surface, a module a subject. Each asks a service and shows what it answers."""

from fastapi import APIRouter

from api.routes import auth, config, health, lots, me, ops, registrations, sales

v1 = APIRouter(prefix="/api/v1")
for part in (auth, config, sales, lots, registrations, me, ops):
    v1.include_router(part.router)

outside = health.router
