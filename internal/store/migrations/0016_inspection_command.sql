-- +goose Up
-- The command that signed a report off, so that it is recognised when it is repeated.
ALTER TABLE inspections ADD COLUMN signed_command text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inspections DROP COLUMN signed_command;
