package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// onConn runs fn on a connection of the pool: below database/sql, where several statements travel in one round trip.
func (s *Store) onConn(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := s.conns.Conn(ctx)
	if err != nil {
		return mapped(err)
	}
	defer conn.Close()
	return mapped(conn.Raw(func(c any) error { return fn(c.(*stdlib.Conn).Conn()) }))
}

// read collects the rows of a statement into structs, by the names of the columns.
func read[T any](ctx context.Context, s *Store, sql string, args ...any) ([]T, error) {
	var rows []T
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		found, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByName[T])
		return err
	})
	return rows, err
}

// query builds a statement: conditions are constant text with a %d in the place of their argument's number.
type query struct {
	text strings.Builder
	args []any
}

func (q *query) arg(v any) int {
	q.args = append(q.args, v)
	return len(q.args)
}

func (q *query) add(text string, args ...any) {
	numbers := make([]any, len(args))
	for i, a := range args {
		numbers[i] = q.arg(a)
	}
	fmt.Fprintf(&q.text, text, numbers...)
}

// scope is which rows somebody may see: all, or those in which one of the principals (users and teams) has a part. Of those
// whose deputy the reader is in some processes only, within names these.
type scope struct {
	all        bool
	principals []string
	within     map[string][]string // by principal
}

// within leaves of some principals only the rows of the processes in which the reader acts for them.
func (q *query) within(sc scope, principal, row string) {
	for _, id := range slices.Sorted(maps.Keys(sc.within)) {
		q.add(` AND (`+principal+` <> $%d OR `+row+`.process = ANY($%d))`, id, sc.within[id])
	}
}

// scopeOf is the one rule of row visibility. With models.PermCaseReadAll everything is seen. Otherwise a person sees the
// cases in which they have a part: accountable, handler, creator, account manager, receiver of an offer or of
// accountability, with an open task, or as who held the case that it was merged into; those of their team if they take part in
// cases; and those of the teams that they supervise. A deputy sees what the person sees.
func scopeOf(a models.Actor) scope {
	var sc scope
	for _, p := range a.In(models.ComplaintProcess) {
		sc.all = sc.all || p.May(models.PermCaseReadAll)
		sc.principals = append(sc.principals, p.ID)
		if p.TeamID != "" && p.May(models.PermCaseWork) {
			sc.principals = append(sc.principals, p.TeamID)
		}
		sc.principals = append(sc.principals, p.Supervises...)
	}
	slices.Sort(sc.principals)
	sc.principals = slices.Compact(sc.principals)
	return sc
}

