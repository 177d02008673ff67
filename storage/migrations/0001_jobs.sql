-- Jobs, their finished steps with what these made, and what happened. Times are microseconds since
-- 1970-01-01 UTC. JSON is text.

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    tenant TEXT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    error TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_tenant ON jobs (tenant, state, seq);

CREATE TABLE steps (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    name TEXT NOT NULL,
    seconds REAL NOT NULL,
    detail TEXT NOT NULL,
    finished_us INTEGER NOT NULL,
    UNIQUE (job, name)
) STRICT;

CREATE TABLE artifacts (
    step INTEGER NOT NULL REFERENCES steps (seq) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    media_type TEXT NOT NULL,
    name TEXT NOT NULL,
    recipe TEXT NOT NULL,
    PRIMARY KEY (step, position)
) STRICT;

CREATE INDEX artifacts_by_digest ON artifacts (digest);

CREATE TABLE events (
    job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT;
