-- The weekly discipline: who had how many interactions, whom they missed, and on which days they logged in (U-01 to U-13).

-- +goose Up

-- On which days people used the product with a session of their own, in the zone of the cadence policy's calendar.
CREATE TABLE user_days (
    user_id  text NOT NULL REFERENCES users,
    day      date NOT NULL,
    first_at timestamptz NOT NULL,
    PRIMARY KEY (day, user_id)
);

-- Days that people are on a trip, as they say themselves (U-02); the last day is one of them.
CREATE TABLE travels (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users,
    from_day   date NOT NULL,
    until_day  date NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT travels_until_check CHECK (from_day <= until_day)
);
CREATE INDEX travels_user ON travels (user_id, id DESC);
CREATE INDEX travels_days ON travels (until_day, from_day);

CREATE TABLE discipline_reports (
    id             text PRIMARY KEY,
    week           date NOT NULL UNIQUE
                       CONSTRAINT discipline_reports_week_check CHECK (extract(isodow FROM week) = 1), -- its Monday
    time_zone      text NOT NULL, -- the week's
    policy_version integer NOT NULL,
    workdays       integer NOT NULL,
    made_by        text NOT NULL, -- id of a user, or system
    made_at        timestamptz NOT NULL
);

CREATE TABLE discipline_entries (
    report_id text NOT NULL REFERENCES discipline_reports,
    id        text NOT NULL,  -- the user's
    line      jsonb NOT NULL, -- ids of the users above them, the nearest first
    figures   jsonb NOT NULL,
    PRIMARY KEY (report_id, id)
);

-- What was counted never changes.
CREATE TRIGGER discipline_reports_immutable BEFORE UPDATE OR DELETE ON discipline_reports FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER discipline_entries_immutable BEFORE UPDATE OR DELETE ON discipline_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- By these a report finds what happened in its week without walking over all weeks.
CREATE INDEX timeline_contact_missed ON timeline (at) WHERE type = 'contact_missed';
CREATE INDEX commitments_due ON commitments (due_at);
CREATE INDEX leads_closed ON leads ((coalesce(closed_at, 'infinity'::timestamptz)));

-- +goose Down
DROP INDEX timeline_contact_missed, commitments_due, leads_closed;
DROP TABLE discipline_entries, discipline_reports, travels, user_days;