// principalsOf lists the users and teams who have a part in the case, sorted: what case_access keeps.
func principalsOf(s *models.CaseState) []string {
	ids := []string{s.AccountableID, s.AssigneeID, s.CreatedBy, s.AccountManagerID, s.TeamID, s.AccountableTeamID}
	if s.Offer != nil {
		ids = append(ids, s.Offer.ToID, s.Offer.TeamID)
	}
	if s.Transfer != nil {
		ids = append(ids, s.Transfer.ToID)
	}
	for _, t := range s.Tasks {
		ids = append(ids, t.UserID, t.TeamID)
	}
	if s.Merge != nil {
		ids = append(ids, s.Merge.Readers...)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" || id == models.System })
}

// narrow limits the cases c to those in the scope.
func (q *query) narrow(sc scope) {
	if !sc.all {
		q.add(` AND EXISTS (SELECT FROM case_access v WHERE v.principal = ANY($%d) AND v.phase = c.phase AND v.breached = c.breached AND v.case_id = c.id)`, sc.principals)
	}
}

// filter limits the cases c to those that the filter asks for.
func (q *query) filter(f models.CaseFilter) {
	switch f.Status { // phases in words, so that the partial indexes are seen to fit
	case "":
	case models.CaseCancelled:
		q.add(` AND c.phase = 'cancelled'`)
	case models.CaseClosed:
		q.add(` AND c.phase = 'closed'`)
	default:
		q.add(` AND c.phase = 'live' AND c.status = $%d`, string(f.Status))
	}
	for _, e := range []struct{ column, value string }{
		{"type", string(f.Type)},
		{"priority", f.Priority},
		{"assignee_id", f.AssigneeID},
		{"accountable_id", f.AccountableID},
		{"client_id", f.ClientID},
	} {
		if e.value != "" {
			q.add(` AND c.`+e.column+` = $%d`, e.value)
		}
	}
	if f.Breached != nil && *f.Breached {
		q.add(` AND c.breached`)
	} else if f.Breached != nil {
		q.add(` AND NOT c.breached`)
	}
	if f.DueBefore != nil {
		q.add(` AND c.due_on <= $%d AND c.next_due_at < $%d`, f.DueBefore.UTC().Format(time.DateOnly), *f.DueBefore) // the first is indexed
	}
}

// caseColumns is what a models.CaseRow is made of.
const caseColumns = `SELECT c.state, c.subject, c.description, c.contact, c.occurred_at, c.external_ref, c.resolution, c.root_cause,
	(SELECT coalesce(jsonb_agg(k.contact ORDER BY k.from_case_id, k.position), '[]') FROM case_contacts k WHERE k.case_id = c.id) AS contacts,
	(SELECT i.score FROM invitations i WHERE i.subject_id = c.id AND i.purpose IN ('case', 'recovery') AND i.score IS NOT NULL
		ORDER BY i.answered_at DESC, i.id DESC LIMIT 1) AS satisfied
FROM cases c WHERE `

type storedCase struct {
	State       models.CaseState
	Subject     string
	Description string
	Contact     models.CaseContact
	OccurredAt  *time.Time
	ExternalRef string
	Resolution  string
	RootCause   string
	Contacts    []models.CaseContact
	Satisfied   *int
}

func (c storedCase) row() models.CaseRow {
	return models.CaseRow{
		State:    c.State,
		Record:   models.CaseRecord{Subject: c.Subject, Description: c.Description, Contact: c.Contact, OccurredAt: c.OccurredAt, ExternalRef: c.ExternalRef},
		Contacts: c.Contacts, Resolution: c.Resolution, RootCause: c.RootCause, Satisfied: c.Satisfied,
	}
}

// Case returns one case that the actor may see; not_found otherwise.
func (s *Store) Case(ctx context.Context, actor models.Actor, id string) (models.CaseRow, error) {
	var q query
	q.add(caseColumns+`c.id = $%d`, id)
	q.narrow(scopeOf(actor))
	rows, err := read[storedCase](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return models.CaseRow{}, err
	}
	if len(rows) == 0 {
		return models.CaseRow{}, notFound()
	}
	row := rows[0].row()
	s.cache.cases.keep(row)
	return row, nil
}

// CaseAfter returns a case as of the step or later, whoever asks: for who has taken the step. What this process itself has
// written it answers without asking the database. It is shared: read it, never write to it. not_found when there is none.
func (s *Store) CaseAfter(ctx context.Context, id string, seq int64) (models.CaseRow, error) {
	if row, ok := s.cache.cases.after(id, seq); ok {
		return row, nil
	}
	return s.Case(ctx, models.OutcomeReader(), id)
}

// CaseState returns the stored state of a case, whoever asks: for the process itself. not_found when there is none.
func (s *Store) CaseState(ctx context.Context, id string) (models.CaseState, error) {
	var state models.CaseState
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT state FROM cases WHERE id = $1`, id).Scan(&state)
	})
	if errors.Is(err, pgx.ErrNoRows) || errs.CodeOf(err) == errs.NotFound {
		return state, errs.New(errs.NotFound, "case.unknown")
	}
	return state, err
}

// Cases lists the cases that the actor may see and the filter asks for, the newest first, and the cursor of the next
// page, empty on the last.
func (s *Store) Cases(ctx context.Context, actor models.Actor, f models.CaseFilter, p models.Page) ([]models.CaseRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	sc := scopeOf(actor)
	if err := caseCount(sc, f).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q := caseList(sc, f, after, limit+1)
	found, err := read[storedCase](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]models.CaseRow, len(found))
	for i, c := range found {
		rows[i] = c.row()
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	return rows, encodeCursor(rows[limit-1].State.ID), nil
}

// caseCount is a statement that finds what all pages together show, in the simplest words: only the planner reads it.
func caseCount(sc scope, f models.CaseFilter) *query {
	q := &query{}
	q.add(`SELECT FROM cases c WHERE true`)
	q.filter(f)
	q.narrow(sc)
	return q
}

// caseList is the statement of a page. Whatever is asked for, it begins with the index that names the fewest cases, and
// reads each of its walks from the newest on, no further than the page.
func caseList(sc scope, f models.CaseFilter, after string, n int) *query {
	holder := f.AssigneeID
	if holder == "" {
		holder = f.AccountableID
	}
	switch {
	case holder != "": // a person's cases are fewer than a team's
		return accessList([]string{holder}, sc, f, after, n)
	case !sc.all && f.ClientID == "":
		return accessList(sc.principals, scope{all: true}, f, after, n)
	}
	q := &query{}
	q.add(caseColumns + `true`)
	q.filter(f)
	q.narrow(sc)
	if after != "" {
		q.add(` AND c.id < $%d`, after)
	}
	q.add(` ORDER BY c.id DESC LIMIT $%d`, n)
	return q
}

// accessList merges one walk per principal, phase, and with and without a breach.
func accessList(principals []string, sc scope, f models.CaseFilter, after string, n int) *query {
	q := &query{}
	q.add(caseColumns+`c.id IN (
	SELECT DISTINCT w.case_id FROM unnest($%d::text[]) p(id) CROSS JOIN unnest($%d::text[]) h(phase) CROSS JOIN unnest($%d::boolean[]) b(breached) CROSS JOIN LATERAL (
		SELECT a.case_id FROM case_access a`, principals, phases(f), breaches(f))
	residual := f != models.CaseFilter{} || !sc.all
	if residual {
		q.add(` JOIN cases c ON c.id = a.case_id`)
	}
	q.add(` WHERE a.principal = p.id AND a.phase = h.phase AND a.breached = b.breached`)
	if after != "" {
		q.add(` AND a.case_id < $%d`, after)
	}
	if residual {
		q.filter(f)
		q.narrow(sc)
	}
	limit := q.arg(n)
	fmt.Fprintf(&q.text, ` ORDER BY a.case_id DESC LIMIT $%d) w
	ORDER BY w.case_id DESC LIMIT $%d) ORDER BY c.id DESC`, limit, limit)
	return q
}

const live = "live"

// phaseOf is the part of its life that a case is in: live, closed or cancelled. It changes seldom.
func phaseOf(status models.CaseStatus) string {
	if status == models.CaseClosed || status == models.CaseCancelled {
		return string(status)
	}
	return live
}

// phases says where the filter's cases can be.
func phases(f models.CaseFilter) []string {
	switch {
	case f.Status != "":
		return []string{phaseOf(f.Status)}
	case f.DueBefore != nil: // what is over owes nothing
		return []string{live}
	}
	return []string{live, string(models.CaseClosed), string(models.CaseCancelled)}
}

func breaches(f models.CaseFilter) []bool {
	if f.Breached != nil {
		return []bool{*f.Breached}
	}
	return []bool{true, false}
}

// Timeline lists the events of a case after a sequence number, in order, at most limit. It does not ask who may see it.
func (s *Store) Timeline(ctx context.Context, caseID string, after int64, limit int) ([]models.TimelineEvent, error) {
	return read[models.TimelineEvent](ctx, s, `SELECT seq, at, type, actor, on_behalf_of, data, coalesce(trace_id, '') AS trace_id FROM timeline
		WHERE subject_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, caseID, after, limit)
}

