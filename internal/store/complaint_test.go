package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// sees lists which of the cases the actor sees, by Case and by Cases, which must agree.
func (d *desk) sees(t *testing.T, a models.Actor, cases map[string]string) []string {
	t.Helper()
	listed := map[string]bool{}
	rows, next, err := d.Cases(t.Context(), a, models.CaseFilter{}, models.Page{Limit: 200})
	require.NoError(t, err)
	require.Empty(t, next)
	for i, row := range rows {
		require.False(t, listed[row.State.ID], "listed twice")
		require.True(t, i == 0 || rows[i-1].State.ID > row.State.ID, "newest first")
		listed[row.State.ID] = true
	}
	names := []string{}
	for _, name := range strings.Fields("own offered offered_team transfer managed supervised_task foreign closed") {
		_, err := d.Case(t.Context(), a, cases[name])
		if err != nil {
			requireCode(t, errs.NotFound, err)
		}
		require.Equal(t, err == nil, listed[cases[name]], name)
		if err == nil {
			names = append(names, name)
		}
	}
	return names
}

func TestCase_is_seen_by_those_who_have_a_part_in_it_and_nobody_else(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	lead := d.member(t, "lead", d.other) // supervises the other team
	cases := map[string]string{}
	add := func(name string, s models.CaseState) { cases[name] = s.ID }
	add("own", d.apply(t, d.record(d.one)))
	s := d.apply(t, d.record(d.one))
	add("offered", d.apply(t, offer(next(s, d.tick(), "offered"), d.away.ID, "")))
	s = d.apply(t, d.record(d.one))
	add("offered_team", d.apply(t, offer(next(s, d.tick(), "offered"), "", d.other.ID)))
	s = d.apply(t, d.record(d.one))
	step := next(s, d.tick(), "accountability_transfer_asked")
	step.State.Transfer = &models.Transfer{ToID: d.away.ID, AskedBy: d.one.ID, AskedAt: d.now}
	add("transfer", d.apply(t, step))
	step = d.record(d.one)
	step.State.AccountManagerID = d.away.ID
	add("managed", d.apply(t, step))
	step = d.record(d.one)
	task := models.Task{ID: id.New(id.Task), Kind: models.TaskSupervise, UserID: lead.ID, CreatedAt: d.now, State: models.TaskOpen}
	step.State.Tasks, step.Tasks = append(step.State.Tasks, task), append(step.Tasks, task)
	add("supervised_task", d.apply(t, step))
	stranger := d.member(t, "stranger", addTeam(t, d.Store, "third", nil))
	add("foreign", d.apply(t, d.record(stranger)))
	s = d.apply(t, d.record(d.one))
	add("closed", d.apply(t, shut(next(s, d.tick(), "closed"))))

	team := strings.Fields("own offered offered_team transfer managed supervised_task closed")
	clerk := actor(d.two)
	clerk.Roles = []models.Role{models.RoleScheduler} // takes no part in cases
	deputy := actor(stranger)
	deputy.ActsFor = []models.Person{actor(d.two).Person}
	for name, c := range map[string]struct {
		actor models.Actor
		want  []string
	}{
		"the handler":                     {actor(d.one), team},
		"a colleague of the team":         {actor(d.two), team},
		"a member who takes no part":      {clerk, []string{}},
		"the supervisor of the team":      {actor(d.boss, d.team.ID), team},
		"a supervisor of nothing":         {actor(d.boss), []string{}},
		"offered, receiver, manager":      {actor(d.away), strings.Fields("offered offered_team transfer managed")},
		"with an open task, team offered": {actor(lead), strings.Fields("offered_team supervised_task")},
		"another team":                    {actor(stranger), []string{"foreign"}},
		"a deputy of a colleague":         {deputy, append(team[:6:6], "foreign", "closed")},
		"an auditor":                      {everything, append(team[:6:6], "foreign", "closed")},
	} {
		require.Equal(t, c.want, d.sees(t, c.actor, cases), name)
	}
	require.Empty(t, d.verify(t))
}

