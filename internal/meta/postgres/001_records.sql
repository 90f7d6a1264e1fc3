-- +goose Up

-- As of version 5 of the schema of SQLite, where the columns are explained. What a
-- version changes here must leave the programs before it able to work: two versions
-- run side by side while one takes the place of the other.

CREATE TABLE uploads (
    seq         BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id          TEXT   NOT NULL UNIQUE,
    project     TEXT   NOT NULL,
    key_id      TEXT   NOT NULL DEFAULT '',
    filename    TEXT   NOT NULL,
    purpose     TEXT   NOT NULL,
    mime_type   TEXT   NOT NULL,
    bytes       BIGINT NOT NULL,
    status      TEXT   NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    file_life   BIGINT NOT NULL,
    file_id     TEXT,
    ended_at    BIGINT,
    added_bytes BIGINT NOT NULL DEFAULT 0,
    added_parts BIGINT NOT NULL DEFAULT 0,
    CHECK ((status = 'completed') = (file_id IS NOT NULL))
);
CREATE INDEX uploads_listed ON uploads (project, created_at, seq);
CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE status = 'pending';
CREATE INDEX uploads_ended  ON uploads (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE parts (
    seq        BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id         TEXT   NOT NULL UNIQUE,
    upload_id  TEXT,
    file_id    TEXT,
    position   BIGINT NOT NULL DEFAULT 0,
    start      BIGINT NOT NULL DEFAULT 0,
    bytes      BIGINT NOT NULL,
    padding    BIGINT NOT NULL DEFAULT 0,
    crc32c     BIGINT NOT NULL,
    sums       BYTEA,
    created_at BIGINT NOT NULL,
    CHECK (upload_id IS NOT NULL OR file_id IS NOT NULL)
);
CREATE INDEX parts_of_upload ON parts (upload_id, seq) WHERE upload_id IS NOT NULL;
CREATE UNIQUE INDEX parts_of_file ON parts (file_id, position) WHERE file_id IS NOT NULL;

CREATE TABLE files (
    seq        BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id         TEXT   NOT NULL UNIQUE,
    project    TEXT   NOT NULL,
    key_id     TEXT   NOT NULL DEFAULT '',
    upload_id  TEXT   UNIQUE,
    filename   TEXT   NOT NULL,
    purpose    TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    crc32c     BIGINT NOT NULL,
    parts      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX files_listed     ON files (project, created_at, seq) WHERE deleted_at IS NULL;
CREATE INDEX files_by_purpose ON files (project, purpose, created_at, seq) WHERE deleted_at IS NULL;
CREATE INDEX files_expiry     ON files (expires_at) WHERE deleted_at IS NULL AND expires_at > 0;
CREATE INDEX files_deleted    ON files (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE bin (
    key    TEXT     NOT NULL PRIMARY KEY,
    due_at BIGINT   NOT NULL,
    doomed SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX bin_due ON bin (due_at);

CREATE TABLE projects (
    name         TEXT   NOT NULL PRIMARY KEY,
    max_bytes    BIGINT NOT NULL,
    max_files    BIGINT NOT NULL,
    max_uploads  BIGINT NOT NULL,
    max_requests BIGINT NOT NULL,
    bytes        BIGINT NOT NULL DEFAULT 0,
    reserved     BIGINT NOT NULL DEFAULT 0,
    files        BIGINT NOT NULL DEFAULT 0,
    uploads      BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    project      TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    scopes       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT NOT NULL DEFAULT 0,
    max_bytes    BIGINT NOT NULL,
    max_files    BIGINT NOT NULL,
    max_uploads  BIGINT NOT NULL,
    max_requests BIGINT NOT NULL,
    bytes        BIGINT NOT NULL DEFAULT 0,
    reserved     BIGINT NOT NULL DEFAULT 0,
    files        BIGINT NOT NULL DEFAULT 0,
    uploads      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX keys_listed ON keys (project, created_at);

CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      BIGINT NOT NULL,
    project TEXT   NOT NULL,
    key_id  TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
CREATE INDEX audit_age ON audit (at);

CREATE TABLE marker (
    id     BIGINT   NOT NULL PRIMARY KEY CHECK (id = 1),
    key    TEXT     NOT NULL,
    stored SMALLINT NOT NULL DEFAULT 0
);

-- The oldest version of this schema whose programs can work with what is here now.
-- A later version raises it when it takes away what they need.
CREATE TABLE oldest_version (version BIGINT NOT NULL);
INSERT INTO oldest_version (version) VALUES (1);
