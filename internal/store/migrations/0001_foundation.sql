-- People, clients, rules and messages: what every process stands on.
--
-- Constraint names carry meaning: a unique constraint <table>_<what>_taken is answered as the conflict <table>.<what>_taken,
-- <table>_<field>_fkey as an unknown <field>, and <table>_<field>_check as an invalid <field>.

-- +goose Up

-- A trusted extension: the owner of the database may create it, also on managed PostgreSQL. Exclusion constraints that
-- compare a text beside a range need it. Going down leaves it, since others in the database may use it too.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE users (
    id            text PRIMARY KEY,
    username      text NOT NULL CHECK (username <> ''),
    display_name  text NOT NULL,
    email         text NOT NULL,
    locale        text NOT NULL CHECK (locale IN ('en', 'zh-CN')),
    time_zone     text NOT NULL,
    roles         jsonb NOT NULL DEFAULT '[]' CONSTRAINT users_roles_check CHECK (
                      jsonb_typeof(roles) = 'array' AND roles <@ '["staff", "account_manager", "reception_clerk",
                      "service_agent", "supervisor", "manager", "director", "finance", "scheduler", "auditor", "admin"]'),
    team_id       text,
    manager_id    text CONSTRAINT users_manager_id_fkey REFERENCES users DEFERRABLE
                       CONSTRAINT users_manager_id_check CHECK (manager_id <> id),
    active        boolean NOT NULL,
    password_hash text NOT NULL,
    version       bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    locked_until  timestamptz,
    failed_logins integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_username_taken ON users (lower(username));
CREATE INDEX users_team ON users (team_id, id);
CREATE INDEX users_manager ON users (manager_id);

CREATE TABLE teams (
    id            text PRIMARY KEY,
    name          text NOT NULL CHECK (name <> ''),
    supervisor_id text CONSTRAINT teams_supervisor_id_fkey REFERENCES users DEFERRABLE,
    calendar_id   text,
    version       bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX teams_name_taken ON teams (lower(name));
CREATE INDEX teams_supervisor ON teams (supervisor_id);

-- A team has a supervisor and a user has a team, so one of the two references must be able to wait.
ALTER TABLE users ADD CONSTRAINT users_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams DEFERRABLE;

CREATE TABLE deputies (
    id          text PRIMARY KEY,
    user_id     text NOT NULL REFERENCES users,
    deputy_id   text NOT NULL REFERENCES users,
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    processes   jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(processes) = 'array'),
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT deputies_until_check CHECK (valid_from < valid_until),
    CONSTRAINT deputies_deputy_id_check CHECK (deputy_id <> user_id)
);
CREATE INDEX deputies_user ON deputies (user_id, id);
CREATE INDEX deputies_deputy ON deputies (deputy_id, valid_until);

CREATE TABLE tokens (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users,
    hash       bytea NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the secret
    kind       text NOT NULL CHECK (kind IN ('session', 'service')),
    name       text NOT NULL,
    expires_at timestamptz CONSTRAINT tokens_expires_at_check CHECK (kind <> 'session' OR expires_at IS NOT NULL),
    revoked_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_user ON tokens (user_id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_service ON tokens (id DESC) WHERE kind = 'service';
CREATE INDEX tokens_expired ON tokens (expires_at) WHERE kind = 'session';

-- Pairs of neighbouring characters, for searching parts of names. Chinese names are searched by two characters (银行),
-- which have no trigram, so pg_trgm would scan the table.
-- +goose StatementBegin
CREATE FUNCTION bigrams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(lower(value), i, 2)), '{}') FROM generate_series(1, length(value) - 1) i
$$;
-- +goose StatementEnd

CREATE TABLE clients (
    id                 text PRIMARY KEY,
    name               text NOT NULL CHECK (name <> ''),
    industry           text NOT NULL,
    region             text NOT NULL,
    class              text NOT NULL CHECK (class IN ('S', 'A', 'B', 'C')),
    account_manager_id text REFERENCES users,
    status             text NOT NULL CHECK (status IN ('prospect', 'active', 'dormant', 'lost')),
    external_ref       text NOT NULL,
    version            bigint NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
CREATE UNIQUE INDEX clients_external_ref_taken ON clients (external_ref) WHERE external_ref <> '';
CREATE INDEX clients_account_manager ON clients (account_manager_id, id);
CREATE INDEX clients_class ON clients (class, id);
CREATE INDEX clients_name ON clients USING gin (bigrams(name));

CREATE TABLE contacts (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients,
    name       text NOT NULL CHECK (name <> ''),
    title      text NOT NULL,
    phone      text NOT NULL,
    email      text NOT NULL,
    locale     text NOT NULL CHECK (locale IN ('', 'en', 'zh-CN')), -- empty: not known
    created_at timestamptz NOT NULL
);
CREATE INDEX contacts_client ON contacts (client_id, id);

-- json, not jsonb: what was published is kept to the byte.
CREATE TABLE policy_versions (
    kind         text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    body         json NOT NULL,
    note         text NOT NULL,
    published_by text NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (kind, version)
);

CREATE TABLE calendar_versions (
    id           text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    body         json NOT NULL,
    published_by text NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (id, version)
);

-- What was promised under a version is kept under it, whoever has a connection to the database.
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published version of % never changes', TG_TABLE_NAME USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER policy_versions_immutable BEFORE UPDATE OR DELETE ON policy_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER calendar_versions_immutable BEFORE UPDATE OR DELETE ON calendar_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE notifications (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users,
    kind       text NOT NULL,
    process    text NOT NULL,
    subject_id text NOT NULL,
    data       jsonb, -- null: nothing to fill in
    key        text NOT NULL,
    created_at timestamptz NOT NULL,
    read_at    timestamptz
);
CREATE UNIQUE INDEX notifications_key_taken ON notifications (key);
CREATE INDEX notifications_user ON notifications (user_id, id DESC);
CREATE INDEX notifications_unread ON notifications (user_id, id DESC) WHERE read_at IS NULL;

CREATE TABLE webhooks (
    id         text PRIMARY KEY,
    url        text NOT NULL CHECK (url <> ''),
    secret     bytea NOT NULL,
    kinds      jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(kinds) = 'array'),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE deliveries (
    id            text PRIMARY KEY,
    subject_id    text NOT NULL,
    step_seq      bigint NOT NULL,
    channel       text NOT NULL CHECK (channel IN ('email', 'webhook')),
    user_id       text REFERENCES users,
    contact_email text NOT NULL DEFAULT '',
    webhook_id    text REFERENCES webhooks ON DELETE CASCADE, -- nobody is left who wants it
    kind          text NOT NULL,
    data          jsonb, -- null: nothing to fill in
    not_before    timestamptz NOT NULL,
    leased_until  timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    last_error    text NOT NULL DEFAULT '',
    sent_at       timestamptz,
    created_at    timestamptz NOT NULL,
    CONSTRAINT deliveries_receiver_check CHECK (CASE channel
        WHEN 'webhook' THEN webhook_id IS NOT NULL AND user_id IS NULL AND contact_email = ''
        ELSE webhook_id IS NULL AND (user_id IS NULL) <> (contact_email = '') END)
);
-- Almost all rows are sent: the indexes of what is left to do stay small.
CREATE INDEX deliveries_step ON deliveries (subject_id, step_seq) WHERE sent_at IS NULL;
CREATE INDEX deliveries_user ON deliveries (user_id, not_before) WHERE sent_at IS NULL AND user_id IS NOT NULL;
CREATE INDEX deliveries_due ON deliveries (not_before) WHERE sent_at IS NULL;
CREATE INDEX deliveries_webhook ON deliveries (webhook_id) WHERE webhook_id IS NOT NULL;

-- user_id has no reference: this row is written before every POST and must not lock the user's row.
CREATE TABLE idempotency_keys (
    user_id     text NOT NULL,
    key         text NOT NULL,
    command_id  text NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer NOT NULL DEFAULT 0, -- HTTP status; 0: no answer yet
    header      jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE knowledge_articles (
    id         text PRIMARY KEY,
    case_id    text NOT NULL,
    title      text NOT NULL,
    root_cause text NOT NULL DEFAULT '',
    body       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('draft', 'published')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX knowledge_articles_case ON knowledge_articles (case_id);
CREATE INDEX knowledge_articles_state ON knowledge_articles (state, id DESC);

-- +goose Down
DROP TABLE knowledge_articles, idempotency_keys, deliveries, webhooks, notifications, calendar_versions, policy_versions,
    contacts, clients, tokens, deputies, teams, users;
DROP FUNCTION refuse_change();
DROP FUNCTION bigrams(text);
