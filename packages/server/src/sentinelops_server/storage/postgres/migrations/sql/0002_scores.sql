-- What people, rules and models say of spans, traces and sessions.
CREATE TABLE scores (
    timestamp   TIMESTAMP NOT NULL,                -- when it was given
    created_at  TIMESTAMP NOT NULL,                -- when it was first stored, and last changed
    updated_at  TIMESTAMP NOT NULL,
    value       FLOAT,                             -- of a boolean 1 or 0; NULL for a category or a comment
    of_trace    BOOLEAN NOT NULL,                  -- it holds for all of the trace: it is about the trace or its root span
    pending     BOOLEAN NOT NULL,                  -- what it is about has not arrived: application or ids may follow
    score_id    TEXT PRIMARY KEY,                  -- the sender's, or made of target, name, source and user: the last one wins
    name        TEXT NOT NULL,
    type        TEXT NOT NULL,                     -- numeric, boolean, categorical, comment
    label       TEXT,
    comment     TEXT,                              -- redacted, as all text is
    source      TEXT NOT NULL,                     -- app, user, human, evaluator ...
    scope       TEXT NOT NULL,                     -- span, trace, session
    trace_id    BYTEA,
    span_id     BYTEA,
    session_id  TEXT,
    response_id TEXT,                              -- the provider's id of the answer it is about, where that is all the sender knew
    application TEXT,                              -- of the sender, else of the span; NULL until either is known
    environment TEXT,
    user_id     TEXT,
    metadata    JSONB
);
CREATE INDEX scores_trace ON scores (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX scores_session ON scores (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX scores_name ON scores (name, timestamp DESC);
CREATE INDEX scores_timestamp ON scores (timestamp DESC);
CREATE INDEX scores_pending ON scores (trace_id, response_id) WHERE pending; -- as good as empty: asked by every write
-- An evaluation may name its call by the provider's id of the answer alone. Only ever asked for equality.
CREATE INDEX request_metrics_response_id ON request_metrics USING hash (response_id) WHERE response_id IS NOT NULL;
