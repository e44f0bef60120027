package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// disciplineFacts reads all that a report needs in one statement, so in one snapshot. $1 and $2 are the week's first instant
// and the one after its last, $3 the posts of which interactions are required, $4 and $5 the first and the last date that
// log-ins are looked at, $6 to $8 by class how many contacts are wanted since when, $9 an instant after the last action of
// every lead that is overdue, $10 the report of the week before. A general action on a lead is no communication with the client.
// Whole tables are read of people and of what each client has
// one of; of everything that grows with time, only the week.
const disciplineFacts = `WITH r AS MATERIALIZED (
		SELECT id, created_at, account_manager_id AS user_id, state ->> 'class' AS class, state -> 'team' AS team
		FROM relationships WHERE stage NOT IN ('lost', 'merged')
	), posts AS MATERIALIZED (
		SELECT user_id, 'account_manager' AS post FROM r WHERE user_id IS NOT NULL AND 'account_manager' = ANY($3::text[])
		UNION SELECT t.value, t.key FROM r, jsonb_each_text(r.team) t WHERE t.key = ANY($3::text[])
	), counts AS (
		SELECT p.user_id, i.had, i.quality FROM (SELECT DISTINCT user_id FROM posts) p CROSS JOIN LATERAL (
			SELECT count(*) AS had, count(*) FILTER (WHERE i.quality <> '') AS quality
			FROM interactions i WHERE i.user_id = p.user_id AND i.at >= $1 AND i.at < $2 AND i.kind <> 'action') i
	), missed AS (
		SELECT DISTINCT r.user_id, r.id FROM timeline e JOIN r ON r.id = e.subject_id
		WHERE e.type = 'contact_missed' AND e.at >= $1 AND e.at < $2 AND r.user_id IS NOT NULL
	), narrow AS (
		SELECT r.user_id, r.id FROM r JOIN unnest($6::text[], $7::int[], $8::timestamptz[]) c(class, want, since) ON c.class = r.class
		CROSS JOIN LATERAL (SELECT count(DISTINCT i.contact_id) AS have FROM interactions i
			WHERE i.client_id = r.id AND i.at > c.since AND i.at < $2 AND i.contact_id <> '') i
		WHERE r.user_id IS NOT NULL AND r.created_at <= c.since AND i.have < c.want
	), stale AS (
		SELECT l.owner_id AS user_id, l.id, greatest(l.created_at, CASE WHEN l.acted_at < $2 THEN l.acted_at END, i.at) AS at
		FROM leads l JOIN r ON r.id = l.client_id CROSS JOIN LATERAL (
			SELECT max(i.at) AS at FROM interactions i WHERE i.lead_id = l.id AND i.lead_id <> '' AND i.at < $2) i
		WHERE coalesce(l.closed_at, 'infinity'::timestamptz) >= $2 AND l.created_at < $9
	), broken AS (
		SELECT c.owner_id AS user_id, c.id FROM commitments c JOIN r ON r.id = c.client_id
		WHERE c.due_at >= $1 AND c.due_at < $2 AND (c.ended_at IS NULL OR c.ended_at > c.due_at)
	) SELECT jsonb_build_object(
		'people', (SELECT jsonb_agg(jsonb_build_object('id', id, 'name', display_name, 'created_at', created_at)) FROM users WHERE active),
		'posts', (SELECT jsonb_agg(posts) FROM posts),
		'counts', (SELECT jsonb_agg(counts) FROM counts),
		'missed', (SELECT jsonb_agg(missed) FROM missed),
		'narrow', (SELECT jsonb_agg(narrow) FROM narrow),
		'leads', (SELECT jsonb_agg(stale) FROM stale WHERE at < $9),
		'broken', (SELECT jsonb_agg(broken) FROM broken),
		'days', (SELECT jsonb_agg(jsonb_build_object('user_id', user_id, 'day', day)) FROM user_days WHERE day BETWEEN $4 AND $5),
		'first_day', coalesce((SELECT min(day) FROM user_days)::text, ''),
		'travels', (SELECT jsonb_agg(jsonb_build_object('user_id', user_id, 'from', from_day, 'until', until_day)) FROM travels
			WHERE until_day >= $4 AND from_day <= $5),
		'absences', (SELECT jsonb_agg(jsonb_build_object('user_id', user_id, 'from', valid_from, 'until', valid_until)) FROM deputies
			WHERE valid_until > $4 AND valid_from < $2 AND processes = '[]' AND max_amount IS NULL),
		'before', (SELECT jsonb_agg(jsonb_build_object('user_id', id, 'short', figures -> 'interactions' -> 'short')) FROM discipline_entries
			WHERE report_id = $10))`

// disciplineArgs are the arguments of disciplineFacts.
func disciplineArgs(o *models.DisciplineOrder) []any {
	var classes []string
	var wants []int
	var since []time.Time
	for name, class := range o.Policy.Classes {
		if class.Breadth.Contacts > 0 {
			classes, wants = append(classes, name), append(wants, class.Breadth.Contacts)
			since = append(since, class.Breadth.Within.Before(o.Week.Until, o.Calendar.Location()))
		}
	}
	first, last := o.Weeks()[0].From, o.Week.Until.Add(-1)
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return []any{
		o.Week.From, o.Week.Until, o.Policy.Weekly.Posts, date(first), date(last), classes, wants, since, o.StaleBefore(),
		models.DisciplineID(o.Week.Previous()),
	}
}

