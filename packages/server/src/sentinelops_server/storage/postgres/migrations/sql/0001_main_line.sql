-- The main line: every span, the requests among them, their rollups, their ledger, and who may ask.
-- Times are UTC without zone, as the specification writes them; every connection runs with TimeZone=UTC.
-- Tables marked "by day" are partitioned by RANGE (timestamp); storage.postgres.partitions creates and drops the days.

-- Every span of every trace. By day. Message bodies are never here: payloads are apart (storage_object_id).
-- Columns stand in the order of their alignment: numbers first, so that nothing is padding.
CREATE TABLE spans (
    timestamp         TIMESTAMP NOT NULL,          -- start of the span
    start_ns          BIGINT NOT NULL,             -- exact start, Unix nanoseconds
    duration_ns       BIGINT NOT NULL,
    received_at       TIMESTAMP NOT NULL,
    resource_id       BIGINT,                      -- resources.resource_id; NULL for an empty one
    kind              SMALLINT NOT NULL,           -- OTLP SpanKind 0..5
    status            SMALLINT NOT NULL,           -- OTLP: 0 unset, 1 ok, 2 error
    trace_id          BYTEA NOT NULL,              -- 16 bytes
    span_id           BYTEA NOT NULL,              -- 8 bytes
    parent_span_id    BYTEA,
    name              TEXT NOT NULL,
    type              TEXT NOT NULL,               -- llm embedding agent tool chain retrieval rerank guardrail evaluator memory span
    status_message    TEXT,
    application       TEXT NOT NULL,
    environment       TEXT NOT NULL,
    session_id        TEXT,
    user_id           TEXT,
    scope             TEXT,                        -- instrumentation scope "name version"
    detail            BYTEA,                       -- attributes less the message bodies, events, links: storage.postgres.detail
    storage_object_id VARCHAR(255),                -- NULL for a model call with a payload: its request's row has it
    UNIQUE (trace_id, span_id, timestamp)
) PARTITION BY RANGE (timestamp);
ALTER TABLE spans ALTER COLUMN detail SET STORAGE EXTERNAL; -- compressed already

-- What spans were recorded by, once each: service, host, SDK.
CREATE TABLE resources (
    resource_id BIGINT PRIMARY KEY,                -- digest of the resource
    seen        DATE NOT NULL,                     -- last day on which a span of it arrived; retention deletes by it
    resource    JSONB NOT NULL
);

