-- The due time moves with nearly every answer to a client. While an index held it, each such step wrote into all indexes of
-- cases anew; without, a row is replaced in its page. What is due is live, and cases_live finds that.

-- +goose Up
DROP INDEX cases_due;

-- +goose Down
CREATE INDEX cases_due ON cases (id, next_due_at) WHERE next_due_at IS NOT NULL;
