-- What receptions use up: resources with their bookings, and budgets with their ledgers.
--
-- Every change is made under a lock on the row of the resource or budget. The constraints below hold even against a
-- program that forgets to take it.

-- +goose Up

CREATE TABLE resources (
    id          text PRIMARY KEY,
    name        text NOT NULL CHECK (name <> ''),
    kind        text NOT NULL CHECK (kind IN ('room', 'vehicle', 'equipment', 'interpreter', 'gift_stock')),
    capacity    integer NOT NULL CONSTRAINT resources_capacity_check CHECK
                    (capacity = 0 OR capacity > 0 AND kind IN ('room', 'vehicle')),
    quantity    integer NOT NULL CONSTRAINT resources_quantity_check CHECK
                    (quantity = 1 OR quantity >= 0 AND kind IN ('equipment', 'gift_stock')),
    calendar_id text,
    location    text NOT NULL,
    class       text NOT NULL,
    active      boolean NOT NULL,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX resources_name_taken ON resources (lower(name));
CREATE INDEX resources_kind ON resources (kind, id);

-- A booking is at most 31 days long, so what overlaps a time is found by one walk along its beginnings.
CREATE TABLE bookings (
    id          text PRIMARY KEY,
    resource_id text NOT NULL REFERENCES resources,
    single      boolean NOT NULL, -- the resource serves one at a time
    subject_id  text NOT NULL,
    item        text NOT NULL CHECK (length(item) BETWEEN 1 AND 100),
    step_seq    bigint NOT NULL CHECK (step_seq > 0),
    last_seq    bigint NOT NULL CONSTRAINT bookings_last_seq_check CHECK (last_seq >= step_seq),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    during      tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(starts_at, ends_at)) STORED,
    quantity    integer NOT NULL CONSTRAINT bookings_quantity_check CHECK (quantity = 1 OR quantity > 0 AND NOT single),
    state       text NOT NULL CHECK (state IN ('held', 'booked', 'released')),
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT bookings_ends_at_check CHECK (starts_at < ends_at AND ends_at <= starts_at + interval '744 hours'),
    CONSTRAINT bookings_slot_taken EXCLUDE USING gist (resource_id WITH =, during WITH &&) WHERE (single AND state <> 'released')
);
CREATE INDEX bookings_resource ON bookings (resource_id, starts_at, id) INCLUDE (ends_at, quantity) WHERE state <> 'released';
CREATE INDEX bookings_subject ON bookings (subject_id, last_seq);
CREATE UNIQUE INDEX bookings_item ON bookings (subject_id, item) WHERE state <> 'released';

-- amount, held and committed are sums of the ledger, kept here so that a check can stand over them.
CREATE TABLE budgets (
    id         text PRIMARY KEY,
    team_id    text NOT NULL REFERENCES teams,
    starts_on  date NOT NULL,
    ends_on    date NOT NULL,
    cost_type  text NOT NULL CHECK (cost_type IN ('transport', 'lodging', 'meals', 'gifts', 'other')),
    amount     bigint NOT NULL CHECK (amount >= 0),
    held       bigint NOT NULL CHECK (held >= 0),
    committed  bigint NOT NULL CHECK (committed >= 0),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    control    text NOT NULL CHECK (control IN ('strong', 'weak')),
    entries    bigint NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT budgets_ends_on_check CHECK (starts_on <= ends_on),
    CONSTRAINT budgets_left_check CHECK (control = 'weak' OR held + committed <= amount),
    CONSTRAINT budgets_period_taken
        EXCLUDE USING gist (team_id WITH =, cost_type WITH =, daterange(starts_on, ends_on, '[]') WITH &&)
);
CREATE INDEX budgets_team ON budgets (team_id, id);

CREATE TABLE budget_entries (
    budget_id  text NOT NULL REFERENCES budgets,
    seq        bigint NOT NULL CHECK (seq > 0),
    kind       text NOT NULL CHECK (kind IN ('adjust', 'hold', 'commit', 'release')),
    amount     bigint NOT NULL CONSTRAINT budget_entries_amount_check CHECK
                   (CASE kind WHEN 'adjust' THEN amount <> 0 OR seq = 1 ELSE amount > 0 END),
    subject_id text,
    step_seq   bigint,
    item       text,
    request_id text,
    by_id      text NOT NULL,
    reason     text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (budget_id, seq),
    CONSTRAINT budget_entries_source_check CHECK (CASE kind
        WHEN 'adjust' THEN request_id IS NOT NULL AND num_nonnulls(subject_id, step_seq, item) = 0
        ELSE request_id IS NULL AND num_nulls(subject_id, step_seq, item) = 0 END)
);
CREATE UNIQUE INDEX budget_entries_once ON budget_entries (subject_id, step_seq, item, kind, budget_id) WHERE subject_id IS NOT NULL;
CREATE UNIQUE INDEX budget_entries_request ON budget_entries (budget_id, request_id) WHERE request_id IS NOT NULL;

-- A ledger is only ever added to, whoever has a connection to the database.
CREATE TRIGGER budget_entries_immutable BEFORE UPDATE OR DELETE ON budget_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE budget_entries, budgets, bookings, resources;
