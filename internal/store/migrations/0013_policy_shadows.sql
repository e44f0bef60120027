-- Versions of policies that run beside the one in force to show what they would change, and lists of leads over all clients.

-- +goose Up

CREATE TABLE policy_shadows (
    id           text PRIMARY KEY,
    kind         text NOT NULL,
    based_on     integer NOT NULL CHECK (based_on >= 0), -- 0: none was in force
    body         json NOT NULL,
    note         text NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    published_as integer,
    published_at timestamptz,
    CONSTRAINT policy_shadows_published_check CHECK ((published_as IS NULL) = (published_at IS NULL)),
    FOREIGN KEY (kind, published_as) REFERENCES policy_versions (kind, version)
);
CREATE INDEX policy_shadows_kind ON policy_shadows (kind, id);

-- Over all clients leads are listed by their owner and by when they were made, whether they are open or not.
DROP INDEX leads_owner;
CREATE INDEX leads_owner ON leads (owner_id, created_at, id);
CREATE INDEX leads_made ON leads (created_at, id);

-- +goose Down
DROP INDEX leads_made, leads_owner;
CREATE INDEX leads_owner ON leads (owner_id, created_at, id) WHERE outcome = '';
DROP TABLE policy_shadows;