func TestCase_is_no_longer_seen_once_the_part_in_it_is_over(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	s = d.apply(t, offer(next(s, d.tick(), "offered"), d.away.ID, ""))
	_, err := d.Case(t.Context(), actor(d.away), s.ID)
	require.NoError(t, err)
	d.apply(t, hand(next(s, d.tick(), "declined"), d.one))
	_, err = d.Case(t.Context(), actor(d.away), s.ID)
	requireCode(t, errs.NotFound, err)
	require.Empty(t, d.verify(t))
}

func TestCases_are_filtered(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	inquiry := d.record(d.one)
	inquiry.State.Type, inquiry.State.Priority = models.TypeInquiry, "P4"
	open := d.apply(t, inquiry)
	s := d.apply(t, d.record(d.one))
	handed := d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	s = d.apply(t, d.record(d.two))
	closed := d.apply(t, shut(next(s, d.tick(), "closed")))
	s = d.apply(t, d.record(d.two))
	step := shut(next(s, d.tick(), "cancelled"))
	step.State.Status = models.CaseCancelled
	cancelled := d.apply(t, step)
	s = d.apply(t, d.record(d.one))
	step = next(s, d.tick(), "milestone_breached")
	promise, _, err := step.State.Promises[0].Tick(step.State.Promises[0].DueAt.Add(time.Hour), clockRules)
	require.NoError(t, err)
	step.State.Promises[0] = promise
	late := d.apply(t, step)

	all := []string{late.ID, cancelled.ID, closed.ID, handed.ID, open.ID}
	for name, c := range map[string]struct {
		filter models.CaseFilter
		want   []string
	}{
		"nothing":           {models.CaseFilter{}, all},
		"open":              {models.CaseFilter{Status: models.CaseOpen}, []string{late.ID, handed.ID, open.ID}},
		"closed":            {models.CaseFilter{Status: models.CaseClosed}, []string{closed.ID}},
		"cancelled":         {models.CaseFilter{Status: models.CaseCancelled}, []string{cancelled.ID}},
		"type":              {models.CaseFilter{Type: models.TypeInquiry}, []string{open.ID}},
		"priority":          {models.CaseFilter{Priority: "P4"}, []string{open.ID}},
		"assignee":          {models.CaseFilter{AssigneeID: d.two.ID}, []string{cancelled.ID, closed.ID, handed.ID}},
		"accountable":       {models.CaseFilter{AccountableID: d.one.ID}, []string{late.ID, handed.ID, open.ID}},
		"both":              {models.CaseFilter{AccountableID: d.one.ID, AssigneeID: d.two.ID}, []string{handed.ID}},
		"client":            {models.CaseFilter{ClientID: d.client.ID}, all},
		"another client":    {models.CaseFilter{ClientID: id.New(id.Client)}, nil},
		"breached":          {models.CaseFilter{Breached: ptr(true)}, []string{late.ID}},
		"not breached":      {models.CaseFilter{Breached: ptr(false), AssigneeID: d.one.ID}, []string{open.ID}},
		"due":               {models.CaseFilter{DueBefore: ptr(open.Promises[0].DueAt.Add(time.Second))}, []string{open.ID}},
		"due, of everybody": {models.CaseFilter{DueBefore: ptr(late.Promises[0].DueAt.Add(time.Second))}, []string{late.ID, handed.ID, open.ID}},
	} {
		for who, a := range map[string]models.Actor{"all": everything, "team": actor(d.two)} {
			rows, _, err := d.Cases(t.Context(), a, c.filter, models.Page{})
			require.NoError(t, err)
			var got []string
			for _, row := range rows {
				got = append(got, row.State.ID)
			}
			require.Equal(t, c.want, got, "%s, %s", name, who)
		}
		rows, _, err := d.Cases(t.Context(), actor(d.away), c.filter, models.Page{})
		require.NoError(t, err)
		require.Empty(t, rows, name)
	}
}

