-- Surveys, follow-ups and campaigns: whom we asked what, when and why not, and what they answered.
--
-- Numbers that many people wait for (progress, scores of a run) are counted by triggers in the transaction that changes a
-- recipient, so that they hold at every instant and reading them never scans the recipients.

-- +goose Up

ALTER TABLE contacts ADD COLUMN time_zone text NOT NULL DEFAULT ''; -- IANA; empty: that of the organisation's calendar

-- When a person was asked, over all purposes. A person is an address (email:…, phone:…) or, without any, a contact.
-- n counts the changes: who decides by the times states which n they saw.
CREATE TABLE asked (
    person text PRIMARY KEY,
    times  timestamptz[] NOT NULL, -- the latest ones, in order
    n      bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE opt_outs (
    person        text PRIMARY KEY, -- every address of who opted out has a row
    invitation_id text NOT NULL,
    at            timestamptz NOT NULL
);

-- Who waits for the answer to a complaint: all of a client, or whoever has one of the addresses (see models.Recipient.Keys).
-- Case counts outside of ASCII, so that the keys are the same whatever the locale of the database is.
-- +goose StatementBegin
CREATE FUNCTION person_keys(contact jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_remove(ARRAY[
        'email:' || nullif(translate(btrim(contact ->> 'email', E' \t\n\x0b\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'), ''),
        'phone:' || nullif(regexp_replace(regexp_replace(contact ->> 'phone', '[^0123456789+]', '', 'g'), '^00', '+'), '')], NULL)
$$;
-- +goose StatementEnd
CREATE INDEX cases_waiting ON cases (client_id) WHERE phase = 'live' AND type = 'complaint';
CREATE INDEX cases_complainants ON cases USING gin (person_keys(contact)) WITH (fastupdate = off) WHERE phase = 'live' AND type = 'complaint';
CREATE INDEX case_contacts_complainants ON case_contacts USING gin (person_keys(contact)) WITH (fastupdate = off);

-- A personal link to a questionnaire: one recipient, one subject.
CREATE TABLE invitations (
    id             text PRIMARY KEY,
    purpose        text NOT NULL CHECK (purpose IN ('case', 'recovery', 'reception', 'campaign')),
    subject_id     text NOT NULL, -- the case, reception or campaign
    run_id         text,          -- of a campaign
    recipient_id   text,          -- of a campaign
    first_id       text,          -- the invitation whose bad answer this one asks about again
    client_id      text NOT NULL,
    contact_id     text,
    account_manager_id text,
    accountable_id text,          -- who was accountable when what is asked about happened
    name           text NOT NULL,
    email          text NOT NULL,
    phone          text NOT NULL,
    locale         text NOT NULL,
    time_zone      text NOT NULL DEFAULT '', -- IANA; empty: that of the calendar
    template       text NOT NULL,
    survey_version integer NOT NULL,
    token_hash     bytea NOT NULL CHECK (length(token_hash) = 32), -- SHA-256 of the link's token
    created_at     timestamptz NOT NULL,
    asked_at       timestamptz,
    expires_at     timestamptz NOT NULL,
    answered_at    timestamptz, -- of the latest answer
    complete       boolean NOT NULL DEFAULT false,
    opted_out      boolean NOT NULL DEFAULT false,
    withdrawn      boolean NOT NULL DEFAULT false,
    answers        jsonb,
    score          smallint, -- of the template's primary question
    verdict        text NOT NULL DEFAULT 'none' CHECK (verdict IN ('none', 'satisfied', 'neutral', 'dissatisfied')),
    case_id        text      -- opened because of the answer
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_recipient ON invitations (recipient_id);
CREATE INDEX invitations_subject ON invitations (subject_id, id);
CREATE INDEX invitations_client ON invitations (client_id, id);
CREATE INDEX invitations_first ON invitations (first_id) WHERE first_id IS NOT NULL;
CREATE INDEX invitations_template ON invitations (template, asked_at);
CREATE INDEX invitations_accountable ON invitations (accountable_id, id) INCLUDE (template, asked_at);
CREATE INDEX invitations_opened ON invitations (answered_at) WHERE case_id IS NOT NULL;
CREATE INDEX invitations_run ON invitations (run_id, id);

-- The answers by question, for scores: counts per value are one index scan.
CREATE TABLE answers (
    invitation_id  text NOT NULL REFERENCES invitations,
    question       text NOT NULL,
    kind           text NOT NULL,
    score          smallint,
    gap            smallint, -- of a perception: perceived less expected (F-20)
    choices        text[],
    text           text NOT NULL DEFAULT '',
    template       text NOT NULL,
    run_id         text,
    client_id      text NOT NULL,
    accountable_id text,
    at             timestamptz NOT NULL,
    PRIMARY KEY (invitation_id, question)
);
CREATE INDEX answers_template ON answers (template, question, at) INCLUDE (kind, score, gap) WHERE score IS NOT NULL;
CREATE INDEX answers_run ON answers (run_id, question) WHERE run_id IS NOT NULL;
CREATE INDEX answers_accountable ON answers (accountable_id, at);
CREATE INDEX answers_client ON answers (client_id, at);

-- The process that asks one recipient and acts on the answer. Its id is the invitation's.
CREATE TABLE follow_ups (
    id         text PRIMARY KEY,
    status     text NOT NULL CHECK (status IN ('planned', 'asked', 'answered', 'expired', 'skipped', 'failed', 'withdrawn')),
    purpose    text NOT NULL,
    subject_id text NOT NULL,
    client_id  text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    seq        bigint NOT NULL CHECK (seq > 0),
    state      jsonb NOT NULL,
    CONSTRAINT follow_ups_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 80);
CREATE INDEX follow_ups_subject ON follow_ups (subject_id, id);

CREATE TABLE campaigns (
    id         text PRIMARY KEY,
    number     text NOT NULL CONSTRAINT campaigns_number_taken UNIQUE,
    name       text NOT NULL,
    status     text NOT NULL CHECK (status IN ('draft', 'scheduled', 'running', 'paused', 'ended', 'stopped')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version    bigint NOT NULL, -- of the definition
    seq        bigint NOT NULL CHECK (seq > 0),
    state      jsonb NOT NULL,  -- with the definition
    CONSTRAINT campaigns_state_seq_check CHECK ((state ->> 'seq')::bigint = seq AND state ->> 'id' = id)
) WITH (fillfactor = 80);
CREATE INDEX campaigns_status ON campaigns (status, id);

CREATE TABLE campaign_runs (
    id               text PRIMARY KEY,
    campaign_id      text NOT NULL REFERENCES campaigns,
    n                integer NOT NULL CHECK (n > 0),
    started_at       timestamptz NOT NULL,
    until            timestamptz NOT NULL, -- nobody is asked at or after it
    ended_at         timestamptz,          -- nothing is pending, due or awaited any more
    survey_version   integer NOT NULL,
    policy_version   integer NOT NULL,
    calendar_id      text NOT NULL,
    calendar_version integer NOT NULL,
    health           jsonb,                -- of sending, for the automatic pause
    audience         bigint NOT NULL CHECK (audience > 0),
    pending          bigint NOT NULL CHECK (pending >= 0),
    sent             bigint NOT NULL DEFAULT 0 CHECK (sent >= 0),
    skipped          bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    failed           bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    withdrawn        bigint NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
    reminded         bigint NOT NULL DEFAULT 0 CHECK (reminded >= 0),  -- reminders that left
    responded        bigint NOT NULL DEFAULT 0 CHECK (responded >= 0),
    expired          bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),   -- asked, and the time to answer has passed
    repeated         bigint NOT NULL DEFAULT 0 CHECK (repeated >= 0),  -- sent again because the acknowledgement was lost
    CONSTRAINT campaign_runs_conserve CHECK (audience = pending + sent + skipped + failed + withdrawn),
    CONSTRAINT campaign_runs_ended_check CHECK (ended_at IS NULL OR pending = 0),
    UNIQUE (campaign_id, n)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX campaign_runs_one ON campaign_runs (campaign_id) WHERE ended_at IS NULL;

-- Why recipients were skipped or failed, or wait.
CREATE TABLE campaign_reasons (
    run_id text NOT NULL REFERENCES campaign_runs,
    state  text NOT NULL,
    reason text NOT NULL,
    n      bigint NOT NULL,
    PRIMARY KEY (run_id, state, reason)
) WITH (fillfactor = 50);

-- The audience as it was when the run began: one row for each recipient.
CREATE TABLE campaign_recipients (
    id               text PRIMARY KEY,
    run_id           text NOT NULL REFERENCES campaign_runs,
    place            bigint NOT NULL, -- order of sending
    client_id        text NOT NULL,
    contact_id       text NOT NULL,
    class            text NOT NULL,
    region           text NOT NULL,
    account_manager_id text,
    name             text NOT NULL,
    email            text NOT NULL,
    phone            text NOT NULL,
    locale           text NOT NULL,
    time_zone        text NOT NULL, -- never empty
    person           text NOT NULL,
    state            text NOT NULL CHECK (state IN ('pending', 'sent', 'skipped', 'failed', 'withdrawn')),
    reason           text NOT NULL DEFAULT '', -- of skipping or failing; of waiting while pending
    due_at           timestamptz CONSTRAINT campaign_recipients_due_at_check CHECK (state <> 'pending' OR due_at IS NOT NULL), -- when to look again: to ask, to remind, to expire; NULL: never
    reminds          boolean NOT NULL DEFAULT false, -- due_at is when to remind; of who was asked, it is else the end of the time to answer
    batch            text NOT NULL DEFAULT '', -- the batch that has it in hand, or had
    in_hand          boolean NOT NULL DEFAULT false, -- by the batch; until due_at, when another may take it over
    trying           boolean NOT NULL DEFAULT false, -- a message may be leaving: it may have been taken, if nothing more is known
    attempts         integer NOT NULL DEFAULT 0,     -- refused for the moment
    tried            text[] NOT NULL DEFAULT '{}',   -- channels that failed for good
    channel          text NOT NULL DEFAULT '',
    touched_at       timestamptz, -- when the person was asked, as asked.times has it: reminders belong to that
    campaign_version bigint NOT NULL DEFAULT 0,      -- of the definition by which the message was made
    sent_at          timestamptz,
    reminders        integer NOT NULL DEFAULT 0,
    repeated         integer NOT NULL DEFAULT 0,
    invitation_id    text,
    responded_at     timestamptz,
    expired          boolean NOT NULL DEFAULT false,
    UNIQUE (run_id, contact_id)
) WITH (fillfactor = 70);
CREATE INDEX campaign_recipients_due ON campaign_recipients (run_id, due_at, place) WHERE due_at IS NOT NULL;
CREATE INDEX campaign_recipients_reminds ON campaign_recipients (run_id) WHERE reminds;
CREATE INDEX campaign_recipients_batch ON campaign_recipients (run_id, batch) WHERE batch <> '';
CREATE INDEX campaign_recipients_place ON campaign_recipients (run_id, place);
CREATE INDEX campaign_recipients_state ON campaign_recipients (run_id, state, place);

-- The answers to the main question of a run by value.
CREATE TABLE campaign_scores (
    run_id   text NOT NULL REFERENCES campaign_runs,
    template text NOT NULL,
    score    smallint NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (run_id, template, score)
) WITH (fillfactor = 50);

-- +goose StatementBegin
CREATE FUNCTION campaign_scores_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaign_scores SET n = n - 1 WHERE run_id = OLD.run_id AND template = OLD.template AND score = OLD.score;
    INSERT INTO campaign_scores AS s (run_id, template, score, n) SELECT NEW.run_id, NEW.template, NEW.score, 1 WHERE NEW.score IS NOT NULL
    ON CONFLICT (run_id, template, score) DO UPDATE SET n = s.n + 1;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER campaign_scores_counted AFTER UPDATE OF score ON invitations
    FOR EACH ROW WHEN (NEW.run_id IS NOT NULL AND OLD.score IS DISTINCT FROM NEW.score) EXECUTE FUNCTION campaign_scores_count();

-- +goose StatementBegin
CREATE FUNCTION campaign_recipients_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH change AS (
        SELECT run_id, sum(pending) AS pending, sum(sent) AS sent, sum(skipped) AS skipped, sum(failed) AS failed,
               sum(withdrawn) AS withdrawn, sum(reminded) AS reminded, sum(responded) AS responded, sum(expired) AS expired, sum(repeated) AS repeated
        FROM (
            SELECT run_id, (state = 'pending')::int AS pending, (state = 'sent')::int AS sent, (state = 'skipped')::int AS skipped,
                   (state = 'failed')::int AS failed, (state = 'withdrawn')::int AS withdrawn, reminders AS reminded,
                   (responded_at IS NOT NULL)::int AS responded, expired::int AS expired, repeated FROM after
            UNION ALL
            SELECT run_id, -(state = 'pending')::int, -(state = 'sent')::int, -(state = 'skipped')::int, -(state = 'failed')::int,
                   -(state = 'withdrawn')::int, -reminders, -(responded_at IS NOT NULL)::int, -expired::int, -repeated FROM before
        ) both_sides GROUP BY run_id
    )
    UPDATE campaign_runs r SET pending = r.pending + c.pending, sent = r.sent + c.sent, skipped = r.skipped + c.skipped,
        failed = r.failed + c.failed, withdrawn = r.withdrawn + c.withdrawn, reminded = r.reminded + c.reminded,
        responded = r.responded + c.responded, expired = r.expired + c.expired, repeated = r.repeated + c.repeated
    FROM change c WHERE r.id = c.run_id AND (c.pending, c.sent, c.skipped, c.failed, c.withdrawn, c.reminded, c.responded, c.expired, c.repeated)
        <> (0, 0, 0, 0, 0, 0, 0, 0, 0);
    INSERT INTO campaign_reasons AS r (run_id, state, reason, n)
    SELECT run_id, state, reason, sum(n) FROM (
        SELECT run_id, state, reason, 1 AS n FROM after WHERE reason <> ''
        UNION ALL SELECT run_id, state, reason, -1 FROM before WHERE reason <> ''
    ) both_sides GROUP BY run_id, state, reason HAVING sum(n) <> 0 ORDER BY run_id, state, reason
    ON CONFLICT (run_id, state, reason) DO UPDATE SET n = r.n + excluded.n;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER campaign_recipients_counted AFTER UPDATE ON campaign_recipients
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION campaign_recipients_count();

-- +goose StatementBegin
CREATE FUNCTION campaign_recipients_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recipient has one outcome, which stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_recipients_outcome';
END $$;
-- +goose StatementEnd
CREATE TRIGGER campaign_recipients_outcome BEFORE UPDATE OF state ON campaign_recipients
    FOR EACH ROW WHEN (OLD.state <> 'pending' AND NEW.state <> OLD.state) EXECUTE FUNCTION campaign_recipients_stay();
CREATE TRIGGER campaign_recipients_kept BEFORE DELETE ON campaign_recipients
    FOR EACH ROW EXECUTE FUNCTION campaign_recipients_stay();

-- +goose Down
DROP TABLE campaign_scores, campaign_recipients, campaign_reasons, campaign_runs, campaigns, follow_ups, answers, invitations, opt_outs, asked;
DROP FUNCTION campaign_scores_count, campaign_recipients_count, campaign_recipients_stay;
DROP INDEX cases_waiting, cases_complainants, case_contacts_complainants;
DROP FUNCTION person_keys;
ALTER TABLE contacts DROP COLUMN time_zone;
DELETE FROM tasks WHERE process IN ('follow_up', 'campaign');
