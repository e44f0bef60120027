-- The relationship lifecycle (MCR): the stored state of every client's process, and what is recorded of it.
--
-- As with cases, a step is one transaction that moves the relationship's row and writes everything else. What is over stays
-- in its rows; the state keeps only what is open, so that it stays small for years.

-- +goose Up

CREATE TABLE relationships (
    id                 text PRIMARY KEY REFERENCES clients, -- the client's
    stage              text NOT NULL CHECK (stage IN ('prospect', 'classified', 'planned', 'active', 'dormant', 'lost', 'merged')),
    account_manager_id text,
    next_at            timestamptz,      -- the next obligation
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    seq                bigint NOT NULL CHECK (seq > 0),
    state              jsonb NOT NULL,
    CONSTRAINT relationships_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 70);

-- Who may see a relationship because they have a part in it, each once.
CREATE TABLE relationship_access (
    principal text NOT NULL, -- id of a user
    client_id text NOT NULL,
    PRIMARY KEY (principal, client_id)
);
CREATE INDEX relationship_access_client ON relationship_access (client_id);

-- The history of the class: proposals and what became of them.
CREATE TABLE classifications (
    id             text PRIMARY KEY,
    client_id      text NOT NULL REFERENCES clients,
    from_class     text NOT NULL,
    class          text NOT NULL CHECK (class IN ('S', 'A', 'B', 'C')),
    computed       text NOT NULL,
    criteria       jsonb,
    score          jsonb,
    policy_version integer NOT NULL,
    reason         text NOT NULL,
    requested_by   text NOT NULL, -- id of a user, or system
    requested_at   timestamptz NOT NULL,
    approval_id    text NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('pending', 'approved', 'rejected', 'withdrawn')),
    decided_by     jsonb,
    decided_at     timestamptz,
    CONSTRAINT classifications_decided_check CHECK ((outcome = 'pending') = (decided_at IS NULL))
);
CREATE INDEX classifications_client ON classifications (client_id, requested_at, id);
CREATE UNIQUE INDEX classifications_pending ON classifications (client_id) WHERE outcome = 'pending';

-- The plans of one client that are not given up never overlap.
CREATE TABLE client_plans (
    id          text PRIMARY KEY,
    client_id   text NOT NULL REFERENCES clients,
    status      text NOT NULL CHECK (status IN ('draft', 'in_approval', 'approved', 'closed', 'rejected', 'withdrawn')),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    document    jsonb NOT NULL,
    progress    jsonb,
    owner_id    text NOT NULL,
    approval_id text NOT NULL,
    summary     text NOT NULL,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT client_plans_ends_at_check CHECK (starts_at < ends_at),
    CONSTRAINT client_plans_overlap EXCLUDE USING gist (client_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status NOT IN ('rejected', 'withdrawn'))
);
CREATE INDEX client_plans_client ON client_plans (client_id, starts_at, id);

CREATE TABLE assessments (
    id        text PRIMARY KEY,
    client_id text NOT NULL REFERENCES clients,
    at        timestamptz NOT NULL,
    by_id     text NOT NULL,
    levels    jsonb NOT NULL,
    targets   jsonb,
    warnings  jsonb,
    analysis  text NOT NULL,
    monitors  jsonb
);
CREATE INDEX assessments_client ON assessments (client_id, at, id);

CREATE TABLE improvements (
    id            text PRIMARY KEY,
    client_id     text NOT NULL REFERENCES clients,
    assessment_id text NOT NULL,
    level         text NOT NULL CHECK (level IN ('key', 'broad', 'organisation')),
    from_level    integer NOT NULL,
    target        integer NOT NULL,
    owner_id      text NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'reached', 'stopped')),
    due_at        timestamptz NOT NULL,
    actions       jsonb,
    progress      jsonb,
    summary       text NOT NULL,
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    CONSTRAINT improvements_ended_check CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX improvements_client ON improvements (client_id, created_at, id);
CREATE UNIQUE INDEX improvements_open ON improvements (client_id, level) WHERE state = 'open';