func TestCases_are_walked_over_once_each_while_others_are_recorded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	var want []string
	for range 7 {
		want = append([]string{d.apply(t, d.record(d.one)).ID}, want...)
	}
	for who, a := range map[string]models.Actor{"all": everything, "team": actor(d.two)} {
		var got []string
		p := models.Page{Limit: 3}
		for {
			rows, cursor, err := d.Cases(t.Context(), a, models.CaseFilter{}, p)
			require.NoError(t, err)
			for _, row := range rows {
				got = append(got, row.State.ID)
			}
			if p.Cursor = cursor; cursor == "" {
				break
			}
			require.Len(t, rows, 3)
			defer d.apply(t, d.record(d.one))
		}
		require.Equal(t, want, got, who)
	}
	_, _, err := d.Cases(t.Context(), everything, models.CaseFilter{}, models.Page{Cursor: "?"})
	requireCode(t, errs.Malformed, err)
}

func TestClient_of_a_new_case_comes_with_its_recent_cases_newest_first(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	d.apply(t, d.record(d.one))
	b, c := d.apply(t, d.record(d.one)), d.apply(t, d.record(d.two))
	client, heads, err := d.ClientForCase(t.Context(), everything, d.client.ID, b.CreatedAt, 10)
	require.NoError(t, err)
	stored, err := d.Client(t.Context(), d.client.ID)
	require.NoError(t, err)
	require.Equal(t, stored, client)
	require.Equal(t, []models.CaseHead{
		{ID: c.ID, Number: c.Number, Subject: "账户被锁", Status: models.CaseOpen, CreatedAt: c.CreatedAt},
		{ID: b.ID, Number: b.Number, Subject: "账户被锁", Status: models.CaseOpen, CreatedAt: b.CreatedAt},
	}, heads)
	_, heads, err = d.ClientForCase(t.Context(), everything, d.client.ID, start, 1)
	require.NoError(t, err)
	require.Len(t, heads, 1)
	_, _, err = d.ClientForCase(t.Context(), everything, "client_0", start, 1)
	requireCode(t, errs.NotFound, err)
}

// What is looked up for a new case is no way around the row rule: the heads are those that a list of the client's cases shows.
func TestRecent_cases_of_a_client_are_those_that_the_actor_may_see(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	first := d.apply(t, d.record(d.one))
	theirs := d.apply(t, d.record(d.away))
	d.apply(t, offer(next(first, d.tick(), "offered"), d.boss.ID, ""))
	last := d.apply(t, d.record(d.two))
	deputy := actor(d.away)
	deputy.ActsFor = []models.Person{actor(d.one).Person}
	elsewhere := actor(d.away)
	elsewhere.ActsFor = []models.Person{{ID: d.one.ID, TeamID: d.team.ID, Roles: d.one.Roles, Processes: []string{models.ReceptionProcess}}}
	for name, c := range map[string]struct {
		who  models.Actor
		want []string
	}{
		"everything":         {everything, []string{last.ID, theirs.ID, first.ID}},
		"a team":             {actor(d.one), []string{last.ID, first.ID}},
		"another team":       {actor(d.away), []string{theirs.ID}},
		"a receiver":         {actor(d.boss), []string{first.ID}},
		"a supervisor":       {actor(d.boss, d.other.ID), []string{theirs.ID, first.ID}},
		"a deputy":           {deputy, []string{last.ID, theirs.ID, first.ID}},
		"a deputy elsewhere": {elsewhere, []string{theirs.ID}},
		"a stranger":         {actor(addUser(t, d.Store, "new")), nil},
	} {
		_, heads, err := d.ClientForCase(t.Context(), c.who, d.client.ID, start, 10)
		require.NoError(t, err, name)
		rows, _, err := d.Cases(t.Context(), c.who, models.CaseFilter{ClientID: d.client.ID}, models.Page{})
		require.NoError(t, err, name)
		var got, listed []string
		for _, h := range heads {
			got = append(got, h.ID)
		}
		for _, row := range rows {
			listed = append(listed, row.State.ID)
		}
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.want, listed, name)
	}
	_, heads, err := d.ClientForCase(t.Context(), actor(d.away), d.client.ID, start, 1)
	require.NoError(t, err)
	require.Len(t, heads, 1, "what is not for the actor takes no place")
}

