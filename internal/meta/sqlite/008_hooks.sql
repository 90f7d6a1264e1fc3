-- +goose Up

-- Who is told of what happens in a project.
CREATE TABLE hooks (
    id         TEXT    NOT NULL PRIMARY KEY,
    project    TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    events     TEXT    NOT NULL,              -- their types, separated by commas
    secret     BLOB,                          -- as it is: what is sent is signed with it; NULL: removed
    old_secret BLOB,                          -- signs as well until old_until
    old_until  INTEGER NOT NULL DEFAULT 0,
    status     TEXT    NOT NULL CHECK (status IN ('active', 'gone', 'removed')),
    created_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0,    -- 0 is not
    failed_at  INTEGER NOT NULL DEFAULT 0,    -- the last time that a delivery did
    failure    TEXT    NOT NULL DEFAULT ''    -- and why
) STRICT, WITHOUT ROWID;
CREATE INDEX hooks_of_project ON hooks (project, created_at);

-- What hooks are yet to be told, and for a while what they could not be.
CREATE TABLE outbox (
    object   TEXT    NOT NULL,                -- the id of the upload or file that it happened to
    type     TEXT    NOT NULL,
    hook_id  TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    at       INTEGER NOT NULL,                -- when it happened
    due_at   INTEGER,                         -- when it is sent next; NULL: given up
    attempts INTEGER NOT NULL DEFAULT 0,
    sending  INTEGER NOT NULL DEFAULT 0,      -- 1: it is on its way, and due again if nothing is heard of it
    PRIMARY KEY (object, type, hook_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due      ON outbox (hook_id, due_at);
CREATE INDEX outbox_given_up ON outbox (at) WHERE due_at IS NULL;
