package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// Hand-made: five were asked after cases, four answered 5, 4, 2 and 2, of whom three said how easy it was; two were asked
// after receptions, one of whom expected 4 and perceived 2, and one who only perceived 5.
func TestScores_are_those_of_a_hand_made_table(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	for n, answers := range []survey.Answers{complete(5), complete(4), complete(2), scored("satisfaction", 2), nil} {
		plan := p.plan(models.PurposeCase, fmt.Sprintf("case_%d", n), somebody())
		if n == 0 {
			plan.AccountableID = p.two.ID
		}
		if s := p.ask(t, plan); answers != nil {
			p.answer(t, s, answers)
		}
	}
	middle := p.tick()
	visit := scored("satisfaction", 3)
	visit["expected"], visit["perceived"] = survey.Answer{Score: ptr(4)}, survey.Answer{Score: ptr(2)}
	p.answer(t, p.ask(t, p.plan(models.PurposeReception, "reception_1", somebody())), visit)
	visit = scored("satisfaction", 3)
	visit["perceived"] = survey.Answer{Score: ptr(5)}
	p.answer(t, p.ask(t, p.plan(models.PurposeReception, "reception_2", somebody())), visit)
	p.ask(t, p.plan(models.PurposeRecovery, "case_2", somebody()))
	require.Empty(t, p.verify(t))

	ease := models.ScoreCounts{Template: "case_resolved", Question: "ease", Kind: survey.KindCES, Counts: map[int]int{6: 3}, Asked: 5}
	solved := models.ScoreCounts{Template: "case_resolved", Question: "satisfaction", Kind: survey.KindCSAT, Counts: map[int]int{5: 1, 4: 1, 2: 2}, Asked: 5}
	expected := models.ScoreCounts{Template: "reception", Question: "expected", Kind: survey.KindExpectation, Counts: map[int]int{4: 1}, Asked: 2}
	perceived := models.ScoreCounts{Template: "reception", Question: "perceived", Kind: survey.KindPerception, Counts: map[int]int{-2: 1}, Asked: 2}
	visited := models.ScoreCounts{Template: "reception", Question: "satisfaction", Kind: survey.KindCSAT, Counts: map[int]int{3: 2}, Asked: 2}
	nobody := models.ScoreCounts{Template: "recovery", Counts: map[int]int{}, Asked: 1}
	of := func(s models.ScoreCounts, asked int, counts map[int]int) models.ScoreCounts {
		s.Asked, s.Counts = asked, counts
		return s
	}
	for name, c := range map[string]struct {
		filter models.ScoreFilter
		want   []models.ScoreCounts
	}{
		"all":         {models.ScoreFilter{}, []models.ScoreCounts{ease, solved, expected, perceived, visited, nobody}},
		"template":    {models.ScoreFilter{Template: "reception"}, []models.ScoreCounts{expected, perceived, visited}},
		"question":    {models.ScoreFilter{Question: "satisfaction"}, []models.ScoreCounts{solved, visited}},
		"accountable": {models.ScoreFilter{AccountableID: p.two.ID}, []models.ScoreCounts{of(ease, 1, map[int]int{6: 1}), of(solved, 1, map[int]int{5: 1})}},
		"client":      {models.ScoreFilter{ClientID: p.client.ID, Template: "recovery"}, []models.ScoreCounts{nobody}},
		"nobody":      {models.ScoreFilter{ClientID: "client_x"}, nil},
		"since":       {models.ScoreFilter{From: middle}, []models.ScoreCounts{expected, perceived, visited, nobody}},
		"until":       {models.ScoreFilter{Until: middle}, []models.ScoreCounts{ease, solved}},
		"campaign":    {models.ScoreFilter{CampaignID: "campaign_x"}, nil},
		"run":         {models.ScoreFilter{RunID: "run_x"}, nil},
	} {
		got, err := p.Scores(t.Context(), c.filter)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

// recovers asks again about the case that a bad answer opened.
func (p *poll) recovers(t *testing.T, first models.FollowUpState) models.FollowUpState {
	t.Helper()
	plan := p.plan(models.PurposeRecovery, first.CaseID, somebody())
	plan.FirstID = first.ID
	return p.ask(t, plan)
}

func TestRecovery_compares_the_second_answer_with_the_first(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	bad := func(n int) models.FollowUpState {
		s := p.answer(t, p.ask(t, p.plan(models.PurposeReception, "reception_1", somebody())), scored("satisfaction", n))
		require.NotEmpty(t, s.CaseID)
		return s
	}
	p.answer(t, p.ask(t, p.plan(models.PurposeReception, "reception_1", somebody())), scored("satisfaction", 5)) // opens nothing
	p.answer(t, p.recovers(t, bad(1)), scored("satisfaction", 5))                                                // recovered: +4
	p.answer(t, p.recovers(t, bad(2)), scored("satisfaction", 1))                                                // worse: −1
	p.recovers(t, bad(2))                                                                                        // has not answered
	bad(1)                                                                                                       // has not been asked again
	twice := bad(1)                                                                                              // asked twice: the latest answer counts
	p.answer(t, p.recovers(t, twice), scored("satisfaction", 1))
	middle := p.tick()
	p.answer(t, p.recovers(t, twice), scored("satisfaction", 5))

	r, err := p.Recovery(t.Context(), models.ScoreFilter{})
	require.NoError(t, err)
	require.Equal(t, models.Recovery{Opened: 5, Asked: 4, Answered: 3, Recovered: 2, Changes: map[int]int{4: 2, -1: 1}}, r)
	for name, f := range map[string]models.ScoreFilter{
		"template": {Template: "recovery"}, "accountable": {AccountableID: p.two.ID}, "client": {ClientID: "client_x"}, "since": {From: middle},
		"campaign": {CampaignID: "campaign_x"}, "run": {RunID: "run_x"},
	} {
		r, err := p.Recovery(t.Context(), f)
		require.NoError(t, err, name)
		require.Equal(t, models.Recovery{Changes: map[int]int{}}, r, name)
	}
	require.Empty(t, p.verify(t))
}

func TestInvitations_are_seen_by_the_account_manager_the_accountable_person_and_those_who_read_all(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	manager := p.member(t, "manages", p.other)
	managed := aClient("managed")
	managed.AccountManagerID = &manager.ID
	managed, err := p.CreateClient(t.Context(), managed)
	require.NoError(t, err)
	var ids []string
	for n := range 7 {
		plan := p.plan(models.PurposeCase, fmt.Sprintf("case_%d", n), somebody())
		switch {
		case n < 3:
			plan.ClientID = managed.ID
		case n == 3:
			plan.AccountableID = p.two.ID
		}
		ids = append(ids, p.begin(t, plan).ID)
	}
	role := func(r models.Role) models.Actor {
		return models.Actor{Person: models.Person{ID: "user_" + string(r), Roles: []models.Role{r}}}
	}
	deputy := actor(p.away)
	deputy.ActsFor = []models.Person{actor(p.two).Person}
	elsewhere := actor(p.away)
	elsewhere.ActsFor = []models.Person{actor(p.two).Person}
	elsewhere.ActsFor[0].Processes = []string{models.ReceptionProcess}
	for name, c := range map[string]struct {
		actor models.Actor
		want  []string
	}{
		"auditor": {role(models.RoleAuditor), ids}, "manager": {role(models.RoleManager), ids}, "director": {role(models.RoleDirector), ids},
		"the account manager": {actor(manager), ids[:3]}, "the accountable person": {actor(p.two), ids[3:4]}, "their deputy": {deputy, ids[3:4]},
		"a deputy in receptions": {elsewhere, nil},
		"administrator":          {role(models.RoleAdmin), nil}, "supervisor": {role(models.RoleSupervisor), nil}, "somebody": {actor(p.away), nil},
	} {
		want := slices.Clone(c.want)
		slices.Sort(want)
		slices.Reverse(want)
		for _, f := range []models.InvitationFilter{{}, {ClientID: managed.ID}, {SubjectID: "case_3"}, {Answered: ptr(false)}, {Answered: ptr(true)}, {RunID: "run_x"}} {
			expected := slices.DeleteFunc(append([]string{}, want...), func(id string) bool {
				n := slices.Index(ids, id)
				return f.ClientID != "" && n >= 3 || f.SubjectID != "" && n != 3 || f.Answered != nil && *f.Answered || f.RunID != ""
			})
			require.Equal(t, expected, p.pages(t, c.actor, f), "%s %+v", name, f)
		}
	}
	_, _, err = p.Invitations(t.Context(), everything, models.InvitationFilter{}, models.Page{Cursor: "?"})
	require.Error(t, err)
}

// pages reads all pages of two.
func (p *poll) pages(t *testing.T, a models.Actor, f models.InvitationFilter) []string {
	t.Helper()
	ids := []string{}
	for page := (models.Page{Limit: 2}); ; {
		rows, next, err := p.Invitations(t.Context(), a, f, page)
		require.NoError(t, err)
		for _, i := range rows {
			ids = append(ids, i.ID)
		}
		if page.Cursor = next; next == "" {
			return ids
		}
	}
}

func TestCase_shows_how_satisfied_the_client_was_in_the_latest_answer(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	c := p.apply(t, p.record(p.one))
	satisfied := func() *int {
		row, err := p.Case(t.Context(), everything, c.ID)
		require.NoError(t, err)
		rows, _, err := p.Cases(t.Context(), everything, models.CaseFilter{}, models.Page{})
		require.NoError(t, err)
		require.Equal(t, row, rows[0], "the list says the same")
		return row.Satisfied
	}
	require.Nil(t, satisfied())
	s := p.ask(t, p.plan(models.PurposeCase, c.ID, somebody()))
	require.Nil(t, satisfied(), "asked, not answered")
	p.answer(t, s, complete(2))
	require.Equal(t, 2, *satisfied())
	p.answer(t, p.ask(t, p.plan(models.PurposeRecovery, c.ID, somebody())), scored("satisfaction", 4))
	require.Equal(t, 4, *satisfied())
}

// fillSurveys makes many invitations, each third answered, of many clients, people and campaigns.
func (p *poll) fillSurveys(t testing.TB, n int) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO campaigns SELECT 'campaign_' || i, 'N' || i, 'n', 'ended', 'x', now(), now(), 1, 1, jsonb_build_object('id', 'campaign_' || i, 'seq', 1)
			FROM generate_series(1, 20) i`,
		`INSERT INTO campaign_runs SELECT 'run_' || i, 'campaign_' || 1 + i % 20, 1 + i / 20, now(), now(), now(), 1, 1, 'c', 1, NULL, 1, 0, 1 FROM generate_series(1, 40) i`,
		`INSERT INTO clients SELECT 'client_' || i, 'c' || i, '', '', 'B', NULL, 'active', '', 1, now(), now() FROM generate_series(1, 500) i ON CONFLICT DO NOTHING`,
		fmt.Sprintf(`INSERT INTO invitations (id, purpose, subject_id, run_id, client_id, accountable_id, name, email, phone, locale, template, survey_version,
				token_hash, created_at, asked_at, expires_at, answered_at, answers, score, verdict, case_id, first_id)
			SELECT 'invitation_' || lpad(i::text, 26, '0'), 'campaign', 'campaign_' || 1 + i %% 20, 'run_' || 1 + i %% 40, 'client_' || 1 + i %% 500, 'user_' || i %% 300,
				'n', 'e', '', '', (ARRAY['service_day', 'relationship', 'reception'])[1 + i %% 3], 1, sha256(i::text::bytea), at, at, at,
				CASE WHEN i %% 3 = 0 THEN at END, '{}', i %% 5, 'neutral', CASE WHEN i %% 300 = 0 THEN 'case_' || i END,
				CASE WHEN i %% 300 = 1 THEN 'invitation_' || lpad((i - 1)::text, 26, '0') END
			FROM (SELECT i, timestamptz '2026-01-01' + i * interval '1 minute' AS at FROM generate_series(1, %d) i) x`, n),
		`INSERT INTO answers (invitation_id, question, kind, score, text, template, run_id, client_id, accountable_id, at)
			SELECT id, q, k, CASE WHEN k <> 'text' THEN 1 + score END, repeat('x', 100), template, run_id, client_id, accountable_id, asked_at
			FROM invitations, (VALUES ('satisfaction', 'csat'), ('recommend', 'nps'), ('remarks', 'text')) v(q, k) WHERE answered_at IS NOT NULL`,
		`INSERT INTO campaign_recipients (id, run_id, place, client_id, contact_id, class, region, name, email, phone, locale, time_zone, person, state, due_at)
			SELECT 'recipient_' || i, 'run_' || 1 + i % 40, i, 'client_1', 'contact_' || i, 'B', '', 'n', 'e', '', '', 'UTC', 'email:' || i, 'sent', now()
			FROM generate_series(1, 10000) i`,
		`INSERT INTO asked SELECT 'email:' || i, '{now()}', 1 FROM generate_series(1, 10000) i`,
		`INSERT INTO opt_outs SELECT 'email:' || i, 'x', now() FROM generate_series(1, 10000) i`,
		`VACUUM ANALYZE`,
	} {
		require.NoError(t, p.DB().Exec(sql).Error)
	}
}

// Every question to these tables is a few walks along indexes, however many people were asked.
func TestSurveys_are_read_along_indexes(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	p.fill(t, 50_000)
	p.fillSurveys(t, 60_000)
	type statement struct {
		sql  string
		args []any
	}
	keys := []string{"email:17", "phone:+86", "contact:x"}
	statements := map[string]statement{
		"facts":              {store.PersonFactsSQL, []any{keys, "client_17", ""}},
		"opt-out, processes": {store.TellCallsSQL, []any{"invitation_x", keys, "follow-up/", "withdraw"}},
		"opt-out, campaigns": {store.EndCallsSQL, []any{"invitation_x", keys, "system", start, "sent"}},
	}
	day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]models.ScoreFilter{
		"template": {Template: "service_day"}, "question": {Template: "service_day", Question: "recommend"}, "client": {ClientID: "client_17"},
		"run": {RunID: "run_7"}, "campaign": {CampaignID: "campaign_7"}, "accountable": {AccountableID: "user_7"},
		"a day": {Template: "relationship", From: day, Until: day.AddDate(0, 0, 1)},
	} {
		for what, s := range store.ScoreSQL(f) {
			statements[what+", "+name] = statement{s.SQL, s.Args}
		}
	}
	for who, a := range map[string]models.Actor{"auditor": everything, "agent": actor(p.one)} {
		for name, f := range map[string]models.InvitationFilter{
			"all": {}, "client": {ClientID: "client_17"}, "subject": {SubjectID: "campaign_7"}, "run": {RunID: "run_7"}, "answered": {Answered: ptr(true)},
		} {
			for _, after := range []string{"", "invitation_" + fmt.Sprintf("%026d", 30_000)} {
				sql, args := store.InvitationListSQL(a, f, after, 51)
				statements[fmt.Sprintf("list, %s, %s, %q", who, name, after)] = statement{sql, args}
			}
		}
	}
	conns, err := p.DB().DB()
	require.NoError(t, err)
	for name, s := range statements {
		rows, err := conns.QueryContext(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) "+s.sql, s.args...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		require.NotRegexp(t, regexp.MustCompile(`Seq Scan on (tasks|invitations|answers|follow_ups|asked|opt_outs|cases|case_contacts|campaign_recipients)`), plan.String(), "%s\n%s", name, s.sql)
	}
}

// BenchmarkScores is what 100,000 answers cost: all of one question, and those about one person.
func BenchmarkScores(b *testing.B) {
	p := newPoll(b, store.Options{})
	p.fillSurveys(b, 150_000) // 50,000 answered two questions with a score
	for name, f := range map[string]models.ScoreFilter{
		"all": {}, "question": {Template: "service_day", Question: "satisfaction"}, "person": {AccountableID: "user_0"}, "campaign": {CampaignID: "campaign_7"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := p.Scores(b.Context(), f)
				require.NoError(b, err)
			}
		})
	}
}

func TestComplainant_speaks_the_language_of_the_contact_with_the_same_address(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	step := d.record(d.one)
	step.Record.Contact = models.CaseContact{Name: "Wang Fang", Email: "WANG@bank.example"}
	d.apply(t, step)
	_, err := d.CreateContact(t.Context(), models.Contact{ID: id.New(id.Contact), ClientID: step.State.ClientID, Name: "王芳", Email: "wang@bank.example", Locale: "zh-CN", TimeZone: "Asia/Shanghai"})
	require.NoError(t, err)
	who, err := d.Complainant(t.Context(), step.State.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"Wang Fang", "WANG@bank.example", "zh-CN", "Asia/Shanghai"}, []string{who.Name, who.Email, who.Locale, who.TimeZone})
	require.NotEmpty(t, who.ContactID)
	_, err = d.Complainant(t.Context(), id.New(id.Case))
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}