-- The specification's request_metrics, by name and type, and what else a request is asked about. By day.
-- id keeps the specification's type and cycles: with 1,000 requests a second a 32-bit id lasts 24 days. (id, timestamp) is the key.
-- What can be unknown is NULL, never 0 (docs/decisions/0001).
CREATE SEQUENCE request_metrics_id_seq AS INTEGER CYCLE;
CREATE TABLE request_metrics (
    id                   INTEGER NOT NULL DEFAULT nextval('request_metrics_id_seq'),
    request_id           VARCHAR(255) NOT NULL,    -- <trace_id>-<span_id>, lower-case hex
    timestamp            TIMESTAMP NOT NULL,
    provider             VARCHAR(255) NOT NULL,
    model                VARCHAR(255) NOT NULL,    -- what was asked for; what answered is response_model
    application          VARCHAR(255) NOT NULL,
    environment          VARCHAR(255) NOT NULL,
    inference_time       FLOAT,                    -- seconds, as the provider reports it
    success              BOOLEAN NOT NULL,
    prompt_tokens        INTEGER,
    completion_tokens    INTEGER,
    total_tokens         INTEGER,
    estimated_cost       FLOAT,                    -- US dollars
    memory_used          FLOAT,                    -- bytes
    error                TEXT,
    storage_object_id    VARCHAR(255),             -- object:offset:length:index in the payload store
    -- beyond the specification, in the order of their alignment
    duration             FLOAT NOT NULL,           -- seconds, end to end
    weight               FLOAT NOT NULL DEFAULT 1, -- how many calls this one stands for
    time_to_first_token  FLOAT,                    -- seconds
    cache_read_tokens    INTEGER,                  -- subset of prompt_tokens
    cache_write_tokens   INTEGER,                  -- subset of prompt_tokens
    reasoning_tokens     INTEGER,                  -- subset of completion_tokens
    streaming            BOOLEAN NOT NULL DEFAULT false,
    trace_id             BYTEA NOT NULL,
    span_id              BYTEA NOT NULL,
    operation            TEXT NOT NULL,            -- chat, embeddings, text_completion, generate_content ...
    status               TEXT NOT NULL,            -- ok, error, cancelled (the caller stopped early: not a failure of the provider)
    response_model       TEXT,
    response_id          TEXT,
    finish_reason        TEXT,
    error_type           TEXT,
    usage_details        JSONB,                    -- any further counts: {"audio_prompt_tokens": 12, ...}
    cost_details         JSONB,                    -- price of each class {"input": "2.5", ...}; analysis.cost has the rest
    price_version        TEXT,                     -- which price made the cost: "genai-prices 0.2.3 openai/gpt-4o", "override 7"
    service_tier         TEXT,
    server_address       TEXT,
    session_id           TEXT,
    user_id              TEXT,
    tags                 TEXT[],                   -- NULL for none
    metadata             JSONB,
    parameters           JSONB,                    -- {"temperature": 0.2, "max_tokens": 100, ...}
    prompt_preview       TEXT,                     -- first 96 characters of the last user message, redacted
    completion_preview   TEXT,
    duplicate_of         TEXT,                     -- request_id that counts in its place
    redactions           JSONB,                    -- {"email": 2}
    PRIMARY KEY (timestamp, id)                    -- in this order it is the index of the newest as well
) PARTITION BY RANGE (timestamp);
ALTER SEQUENCE request_metrics_id_seq OWNED BY request_metrics.id;
-- Once: spans refuse the second one of a key in the same transaction. Equal values share an entry of a B-tree, so these carry no
-- time: the rows of one are sorted after they are found.
CREATE INDEX request_metrics_trace ON request_metrics (trace_id);
CREATE INDEX request_metrics_request_id ON request_metrics USING hash (request_id); -- only ever asked for equality; a third of the size
CREATE INDEX request_metrics_model ON request_metrics (model, timestamp DESC);
CREATE INDEX request_metrics_failed ON request_metrics (timestamp DESC) WHERE status <> 'ok';
CREATE INDEX request_metrics_session ON request_metrics (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX request_metrics_user ON request_metrics (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX request_metrics_metadata ON request_metrics USING gin (metadata jsonb_path_ops) WHERE metadata IS NOT NULL;
CREATE INDEX request_metrics_tags ON request_metrics USING gin (tags) WHERE tags <> '{}';

-- One row a trace, kept as its spans arrive: what the trace list shows. Retention deletes by started_at.
CREATE TABLE traces (
    started_at     TIMESTAMP NOT NULL,
    start_ns       BIGINT NOT NULL,
    end_ns         BIGINT NOT NULL,
    total_tokens   BIGINT NOT NULL,
    estimated_cost FLOAT,                          -- NULL when no request of it has a known price
    unpriced_count INTEGER NOT NULL,               -- requests of unknown cost
    span_count     INTEGER NOT NULL,
    error_count    INTEGER NOT NULL,
    request_count  INTEGER NOT NULL,
    root_status    SMALLINT,
    trace_id       BYTEA PRIMARY KEY,
    root_name      TEXT,                           -- NULL until the root span has arrived
    application    TEXT NOT NULL,
    environment    TEXT NOT NULL,
    session_id     TEXT,
    user_id        TEXT
);
CREATE INDEX traces_started ON traces (started_at);
CREATE INDEX traces_session ON traces (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX traces_user ON traces (user_id) WHERE user_id IS NOT NULL;

-- What dashboards read. Written in the transaction that stores the rows; duplicates are left out.
-- latency and ttft are mergeable histograms: counts[i] values fell in bucket keys[i], bucket k holds (g^(k-1), g^k] seconds with
-- g = 1.02, so a quantile read from it is at most 1% off (DDSketch, Masson et al. 2019). Key -32768 holds values <= 0.
CREATE TABLE rollups (
    resolution         SMALLINT NOT NULL,          -- 1 minute, 15, 60 hour, 1440 day: minutes in a bucket
    bucket             TIMESTAMP NOT NULL,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,
    application        TEXT NOT NULL,
    environment        TEXT NOT NULL,
    status             TEXT NOT NULL,
    requests           FLOAT NOT NULL,             -- sums are weighted
    prompt_tokens      FLOAT NOT NULL,
    completion_tokens  FLOAT NOT NULL,
    total_tokens       FLOAT NOT NULL,
    cache_read_tokens  FLOAT NOT NULL,
    cache_write_tokens FLOAT NOT NULL,
    reasoning_tokens   FLOAT NOT NULL,
    unknown_usage      FLOAT NOT NULL,             -- requests whose tokens are unknown
    cost               NUMERIC NOT NULL,           -- of the requests whose price is known
    unpriced           FLOAT NOT NULL,             -- requests whose cost is unknown
    duration_sum       FLOAT NOT NULL,
    max_duration       FLOAT,                      -- the largest single values: where a list of the largest begins to look
    max_ttft           FLOAT,
    max_cost           FLOAT,
    max_tokens         FLOAT,
    latency_keys       SMALLINT[] NOT NULL,
    latency_counts     FLOAT[] NOT NULL,
    ttft_keys          SMALLINT[] NOT NULL,
    ttft_counts        FLOAT[] NOT NULL,
    PRIMARY KEY (resolution, bucket, provider, model, application, environment, status)
) WITH (fillfactor = 70);

-- The specification's anomalies, by name and type. By day.
CREATE SEQUENCE anomalies_id_seq AS INTEGER CYCLE;
CREATE TABLE anomalies (
    id          INTEGER NOT NULL DEFAULT nextval('anomalies_id_seq'),
    anomaly_id  VARCHAR(255) NOT NULL,
    timestamp   TIMESTAMP NOT NULL,
    type        VARCHAR(255) NOT NULL,
    request_id  VARCHAR(255) NOT NULL,
    provider    VARCHAR(255) NOT NULL,
    model       VARCHAR(255) NOT NULL,
    application VARCHAR(255) NOT NULL,
    details     JSONB,
    PRIMARY KEY (id, timestamp)
) PARTITION BY RANGE (timestamp);
ALTER SEQUENCE anomalies_id_seq OWNED BY anomalies.id;
CREATE INDEX anomalies_anomaly_id ON anomalies (anomaly_id);
CREATE INDEX anomalies_timestamp ON anomalies (timestamp DESC);

-- OTLP log records. By day. Those that carry a call's messages are joined to their span when it is read.
CREATE TABLE log_records (
    timestamp         TIMESTAMP NOT NULL,
    record_id         BYTEA NOT NULL,              -- 16 bytes: digest of the record, so that a replay changes nothing
    trace_id          BYTEA,
    span_id           BYTEA,
    severity          SMALLINT NOT NULL,
    event_name        TEXT,
    application       TEXT NOT NULL,
    environment       TEXT NOT NULL,
    body              JSONB,
    attributes        JSONB,
    storage_object_id VARCHAR(255),
    UNIQUE (record_id, timestamp)
) PARTITION BY RANGE (timestamp);
CREATE INDEX log_records_span ON log_records (trace_id, span_id) WHERE trace_id IS NOT NULL;

-- OTLP metric points. By day.
CREATE TABLE metric_points (
    timestamp   TIMESTAMP NOT NULL,
    point_id    BYTEA NOT NULL,                    -- 16 bytes: digest of name, attributes, resource and time
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,                     -- gauge, sum, histogram, exponential_histogram, summary
    unit        TEXT NOT NULL,
    application TEXT NOT NULL,
    environment TEXT NOT NULL,
    attributes  JSONB,
    value       FLOAT,                             -- gauge, sum
    data        JSONB,                             -- histograms and summaries: {count, sum, bounds, counts, ...}
    UNIQUE (point_id, timestamp)
) PARTITION BY RANGE (timestamp);
CREATE INDEX metric_points_name ON metric_points (name, timestamp DESC);

-- Where every record went. outcome: received, stored, duplicate, refused, dropped. received = stored + duplicate + refused + dropped.
CREATE TABLE ledger (
    hour        TIMESTAMP NOT NULL,
    application TEXT NOT NULL,
    signal      TEXT NOT NULL,                     -- spans, log_records, metric_points
    outcome     TEXT NOT NULL,
    reason      TEXT NOT NULL DEFAULT '',
    count       BIGINT NOT NULL,
    PRIMARY KEY (hour, application, signal, outcome, reason)
);

-- What the SDKs say of themselves: cumulative counts of one SDK process. outcome: created, sent, retried, dropped.
CREATE TABLE sdk_reports (
    instance_id TEXT NOT NULL,
    application TEXT NOT NULL,
    environment TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    reason      TEXT NOT NULL DEFAULT '',
    count       BIGINT NOT NULL,
    reported_at TIMESTAMP NOT NULL,
    PRIMARY KEY (instance_id, outcome, reason)
);

-- One row a payload segment: where its words can be looked for without opening it.
CREATE TABLE payload_segments (
    object_id  TEXT PRIMARY KEY,                   -- path in the payload store: YYYYMMDD/<time and chance>
    day        DATE NOT NULL,
    first_at   TIMESTAMP NOT NULL,                 -- earliest and latest span in it
    last_at    TIMESTAMP NOT NULL,
    records    INTEGER NOT NULL,
    bytes      BIGINT NOT NULL,
    words      BYTEA NOT NULL                      -- Bloom filter of the lower-cased words in it
);
CREATE INDEX payload_segments_day ON payload_segments (day);

-- Own prices, asked before the bundled ones.
CREATE TABLE price_overrides (
    id         SERIAL PRIMARY KEY,
    provider   TEXT NOT NULL,                      -- '*' for any
    model      TEXT NOT NULL,                      -- exact, or a prefix that ends in '*'
    prices     JSONB NOT NULL,                     -- dollars per million: {"input": "2.5", "output": "10", "cache_read": "1.25", ...}
    valid_from TIMESTAMP NOT NULL DEFAULT '-infinity',
    created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    UNIQUE (provider, model, valid_from)
);

CREATE TABLE api_keys (
    key_id       TEXT PRIMARY KEY,                 -- public part of the key
    name         TEXT NOT NULL,
    digest       BYTEA NOT NULL,                   -- SHA-256 of the 256-bit secret part: it has nothing to guess, so no slow hash
    scopes       TEXT[] NOT NULL,                  -- ingest, read, admin
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP,
    revoked_at   TIMESTAMP,
    last_used_at TIMESTAMP
);

-- Browser sessions and the one-time links that begin them; only digests are kept.
CREATE TABLE web_sessions (
    digest     BYTEA PRIMARY KEY,
    kind       TEXT NOT NULL,                      -- link, session
    scopes     TEXT[] NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);

CREATE TABLE saved_views (
    view_id    TEXT PRIMARY KEY,
    page       TEXT NOT NULL,
    name       TEXT NOT NULL,
    query      TEXT NOT NULL,                      -- the URL's query string
    created_at TIMESTAMP NOT NULL,
    UNIQUE (page, name)
);

-- Adds two mergeable histograms held as parallel arrays: the sorted union of keys, counts added.
CREATE FUNCTION sketch_keys(a SMALLINT[], b SMALLINT[]) RETURNS SMALLINT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(k ORDER BY k), '{}') FROM (SELECT DISTINCT k FROM unnest(a || b) AS u(k)) s $$;
CREATE FUNCTION sketch_counts(ak SMALLINT[], ac FLOAT[], bk SMALLINT[], bc FLOAT[]) RETURNS FLOAT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(c ORDER BY k), '{}')
   FROM (SELECT k, sum(c) AS c FROM unnest(ak || bk, ac || bc) AS u(k, c) GROUP BY k) s $$;
