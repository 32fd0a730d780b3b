"""Templates to answers: one place that sets the policy of every page, compresses it and lets the browser keep it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..query.model_names import models_by_first_seen
from . import numbers
from .charts import share_bar
from .deps import WebDeps
from .guard import csrf_token
from .markup import dress, json_tree
from .palette import Palette
from .state import PRESETS, View, has_term, iso, read_view, read_zone, term, toggle_term
from .static import Assets

__all__ = ["HEADERS", "Pages"]

# Nothing that telemetry says can run or be fetched: no inline script or style, no other origin, no frame.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Encoding, Cookie, Authorization, X-API-Key",
}

ROOMS = (
    ("/", "Overview", "overview"),
    ("/performance", "Performance", "performance"),
    ("/costs", "Costs", "costs"),
    ("/scores", "Scores", "scores"),
    ("/requests", "Requests", "requests"),
    ("/traces", "Traces", "traces"),
    ("/sessions", "Sessions", "sessions"),
    ("/users", "Users", "users"),
    ("/settings", "Settings", "settings"),
)

_FORMATS = {
    "full": "%Y-%m-%d %H:%M:%S",
    "list": "%b %d %H:%M:%S",
    "minute": "%b %d %H:%M",
    "time": "%H:%M:%S",
    "clock": "%H:%M",
    "day": "%b %d",
    "exact": "%Y-%m-%d %H:%M:%S.%f",
}


def moment(
    value: datetime | None, style: str = "list", zone: ZoneInfo | None = None, now: datetime | None = None
) -> Markup:
    """Give a time as <time> in the viewer's zone, which the script corrects when the browser has another.

    `row` is the clock today and the day before that. None is unknown.
    """
    if value is None:
        return numbers.unknown()
    local = value.astimezone(zone or UTC)
    if style == "row":
        style_now = "time" if now and local.date() == now.astimezone(zone or UTC).date() else "minute"
        text = local.strftime(_FORMATS[style_now])
    else:
        text = local.strftime(_FORMATS[style])
    return Markup('<time datetime="{}" data-style="{}" title="{} UTC">{}</time>').format(
        iso(value, 3),
        style,
        value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        text[:-3] if style == "exact" else text,
    )


def ago(value: datetime, now: datetime) -> str:
    """How long ago, in one unit: "just now", "4 min ago", "3 d ago"."""
    passed = (now - value).total_seconds()
    if passed < 5:
        return "just now" if passed > -5 else "in the future"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if passed >= length:
            return f"{int(passed // length)} {unit} ago"
    return "just now"


def _near(request: Request, body: bytes) -> bool:
    """Whether compressing takes longer than sending: a large page to a browser on this machine, behind no proxy."""
    host = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
    return len(body) >= 300_000 and host in ("127.0.0.1", "::1") and not proxied


class Pages:
    """Renders pages for one set of WebDeps."""

    def __init__(self, deps: WebDeps) -> None:
        self.deps = deps
        self.assets = Assets()
        self.palette = Palette(lambda: models_by_first_seen(deps.database))
        env = Environment(
            loader=PackageLoader(__package__, "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        env.filters |= {
            "num": numbers.data, "seconds": numbers.seconds, "count": numbers.count, "money": numbers.money,
            "percent": numbers.percent, "dress": dress, "json_tree": json_tree, "colour": self.palette.colour,
        }  # fmt: skip
        env.globals |= {
            "asset": self.assets.url, "rooms": ROOMS, "presets": PRESETS, "change": numbers.change, "ago": ago,
            "share_bar": share_bar, "iso": iso, "term": term, "has_term": has_term, "toggle_term": toggle_term,
            "unknown": numbers.unknown,
            "version": deps.version,
        }  # fmt: skip
        self._env = env

    def view(self, request: Request) -> View:
        """Give what the URL asks for. Raises Malformed."""
        zone = read_zone(request.query_params.get("zone") or request.cookies.get("zone"))
        params = {k: v for k, v in request.query_params.items() if k != "zone"}
        return read_view(request.url.path, params, self.deps.clock().astimezone(UTC), zone)

    def fragment(
        self, request: Request, template: str, context: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Response:
        """Give a piece of a page, for a module that puts it in its place."""
        return self._answer(request, self._render(request, template, context), 200, headers)

    def page(self, request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        """Give a whole page."""
        return self._answer(request, self._render(request, template, context), status, None)

    def endpoint(self, request: Request) -> str:
        """Where an application sends its spans, as seen from this browser."""
        if self.deps.config.otlp_endpoint:
            return self.deps.config.otlp_endpoint
        host = request.url.hostname or "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:4318"

    def _render(self, request: Request, template: str, context: Mapping[str, Any]) -> str:
        zone = read_zone(request.cookies.get("zone"))
        theme = request.cookies.get("theme", "")
        now = self.deps.clock().astimezone(UTC)
        values = {
            "zone": zone.key,
            "theme": theme if theme in ("light", "dark") else "",
            "path": request.url.path,
            "now": now,
            "csrf": csrf_token(request),
            "principal": getattr(request.state, "principal", None),
            "endpoint": self.endpoint(request),
            "view": None,
            "scopes": None,
            "t": lambda value, style="list": moment(value, style, zone, now),
            **context,
        }
        return self._env.get_template(template).render(values)

    @staticmethod
    def _answer(request: Request, text: str, status: int, headers: Mapping[str, str] | None) -> Response:
        body = text.encode("utf-8", "replace")
        etag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
        out = {**HEADERS, "ETag": etag, **(headers or {})}
        if status == 200 and request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=out)
        if len(body) > 1024 and "gzip" in request.headers.get("accept-encoding", "") and not _near(request, body):
            body = gzip.compress(body, 5 if len(body) < 300_000 else 1)
            out["Content-Encoding"] = "gzip"
        return HTMLResponse(body, status_code=status, headers=out)
