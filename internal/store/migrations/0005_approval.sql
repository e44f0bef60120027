-- Approvals of all processes: the stored state of every chain, who may see it, and what it adds to the inbox.
--
-- As with cases, a step is one transaction that locks the approval's row here and writes everything else.

-- +goose Up

CREATE TABLE approvals (
    id           text PRIMARY KEY,
    process      text NOT NULL, -- that asked
    chain        text NOT NULL,
    subject_id   text NOT NULL, -- the case, reception, … it is about
    requester_id text NOT NULL,
    outcome      text CONSTRAINT approvals_outcome_check CHECK (outcome IN ('approved', 'rejected', 'withdrawn')), -- null: open
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    seq          bigint NOT NULL CHECK (seq > 0),
    state        jsonb NOT NULL,
    CONSTRAINT approvals_ended_at_check CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CONSTRAINT approvals_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 80);
CREATE INDEX approvals_subject ON approvals (subject_id, created_at, id);
CREATE INDEX approvals_requester ON approvals (requester_id, created_at, id);
CREATE INDEX approvals_recent ON approvals (created_at, id);
CREATE INDEX approvals_outcome ON approvals (outcome, created_at, id);

-- Who may see an approval, each once. As with case_access, a page of a list is one walk per person, over what is open, what
-- is over, or both; the time of the request orders it, since the ids of approvals do not sort by time.
CREATE TABLE approval_access (
    principal   text NOT NULL, -- id of a user
    open        boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    approval_id text NOT NULL,
    PRIMARY KEY (principal, open, created_at, approval_id)
);

-- A task of an approval, or a copy for reading. Its subject_id is what the approval is about.
ALTER TABLE tasks
    ADD COLUMN approval_id text,
    DROP CONSTRAINT tasks_state_check,
    DROP CONSTRAINT tasks_state_done_check,
    ADD CONSTRAINT tasks_state_check CHECK (state IN ('open', 'done', 'cancelled', 'copy')),
    ADD CONSTRAINT tasks_state_done_check CHECK ((state IN ('open', 'copy')) = (done_at IS NULL));
CREATE INDEX tasks_copies ON tasks (holder, created_at, id) WHERE state = 'copy';
CREATE INDEX tasks_asked ON tasks (holder, approval_id) WHERE state = 'open' AND approval_id IS NOT NULL;
CREATE INDEX tasks_approval ON tasks (approval_id) WHERE state IN ('open', 'copy') AND approval_id IS NOT NULL;

ALTER TABLE deputies ADD COLUMN max_amount bigint CONSTRAINT deputies_max_amount_check CHECK (max_amount > 0); -- null: any
CREATE INDEX deputies_until ON deputies (valid_until);

-- +goose Down
DROP INDEX deputies_until;
ALTER TABLE deputies DROP COLUMN max_amount;
DELETE FROM tasks WHERE approval_id IS NOT NULL OR state = 'copy';
DROP INDEX tasks_copies;
ALTER TABLE tasks
    DROP COLUMN approval_id,
    DROP CONSTRAINT tasks_state_check,
    DROP CONSTRAINT tasks_state_done_check,
    ADD CONSTRAINT tasks_state_check CHECK (state IN ('open', 'done', 'cancelled')),
    ADD CONSTRAINT tasks_state_done_check CHECK ((state = 'open') = (done_at IS NULL));
DROP TABLE approval_access, approvals;