CREATE TABLE interactions (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients,
    user_id    text NOT NULL,
    contact_id text NOT NULL,
    lead_id    text NOT NULL,
    subject_id text NOT NULL,
    kind       text NOT NULL,
    at         timestamptz NOT NULL,
    summary    text NOT NULL,
    quality    text NOT NULL,
    next_at    timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX interactions_client ON interactions (client_id, at, id);
CREATE INDEX interactions_user ON interactions (user_id, at, id);
CREATE INDEX interactions_lead ON interactions (lead_id, at, id) WHERE lead_id <> '';

CREATE TABLE commitments (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients,
    text       text NOT NULL,
    owner_id   text NOT NULL,
    contact_id text NOT NULL,
    subject_id text NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'broken', 'kept', 'kept_late', 'revoked')),
    due_at     timestamptz NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    ended_at   timestamptz,
    note       text NOT NULL,
    CONSTRAINT commitments_ended_check CHECK ((state IN ('open', 'broken')) = (ended_at IS NULL))
);
CREATE INDEX commitments_client ON commitments (client_id, due_at, id);
CREATE INDEX commitments_open ON commitments (client_id, due_at, id) WHERE ended_at IS NULL;

CREATE TABLE opinions (
    id            text PRIMARY KEY,
    client_id     text NOT NULL REFERENCES clients,
    contact_id    text NOT NULL,
    text          text NOT NULL,
    departments   jsonb,
    by_id         text NOT NULL,
    at            timestamptz NOT NULL,
    owner_id      text NOT NULL,
    monitors      jsonb,
    state         text NOT NULL CHECK (state IN ('open', 'late', 'answered')),
    due_at        timestamptz NOT NULL,
    answer        text NOT NULL,
    answered_by   text NOT NULL,
    answered_at   timestamptz,
    commitment_id text NOT NULL,
    CONSTRAINT opinions_answered_check CHECK ((state = 'answered') = (answered_at IS NOT NULL))
);
CREATE INDEX opinions_client ON opinions (client_id, at, id);
CREATE INDEX opinions_open ON opinions (client_id, at, id) WHERE answered_at IS NULL;

CREATE TABLE leads (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients,
    kind       text NOT NULL CHECK (kind IN ('lead', 'opportunity')),
    title      text NOT NULL,
    owner_id   text NOT NULL,
    stage      text NOT NULL CHECK (stage IN ('new', 'qualified', 'screening', 'negotiation', 'agreement', 'fulfilment')),
    outcome    text NOT NULL CHECK (outcome IN ('', 'won', 'lost')),
    amount     bigint CHECK (amount >= 0),
    currency   text NOT NULL,
    acted_at   timestamptz NOT NULL,
    due_at     timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at  timestamptz,
    note       text NOT NULL,
    CONSTRAINT leads_closed_check CHECK ((outcome = '') = (closed_at IS NULL))
);
CREATE INDEX leads_client ON leads (client_id, created_at, id);
CREATE INDEX leads_open ON leads (client_id, created_at, id) WHERE outcome = '';
CREATE INDEX leads_owner ON leads (owner_id, created_at, id) WHERE outcome = '';

-- What the overview of a client reads: its newest cases, receptions, answers, and events of all of them.
--
-- The newest events are those of the objects that changed last. updated_at of a case changes with every step, and an index on
-- it would cost each of them a new entry in every index of the table. So live cases, which are few, are found as they are
-- and sorted; only of those that are over is the time of the last change indexed: settled_at stays NULL, and the new version
-- of the row on its page, for as long as the case lives. Receptions and follow-ups take a handful of steps each.
ALTER TABLE cases ADD COLUMN settled_at timestamptz GENERATED ALWAYS AS
    (CASE WHEN status IN ('closed', 'cancelled') THEN updated_at END) STORED;
CREATE INDEX cases_open ON cases (client_id, id) WHERE phase = 'live';
DROP INDEX cases_waiting; -- cases_open finds the same
CREATE INDEX cases_settled ON cases (client_id, settled_at, id) WHERE settled_at IS NOT NULL;
CREATE INDEX receptions_changed ON receptions (client_id, updated_at, id);
CREATE INDEX follow_ups_changed ON follow_ups (client_id, updated_at, id);
CREATE INDEX invitations_answered ON invitations (client_id, answered_at, id) WHERE answered_at IS NOT NULL;

-- +goose Down
DROP INDEX cases_open, receptions_changed, follow_ups_changed, invitations_answered;
ALTER TABLE cases DROP COLUMN settled_at;
CREATE INDEX cases_waiting ON cases (client_id) WHERE phase = 'live' AND type = 'complaint';
DELETE FROM tasks WHERE process = 'relationship';
DELETE FROM timeline WHERE subject_id IN (SELECT id FROM relationships);
DROP TABLE leads, opinions, commitments, interactions, improvements, assessments, client_plans, classifications, relationship_access, relationships;
