-- +goose Up

-- CRC-32C of each 256 KiB of a part, 4 bytes each, so that a range of it can be
-- verified. NULL: stored before there were any; it is verified as a whole.
ALTER TABLE parts ADD COLUMN sums BLOB;
