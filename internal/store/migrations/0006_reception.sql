-- The reception process: the stored state and plans of every reception, who may see it, and what is recorded of it.
--
-- As with cases, a step is one transaction that locks the reception's row here and writes everything else.

-- +goose Up

CREATE TABLE receptions (
    id           text PRIMARY KEY,
    number       text NOT NULL CONSTRAINT receptions_number_taken UNIQUE,
    status       text NOT NULL CHECK (status IN ('draft', 'in_approval', 'approved', 'preparing', 'in_progress', 'completed',
                     'settling', 'closed', 'rejected', 'withdrawn', 'cancelled')),
    kind         text NOT NULL CHECK (kind IN
                     ('company_visit', 'model_site_visit', 'on_site_meeting', 'technical_exchange', 'management_exchange')),
    level        text NOT NULL CHECK (level IN ('standard', 'important', 'vip')),
    client_id    text NOT NULL REFERENCES clients,
    requester_id text NOT NULL,
    team_id      text, -- the department whose budget pays
    starts_at    timestamptz,
    ends_at      timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    closed_at    timestamptz,
    seq          bigint NOT NULL CHECK (seq > 0),
    state        jsonb NOT NULL,
    plans        jsonb NOT NULL, -- current, submitted, approved
    purpose      text NOT NULL GENERATED ALWAYS AS (coalesce(plans #>> '{current,purpose}', '')) STORED,
    CONSTRAINT receptions_ends_at_check CHECK (starts_at IS NULL OR ends_at IS NULL OR starts_at < ends_at),
    CONSTRAINT receptions_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 80);
CREATE INDEX receptions_client ON receptions (client_id, id);
CREATE INDEX receptions_team ON receptions (team_id, id);
CREATE INDEX receptions_status ON receptions (status, id);
CREATE INDEX receptions_starts ON receptions (starts_at, id);

-- Who has a part in a reception, each once. A page of somebody's list is one walk of it.
CREATE TABLE reception_access (
    principal    text NOT NULL, -- id of a user
    reception_id text NOT NULL,
    PRIMARY KEY (principal, reception_id)
);
CREATE INDEX reception_access_reception ON reception_access (reception_id);

CREATE TABLE reception_needs (
    id           text PRIMARY KEY,
    reception_id text NOT NULL,
    text         text NOT NULL CHECK (text <> ''),
    kind         text NOT NULL CHECK (kind IN ('complaint', 'inquiry')), -- what it would be as a case
    raised_by    text NOT NULL,
    solution     text NOT NULL DEFAULT '',
    solved_by    text NOT NULL DEFAULT '',
    case_id      text -- of the case that took it over
);
CREATE INDEX reception_needs_reception ON reception_needs (reception_id);

CREATE TABLE reception_feedback (
    id           text PRIMARY KEY,
    reception_id text NOT NULL,
    score        integer NOT NULL CHECK (score BETWEEN 0 AND 5), -- 0: none given
    comment      text NOT NULL,
    shortcomings text NOT NULL,
    visitor      text NOT NULL,
    by_id        text NOT NULL,
    at           timestamptz NOT NULL
);
CREATE INDEX reception_feedback_reception ON reception_feedback (reception_id, at);

CREATE TABLE reception_claims (
    id           text PRIMARY KEY,
    reception_id text NOT NULL,
    state        text NOT NULL CHECK (state IN ('in_approval', 'in_check', 'paid', 'returned')),
    items        jsonb NOT NULL,
    total        bigint NOT NULL CHECK (total > 0), -- minor units
    currency     text NOT NULL,
    by_id        text NOT NULL,
    comment      text NOT NULL, -- of who decided on it last
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX reception_claims_reception ON reception_claims (reception_id, created_at);

-- The summary is also the client's: the time of the visit orders it there.
CREATE TABLE reception_summaries (
    reception_id text PRIMARY KEY,
    client_id    text NOT NULL,
    at           timestamptz NOT NULL, -- of the visit
    body         jsonb NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE INDEX reception_summaries_client ON reception_summaries (client_id, at);

-- What stands in people's diaries; a higher sequence replaces or takes out the entry of the same uid.
CREATE TABLE reception_invitations (
    uid          text PRIMARY KEY,
    reception_id text NOT NULL,
    user_id      text NOT NULL,
    sequence     bigint NOT NULL CHECK (sequence > 0),
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    cancelled    boolean NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX reception_invitations_reception ON reception_invitations (reception_id, starts_at);

-- +goose Down
DELETE FROM tasks WHERE process = 'reception';
DELETE FROM timeline WHERE subject_id IN (SELECT id FROM receptions);
DROP TABLE reception_invitations, reception_summaries, reception_claims, reception_feedback, reception_needs, reception_access, receptions;