func TestResolution_drafts_one_article_until_somebody_publishes_it(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	resolve := func(text string) {
		step := next(s, d.tick(), "resolved")
		step.Resolution = &models.CaseResolution{Resolution: text, RootCause: "cache", By: d.one.ID}
		s = d.apply(t, step)
	}
	resolve("restarted")
	resolve("fixed")
	row, err := d.Case(t.Context(), everything, s.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"fixed", "cache"}, []string{row.Resolution, row.RootCause})
	drafts, _, err := d.KnowledgeArticles(t.Context(), everything, "draft", models.Page{})
	require.NoError(t, err)
	require.Len(t, drafts, 1)
	require.Equal(t, "账户被锁", drafts[0].Title)
	require.Equal(t, []string{"fixed", "cache", d.one.ID, s.ID}, []string{drafts[0].Body, drafts[0].RootCause, drafts[0].CreatedBy, drafts[0].CaseID})
	require.True(t, id.Valid(id.Article, drafts[0].ID))

	require.NoError(t, d.DB().Exec("UPDATE knowledge_articles SET state = 'published'").Error)
	resolve("replaced")
	all, _, err := d.KnowledgeArticles(t.Context(), everything, "", models.Page{})
	require.NoError(t, err)
	require.Equal(t, []string{"replaced", "fixed"}, []string{all[0].Body, all[1].Body})
}

func TestResolution_by_silence_drafts_no_article(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	step := next(d.apply(t, d.record(d.one)), d.tick(), "resolved")
	step.Resolution = &models.CaseResolution{Resolution: "no_answer", By: models.System}
	s := d.apply(t, step)
	row, err := d.Case(t.Context(), everything, s.ID)
	require.NoError(t, err)
	require.Equal(t, "no_answer", row.Resolution)
	var articles int64
	require.NoError(t, d.DB().Table("knowledge_articles").Count(&articles).Error)
	require.Zero(t, articles)
}

func TestDrafts_of_articles_are_for_who_may_see_their_case_and_published_ones_for_all(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	draft := func(u models.User, text string) {
		step := next(d.apply(t, d.record(u)), d.tick(), "resolved")
		step.Resolution = &models.CaseResolution{Resolution: text, By: u.ID}
		d.apply(t, step)
	}
	draft(d.one, "ours")
	draft(d.one, "for all")
	require.NoError(t, d.DB().Exec("UPDATE knowledge_articles SET state = 'published' WHERE body = 'for all'").Error)
	draft(d.away, "theirs")
	draft(d.two, "ours too")
	deputy := actor(d.away)
	deputy.ActsFor = []models.Person{actor(d.one).Person}
	for name, c := range map[string]struct {
		who    models.Actor
		drafts []string
		both   []string
	}{
		"everything":   {everything, []string{"ours too", "theirs", "ours"}, []string{"ours too", "theirs", "for all", "ours"}},
		"a team":       {actor(d.two), []string{"ours too", "ours"}, []string{"ours too", "for all", "ours"}},
		"another team": {actor(d.away), []string{"theirs"}, []string{"theirs", "for all"}},
		"a supervisor": {actor(d.boss, d.team.ID), []string{"ours too", "ours"}, []string{"ours too", "for all", "ours"}},
		"a deputy":     {deputy, []string{"ours too", "theirs", "ours"}, []string{"ours too", "theirs", "for all", "ours"}},
		"a stranger":   {actor(addUser(t, d.Store, "new")), nil, []string{"for all"}},
	} {
		for state, want := range map[string][]string{"draft": c.drafts, "published": {"for all"}, "": c.both} {
			var got []string
			p := models.Page{Limit: 1, Estimate: new(int64)}
			for {
				rows, cursor, err := d.KnowledgeArticles(t.Context(), c.who, state, p)
				require.NoError(t, err, name)
				for _, a := range rows {
					got = append(got, a.Body)
				}
				if p.Cursor = cursor; cursor == "" {
					break
				}
				require.Len(t, rows, 1)
			}
			require.Equal(t, want, got, "%s, %q", name, state)
		}
	}
	_, _, err := d.KnowledgeArticles(t.Context(), everything, "", models.Page{Cursor: "?"})
	requireCode(t, errs.Malformed, err)
}

