-- +goose Up
-- The due time of a case moves with nearly every answer to a client, its day seldom. What is due is found by the day, and of the last
-- day by the time in the row: so an answer that leaves the day alone touches no index of the case.
ALTER TABLE cases ADD COLUMN due_on date GENERATED ALWAYS AS ((next_due_at AT TIME ZONE 'UTC')::date) STORED;
DROP INDEX cases_due;
CREATE INDEX cases_due ON cases (id, due_on) WHERE due_on IS NOT NULL;

-- +goose Down
DROP INDEX cases_due;
ALTER TABLE cases DROP COLUMN due_on;
CREATE INDEX cases_due ON cases (id, next_due_at) WHERE next_due_at IS NOT NULL;
