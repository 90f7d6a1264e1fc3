-- +goose Up

-- Which records these are, wherever they are kept.
CREATE TABLE origin (id TEXT NOT NULL) STRICT;
INSERT INTO origin (id) SELECT lower(hex(randomblob(16)));

-- The migration that brings these records, or has brought them; nothing once they are
-- used.
CREATE TABLE migration (
    one      INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    source   TEXT    NOT NULL,               -- its origin
    run      TEXT    NOT NULL,               -- the latest, which alone may go on
    complete INTEGER NOT NULL,
    common   INTEGER                         -- 1: the bytes stay where they are, 0: they do not
) STRICT;

-- The blobs that a migration has stored, or begun to, and that no record refers to yet.
CREATE TABLE arrivals (
    key     TEXT NOT NULL PRIMARY KEY,
    padding INTEGER                          -- NULL until it is whole
) STRICT, WITHOUT ROWID;