func TestContacts_of_merged_cases_are_taken_over_with_those_they_had_taken_over_and_given_back(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{Email: true})
	of := func(name string) models.CaseState {
		step := d.record(d.one)
		step.Record.Contact = models.CaseContact{Name: name, Email: name + "@bank.example"}
		return d.apply(t, step)
	}
	a, b, c := of("a"), of("b"), of("c")
	inherit := func(s, from models.CaseState) models.CaseState {
		step := next(s, d.tick(), "merged")
		step.Inherit = from.ID
		return d.apply(t, step)
	}
	b = inherit(b, a)
	c = inherit(c, b)
	contacts := func() (names []string) {
		row, err := d.Case(t.Context(), everything, c.ID)
		require.NoError(t, err)
		for _, k := range row.Contacts {
			names = append(names, k.Name)
		}
		return names
	}
	require.Equal(t, []string{"b", "a"}, contacts())
	tell := next(c, d.tick(), "resolved")
	tell.Notices = []models.Notice{{Kind: "client_resolved", Key: "3/client_resolved/", NotBefore: d.now}}
	c = d.apply(t, tell)
	var emails []string
	require.NoError(t, d.DB().Raw("SELECT contact_email FROM deliveries ORDER BY 1").Scan(&emails).Error)
	require.Equal(t, []string{"a@bank.example", "b@bank.example", "c@bank.example"}, emails)

	back := next(c, d.tick(), "unlinked")
	back.Disinherit = b.ID
	c = d.apply(t, back)
	require.Empty(t, contacts())
}

func TestMerged_case_is_seen_by_who_held_the_survivor_until_the_merge_is_undone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	survivor, loser := d.apply(t, d.record(d.away)), d.apply(t, d.record(d.one))
	seen := func() bool {
		_, err := d.Case(t.Context(), actor(d.away), loser.ID)
		rows, _, listErr := d.Cases(t.Context(), actor(d.boss, d.other.ID), models.CaseFilter{ClientID: d.client.ID}, models.Page{})
		require.NoError(t, listErr)
		require.Equal(t, err == nil, len(rows) == 2, "their supervisor likewise")
		return err == nil
	}
	require.False(t, seen())
	step := shut(next(loser, d.tick(), "merged"))
	step.Events[0].Data = map[string]any{"into": survivor.ID}
	step.State.Merge = &models.Merge{Into: survivor.ID, At: d.now, Status: loser.Status, Promises: loser.Promises, Readers: []string{d.away.ID, d.other.ID}}
	merged := d.apply(t, step)
	require.True(t, seen())
	require.Empty(t, d.verify(t))
	require.NoError(t, d.DB().Exec("INSERT INTO case_access VALUES ('user_x', 'closed', false, ?)", loser.ID).Error)
	require.Equal(t, []string{"access.surplus"}, rulesOf(d.verify(t)))
	require.NoError(t, d.DB().Exec("DELETE FROM case_access WHERE principal = 'user_x'").Error)

	back := reopen(next(merged, d.tick(), "unlinked"), d.one)
	back.Events[0].Data = map[string]any{"case_id": survivor.ID}
	back.State.Merge = nil
	d.apply(t, back)
	require.False(t, seen())
	require.Empty(t, d.verify(t))
}

