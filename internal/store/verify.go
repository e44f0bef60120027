package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// Finding is a stored value that contradicts a rule.
type Finding struct {
	CaseID   string
	Number   string
	Rule     string // which rule, and of what: accountability.tiles, promise.resolution.1.due_at, …
	Expected string
	Found    string
}

// verifyBatch is how many cases are held against their rules at a time, in one snapshot of the database.
const verifyBatch = 200

// Verify holds every case against the rules that must always be true, and reports each contradiction; an error of report
// ends it. It may run beside the product. The rules:
//
//   - accountability.tiles, handling.tiles: the intervals cover the life of the case, from its record or reopening to its
//     end, without gap or overlap (C-02).
//   - accountability.now, handling.now: a case that is not over has exactly one accountable person and one handler, those
//     of its state, and the handler's time goes into what the state says.
//   - timeline.gapless: events are numbered from 1 without gaps, up to the number in the state.
//   - projection.<column>: what lists filter by is what the state says. tasks.open and milestones likewise.
//   - promise.<name>.<cycle>.<field>: every promise follows from its facts; rulesFor gives the calendar and ladder that it
//     is counted by.
//   - access.missing, access.surplus: exactly those see a case who have a part in it.
//   - approval.…: see verifyApprovals; reception.…: see verifyReceptions; relationship.…: see verifyRelationships.
//   - inspection.tasks: the open tasks of a report are those of its reviewers until it is signed off, and none then.
//   - notifications.unique: nobody was told the same fact twice.
//   - budget.…, booking.…: see holdingSweeps; campaign.…: see campaignSweeps.
func (s *Store) Verify(ctx context.Context, rulesFor func(context.Context, *models.CaseState) (sla.Rules, error), report func(Finding) error) error {
	v := &verifier{rulesFor: rulesFor, report: report}
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		for after := ""; ; {
			cases, err := v.load(ctx, conn, after)
			if err != nil {
				return err
			}
			if len(cases) == 0 {
				break
			}
			for i := range cases {
				if err := v.check(ctx, &cases[i]); err != nil {
					return err
				}
			}
			after = cases[len(cases)-1].ID
		}
		if err := v.verifyApprovals(ctx, conn); err != nil {
			return err
		}
		if err := v.verifyReceptions(ctx, conn); err != nil {
			return err
		}
		if err := v.verifyRelationships(ctx, conn); err != nil {
			return err
		}
		for _, sweep := range slices.Concat([]string{
			surplusAccess, surplusApprovalAccess, surplusReceptionAccess, surplusRelationshipAccess, inspectionTasks, doubleNotifications,
		}, holdingSweeps, campaignSweeps) {
			if err := v.sweep(ctx, conn, sweep); err != nil {
				return err
			}
		}
		return nil
	})
}

type verifier struct {
	rulesFor   func(context.Context, *models.CaseState) (sla.Rules, error)
	report     func(Finding) error
	id, number string // of what is verified
	err        error
}

// verifiedCase is a case with everything that is written of it.
type verifiedCase struct {
	ID, Number, Type, Status, Priority, ClientID, CreatedBy, AccountableID, AssigneeID, Category, Channel string

	AccountManagerID, AccountableTeamID, TeamID, OfferToID, OfferTeamID, TransferToID *string

	PolicyVersion        int
	Breached             bool
	NextDueAt, ClosedAt  *time.Time
	CreatedAt, UpdatedAt time.Time
	Seq                  int64
	State                models.CaseState

	timeline              timelineFacts
	life                  []lifeEvent
	accountable, handling []interval
	tasks, principals     []string
	milestones            []milestone
}

type timelineFacts struct {
	CaseID             string
	Count, First, Last int64
}

type lifeEvent struct {
	CaseID, Type string
	At           time.Time
	Into, Other  *string
}

type interval struct {
	CaseID, UserID, Kind string
	From                 time.Time
	Until                *time.Time
}

type verifiedMilestone struct {
	CaseID string
	milestone
}

type owned struct{ CaseID, ID string }

