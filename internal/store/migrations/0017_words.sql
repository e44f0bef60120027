-- +goose Up
-- What processes must be told of a transaction, until the engine has taken it.
CREATE TABLE words (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text NOT NULL,
    signal text NOT NULL,
    arg jsonb
);

-- +goose Down
DROP TABLE words;
