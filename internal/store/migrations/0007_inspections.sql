-- Monthly inspection reports of receptions (R-50): what happened in a month, as it was counted once, and who signed it off.

-- +goose Up

CREATE TABLE inspections (
    id           text PRIMARY KEY,
    month        date NOT NULL CONSTRAINT inspections_month_taken UNIQUE
                     CONSTRAINT inspections_month_check CHECK (extract(day FROM month) = 1),
    time_zone    text NOT NULL, -- the month's
    figures      jsonb NOT NULL,
    reviewers    jsonb NOT NULL CHECK (jsonb_array_length(reviewers) > 0), -- ids of users, each with a task
    made_by      text NOT NULL, -- id of a user, or system
    made_at      timestamptz NOT NULL,
    signed_by    text,
    on_behalf_of text NOT NULL DEFAULT '',
    signed_at    timestamptz,
    remarks      text NOT NULL DEFAULT '',
    CONSTRAINT inspections_signed_at_check CHECK ((signed_by IS NULL) = (signed_at IS NULL))
);

-- What was counted never changes, and nothing of a report that is signed off.
-- +goose StatementBegin
CREATE FUNCTION keep_inspection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.signed_at IS NOT NULL
        OR (NEW.id, NEW.month, NEW.time_zone, NEW.figures, NEW.made_by, NEW.made_at)
            IS DISTINCT FROM (OLD.id, OLD.month, OLD.time_zone, OLD.figures, OLD.made_by, OLD.made_at) THEN
        RAISE EXCEPTION 'an inspection report never changes' USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER inspections_immutable BEFORE UPDATE OR DELETE ON inspections FOR EACH ROW EXECUTE FUNCTION keep_inspection();

-- +goose Down
DELETE FROM tasks WHERE process = 'inspection';
DROP TABLE inspections;
DROP FUNCTION keep_inspection;
