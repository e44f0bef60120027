package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestOverview_shows_everything_about_a_client(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	open := b.apply(t, b.record(b.one))
	past := b.apply(t, b.record(b.two))
	b.apply(t, shut(next(past, b.tick(), "closed")))
	_, err := b.CreateContact(t.Context(), models.Contact{ID: id.New(id.Contact), ClientID: s.ID, Name: "王芳", KnownByIDs: []string{b.one.ID}})
	require.NoError(t, err)
	b.apply(t, next(open, b.tick(), "noted"))

	o, err := b.Overview(t.Context(), everything, s.ID)
	require.NoError(t, err)
	require.Equal(t, &s, o.Relationship)
	require.Len(t, o.Classifications, 1)
	require.Equal(t, s.Plans[0].ID, o.Plans[0].ID)
	require.Equal(t, []string{b.one.ID}, o.Contacts[0].KnownByIDs)
	require.Len(t, o.OpenCases, 1)
	require.Equal(t, []any{open.ID, "账户被锁"}, []any{o.OpenCases[0].ID, o.OpenCases[0].Subject})
	require.Len(t, o.PastCases, 1)
	require.Equal(t, past.ID, o.PastCases[0].ID)
	require.NotNil(t, o.PastCases[0].ClosedAt)
	require.Equal(t, "on site", o.Interactions[0].Summary)
	require.Equal(t, s.Commitments[0].ID, o.Commitments[0].ID)
	require.Equal(t, s.Leads[0].ID, o.Leads[0].ID)
	require.Equal(t, s.Opinions[0].ID, o.Opinions[0].ID)
	require.Equal(t, s.Improvements[0].ID, o.Improvements[0].ID)
	require.Equal(t, "one call a year", o.Assessments[0].Levels["key"].Evidence)
	require.Equal(t, []any{s.Tasks[0].ID, b.boss.ID}, []any{o.Tasks[0].ID, o.Tasks[0].UserID})
	var events []string
	for _, e := range o.Events {
		events = append(events, e.Process+" "+e.Type)
	}
	require.Equal(t, []string{"complaint noted", "complaint closed", "complaint recorded", "complaint recorded", "relationship changed"}, events)
	require.Equal(t, []any{open.Number, "trace-6"}, []any{o.Events[0].Number, o.Events[4].TraceID})

	nothing, err := b.Overview(t.Context(), everything, id.New(id.Client))
	require.NoError(t, err)
	require.Nil(t, nothing.Relationship)
	require.Empty(t, nothing.Events)
}

func TestOverview_follows_the_row_rule_of_each_process(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	mine := b.apply(t, b.record(b.two))
	b.apply(t, b.record(b.one))
	stranger := models.Actor{Person: models.Person{ID: id.New(id.User), Roles: []models.Role{models.RoleStaff}}}
	o, err := b.Overview(t.Context(), stranger, s.ID)
	require.NoError(t, err)
	for section, rows := range sectionsOf(t, o) {
		require.Contains(t, []string{"[]", "null"}, string(rows), "%s: nothing of it is theirs", section)
	}

	two := models.Actor{Person: models.Person{ID: b.two.ID, Roles: []models.Role{models.RoleStaff}}}
	o, err = b.Overview(t.Context(), two, s.ID)
	require.NoError(t, err)
	require.NotNil(t, o.Relationship, "a promise and a lead are theirs")
	require.Len(t, o.Interactions, 1)
	require.Len(t, o.OpenCases, 1)
	require.Equal(t, mine.ID, o.OpenCases[0].ID)
	var subjects []string
	for _, e := range o.Events {
		subjects = append(subjects, e.SubjectID)
	}
	require.ElementsMatch(t, []string{mine.ID, s.ID}, subjects, "of the case of another one nothing is told")

	deputy := models.Actor{Person: stranger.Person, ActsFor: []models.Person{two.Person}}
	o, err = b.Overview(t.Context(), deputy, s.ID)
	require.NoError(t, err)
	require.Len(t, o.OpenCases, 1)
	require.NotNil(t, o.Relationship)
}

// sectionsOf are the sections of an overview by name.
func sectionsOf(t testing.TB, o models.ClientOverview) map[string]json.RawMessage {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &sections))
	return sections
}

