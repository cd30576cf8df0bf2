"""Health checks and metrics for operations, outside `/api/v1`."""

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.http.openapi import problems
from api.routes.dependencies import Context
from api.schemas.public import HealthzResponse, ReadyzResponse
from auction.services.verification.readiness import check_readiness
from auction.serving.status import read_failing

router = APIRouter(tags=["operations"])


@router.get("/healthz", responses=problems())
async def healthz() -> HealthzResponse:
    """The process is running, whatever the state of the servers behind it."""
    return HealthzResponse(status="ok")


@router.get(
    "/readyz", responses={**problems(), 503: {"model": ReadyzResponse, "description": "Not ready; the parts say why."}}
)
async def readyz(request: Request, context: Context, response: Response) -> ReadyzResponse:
    """Whether bids can be taken and archived."""
    readiness = await check_readiness(context)
    if not readiness.ready:
        response.status_code = 503
        response.headers["retry-after"] = "1"
    return ReadyzResponse.of(readiness, failing=read_failing(request.app.state.config.status_fd))


class MetricsResponse(Response):
    """Prometheus' text format."""

    media_type = CONTENT_TYPE_LATEST


@router.get(
    "/metrics",
    response_class=MetricsResponse,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}, **problems()},
)
async def metrics(request: Request) -> Response:
    """The metrics of this process, for Prometheus; 404 where they are on a port of their own."""
    if request.app.state.config.metrics_apart:
        raise HTTPException(404)
    registry: CollectorRegistry = request.app.state.registry
    return MetricsResponse(generate_latest(registry))
