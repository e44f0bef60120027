-- Client master data: the decision chain, sales of the last twelve months, duplicates and their merge.

-- +goose Up

-- name_key is the name as names are compared (models.NameKey); until a client is next written it is its name in small letters.
ALTER TABLE clients
    ADD COLUMN sales_12m      bigint CHECK (sales_12m >= 0), -- minor units of the currency; NULL: not known
    ADD COLUMN currency       text NOT NULL DEFAULT '',
    ADD COLUMN name_key       text NOT NULL DEFAULT '',
    ADD COLUMN merged_into_id text REFERENCES clients,       -- the survivor, never one that was merged itself
    DROP CONSTRAINT clients_status_check,
    ADD CONSTRAINT clients_status_check CHECK (status IN ('prospect', 'active', 'dormant', 'lost', 'merged')),
    ADD CONSTRAINT clients_merged_into_id_check CHECK ((status = 'merged') = (merged_into_id IS NOT NULL) AND merged_into_id <> id),
    ADD CONSTRAINT clients_currency_check CHECK (sales_12m IS NULL OR currency <> '');
UPDATE clients SET name_key = lower(name);
CREATE INDEX clients_name_key ON clients USING gin (bigrams(name_key));
CREATE INDEX clients_merged_into ON clients (merged_into_id) WHERE merged_into_id IS NOT NULL;

-- What each merge was: who decided it, and why. The row of the duplicate is the alias under which imports find the survivor.
CREATE TABLE client_merges (
    client_id  text PRIMARY KEY REFERENCES clients, -- the duplicate
    into_id    text NOT NULL REFERENCES clients,    -- the survivor as it was chosen then
    reason     text NOT NULL,
    merged_by  text NOT NULL REFERENCES users,
    merged_at  timestamptz NOT NULL,
    command_id text NOT NULL -- the request, so that its repetition answers the same
);

-- The decision chain (M-44, M-46): who decides, whom we know, and what moves them.
ALTER TABLE contacts
    ADD COLUMN role              text NOT NULL DEFAULT '' CHECK (role IN ('', 'decision_maker', 'approver', 'influencer', 'user', 'gatekeeper', 'other')),
    ADD COLUMN influence         smallint CHECK (influence BETWEEN 0 AND 10),
    ADD COLUMN attitude          text NOT NULL DEFAULT '' CHECK (attitude IN ('', 'opponent', 'sceptical', 'neutral', 'supportive', 'champion')),
    ADD COLUMN relation_strength smallint CHECK (relation_strength BETWEEN 0 AND 5),
    ADD COLUMN known_by_ids      jsonb NOT NULL DEFAULT '[]', -- those of ours who know them
    ADD COLUMN preferences       text NOT NULL DEFAULT '',
    ADD COLUMN worries           text NOT NULL DEFAULT '',
    ADD COLUMN has_left          boolean NOT NULL DEFAULT false,
    ADD COLUMN merged_into_id    text REFERENCES contacts, -- the same person at the survivor of a merge
    ADD COLUMN version           bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at        timestamptz NOT NULL DEFAULT now();
UPDATE contacts SET updated_at = created_at;

-- By what two contacts may be the same person (models.ContactKeys): the e-mail address, its domain, the last nine digits of
-- the phone number. Case counts outside of ASCII, so that the keys are the same whatever the locale of the database is.
-- +goose StatementBegin
CREATE FUNCTION contact_keys(email text, phone text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_remove(ARRAY[
        'email:' || nullif(address, ''),
        'domain:' || nullif(substring(address FROM '@([^@]+)$'), ''),
        'phone:' || CASE WHEN length(digits) >= 7 THEN right(digits, 9) END], NULL)
    FROM (SELECT translate(btrim(email, E' \t\n\x0b\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') AS address,
                 regexp_replace(phone, '[^0123456789]', '', 'g') AS digits) k
$$;
-- +goose StatementEnd
CREATE INDEX contacts_keys ON contacts USING gin (contact_keys(email, phone));

-- +goose Down
DROP INDEX contacts_keys;
DROP FUNCTION contact_keys;
DROP TABLE client_merges;
ALTER TABLE contacts DROP COLUMN role, DROP COLUMN influence, DROP COLUMN attitude, DROP COLUMN relation_strength, DROP COLUMN known_by_ids,
    DROP COLUMN preferences, DROP COLUMN worries, DROP COLUMN has_left, DROP COLUMN merged_into_id, DROP COLUMN version, DROP COLUMN updated_at;
UPDATE clients SET status = 'lost', merged_into_id = NULL WHERE status = 'merged';
ALTER TABLE clients
    DROP CONSTRAINT clients_status_check,
    DROP COLUMN sales_12m, DROP COLUMN currency, DROP COLUMN name_key, DROP COLUMN merged_into_id,
    ADD CONSTRAINT clients_status_check CHECK (status IN ('prospect', 'active', 'dormant', 'lost'));
