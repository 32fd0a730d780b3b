"""API routes: keys and own prices; the scope admin only."""

# without postponed annotations: those of the routes name the guard that the function was given
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from ...access.keys import Key, Principal, audit
from ...errors import Malformed, NotFound
from ...pipeline.price_tables import overrides_of
from ...query.prices import add_price, delete_price, list_prices
from ..answers import answer
from ..bodies import KeyBody, PriceBody, RotateBody
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["keys_routes", "prices_routes"]


def _made(made: tuple[Key, str]) -> dict[str, Any]:
    key, secret = made
    return {**asdict(key), "key": secret}


def keys_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /keys."""
    router = APIRouter(prefix="/keys", tags=["keys"])
    Admin = Annotated[Principal, Depends(guard.admin)]

    @router.get("", summary="List keys")
    def list_keys(_: Admin) -> Response:
        """All keys, never their secrets."""
        return answer({"keys": [asdict(key) for key in deps.keys.list()]})

    @router.post("", summary="Create a key", status_code=201)
    def create_key(body: KeyBody, who: Admin) -> Response:
        """Return a new key; `key` is shown this once."""
        return answer(_made(deps.keys.create(body.name, body.scopes, _aware(body.expires_at), who.id)), status=201)

    @router.delete("/{key_id}", summary="Revoke a key")
    def revoke_key(key_id: str, who: Admin) -> Response:
        """End a key now."""
        return answer(asdict(deps.keys.revoke(key_id, who.id)))

    @router.post("/{key_id}/rotate", summary="Rotate a key", status_code=201)
    def rotate_key(key_id: str, who: Admin, body: RotateBody | None = None) -> Response:
        """Return a new key of the same name and scopes; the old one works for `grace_seconds` more."""
        grace = (body or RotateBody()).grace_seconds
        return answer(_made(deps.keys.rotate(key_id, grace, who.id)), status=201)

    return router


def prices_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /prices."""
    router = APIRouter(prefix="/prices", tags=["prices"])
    Admin = Annotated[Principal, Depends(guard.admin)]

    def changed() -> None:
        if deps.reload_prices is not None:
            deps.reload_prices()

    @router.get("", summary="List own prices")
    def get_prices(_: Annotated[Principal, Depends(guard.read)]) -> Response:
        """Own prices, which are asked before the bundled ones."""
        return answer({"prices": list_prices(deps.database)})

    @router.post("", summary="Add an own price", status_code=201)
    def create_price(body: PriceBody, who: Admin) -> Response:
        """Dollars per million tokens, for calls from `valid_from` on (default: always)."""
        start = _aware(body.valid_from)
        try:
            overrides_of([{**body.model_dump(), "id": "new", "valid_from": start}])
        except ValueError as error:
            raise Malformed(str(error)) from error
        price = add_price(deps.database, body.provider, body.model, body.prices, start)
        audit("price.create", who.id, price=price)
        changed()
        return answer(price, status=201)

    @router.delete("/{price_id}", summary="Delete an own price")
    def remove_price(price_id: Annotated[int, Path(ge=1, le=2_147_483_647)], who: Admin) -> Response:
        """Stop using an own price; what it priced keeps its cost."""
        if not delete_price(deps.database, price_id):
            raise NotFound("there is no price of that id")
        audit("price.delete", who.id, price_id=price_id)
        changed()
        return answer({"deleted": price_id})

    return router


def _aware(time: datetime | None) -> datetime | None:
    if time is not None and time.tzinfo is None:
        raise Malformed("the time has no zone: write it as RFC 3339, for example 2026-01-31T12:00:00Z")
    return time