// Every list is a few walks along indexes: no scan of a table, no sort but of the few rows that the walks bring.
func TestLists_of_cases_approvals_and_tasks_walk_along_indexes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	d.fill(t, 200_000)
	conns, err := d.DB().DB()
	require.NoError(t, err)
	agent, deputy := actor(d.one), actor(d.one)
	deputy.ActsFor = []models.Person{actor(d.away).Person}
	boss := actor(d.boss, d.team.ID, d.other.ID)
	after := "case_" + fmt.Sprintf("%026d", 150_000)
	type list struct {
		sql  string
		args []any
	}
	lists := map[string]list{}
	for who, a := range map[string]models.Actor{"agent": agent, "deputy": deputy, "supervisor": boss, "auditor": everything} {
		for name, f := range map[string]models.CaseFilter{
			"all": {}, "open": {Status: models.CaseOpen}, "closed": {Status: models.CaseClosed}, "cancelled": {Status: models.CaseCancelled},
			"urgent": {Status: models.CaseOpen, Priority: "P1"}, "assignee": {AssigneeID: d.two.ID}, "accountable": {AccountableID: d.one.ID},
			"client": {ClientID: "client_7"}, "breached": {Breached: ptr(true)}, "due": {DueBefore: ptr(start.Add(time.Hour))},
		} {
			for _, cursor := range []string{"", after} {
				sql, args := store.CaseListSQL(a, f, cursor, 51)
				lists[fmt.Sprintf("cases, %s, %s, %q", who, name, cursor)] = list{sql, args}
			}
		}
		sql, args := store.RecentHeadsSQL(a, "client_7", start.AddDate(-1, 0, 0), 200)
		lists["recent cases of a client, "+who] = list{sql, args}
		for _, state := range []string{"draft", "published", ""} {
			for _, cursor := range []string{"", "kb_" + fmt.Sprintf("%026d", 150_000)} {
				sql, args := store.ArticleListSQL(a, state, cursor, 51)
				lists[fmt.Sprintf("articles, %s, %q, %q", who, state, cursor)] = list{sql, args}
			}
		}
		for _, b := range []models.TaskBox{models.BoxTodo, models.BoxDone, models.BoxStarted, models.BoxCC} {
			for _, cursor := range []string{"", "2026-11-23T01:00:00Z|task_1"} {
				sql, args, err := store.TaskListSQL(a, models.TaskFilter{Box: b}, cursor, 51)
				require.NoError(t, err)
				lists[fmt.Sprintf("tasks, %s, %s, %q", who, b, cursor)] = list{sql, args}
			}
		}
		for name, f := range map[string]models.ApprovalFilter{
			"all": {}, "open": {Open: ptr(true)}, "over": {Open: ptr(false)}, "withdrawn": {Outcome: approval.Withdrawn},
			"subject": {SubjectID: "case_" + fmt.Sprintf("%026d", 8)}, "requester": {RequesterID: d.one.ID}, "process": {Process: models.ComplaintProcess},
		} {
			for _, cursor := range []string{"", "2026-01-02T01:00:00Z|approval_1"} {
				sql, args, err := store.ApprovalListSQL(a, f, cursor, 51)
				require.NoError(t, err)
				lists[fmt.Sprintf("approvals, %s, %s, %q", who, name, cursor)] = list{sql, args}
			}
		}
	}
	lists["open approvals of a person"] = list{store.OpenApprovalsOfSQL, []any{d.one.ID}}
	buffers := regexp.MustCompile(`Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?`)
	for name, l := range lists {
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) "+l.sql, l.args...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		bounded := strings.ReplaceAll(plan.String(), "Seq Scan on inspections", "") // one row a month
		require.NotContains(t, bounded, "Seq Scan", name)
		for _, sorted := range regexp.MustCompile(`(?s)Sort  \([^)]*\) \(actual rows=(\d+)`).FindAllStringSubmatch(plan.String(), -1) {
			require.LessOrEqual(t, len(sorted[1]), 3, "%s sorts %s rows\n%s", name, sorted[1], plan.String())
		}
		touched := buffers.FindStringSubmatch(plan.String())
		require.NotNil(t, touched, plan.String())
		var pages int
		for _, n := range touched[1:] {
			var k int
			_, _ = fmt.Sscan(n, &k)
			pages += k
		}
		// A page of a list reads its rows and what a rare filter passes over: the live cases of a team at worst, here some
		// 4,000 with two look-ups each. To walk over all cases would take half a million.
		require.Less(t, pages, 20_000, "%s\n%s\n%s", name, l.sql, plan.String())
	}
}