// Responsibility lists who was accountable and who had the ball, each in order. It does not ask who may see it.
func (s *Store) Responsibility(ctx context.Context, caseID string) (accountable, handling []models.Holding, err error) {
	accountable, err = read[models.Holding](ctx, s, `SELECT user_id, lower(during) AS "from", upper(during) AS until, '' AS kind, reason
		FROM case_accountability WHERE case_id = $1 ORDER BY lower(during)`, caseID)
	if err != nil {
		return nil, nil, err
	}
	handling, err = read[models.Holding](ctx, s, `SELECT user_id, lower(during) AS "from", upper(during) AS until, kind, reason
		FROM case_handling WHERE case_id = $1 ORDER BY lower(during)`, caseID)
	return accountable, handling, err
}

// ClientForCase returns a client, and the cases of it that the actor may see and that were recorded since an instant, the newest
// first, at most limit: all that a new case asks of both, in one round trip. not_found when there is no such client.
func (s *Store) ClientForCase(ctx context.Context, actor models.Actor, clientID string, since time.Time, limit int) (models.Client, []models.CaseHead, error) {
	var found []models.Client
	var recent []models.CaseHead
	heads := recentHeads(scopeOf(actor), clientID, since, limit)
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue(clients.columns+`WHERE id = $1`, clientID).Query(clients.into(&found))
		b.Queue(heads.text.String(), heads.args...).Query(collectAll(&recent))
		return conn.SendBatch(ctx, &b).Close()
	})
	if err == nil && len(found) == 0 {
		err = notFound()
	}
	if err != nil {
		return models.Client{}, nil, err
	}
	return found[0], recent, nil
}