// ReportWeek makes the report of a week with its entries and notices, in one transaction, and returns it; made is false when
// there was one already, which stays as it is. The figures are what is stored at that moment.
func (s *Store) ReportWeek(ctx context.Context, o models.DisciplineOrder) (r models.DisciplineReport, made bool, err error) {
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w := &writer{conn: conn, mail: map[string]bool{}}
		defer w.rollback()
		row := o.Report()
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(`INSERT INTO discipline_reports (id, week, time_zone, policy_version, workdays, made_by, made_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (week) DO NOTHING`,
			row.ID, row.Week, row.TimeZone, row.PolicyVersion, row.Workdays, row.MadeBy, row.MadeAt).Exec(func(tag pgconn.CommandTag) error {
			made = tag.RowsAffected() == 1
			return nil
		})
		if err := conn.SendBatch(ctx, &b).Close(); err != nil || !made {
			return err
		}
		var text []byte
		if err := conn.QueryRow(ctx, disciplineFacts, disciplineArgs(&o)...).Scan(&text); err != nil {
			return err
		}
		var facts models.DisciplineFacts
		if err := json.Unmarshal(text, &facts); err != nil {
			return fmt.Errorf("facts of the week %s: %w", models.Monday(o.Week), err)
		}
		w.discipline(&o, facts)
		w.batch.Queue("COMMIT")
		return w.send(ctx)
	})
	if err == nil {
		r, err = s.DisciplineReport(ctx, o.Week)
	}
	return r, made, err
}

// discipline writes what the report says and tells whom it concerns.
func (w *writer) discipline(o *models.DisciplineOrder, facts models.DisciplineFacts) {
	entries, notices := o.Judge(facts)
	var users, lines, figures []string
	for _, e := range entries {
		users, lines, figures = append(users, e.UserID), append(lines, *jsonText(e.Line)), append(figures, *jsonText(e.Figures))
	}
	w.batch.Queue(`INSERT INTO discipline_entries (report_id, id, line, figures)
		SELECT $1, e.id, e.line::jsonb, e.figures::jsonb FROM unnest($2::text[], $3::text[], $4::text[]) e(id, line, figures)`,
		o.ID, users, lines, figures)
	from := &origin{process: models.DisciplineProcess, subjectID: o.ID, about: o.ID, startedBy: o.By, seq: 1, at: o.At}
	var told rowsOfNotices
	for _, n := range notices {
		told.add(from, n, n.UserID)
	}
	w.notifications(from, &told)
}

// DisciplineReport returns the report of a week; not_found when there is none.
func (s *Store) DisciplineReport(ctx context.Context, week cadence.Week) (models.DisciplineReport, error) {
	return find[models.DisciplineReport](ctx, s.db, models.DisciplineID(week))
}

// DisciplineReports lists reports, the latest week first, and the cursor of the next page, empty on the last.
func (s *Store) DisciplineReports(ctx context.Context, p models.Page) ([]models.DisciplineReport, string, error) {
	return list(ctx, all[models.DisciplineReport](s.db), p, descending, func(r models.DisciplineReport) string { return r.ID })
}

// DisciplineEntries lists what a report says of the people whom the readers may see: themselves, and everybody whom they were
// above; of everybody without readers. It is in the order of the users' ids, with the cursor of the next page, empty on the
// last.
func (s *Store) DisciplineEntries(ctx context.Context, reportID string, readers []string, p models.Page) ([]models.DisciplineEntry, string, error) {
	q := all[models.DisciplineEntry](s.db).Where("report_id = ?", reportID)
	if readers != nil {
		q = q.Where("(id IN ? OR EXISTS (SELECT FROM jsonb_array_elements_text(line) l WHERE l IN ?))", readers, readers)
	}
	return list(ctx, q, p, ascending, func(e models.DisciplineEntry) string { return e.UserID })
}

// NoteDay records that a user has used the product on the date of day; once is enough. Errors: invalid when there is no such
// user.
func (s *Store) NoteDay(ctx context.Context, userID string, day, at time.Time) error {
	return mapped(s.db.WithContext(ctx).Exec(
		`INSERT INTO user_days (user_id, day, first_at) VALUES (?, ?::date, ?) ON CONFLICT DO NOTHING`, userID, day.Format(time.DateOnly), at).Error)
}

// CreateTravel stores a trip, or returns the stored one when the id exists already. Errors: conflict travel.too_many when the
// user has so many trips that are not over that nobody can have them all.
func (s *Store) CreateTravel(ctx context.Context, t models.Travel) (models.Travel, error) {
	var open int64
	err := s.db.WithContext(ctx).Model(&models.Travel{}).Where("user_id = ? AND until_day >= ? AND id <> ?", t.UserID, t.CreatedAt, t.ID).Count(&open).Error
	if err != nil {
		return t, mapped(err)
	}
	if open >= maxTravels {
		return t, errs.New(errs.Conflict, "travel.too_many")
	}
	return create(ctx, s.db, t, t.ID)
}

// maxTravels bounds the trips of a user that are not over.
const maxTravels = 100

// Travels lists a user's trips, the latest entered first, and the cursor of the next page, empty on the last.
func (s *Store) Travels(ctx context.Context, userID string, p models.Page) ([]models.Travel, string, error) {
	q := all[models.Travel](s.db).Where("user_id = ?", userID)
	return list(ctx, q, p, descending, func(t models.Travel) string { return t.ID })
}
