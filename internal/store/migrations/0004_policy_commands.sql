-- The request that published a version: two at the same time under one idempotency key publish one.

-- +goose Up
ALTER TABLE policy_versions ADD COLUMN command_id text CONSTRAINT policy_versions_command_id UNIQUE; -- null: shipped

-- +goose Down
ALTER TABLE policy_versions DROP COLUMN command_id;
