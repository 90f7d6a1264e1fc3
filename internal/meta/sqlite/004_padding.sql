-- +goose Up

-- Bytes of a part's blob behind those of the part: a store that must be told a
-- length beforehand was told one that turned out to be too large.
ALTER TABLE parts ADD COLUMN padding INTEGER NOT NULL DEFAULT 0;
