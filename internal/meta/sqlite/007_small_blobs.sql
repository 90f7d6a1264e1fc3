-- +goose Up

-- The bytes of small blobs, which come to the disk with the flush of the records.
CREATE TABLE small_blobs (
    seq  INTEGER PRIMARY KEY,
    key  TEXT    NOT NULL UNIQUE,
    data BLOB    NOT NULL
) STRICT;
