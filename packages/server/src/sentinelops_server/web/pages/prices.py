"""Own prices: what an administrator adds and deletes on the page of costs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ...access.keys import audit
from ...errors import Malformed, NotFound
from ...pipeline.price_tables import overrides_of
from ...query.prices import add_price, delete_price
from ..guard import check_csrf, require_admin
from ..render import Pages

__all__ = ["CLASSES", "routes"]

# the classes the form asks for; the API takes every one there is
CLASSES = (("input", "Prompt"), ("output", "Completion"), ("cache_read", "Cached prompt"))


def routes(pages: Pages) -> APIRouter:
    """Give what may be posted under /costs/prices."""
    router = APIRouter(dependencies=[Depends(require_admin), Depends(check_csrf)])

    @router.post("/costs/prices")
    def add(
        request: Request,
        provider: Annotated[str, Form()],
        model: Annotated[str, Form()],
        input: Annotated[str, Form()] = "",
        output: Annotated[str, Form()] = "",
        cache_read: Annotated[str, Form()] = "",
    ) -> Response:
        asked = {"input": input, "output": output, "cache_read": cache_read}
        prices = {name: value.strip().lstrip("$") for name, value in asked.items() if value.strip()}
        row: dict[str, Any] = {"id": "new", "provider": provider.strip(), "model": model.strip(), "prices": prices}
        try:
            overrides_of([row])
        except ValueError as error:
            raise Malformed(str(error)) from error
        price = add_price(pages.deps.database, provider, model, prices)
        audit("price.create", request.state.principal.id, price=price)
        return _changed(pages)

    @router.post("/costs/prices/{price_id}/delete")
    def delete(request: Request, price_id: int) -> Response:
        if not 0 < price_id < 2**31 or not delete_price(pages.deps.database, price_id):
            raise NotFound("There is no price of this number: somebody may have deleted it already.")
        audit("price.delete", request.state.principal.id, price_id=price_id)
        return _changed(pages)

    return router


def _changed(pages: Pages) -> Response:
    if pages.deps.reload_prices is not None:
        pages.deps.reload_prices()
    return RedirectResponse("/costs#prices", status_code=303)
