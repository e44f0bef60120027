package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// inspectionFigures counts a month in one statement, so in one snapshot: $3 and $4 are its first instant and the one after
// its last.
const inspectionFigures = `WITH r AS MATERIALIZED (
		SELECT id, status, kind, level, coalesce(team_id, '') AS team_id, state, state ->> 'currency' AS currency,
			status IN ('in_progress', 'completed', 'settling', 'closed') AS begun
		FROM receptions WHERE starts_at >= $3 AND starts_at < $4 AND jsonb_array_length(coalesce(nullif(state -> 'approvals', 'null'), '[]')) > 0
	), asked AS (
		SELECT a ->> 'outcome' AS outcome, extract(epoch FROM (a ->> 'ended_at')::timestamptz - (a ->> 'started_at')::timestamptz) / 60 AS minutes
		FROM r, jsonb_array_elements(state -> 'approvals') a
	), money AS (
		SELECT team_id, currency, b ->> 'item' AS cost_type, (b ->> 'amount')::bigint AS budget, 0::bigint AS actual
		FROM r, jsonb_array_elements(coalesce(nullif(state -> 'budget', 'null'), '[]')) b WHERE begun
		UNION ALL SELECT team_id, currency, m ->> 'cost_type', 0, (m ->> 'committed')::bigint
		FROM r, jsonb_array_elements(coalesce(nullif(state -> 'money', 'null'), '[]')) m
	), uses AS (
		SELECT resource_id, quantity, greatest(starts_at, $3) AS since, least(ends_at, $4, CASE state WHEN 'released' THEN updated_at END) AS until
		FROM bookings WHERE during && tstzrange($3, $4) AND state <> 'held'
	), f AS (SELECT jsonb_build_object(
		'receptions', (SELECT coalesce(jsonb_agg(g ORDER BY g.level, g.kind), '[]') FROM (
			SELECT level, kind, count(*) AS asked, count(*) FILTER (WHERE begun) AS held, count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
				count(*) FILTER (WHERE status IN ('rejected', 'withdrawn')) AS refused FROM r GROUP BY 1, 2) g),
		'cost', (SELECT coalesce(jsonb_agg(g ORDER BY g.team_id, g.cost_type, g.currency), '[]') FROM (
			SELECT team_id, cost_type, currency, sum(budget)::bigint AS budget, sum(actual)::bigint AS actual FROM money GROUP BY 1, 2, 3) g
			WHERE g.budget > 0 OR g.actual > 0),
		'approvals', (SELECT jsonb_build_object('asked', count(*), 'decided', count(*) FILTER (WHERE outcome IN ('approved', 'rejected')),
			'late', (SELECT count(DISTINCT e.subject_id) FROM r JOIN timeline e ON e.subject_id = r.id AND e.type = 'approval_late'),
			'mean_minutes', coalesce(round(avg(minutes) FILTER (WHERE outcome IN ('approved', 'rejected'))), 0)::bigint) FROM asked),
		'preparation', (SELECT jsonb_build_object('items', count(*), 'late', count(*) FILTER (WHERE (c ->> 'late')::boolean))
			FROM r, jsonb_array_elements(coalesce(nullif(state -> 'checklist', 'null'), '[]')) c),
		'score', (SELECT round(sum((state ->> 'rated')::numeric) / nullif(sum((state ->> 'ratings')::numeric), 0), 2) FROM r),
		'ratings', (SELECT coalesce(sum((state ->> 'ratings')::bigint), 0) FROM r),
		'cancelled', (SELECT jsonb_build_object('all', count(*), 'approved', count(*) FILTER (WHERE state -> 'frame' IS NOT NULL))
			FROM r WHERE status = 'cancelled'),
		'resources', (SELECT coalesce(jsonb_agg(g ORDER BY g.kind, g.name), '[]') FROM (
			SELECT s.id AS resource_id, s.name, s.kind, count(*) AS bookings, sum(u.quantity) AS pieces,
				(sum(extract(epoch FROM u.until - u.since)) / 60)::bigint AS minutes
			FROM uses u JOIN resources s ON s.id = u.resource_id WHERE u.since < u.until GROUP BY s.id) g)) AS figures)
	`

