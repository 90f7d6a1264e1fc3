-- +goose Up

-- What a project holds, and the most it may. 9223372036854775807 is no limit.
CREATE TABLE projects (
    name         TEXT    NOT NULL PRIMARY KEY,
    max_bytes    INTEGER NOT NULL,
    max_files    INTEGER NOT NULL,
    max_uploads  INTEGER NOT NULL,
    max_requests INTEGER NOT NULL,           -- a minute
    bytes        INTEGER NOT NULL DEFAULT 0, -- of files
    reserved     INTEGER NOT NULL DEFAULT 0, -- bytes, by pending uploads
    files        INTEGER NOT NULL DEFAULT 0,
    uploads      INTEGER NOT NULL DEFAULT 0  -- pending
) STRICT, WITHOUT ROWID;

-- A key is never deleted: that it was there is what keeps a server closed, and
-- the audit log names it.
CREATE TABLE keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    project      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL,           -- SHA-256 of the secret, which is kept nowhere
    scopes       TEXT    NOT NULL,           -- separated by commas
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,           -- 0 is never
    revoked_at   INTEGER NOT NULL DEFAULT 0, -- 0 is not
    max_bytes    INTEGER NOT NULL,
    max_files    INTEGER NOT NULL,
    max_uploads  INTEGER NOT NULL,
    max_requests INTEGER NOT NULL,
    bytes        INTEGER NOT NULL DEFAULT 0,
    reserved     INTEGER NOT NULL DEFAULT 0,
    files        INTEGER NOT NULL DEFAULT 0,
    uploads      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_listed ON keys (project, created_at);

-- Who did what that cannot be undone. key_id is '' for the command line.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    project TEXT    NOT NULL,
    key_id  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    object  TEXT    NOT NULL,
    detail  TEXT    NOT NULL                 -- what it was made to be
) STRICT;
CREATE INDEX audit_age ON audit (at);

-- The key that made it, '' without one.
ALTER TABLE uploads ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE files   ADD COLUMN key_id TEXT NOT NULL DEFAULT '';

INSERT INTO projects (name, max_bytes, max_files, max_uploads, max_requests, bytes, reserved, files, uploads)
SELECT project, 2500000000000, 9223372036854775807, 10000, 12000, SUM(bytes), SUM(reserved), SUM(files), SUM(uploads)
FROM (SELECT project, bytes, 0 AS reserved, 1 AS files, 0 AS uploads FROM files WHERE deleted_at IS NULL
      UNION ALL
      SELECT project, 0, MAX(bytes, added_bytes), 0, 1 FROM uploads WHERE status = 'pending')
GROUP BY project;