// recentHeads is the statement of a client's recent cases. It walks back over those of the client, and looks up each whether
// it is in the scope.
func recentHeads(sc scope, clientID string, since time.Time, limit int) *query {
	q := &query{}
	q.add(`SELECT c.id, c.number, c.subject, c.status, c.created_at FROM cases c WHERE c.client_id = $%d AND c.created_at >= $%d`, clientID, since)
	q.narrow(sc)
	q.add(` ORDER BY c.created_at DESC LIMIT $%d`, limit)
	return q
}

var clients = tableOf[models.Client]()

// KnowledgeArticles lists published articles, and the drafts from cases that the actor may see, the newest first; an empty state
// lists both.
func (s *Store) KnowledgeArticles(ctx context.Context, actor models.Actor, state string, p models.Page) ([]models.KnowledgeArticle, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	sc, limit := scopeOf(actor), limitOf(p)
	if err := articleList(sc, state, "", math.MaxInt32).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	q := articleList(sc, state, after, limit+1)
	rows, err := read[models.KnowledgeArticle](ctx, s, q.text.String(), q.args...)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	rows = rows[:limit]
	return rows, encodeCursor(rows[limit-1].ID), nil
}

// articleList is the statement of a page. What is published is everybody's; a draft says what its case does, and is seen by who may
// see that. Each of the two is a walk of its own, so that the planner may begin with the drafts or with the cases in the scope.
func articleList(sc scope, state, after string, n int) *query {
	q := &query{}
	newest := func() {
		if after != "" {
			q.add(` AND a.id < $%d`, after)
		}
		q.add(` ORDER BY a.id DESC LIMIT $%d)`, n)
	}
	q.add(`SELECT * FROM (`)
	if state != "draft" {
		q.add(`(SELECT a.* FROM knowledge_articles a WHERE a.state = 'published'`)
		newest()
	}
	if state == "" {
		q.add(` UNION ALL `)
	}
	if state != "published" {
		q.add(`(SELECT a.* FROM knowledge_articles a JOIN cases c ON c.id = a.case_id WHERE a.state = 'draft'`)
		q.narrow(sc)
		newest()
	}
	q.add(`) a ORDER BY a.id DESC LIMIT $%d`, n)
	return q
}