// fill makes many cases of the desk's people and others: one in twenty is live, one in five thousand late.
func (d *desk) fill(t testing.TB, n int) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO clients SELECT 'client_' || i, 'c' || i, '', '', 'B', NULL, 'active', '', 1, now(), now() FROM generate_series(1, 2000) i`,
		`INSERT INTO cases (id, number, type, status, priority, client_id, created_by, accountable_id, accountable_team_id, assignee_id, team_id,
				category, channel, subject, description, contact, external_ref, policy_version, breached, next_due_at, created_at, updated_at, seq, state)
			SELECT id, 'N' || i, 'complaint', status, 'P' || 1 + i % 4, 'client_' || 1 + i % 2000, person, person, team, person, team,
				'', 'phone', 's', repeat('d', 300), '{}', '', 1, i % 5000 = 0, CASE WHEN live THEN timestamptz '2026-11-23' + i * interval '1 s' END,
				timestamptz '2026-01-01' + i * interval '1 s', now(), 1,
				jsonb_build_object('id', id, 'seq', 1, 'status', status, 'accountable_id', person, 'assignee_id', person, 'created_by', person,
					'team_id', team, 'accountable_team_id', team, 'filler', repeat('f', 600))
			FROM (SELECT i, 'case_' || lpad(i::text, 26, '0') AS id, i % 20 = 0 AS live,
				CASE WHEN i % 20 = 0 THEN 'open' WHEN i % 1000 = 1 THEN 'cancelled' ELSE 'closed' END AS status,
				CASE WHEN i % 100 < 3 THEN ? WHEN i % 100 < 5 THEN ? ELSE 'user_' || i % 997 END AS person,
				CASE WHEN i % 100 < 40 THEN ? WHEN i % 100 < 50 THEN ? ELSE 'team_' || i % 31 END AS team
				FROM generate_series(1, ?) i) x`,
		`INSERT INTO case_access SELECT p, phase, breached, id FROM cases, unnest(ARRAY[accountable_id, team_id]) p`,
		`INSERT INTO tasks (id, process, kind, subject_id, user_id, state, due_at, created_at, done_by, done_at, started_by)
			SELECT 'task_' || substr(id, 6), 'complaint', 'handle', id, assignee_id, CASE WHEN phase = 'live' THEN 'open' ELSE 'done' END,
				coalesce(next_due_at, 'infinity'), created_at, CASE WHEN phase <> 'live' THEN assignee_id END, CASE WHEN phase <> 'live' THEN updated_at END, created_by
			FROM cases`,
		`INSERT INTO receptions (id, number, status, kind, level, client_id, requester_id, created_at, updated_at, seq, state, plans)
			SELECT id, 'R' || i, 'closed', 'company_visit', 'vip', 'client_' || 1 + i % 2000, 'user_' || i % 997, now(), now(), 1,
				jsonb_build_object('id', id, 'seq', 1, 'filler', repeat('f', 600)), '{}'
			FROM (SELECT i, 'reception_' || lpad(i::text, 26, '0') AS id FROM generate_series(1, 20000) i) x`,
		`INSERT INTO approvals (id, process, chain, subject_id, requester_id, outcome, created_at, updated_at, ended_at, seq, state)
			SELECT id, 'complaint', 'accountability-transfer', subject_id, requester_id, outcome, created_at, created_at,
				CASE WHEN outcome IS NOT NULL THEN created_at END, 1, jsonb_build_object('id', id, 'seq', 1, 'filler', repeat('f', 900))
			FROM (SELECT 'approval_' || substr(id, 6) AS id, id AS subject_id, assignee_id AS requester_id, created_at,
				CASE phase WHEN 'live' THEN NULL WHEN 'cancelled' THEN 'withdrawn' ELSE 'approved' END AS outcome FROM cases WHERE right(id, 1) IN ('0', '2', '4', '6', '8')) x`,
		`INSERT INTO approval_access SELECT DISTINCT p, outcome IS NULL, created_at, id
			FROM approvals, unnest(ARRAY[requester_id, 'user_' || length(id), ?, 'user_' || right(id, 2)]) p`,
		`INSERT INTO tasks (id, process, kind, subject_id, approval_id, user_id, state, due_at, created_at, done_by, done_at, started_by)
			SELECT 'task_' || k || substr(a.id, 10), 'approval', 'approve', a.subject_id, a.id, p, x.state, 'infinity', a.created_at,
				CASE x.state WHEN 'done' THEN p END, CASE x.state WHEN 'done' THEN a.created_at END, a.requester_id
			FROM approvals a, (VALUES (1), (2)) k(k), LATERAL (SELECT CASE k WHEN 1 THEN 'user_' || right(a.id, 2) ELSE ? END AS p,
				CASE WHEN k = 2 THEN 'copy' WHEN a.outcome IS NULL THEN 'open' ELSE 'done' END AS state) x`,
		`INSERT INTO case_contacts SELECT id, 'case_0', 1, '{}' FROM cases WHERE id LIKE '%7'`,
		`INSERT INTO invitations (id, purpose, subject_id, client_id, accountable_id, name, email, phone, locale, template, survey_version, token_hash,
				created_at, asked_at, expires_at, answered_at, answers, score, verdict)
			SELECT 'invitation_x' || substr(id, 7), 'case', id, client_id, accountable_id, 'n', 'e', '', '', 'case_resolved', 1, sha256(id::bytea),
				created_at, created_at, created_at, created_at, '{}', 5, 'satisfied' FROM cases WHERE id LIKE '%7'`,
		`INSERT INTO follow_ups SELECT id, 'answered', 'case', subject_id, client_id, created_at, created_at, 1, jsonb_build_object('id', id, 'seq', 1) FROM invitations`,
		`INSERT INTO campaigns SELECT 'campaign_x' || i, 'X' || i, 'n', 'ended', 'x', now(), now(), 1, 1, jsonb_build_object('id', 'campaign_x' || i, 'seq', 1)
			FROM generate_series(1, 2000) i`,
		`INSERT INTO relationships (id, stage, created_at, updated_at, seq, state)
			SELECT id, 'active', now(), now(), 1, jsonb_build_object('id', id, 'seq', 1, 'filler', repeat('f', 600)) FROM clients WHERE id LIKE 'client\__%' AND length(id) < 12`,
		`INSERT INTO knowledge_articles SELECT 'kb_' || substr(id, 6), id, 's', 'c', repeat('b', 300), CASE WHEN id LIKE '%1' THEN 'published' ELSE 'draft' END,
				assignee_id, created_at FROM cases WHERE phase = 'closed'`,
		`VACUUM ANALYZE`,
	} {
		var args []any
		if strings.Contains(statement, "?") {
			args = []any{d.one.ID, d.two.ID, d.team.ID, d.other.ID, n}[:strings.Count(statement, "?")]
		}
		require.NoError(t, d.DB().Exec(statement, args...).Error)
	}
}