// busy gives a client many objects whose last changes come at random times after their last events, which overlap.
func (b *bond) busy(t testing.TB, clientID string, objects, events int, quiet string) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO cases (id, number, type, status, priority, client_id, created_by, accountable_id, assignee_id, category, channel, subject, description,
				contact, external_ref, policy_version, breached, created_at, updated_at, seq, state)
			SELECT id, 'B' || id, 'complaint', CASE WHEN i % 40 = 0 THEN 'open' ELSE 'closed' END, 'P2', @client, 'u', 'u', 'u', '', 'phone', 's', 'd', '{}', '', 1, false,
				now(), last + ` + quiet + `, 1, jsonb_build_object('id', id, 'seq', 1)
			FROM (SELECT i, @client || '_case_' || i AS id, timestamptz '2026-01-01' + random() * interval '300 days' AS last FROM generate_series(1, @n) i) x`,
		`INSERT INTO receptions (id, number, status, kind, level, client_id, requester_id, created_at, updated_at, seq, state, plans)
			SELECT id, 'B' || id, 'closed', 'company_visit', 'vip', @client, 'u', now(), last + ` + quiet + `, 1, jsonb_build_object('id', id, 'seq', 1), '{}'
			FROM (SELECT @client || '_reception_' || i AS id, timestamptz '2026-01-01' + random() * interval '300 days' AS last FROM generate_series(1, @n) i) x`,
		`INSERT INTO follow_ups (id, status, purpose, subject_id, client_id, created_at, updated_at, seq, state)
			SELECT id, 'answered', 'case', 'x', @client, now(), last + ` + quiet + `, 1, jsonb_build_object('id', id, 'seq', 1, 'number', 'F')
			FROM (SELECT @client || '_follow_' || i AS id, timestamptz '2026-01-01' + random() * interval '300 days' AS last FROM generate_series(1, @n) i) x`,
		// In the order of their numbers, the last at most when the object changed last.
		`INSERT INTO timeline (subject_id, seq, at, type, actor, on_behalf_of)
			SELECT s.id, e, s.updated_at - ` + quiet + ` - (@events - e) * interval '7 hours', 'x', 'u', ''
			FROM (SELECT id, updated_at FROM cases WHERE client_id = @client UNION ALL SELECT id, updated_at FROM receptions WHERE client_id = @client
				UNION ALL SELECT id, updated_at FROM follow_ups WHERE client_id = @client) s, generate_series(1, @events) e`,
	} {
		require.NoError(t, b.DB().Exec(sql, map[string]any{"client": clientID, "n": objects, "events": events}).Error)
	}
}

func TestOverview_has_the_newest_events_of_all_processes(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	// In the last one, most objects changed last without an event, in another order than their events: nearly all are looked at.
	for i, quiet := range []string{"interval '0'", "interval '1 hour'", "(hashtext(id) & 1023) * interval '6 hours'"} {
		c := aClient(fmt.Sprintf("busy %d", i))
		_, err := b.CreateClient(t.Context(), c)
		require.NoError(t, err)
		n := 150 + rand.IntN(100)
		b.busy(t, c.ID, n, 1+rand.IntN(8), quiet)
		type event struct {
			SubjectID string
			Seq       int64
		}
		var want, got []event
		require.NoError(t, b.DB().Raw(`SELECT subject_id, seq FROM timeline WHERE starts_with(subject_id, ?) ORDER BY at DESC, subject_id DESC, seq DESC LIMIT 50`, c.ID).Scan(&want).Error)
		o, err := b.Overview(t.Context(), everything, c.ID)
		require.NoError(t, err)
		for _, e := range o.Events {
			got = append(got, event{e.SubjectID, e.Seq})
		}
		require.Equal(t, want, got, quiet)
		require.Len(t, got, 50)
	}
	o, err := b.Overview(t.Context(), everything, s.ID)
	require.NoError(t, err)
	require.Len(t, o.Events, 1)
}

// Nothing that is read of a client grows with its history, nor with that of all others.
func TestRelationships_are_read_along_indexes_and_in_bounds(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	b.fill(t, 20_000)
	s := b.step(t, nil, b.everythingOpen)
	b.busy(t, s.ID, 4_000, 12, "interval '0'")
	for _, sql := range []string{
		`INSERT INTO reception_access SELECT 'user_' || i % 997, id FROM (SELECT id, row_number() OVER () AS i FROM receptions) r`,
		`INSERT INTO relationship_access SELECT 'user_' || i % 97, id FROM (SELECT id, row_number() OVER () AS i FROM relationships) r`,
		`INSERT INTO classifications (id, client_id, from_class, class, computed, policy_version, reason, requested_by, requested_at, approval_id, outcome, decided_at)
			SELECT 'g' || i, k, 'B', 'A', 'A', 1, '', '', now() - i * interval '1 h', '', 'approved', now() FROM (@rows) x`,
		`INSERT INTO client_plans (id, client_id, status, starts_at, ends_at, version, document, owner_id, approval_id, summary, created_by, created_at, updated_at)
			SELECT 'p' || i, k, 'rejected', now() + i * interval '1 h', now() + (i + 1) * interval '1 h', 1, '{}', 'u', '', '', 'u', now(), now() FROM (@rows) x`,
		`INSERT INTO assessments (id, client_id, at, by_id, levels, analysis) SELECT 'a' || i, k, now() - i * interval '1 h', 'u', '{}', '' FROM (@rows) x`,
		`INSERT INTO improvements (id, client_id, assessment_id, level, from_level, target, owner_id, state, due_at, summary, created_at, ended_at)
			SELECT 'i' || i, k, 'a', 'key', 1, 2, 'u', 'reached', now(), '', now() - i * interval '1 h', now() FROM (@rows) x`,
		`INSERT INTO interactions (id, client_id, user_id, contact_id, lead_id, subject_id, kind, at, summary, quality, created_at)
			SELECT 'n' || i, k, 'user_' || i % 97, '', '', '', 'call', now() - i * interval '1 h', '', '', now() FROM (@rows) x`,
		`INSERT INTO commitments (id, client_id, text, owner_id, contact_id, subject_id, state, due_at, made_by, made_at, ended_at, note)
			SELECT 'c' || i, k, '', 'u', '', '', 'kept', now() - i * interval '1 h', 'u', now(), now(), '' FROM (@rows) x`,
		`INSERT INTO opinions (id, client_id, contact_id, text, by_id, at, owner_id, state, due_at, answer, answered_by, answered_at, commitment_id)
			SELECT 'o' || i, k, '', '', 'u', now() - i * interval '1 h', 'u', 'answered', now(), '', '', now(), '' FROM (@rows) x`,
		`INSERT INTO leads (id, client_id, kind, title, owner_id, stage, outcome, currency, acted_at, created_by, created_at, closed_at, note)
			SELECT 'l' || i, k, 'lead', '', 'user_' || i % 97, 'new', CASE WHEN i % 50 = 0 THEN '' ELSE 'won' END, '', now(), 'u', now() - i * interval '1 h',
				CASE WHEN i % 50 > 0 THEN now() END, '' FROM (@rows) x`,
		`INSERT INTO contacts (id, client_id, name, title, phone, email, locale, created_at) SELECT 'k' || i, k, 'n', '', '', '', '', now() FROM (@rows) x`,
		`ANALYZE`,
	} {
		sql = strings.ReplaceAll(sql, "@rows", `SELECT i, CASE WHEN i % 4 = 0 THEN @client ELSE 'client_' || 1 + i % 2000 END AS k FROM generate_series(1, 20000) i`)
		require.NoError(t, b.DB().Exec(strings.ReplaceAll(sql, "@client", "'"+s.ID+"'")).Error)
	}
	conns, err := b.DB().DB()
	require.NoError(t, err)
	statements := store.RelationshipStatements(s.ID, b.one.ID)
	for _, extra := range []int{200, 800} {
		statements[fmt.Sprintf("events of %d objects", extra)] = []any{store.ClientNewsSQL, s.ID, extra, 50}
	}
	for name, statement := range statements {
		var text string
		require.NoError(t, conns.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) "+statement[0].(string), statement[1:]...).Scan(&text), name)
		var plans []struct{ Plan planNode }
		require.NoError(t, json.Unmarshal([]byte(text), &plans))
		rows, walks := plans[0].Plan.read()
		require.Empty(t, walks, "%s\n%s", name, text)
		bound := 1_000.0
		if strings.HasPrefix(name, "events") { // of 200 objects, and 100 that live, 12 events each
			bound = 20_000
			if name != "events" {
				bound = 50_000
			}
		}
		if name == "open receptions" {
			bound = 5_000 // all receptions of the client
		}
		require.Less(t, rows, bound, "%s\n%s", name, text)
	}
}

// planNode is a node of a plan as it was carried out.
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Rows     float64    `json:"Actual Rows"`
	Loops    float64    `json:"Actual Loops"`
	Filtered float64    `json:"Rows Removed by Filter"`
	Plans    []planNode `json:"Plans"`
}

// read counts the rows that were read of tables, and names the tables that were read from end to end.
func (n planNode) read() (rows float64, walks []string) {
	if n.Relation != "" {
		rows = (n.Rows + n.Filtered) * n.Loops
		if n.Type == "Seq Scan" {
			walks = append(walks, n.Relation)
		}
	}
	for _, p := range n.Plans {
		r, w := p.read()
		rows, walks = rows+r, append(walks, w...)
	}
	return rows, walks
}
