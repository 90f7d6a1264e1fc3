-- +goose Up

-- Times are Unix seconds. seq orders what was created within one second.

CREATE TABLE uploads (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    project     TEXT    NOT NULL,
    filename    TEXT    NOT NULL,
    purpose     TEXT    NOT NULL,
    mime_type   TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    file_life   INTEGER NOT NULL,            -- seconds, 0 for ever
    file_id     TEXT,                        -- of a completed one
    ended_at    INTEGER,                     -- when nothing was left of it but this record
    added_bytes INTEGER NOT NULL DEFAULT 0,  -- of all parts ever added
    added_parts INTEGER NOT NULL DEFAULT 0,
    CHECK ((status = 'completed') = (file_id IS NOT NULL))
) STRICT;
CREATE INDEX uploads_listed  ON uploads (project, created_at, seq);
CREATE INDEX uploads_expiry  ON uploads (expires_at) WHERE status = 'pending';
CREATE INDEX uploads_ended   ON uploads (ended_at) WHERE ended_at IS NOT NULL;

-- A part's id is the key of its blob.
CREATE TABLE parts (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    upload_id  TEXT,                         -- NULL: the bytes of a file made in one piece
    file_id    TEXT,                         -- NULL until the upload is completed
    position   INTEGER NOT NULL DEFAULT 0,   -- in the file
    start      INTEGER NOT NULL DEFAULT 0,   -- offset in the file
    bytes      INTEGER NOT NULL,
    crc32c     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK (upload_id IS NOT NULL OR file_id IS NOT NULL)
) STRICT;
CREATE INDEX parts_of_upload ON parts (upload_id, seq) WHERE upload_id IS NOT NULL;
CREATE UNIQUE INDEX parts_of_file ON parts (file_id, position) WHERE file_id IS NOT NULL;

-- A deleted file keeps its record for a while: it holds its place in the list.
CREATE TABLE files (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    project    TEXT    NOT NULL,
    upload_id  TEXT    UNIQUE,               -- NULL: made in one piece
    filename   TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    crc32c     INTEGER NOT NULL,
    parts      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,             -- 0 is never
    deleted_at INTEGER
) STRICT;
CREATE INDEX files_listed     ON files (project, created_at, seq) WHERE deleted_at IS NULL;
CREATE INDEX files_by_purpose ON files (project, purpose, created_at, seq) WHERE deleted_at IS NULL;
CREATE INDEX files_expiry     ON files (expires_at) WHERE deleted_at IS NULL AND expires_at > 0;
CREATE INDEX files_deleted    ON files (deleted_at) WHERE deleted_at IS NOT NULL;

-- The keys of blobs that no part refers to: reserved, let go, or being deleted.
CREATE TABLE bin (
    key    TEXT    NOT NULL PRIMARY KEY,
    due_at INTEGER NOT NULL,
    doomed INTEGER NOT NULL DEFAULT 0        -- 1: its blob is being deleted
) STRICT, WITHOUT ROWID;
CREATE INDEX bin_due ON bin (due_at);
