-- +goose Up

-- The key of a blob by which these records know their blobs. There is one at most.
CREATE TABLE marker (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    key    TEXT    NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0        -- 1: it was put there
) STRICT;
