-- +goose Up

-- As in version 6 of the schema of SQLite.

CREATE TABLE origin (id TEXT NOT NULL);
INSERT INTO origin (id) SELECT md5(random()::TEXT || clock_timestamp()::TEXT || current_database());

CREATE TABLE migration (
    one      SMALLINT NOT NULL PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    source   TEXT     NOT NULL,
    run      TEXT     NOT NULL,
    complete SMALLINT NOT NULL,
    common   SMALLINT
);

CREATE TABLE arrivals (
    key     TEXT NOT NULL PRIMARY KEY,
    padding BIGINT
);
