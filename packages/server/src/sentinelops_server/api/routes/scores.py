"""API routes: scores, written by who collects feedback or evaluates, and read like everything else."""

# without postponed annotations: those of the routes name the guard that the function was given
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from starlette.responses import Response

from ...access.keys import Principal, audit
from ...errors import Malformed, NotFound
from ...model import Score, check_score
from ...pipeline.scores import redact_scores
from ...query.filters import parse_filter
from ...query.rows import span_key
from ...query.scope import parse_time
from ...query.scores import SCORE_FIELDS, add_scores, find_scores, remove_score
from ..answers import answer
from ..bodies import ListBody, Where, filter_of, scope_of
from ..deps import ApiDeps
from ..guards import Guard
from ..problems import problem

__all__ = ["ScoreBody", "scores_routes"]

_MOST = 1000
_CLOCK_SKEW_SECONDS = 86_400
Text = Annotated[str, Field(max_length=1000)]
_EXAMPLE: JsonDict = {
    "name": "helpful",
    "value": True,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "comment": "spot on",
}


class ScoreBody(BaseModel):
    """A score, or up to 1,000 as `{"scores": [...]}`: of a span, a request, a trace, a session or a response."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    name: Text
    value: bool | int | float | None = None
    label: Text | None = None
    comment: Annotated[str, Field(max_length=65_536)] | None = None
    trace_id: Text | None = None
    span_id: Text | None = None
    request_id: Text | None = None
    session_id: Text | None = None
    response_id: Text | None = None
    user_id: Text | None = None
    source: Text = "app"
    id: Text | None = None
    timestamp: Text | None = None
    application: Text | None = None
    environment: Text | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class ScoreQuery(Where):
    """Which scores: by name, source, trace or session, and `order`, `limit` and `cursor` of the list."""

    name: Text | None = None
    source: Text | None = None
    trace_id: Text | None = None
    session_id: Text | None = None
    order: Text = "-timestamp"
    cursor: Annotated[str, Field(max_length=4000)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


def scores_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /scores."""
    router = APIRouter(prefix="/scores", tags=["scores"])
    reads = [Depends(guard.read)]
    schema = {"requestBody": {"content": {"application/json": {"schema": ScoreBody.model_json_schema()}}}}

    @router.post("", summary="Add scores", status_code=201, openapi_extra=schema, dependencies=[Depends(guard.score)])
    def post_scores(body: dict[str, Any]) -> Response:
        """Store one score, or the list under `scores`; those that cannot be taken are named, the others are stored."""
        return _post(deps, body)

    @router.get("", summary="List scores", dependencies=reads)
    def list_scores(query: Annotated[ScoreQuery, Query()]) -> Response:
        """Return a page of scores by when they were given."""
        scope = scope_of(query, deps.clock(), deps.config.default_range)
        wanted = {name: getattr(query, name) for name in ("name", "source", "trace_id", "session_id")}
        parts = [{"field": name, "op": "eq", "value": value} for name, value in wanted.items() if value is not None]
        filter = parse_filter({"and": parts} if parts else None, SCORE_FIELDS)
        return answer(find_scores(deps.database, scope, filter, query.order, query.cursor, query.limit))

    @router.post("/query", summary="Query scores with filters", dependencies=reads)
    def query_scores(body: ListBody) -> Response:
        """Return a page of scores; fields: those of a score."""
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        filter = filter_of(body.filter, body.search, SCORE_FIELDS)
        return answer(find_scores(deps.database, scope, filter, body.order, body.cursor, body.limit))

    @router.delete("/{score_id:path}", summary="Delete a score")
    def delete_score(score_id: str, who: Annotated[Principal, Depends(guard.admin)]) -> Response:
        """Delete one score for good."""
        if not remove_score(deps.database, score_id):
            raise NotFound("there is no score of that id")
        audit("score.delete", who.id, score_id=score_id)
        return answer({"deleted": score_id})

    return router


def _post(deps: ApiDeps, body: dict[str, Any]) -> Response:
    several = set(body) == {"scores"}
    given = body["scores"] if several else [body]
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST:
        raise Malformed(f"scores is a list of 1 to {_MOST:,} scores")
    now, scores, errors = deps.clock(), {}, []
    for index, item in enumerate(given):
        try:
            scores[index] = _score(item, now)
        except ValidationError as error:
            errors += [_named(index, several, one["loc"], one["msg"]) for one in error.errors()[:5]]
        except (ValueError, Malformed) as error:
            errors.append(_named(index, several, (), str(error)))
    if not scores:
        return problem(422, "no score could be taken: see errors", errors=errors[:50])
    redact_scores(deps.redactor, scores.values())
    changed = add_scores(deps.database, list(scores.values()), now)
    ids = {index: score.score_id for index, score in scores.items()}
    results = [{"index": index, "score_id": one, "changed": one in changed} for index, one in ids.items()]
    return answer({"scores": results, "errors": errors[:_MOST]}, status=201)


def _named(index: int, several: bool, place: tuple[int | str, ...], message: str) -> dict[str, Any]:
    pointer = "".join(f"/{part}" for part in (("scores", index) if several else ()) + place)
    return {"index": index, "pointer": pointer, "detail": message}


def _score(item: Any, now: datetime) -> Score:
    """Raises ValidationError, ValueError or Malformed: what is wrong with this one."""
    body = ScoreBody.model_validate(item)
    trace_id, span_id = _place(body)
    given = _time(body.timestamp, now)
    kind = "boolean" if isinstance(body.value, bool) else ""
    score = Score(
        body.name, int(given.timestamp() * 1e9), None if body.value is None else float(body.value), body.label,
        body.comment, kind, body.source, trace_id, span_id, body.session_id,
        None if trace_id else body.response_id, body.application, body.environment, body.user_id, body.metadata,
        body.id,
    )  # fmt: skip
    return check_score(score)


def _place(body: ScoreBody) -> tuple[bytes | None, bytes | None]:
    trace, span = body.trace_id, body.span_id
    if body.request_id is not None:
        if trace is not None or span is not None:
            raise ValueError("give request_id, or trace_id and span_id")
        trace, _, span = body.request_id.partition("-")
    if trace is None:
        if span is not None:
            raise ValueError("span_id is given without its trace_id")
        return None, None
    key = span_key(trace.lower(), (span or "0" * 16).lower())
    if key is None:
        raise ValueError("trace_id is 32 and span_id 16 hexadecimal digits; request_id is both with - between")
    return key[0], key[1] if span is not None else None


def _time(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    given = parse_time(text, "timestamp")
    if (given - now.astimezone(UTC)).total_seconds() > _CLOCK_SKEW_SECONDS:
        raise ValueError("timestamp is more than a day in the future: check the sender's clock")
    return given
