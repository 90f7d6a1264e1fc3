-- +goose Up

-- As in version 8 of the schema of SQLite.

CREATE TABLE hooks (
    id         TEXT   NOT NULL PRIMARY KEY,
    project    TEXT   NOT NULL,
    url        TEXT   NOT NULL,
    events     TEXT   NOT NULL,
    secret     BYTEA,
    old_secret BYTEA,
    old_until  BIGINT NOT NULL DEFAULT 0,
    status     TEXT   NOT NULL CHECK (status IN ('active', 'gone', 'removed')),
    created_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL DEFAULT 0,
    failed_at  BIGINT NOT NULL DEFAULT 0,
    failure    TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX hooks_of_project ON hooks (project, created_at);

CREATE TABLE outbox (
    object   TEXT     NOT NULL,
    type     TEXT     NOT NULL,
    hook_id  TEXT     NOT NULL,
    reason   TEXT     NOT NULL,
    at       BIGINT   NOT NULL,
    due_at   BIGINT,
    attempts BIGINT   NOT NULL DEFAULT 0,
    sending  SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (object, type, hook_id)
);
CREATE INDEX outbox_due      ON outbox (hook_id, due_at);
CREATE INDEX outbox_given_up ON outbox (at) WHERE due_at IS NULL;
