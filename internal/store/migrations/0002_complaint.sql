-- The complaint process: the stored state of every case, and what lists, inboxes, histories and reports read.
--
-- A step of a case is one transaction that locks its row here and writes everything else, so the tables below it need no
-- references to it: they would cost a look-up per row and could not fail. `mcrflow verify` holds them against the state.

-- +goose Up

-- Fill factor: most steps change no indexed column, and the new version of the row then stays on its page.
CREATE TABLE cases (
    id                  text PRIMARY KEY,
    number              text NOT NULL CONSTRAINT cases_number_taken UNIQUE,
    type                text NOT NULL CHECK (type IN ('complaint', 'inquiry')),
    status              text NOT NULL CHECK (status IN
                            ('open', 'in_progress', 'waiting_customer', 'resolved', 'closed', 'cancelled')),
    phase               text NOT NULL GENERATED ALWAYS AS
                            (CASE WHEN status IN ('closed', 'cancelled') THEN status ELSE 'live' END) STORED,
    priority            text NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    client_id           text NOT NULL REFERENCES clients,
    account_manager_id  text,
    created_by          text NOT NULL,
    accountable_id      text NOT NULL,
    accountable_team_id text,
    assignee_id         text NOT NULL,
    team_id             text,
    offer_to_id         text,
    offer_team_id       text,
    transfer_to_id      text,
    category            text NOT NULL,
    channel             text NOT NULL CHECK (channel IN ('phone', 'email', 'web', 'chat', 'visit', 'letter')),
    subject             text NOT NULL,
    description         text NOT NULL,
    contact             jsonb NOT NULL,
    occurred_at         timestamptz,
    external_ref        text NOT NULL,
    resolution          text NOT NULL DEFAULT '',
    root_cause          text NOT NULL DEFAULT '',
    policy_version      integer NOT NULL,
    breached            boolean NOT NULL,
    next_due_at         timestamptz, -- the earliest due time of a promise that is still to be met
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    closed_at           timestamptz,
    seq                 bigint NOT NULL CHECK (seq > 0),
    state               jsonb NOT NULL,
    CONSTRAINT cases_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 80);
CREATE INDEX cases_client ON cases (client_id, id);
CREATE INDEX cases_recent ON cases (client_id, created_at);
-- The few among the many: what is live, late or due is found without walking past what is over.
CREATE INDEX cases_live ON cases (id) WHERE phase = 'live';
CREATE INDEX cases_cancelled ON cases (id) WHERE phase = 'cancelled';
CREATE INDEX cases_breached ON cases (id) WHERE breached;
CREATE INDEX cases_due ON cases (id, next_due_at) WHERE next_due_at IS NOT NULL;

-- Who may see a case: a person or a team, each once however many parts they have in it. One short index walk per person
-- and team makes a page of a list, where the columns of cases would need one per column; what is rare and often asked for
-- leads the walk.
CREATE TABLE case_access (
    principal text NOT NULL, -- id of a user or a team
    phase     text NOT NULL,
    breached  boolean NOT NULL,
    case_id   text NOT NULL,
    PRIMARY KEY (principal, phase, breached, case_id)
);

-- Complainants whose cases were merged into this one: they are told of the outcome too.
CREATE TABLE case_contacts (
    case_id      text NOT NULL,
    from_case_id text NOT NULL,
    position     integer NOT NULL,
    contact      jsonb NOT NULL,
    PRIMARY KEY (case_id, from_case_id, position)
);

-- Who is accountable, and who has the ball. Deferrable to be checked at the end of a statement, not row by row: so one
-- statement may close an interval and open the next, and no gap can come between. The constraints compare a 64-bit hash of
-- the case in place of its id, which costs a fifth of the time; that two of all cases share one is out of the question.
CREATE TABLE case_accountability (
    case_id text NOT NULL,
    user_id text NOT NULL,
    during  tstzrange NOT NULL CONSTRAINT case_accountability_during_check CHECK (NOT isempty(during)),
    reason  text NOT NULL,
    CONSTRAINT case_accountability_one_at_a_time
        EXCLUDE USING gist (hashtextextended(case_id, 0) WITH =, during WITH &&) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX case_accountability_case ON case_accountability (case_id);

CREATE TABLE case_handling (
    case_id text NOT NULL,
    user_id text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('working', 'awaiting_acceptance', 'awaiting_client')),
    during  tstzrange NOT NULL CONSTRAINT case_handling_during_check CHECK (NOT isempty(during)),
    reason  text NOT NULL,
    CONSTRAINT case_handling_one_at_a_time
        EXCLUDE USING gist (hashtextextended(case_id, 0) WITH =, during WITH &&) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX case_handling_case ON case_handling (case_id);

-- The promises of all cases, for reports.
CREATE TABLE case_milestones (
    case_id      text NOT NULL,
    name         text NOT NULL,
    cycle        integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('running', 'paused', 'met', 'breached', 'cancelled')),
    clock        text NOT NULL CHECK (clock IN ('working', 'elapsed')),
    target       text NOT NULL, -- as the policy writes it
    started_at   timestamptz NOT NULL,
    due_at       timestamptz,   -- null while paused
    met_at       timestamptz,
    breached_at  timestamptz,
    cancelled_at timestamptz,
    PRIMARY KEY (case_id, name, cycle)
);

CREATE TABLE timeline (
    subject_id   text NOT NULL,
    seq          bigint NOT NULL CHECK (seq > 0),
    at           timestamptz NOT NULL,
    type         text NOT NULL,
    actor        text NOT NULL, -- id of a user, or system
    on_behalf_of text NOT NULL,
    data         jsonb,
    trace_id     text,          -- X-Request-ID of the call that caused it
    PRIMARY KEY (subject_id, seq)
);

CREATE TABLE tasks (
    id         text PRIMARY KEY,
    process    text NOT NULL,
    kind       text NOT NULL,
    subject_id text NOT NULL,
    user_id    text,
    team_id    text,
    holder     text NOT NULL GENERATED ALWAYS AS (coalesce(user_id, team_id)) STORED, -- who sees it in their inbox
    state      text NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
    due_at     timestamptz NOT NULL, -- infinity: not due at any time; so one index order holds for all
    why        jsonb,
    created_at timestamptz NOT NULL,
    done_by    text,
    done_at    timestamptz,
    started_by text NOT NULL, -- who began the process
    CONSTRAINT tasks_receiver_check CHECK (num_nonnulls(user_id, team_id) = 1),
    CONSTRAINT tasks_state_done_check CHECK ((state = 'open') = (done_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX tasks_todo ON tasks (holder, due_at, id) WHERE state = 'open';
CREATE INDEX tasks_started ON tasks (started_by, created_at, id) WHERE state = 'open';
CREATE INDEX tasks_done ON tasks (done_by, done_at, id) WHERE state = 'done';
CREATE INDEX tasks_open ON tasks (subject_id) WHERE state = 'open';

-- The last number given on a day.
CREATE TABLE case_numbers (
    prefix text NOT NULL,
    day    text NOT NULL,
    last   bigint NOT NULL,
    PRIMARY KEY (prefix, day)
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE case_numbers, tasks, timeline, case_milestones, case_handling, case_accountability, case_contacts, case_access, cases;
