"""The house's public keys, where anybody looks for them."""

from fastapi import APIRouter

from api.http.openapi import problems
from api.routes.dependencies import Context
from api.schemas.public import SigningKeysResponse

router = APIRouter(tags=["config"])


@router.get("/.well-known/auction-keys.json", responses=problems())
async def list_signing_keys(context: Context) -> SigningKeysResponse:
    """The public keys of receipts and published records, as a JWK set; keys that sign no more stay in it."""
    return SigningKeysResponse.model_validate({"keys": context.house_keys.published()})
