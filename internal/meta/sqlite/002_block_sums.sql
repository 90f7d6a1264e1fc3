-- +goose Up

-- CRC-32C of each 256 KiB of a part, 4 bytes each, so that a range of it can be
-- verified. NULL: stored before there were any; it is verified as a whole.
ALTER TABLE parts ADD COLUMN sums BLOB;

-- What a clock that has since been set back says was created in the future.
CREATE INDEX files_mortal ON files (created_at) WHERE deleted_at IS NULL AND expires_at > 0;