// Inspect makes the report of a month with a task for each of its reviewers, in one transaction, and returns it; made is
// false when there was one already, which stays as it is. The figures are what is stored at that moment.
func (s *Store) Inspect(ctx context.Context, o models.InspectionOrder) (i models.Inspection, made bool, err error) {
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		w := &writer{conn: conn, mail: map[string]bool{}}
		defer w.rollback()
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(inspectionFigures+`INSERT INTO inspections (id, month, figures, time_zone, reviewers, made_by, made_at)
		SELECT $1, $2, figures, $5, $6::text::jsonb, $7, $8 FROM f ON CONFLICT (month) DO NOTHING`,
			o.ID, o.Month, o.From, o.Until, o.TimeZone, jsonText(o.Reviewers), o.By, o.At).Exec(func(tag pgconn.CommandTag) error {
			made = tag.RowsAffected() == 1
			return nil
		})
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		if made {
			w.inspection(&o)
		}
		w.batch.Queue("COMMIT")
		return w.send(ctx)
	})
	if err == nil {
		i, err = s.Inspection(ctx, o.ID)
	}
	return i, made, err
}

// inspection tells the reviewers of a new report.
func (w *writer) inspection(o *models.InspectionOrder) {
	from := &origin{process: models.InspectionProcess, subjectID: o.ID, about: o.ID, startedBy: o.By, seq: 1, at: o.At}
	w.tasks(from, o.Tasks)
	var told rowsOfNotices
	for _, u := range o.Reviewers {
		told.add(from, models.Notice{
			Kind: models.NoticeInspection, UserID: u, NotBefore: o.At, Key: "made", Data: map[string]string{"month": o.Month.Format(models.MonthLayout)},
		}, u)
	}
	w.notifications(from, &told)
}

// Inspection returns one report; not_found when there is none.
func (s *Store) Inspection(ctx context.Context, id string) (models.Inspection, error) {
	return find[models.Inspection](ctx, s.db, id)
}

// Inspections lists reports, the latest month first, and the cursor of the next page, empty on the last.
func (s *Store) Inspections(ctx context.Context, f models.InspectionFilter, p models.Page) ([]models.Inspection, string, error) {
	q := all[models.Inspection](s.db)
	switch {
	case f.Signed == nil:
	case *f.Signed:
		q = q.Where("signed_at IS NOT NULL")
	default:
		q = q.Where("signed_at IS NULL")
	}
	return list(ctx, q, p, descending, func(i models.Inspection) string { return i.ID })
}

// SignInspection signs a report off and ends its tasks: that of the signer is done, those of others are no longer needed.
// Nothing of the report changes afterwards; the same command again changes nothing. Errors: not_found; conflict inspection.signed when
// somebody was faster.
func (s *Store) SignInspection(ctx context.Context, id string, by models.Signature) (models.Inspection, error) {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`UPDATE inspections SET signed_by = ?, on_behalf_of = ?, signed_at = ?, remarks = ?, signed_command = ?
			WHERE id = ? AND signed_at IS NULL`, by.By, by.OnBehalfOf, by.At, by.Remarks, by.CommandID, id)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			i, err := find[models.Inspection](ctx, tx, id)
			if err != nil {
				return err
			}
			if by.CommandID != "" && i.SignedCommand == by.CommandID {
				return nil
			}
			return errs.New(errs.Conflict, "inspection.signed", "month", i.Month.Format(models.MonthLayout))
		}
		return tx.Exec(`UPDATE tasks SET done_at = ?, done_by = CASE WHEN user_id IN (?, ?) THEN ? END,
				state = CASE WHEN user_id IN (?, ?) THEN 'done' ELSE 'cancelled' END
			WHERE subject_id = ? AND state = 'open'`, by.At, by.By, by.OnBehalfOf, by.By, by.By, by.OnBehalfOf, id).Error
	})
	if err != nil {
		return models.Inspection{}, mapped(err)
	}
	return s.Inspection(ctx, id)
}

// inspectionTasks finds reports whose open tasks are not those of their reviewers, and signed ones that have any.
const inspectionTasks = `SELECT i.id AS case_id, to_char(i.month, 'YYYY-MM') AS number, 'inspection.tasks' AS rule, e.users AS expected, f.users AS found
	FROM inspections i
	CROSS JOIN LATERAL (SELECT coalesce(string_agg(r, ', ' ORDER BY r), '') AS users FROM jsonb_array_elements_text(i.reviewers) r WHERE i.signed_at IS NULL) e
	CROSS JOIN LATERAL (SELECT coalesce(string_agg(t.user_id, ', ' ORDER BY t.user_id), '') AS users FROM tasks t WHERE t.subject_id = i.id AND t.state = 'open') f
	WHERE e.users <> f.users`
