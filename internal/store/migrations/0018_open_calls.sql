-- +goose Up
-- Who opts out is not called any more: their open calls are found among all that are open.
CREATE INDEX tasks_calls ON tasks (subject_id) WHERE kind = 'survey_call' AND state = 'open';

-- +goose Down
DROP INDEX tasks_calls;