// load reads the next cases with all that belongs to them, in one snapshot.
func (v *verifier) load(ctx context.Context, conn *pgx.Conn, after string) ([]verifiedCase, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(ctx)
	rows, err := tx.Query(ctx, `SELECT id, number, type, status, priority, client_id, created_by, accountable_id, assignee_id, category, channel,
			account_manager_id, accountable_team_id, team_id, offer_to_id, offer_team_id, transfer_to_id,
			policy_version, breached, next_due_at, closed_at, created_at, updated_at, seq, state
		FROM cases WHERE id > $1 ORDER BY id LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	cases, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[verifiedCase])
	if err != nil || len(cases) == 0 {
		return nil, err
	}
	byID, ids := map[string]*verifiedCase{}, make([]string, len(cases))
	for i := range cases {
		byID[cases[i].ID], ids[i] = &cases[i], cases[i].ID
	}
	var b pgx.Batch
	each(&b, `SELECT subject_id AS case_id, count(*), min(seq) AS first, max(seq) AS last FROM timeline WHERE subject_id = ANY($1) GROUP BY 1`,
		ids, func(t timelineFacts) { byID[t.CaseID].timeline = t })
	each(&b, `SELECT subject_id AS case_id, type, at, data ->> 'into' AS into, data ->> 'case_id' AS other FROM timeline
		WHERE subject_id = ANY($1) AND type IN ('recorded', 'reopened', 'closed', 'cancelled', 'merged', 'unlinked') ORDER BY subject_id, seq`,
		ids, func(e lifeEvent) { byID[e.CaseID].life = append(byID[e.CaseID].life, e) })
	each(&b, `SELECT case_id, user_id, '' AS kind, lower(during) AS "from", upper(during) AS until FROM case_accountability
		WHERE case_id = ANY($1) ORDER BY case_id, lower(during)`,
		ids, func(i interval) { byID[i.CaseID].accountable = append(byID[i.CaseID].accountable, i) })
	each(&b, `SELECT case_id, user_id, kind, lower(during) AS "from", upper(during) AS until FROM case_handling
		WHERE case_id = ANY($1) ORDER BY case_id, lower(during)`,
		ids, func(i interval) { byID[i.CaseID].handling = append(byID[i.CaseID].handling, i) })
	each(&b, `SELECT subject_id AS case_id, id || ' ' || holder AS id FROM tasks WHERE subject_id = ANY($1) AND state = 'open' AND approval_id IS NULL ORDER BY 2`,
		ids, func(t owned) { byID[t.CaseID].tasks = append(byID[t.CaseID].tasks, t.ID) })
	each(&b, `SELECT case_id, name, cycle, state, clock, target, started_at, due_at, met_at, breached_at, cancelled_at FROM case_milestones
		WHERE case_id = ANY($1)`,
		ids, func(m verifiedMilestone) { byID[m.CaseID].milestones = append(byID[m.CaseID].milestones, m.milestone) })
	var principals, inPhases, ofCases []string
	var late []bool
	for i := range cases {
		for _, p := range principalsOf(&cases[i].State) {
			principals, ofCases = append(principals, p), append(ofCases, cases[i].ID)
			inPhases, late = append(inPhases, phaseOf(cases[i].State.Status)), append(late, breached(&cases[i].State))
		}
	}
	b.Queue(`SELECT case_id, principal AS id FROM case_access JOIN unnest($1::text[], $2::text[], $3::boolean[], $4::text[]) x(principal, phase, breached, case_id)
		USING (principal, phase, breached, case_id) ORDER BY 2`, principals, inPhases, late, ofCases).Query(func(rows pgx.Rows) error {
		return collect(rows, func(p owned) { byID[p.CaseID].principals = append(byID[p.CaseID].principals, p.ID) })
	})
	return cases, tx.SendBatch(ctx, &b).Close()
}

func each[T any](b *pgx.Batch, sql string, ids []string, do func(T)) {
	b.Queue(sql, ids).Query(func(rows pgx.Rows) error { return collect(rows, do) })
}

func collect[T any](rows pgx.Rows, do func(T)) error {
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	for _, row := range found {
		do(row)
	}
	return err
}

// expect reports when the two differ. After an error of report it does nothing.
func (v *verifier) expect(rule, expected, found string) {
	if expected != found && v.err == nil {
		v.err = v.report(Finding{CaseID: v.id, Number: v.number, Rule: rule, Expected: expected, Found: found})
	}
}

func (v *verifier) check(ctx context.Context, c *verifiedCase) error {
	v.id, v.number = c.ID, c.Number
	s := &c.State
	v.projection(c, s)
	v.expect("timeline.gapless", span(s.EventSeq, 1, s.EventSeq), span(c.timeline.Count, c.timeline.First, c.timeline.Last))
	life := periods(c.life)
	v.expect("accountability.tiles", life, tiles(c.accountable))
	v.expect("handling.tiles", life, tiles(c.handling))
	var accountable, handler string
	if s.Held() {
		accountable, handler = s.AccountableID, s.AssigneeID+" "+string(s.Hold())
	}
	v.expect("accountability.now", accountable, current(c.accountable))
	v.expect("handling.now", handler, current(c.handling))
	var tasks []string
	for _, t := range s.Tasks {
		tasks = append(tasks, t.ID+" "+cmp.Or(t.UserID, t.TeamID))
	}
	slices.Sort(tasks)
	v.expect("tasks.open", strings.Join(tasks, ", "), strings.Join(c.tasks, ", "))
	v.expect("access.missing", strings.Join(principalsOf(s), ", "), strings.Join(c.principals, ", "))
	v.promises(ctx, c, s)
	return v.err
}

func span(count, first, last int64) string {
	return fmt.Sprintf("%d events, %d to %d", count, first, last)
}

func (v *verifier) projection(c *verifiedCase, s *models.CaseState) {
	var offerTo, offerTeam, transferTo string
	if s.Offer != nil {
		offerTo, offerTeam = s.Offer.ToID, s.Offer.TeamID
	}
	if s.Transfer != nil {
		transferTo = s.Transfer.ToID
	}
	for _, f := range []struct {
		column        string
		state, stored any
	}{
		{"number", s.Number, c.Number},
		{"type", string(s.Type), c.Type},
		{"status", string(s.Status), c.Status},
		{"priority", s.Priority, c.Priority},
		{"client_id", s.ClientID, c.ClientID},
		{"account_manager_id", s.AccountManagerID, deref(c.AccountManagerID)},
		{"created_by", s.CreatedBy, c.CreatedBy},
		{"accountable_id", s.AccountableID, c.AccountableID},
		{"accountable_team_id", s.AccountableTeamID, deref(c.AccountableTeamID)},
		{"assignee_id", s.AssigneeID, c.AssigneeID},
		{"team_id", s.TeamID, deref(c.TeamID)},
		{"offer_to_id", offerTo, deref(c.OfferToID)},
		{"offer_team_id", offerTeam, deref(c.OfferTeamID)},
		{"transfer_to_id", transferTo, deref(c.TransferToID)},
		{"category", s.Category, c.Category},
		{"channel", s.Channel, c.Channel},
		{"policy_version", s.PolicyVersion, c.PolicyVersion},
		{"breached", breached(s), c.Breached},
		{"next_due_at", moment(nextDue(s)), moment(c.NextDueAt)},
		{"created_at", moment(&s.CreatedAt), moment(&c.CreatedAt)},
		{"updated_at", moment(&s.UpdatedAt), moment(&c.UpdatedAt)},
		{"closed_at", moment(s.ClosedAt), moment(c.ClosedAt)},
		{"seq", s.Seq, c.Seq},
	} {
		v.expect("projection."+f.column, fmt.Sprint(f.state), fmt.Sprint(f.stored))
	}
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// periods says when the case was alive: from its record, a reopening or the undoing of its merge, to its end.
func periods(events []lifeEvent) string {
	var list []interval
	var into string // the case that it was merged into
	for _, e := range events {
		n := len(list)
		alive := n > 0 && list[n-1].Until == nil
		switch {
		case alive && (e.Type == "closed" || e.Type == "cancelled" || e.Type == "merged" && e.Into != nil):
			list[n-1].Until, into = &e.At, deref(e.Into)
		case !alive && (e.Type == "recorded" || e.Type == "reopened" || e.Type == "unlinked" && into != "" && deref(e.Other) == into):
			list, into = append(list, interval{From: e.At}), ""
		}
	}
	return written(list)
}

// tiles says what time the intervals cover: those that meet count as one, those that overlap do not.
func tiles(intervals []interval) string {
	var list []interval
	for _, i := range intervals {
		if n := len(list); n > 0 && list[n-1].Until != nil && list[n-1].Until.Equal(i.From) {
			list[n-1].Until = i.Until
			continue
		}
		list = append(list, interval{From: i.From, Until: i.Until})
	}
	return written(list)
}

func written(list []interval) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = moment(&p.From) + "–" + moment(p.Until)
	}
	return strings.Join(texts, ", ")
}

// current names the holders of all intervals that last, with what their time goes into.
func current(intervals []interval) string {
	var names []string
	for _, i := range intervals {
		if i.Until == nil {
			names = append(names, strings.TrimSpace(i.UserID+" "+i.Kind))
		}
	}
	return strings.Join(names, ", ")
}

// promises holds the rows of case_milestones against the state, and the state against the rules.
func (v *verifier) promises(ctx context.Context, c *verifiedCase, s *models.CaseState) {
	stored := make(map[milestoneKey]milestone, len(c.milestones))
	for _, m := range c.milestones {
		stored[milestoneKey{m.Name, m.Cycle}] = m
	}
	kept := milestonesOf(s)
	for key, m := range kept {
		if was, ok := stored[key]; !ok || !was.equal(m) {
			v.expect("milestones", m.text(), stored[key].text())
		}
	}
	for key, m := range stored {
		if _, ok := kept[key]; !ok {
			v.expect("milestones", "", m.text())
		}
	}
	if len(s.Promises) == 0 || v.err != nil {
		return
	}
	rules, err := v.rulesFor(ctx, s)
	if err != nil {
		v.err = err
		return
	}
	for _, p := range s.Promises {
		for _, d := range p.Verify(rules) {
			v.expect(fmt.Sprintf("promise.%s.%d.%s", p.Name, p.Cycle, d.Field), d.Derived, d.Stored)
		}
	}
}

func (m milestone) text() string {
	if m.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s %d: %s, %s %s from %s due %s met %s breached %s cancelled %s", m.Name, m.Cycle, m.State, m.Target, m.Clock,
		moment(&m.StartedAt), moment(m.DueAt), moment(m.MetAt), moment(m.BreachedAt), moment(m.CancelledAt))
}

// The sweeps look over whole tables for rows that no case asks for.
const (
	surplusAccess = `SELECT a.case_id AS case_id, coalesce(c.number, '') AS number, 'access.surplus' AS rule, '' AS expected,
			a.principal || ' ' || a.phase || CASE WHEN a.breached THEN ' breached' ELSE '' END AS found
		FROM case_access a LEFT JOIN cases c ON c.id = a.case_id
		WHERE c.id IS NULL OR (a.phase, a.breached) <> (c.phase, c.breached) OR (a.principal NOT IN (c.accountable_id, c.assignee_id, c.created_by)
			AND a.principal NOT IN (coalesce(c.account_manager_id, ''), coalesce(c.team_id, ''), coalesce(c.accountable_team_id, ''),
				coalesce(c.offer_to_id, ''), coalesce(c.offer_team_id, ''), coalesce(c.transfer_to_id, ''))
			AND NOT EXISTS (SELECT FROM tasks t WHERE t.subject_id = c.id AND t.state = 'open' AND t.holder = a.principal AND t.approval_id IS NULL)
			AND NOT coalesce(c.state #> '{merge,readers}' ? a.principal, false))`
	doubleNotifications = `SELECT n.subject_id AS case_id, coalesce(c.number, '') AS number, 'notifications.unique' AS rule,
			'1 of ' || n.key AS expected, n.count::text AS found
		FROM (SELECT key, min(subject_id) AS subject_id, count(*) FROM notifications GROUP BY key HAVING count(*) > 1) n
		LEFT JOIN cases c ON c.id = n.subject_id`
)

func (v *verifier) sweep(ctx context.Context, conn *pgx.Conn, sql string) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Finding])
	for _, f := range found {
		if err == nil {
			err = v.report(f)
		}
	}
	return err
}
