package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// A sales is a house with account managers: amy and bob under sam, who is under mia; pat holds a post for clients and is not
// covered by the log-in discipline. All are there since August 2026, under the shipped rules.
type sales struct {
	*store.Store
	url                     string
	clock                   *clock
	book                    *rulebook.Book
	amy, bob, sam, mia, pat models.User
}

func newSales(t *testing.T) *sales {
	t.Helper()
	s := &sales{url: testkit.Database(t), clock: &clock{date(2026, 8, 1)}}
	s.open(t)
	require.NoError(t, demo.SeedPolicies(t.Context(), s.Store))
	person := func(name string, manager *models.User, role models.Role) models.User {
		u := aUser(name)
		u.Roles, u.CreatedAt = []models.Role{role}, s.clock.at
		if manager != nil {
			u.ManagerID = &manager.ID
		}
		u, err := s.CreateUser(t.Context(), u, "")
		require.NoError(t, err)
		return u
	}
	s.mia = person("mia", nil, models.RoleDirector)
	s.sam = person("sam", &s.mia, models.RoleSupervisor)
	s.amy, s.bob = person("amy", &s.sam, models.RoleAccountManager), person("bob", &s.sam, models.RoleAccountManager)
	s.pat = person("pat", &s.sam, models.RoleStaff)
	s.login(t, s.mia, "2026-08-03")
	return s
}

// open connects to the database as a program does that starts.
func (s *sales) open(t *testing.T) {
	t.Helper()
	var err error
	s.Store, err = store.Open(t.Context(), s.url, store.Options{Now: s.clock.now, MaxConns: 8})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	s.book = rulebook.New(s.Store)
}

func (s *sales) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	require.NoError(t, s.DB().Exec(sql, args...).Error)
}

// client is one with a relationship of the class since July, of the account manager; pat is its product manager.
func (s *sales) client(t testing.TB, name, class string, of models.User) string {
	t.Helper()
	c := aClient(name)
	c.Class, c.AccountManagerID = class, &of.ID
	c, err := s.CreateClient(t.Context(), c)
	require.NoError(t, err)
	s.exec(t, `INSERT INTO relationships (id, stage, account_manager_id, created_at, updated_at, seq, state) VALUES (?, 'active', ?, '2026-01-05', now(), 1,
		jsonb_build_object('id', ?::text, 'seq', 1, 'class', ?::text, 'team', jsonb_build_object('account_manager', ?::text, 'product_manager', ?::text, 'assistant', ?::text)))`,
		c.ID, of.ID, c.ID, class, of.ID, s.pat.ID, s.sam.ID)
	return c.ID
}

// talk is an interaction at an instant in Shanghai, with a quality note if there is one.
func (s *sales) talk(t testing.TB, who models.User, clientID, at, contact, quality string) {
	t.Helper()
	s.interaction(t, who, clientID, at, contact, quality, "visit", "")
}

func (s *sales) interaction(t testing.TB, who models.User, clientID, at, contact, quality, kind, lead string) {
	t.Helper()
	s.exec(t, `INSERT INTO interactions (id, client_id, user_id, contact_id, lead_id, subject_id, kind, at, summary, quality, created_at)
		VALUES (?, ?, ?, ?, ?, '', ?, ?, 'x', ?, now())`, id.New(id.Interaction), clientID, who.ID, contact, lead, kind, local(t, at), quality)
}

// local is an instant on the clock of Shanghai.
func local(t testing.TB, at string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	v, err := time.ParseInLocation("2006-01-02 15:04", at, zone)
	require.NoError(t, err)
	return v.UTC()
}

func (s *sales) login(t testing.TB, who models.User, days ...string) {
	t.Helper()
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d)
		require.NoError(t, err)
		require.NoError(t, s.NoteDay(t.Context(), who.ID, day, day))
	}
}

// report has the week of the Monday reported, as the schedule does a week later at 08:30.
func (s *sales) report(t testing.TB, monday string) (models.DisciplineReport, bool) {
	t.Helper()
	r, made, err := s.tryReport(t.Context(), monday)
	require.NoError(t, err)
	return r, made
}

func (s *sales) tryReport(ctx context.Context, monday string) (models.DisciplineReport, bool, error) {
	acts := activities.Discipline{Store: s.Store, Rules: s.book}
	day, err := time.Parse(time.DateOnly, monday)
	if err != nil {
		return models.DisciplineReport{}, false, err
	}
	at := day.AddDate(0, 0, 7).Add(30 * time.Minute) // 08:30 on the next Monday in Shanghai
	out, err := acts.ReportWeek(ctx, models.ReportWeek{ScheduledAt: at, At: at})
	if err == nil && out.Week != monday {
		err = fmt.Errorf("reported %s", out.Week)
	}
	if err != nil {
		return models.DisciplineReport{}, false, err
	}
	_, _, c, err := s.book.LatestCadence(ctx)
	if err != nil {
		return models.DisciplineReport{}, false, err
	}
	week, err := models.WeekBeginning(monday, c)
	if err != nil {
		return models.DisciplineReport{}, false, err
	}
	r, err := s.DisciplineReport(ctx, week)
	return r, out.Made, err
}

// figures are what a report says, by user name.
func (s *sales) figures(t testing.TB, r models.DisciplineReport) map[string]models.DisciplineFigures {
	t.Helper()
	entries, next, err := s.DisciplineEntries(t.Context(), r.ID, nil, models.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	of := map[string]models.DisciplineFigures{}
	for _, e := range entries {
		u, err := s.User(t.Context(), e.UserID)
		require.NoError(t, err)
		of[u.Username] = e.Figures
	}
	return of
}

// told are the kinds of notices of the week that a user has, with their data.
func (s *sales) told(t testing.TB, who models.User, monday string) map[string]map[string]string {
	t.Helper()
	notes, _, err := s.Notifications(t.Context(), who.ID, nil, models.Page{})
	require.NoError(t, err)
	told := map[string]map[string]string{}
	for _, n := range notes {
		if n.Data["week"] == monday {
			require.NotContains(t, told, n.Kind)
			require.Equal(t, models.DisciplineProcess, n.Process)
			told[n.Kind] = n.Data
		}
	}
	return told
}

func TestDiscipline_counts_the_interactions_of_the_week_and_who_has_too_few(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	blue, red := s.client(t, "Blue", "C", s.amy), s.client(t, "Red", "C", s.bob)
	for i := range 5 {
		s.talk(t, s.amy, blue, fmt.Sprintf("2026-11-%02d 10:00", 9+i), "", strings.Repeat("g", i%2))
	}
	s.talk(t, s.bob, red, "2026-11-09 00:00", "", "good")                        // the first instant of the week
	s.talk(t, s.bob, red, "2026-11-15 23:59", "", "")                            // the last minute
	s.talk(t, s.bob, red, "2026-11-08 23:59", "", "good")                        // the week before
	s.talk(t, s.bob, red, "2026-11-16 00:00", "", "good")                        // the week after
	s.interaction(t, s.bob, red, "2026-11-10 10:00", "", "", "action", "lead_1") // no communication
	s.login(t, s.amy, "2026-11-09", "2026-11-10", "2026-11-11", "2026-11-12", "2026-11-13")

	r, made := s.report(t, "2026-11-09")
	require.True(t, made)
	require.Equal(t, []any{"Asia/Shanghai", 5, models.System, 1}, []any{r.TimeZone, r.Workdays, r.MadeBy, r.PolicyVersion})
	f := s.figures(t, r)
	require.Equal(t, models.WeekInteractions{Had: 5, Required: 5, Quality: 2}, f["amy"].Interactions)
	require.Equal(t, models.WeekInteractions{Had: 2, Required: 5, Quality: 1, Short: 1}, f["bob"].Interactions)
	require.Equal(t, models.WeekInteractions{Required: 5, Short: 1}, f["pat"].Interactions, "who holds a post is asked once, for all clients")
	require.Zero(t, f["sam"].Interactions, "an assistant's post asks nothing")
	require.Nil(t, f["pat"].Logins, "the log-in discipline does not cover staff")

	require.Empty(t, s.told(t, s.amy, "2026-11-09"), "nothing is to be said of somebody who did it all")
	require.Equal(t, map[string]string{"week": "2026-11-09", "had": "2", "required": "5", "days": "0", "days_required": "5"}, s.told(t, s.bob, "2026-11-09")[models.NoticeWeek])
	require.NotContains(t, s.told(t, s.sam, "2026-11-09"), models.NoticeTeamWeek, "the first time it stays with the person")

	r, _ = s.report(t, "2026-11-16")
	f = s.figures(t, r)
	require.Equal(t, 2, f["bob"].Interactions.Short)
	require.Equal(t, 1, f["amy"].Interactions.Short)
	require.Equal(t, map[string]string{"week": "2026-11-16", "short": "2", "people": "bob, pat"}, s.told(t, s.sam, "2026-11-16")[models.NoticeTeamWeek])
}

func TestDiscipline_of_the_national_day_weeks_asks_for_the_days_that_were_worked(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	blue := s.client(t, "Blue", "C", s.amy)
	s.client(t, "Red", "C", s.bob)
	// 28 to 30 September; 8, 9 and the make-up Saturday 10 October. Amy keeps to both, bob forgets the Saturday.
	for _, d := range []string{"2026-09-28", "2026-09-29", "2026-09-30", "2026-10-08", "2026-10-09", "2026-10-10"} {
		s.login(t, s.amy, d)
		s.talk(t, s.amy, blue, d+" 09:00", "", "good")
		if d != "2026-10-10" {
			s.login(t, s.bob, d)
		}
	}
	s.login(t, s.bob, "2026-10-11") // a Sunday off is no make-up for it
	for _, monday := range []string{"2026-09-28", "2026-10-05"} {
		r, _ := s.report(t, monday)
		require.Equal(t, 3, r.Workdays)
		f := s.figures(t, r)
		require.Equal(t, models.WeekLogins{Required: 3, Had: 3, Days: 3}, *f["amy"].Logins)
		require.Equal(t, models.WeekInteractions{Had: 3, Required: 3, Quality: 3}, f["amy"].Interactions)
	}
	r, _ := s.report(t, "2026-10-05")
	require.Equal(t, models.WeekLogins{Required: 3, Had: 2, Days: 3, Lapsed: true}, *s.figures(t, r)["bob"].Logins)
	r, _ = s.report(t, "2026-09-14")
	require.Equal(t, 6, r.Workdays, "with the make-up Sunday before the Mid-Autumn Festival")
	f := s.figures(t, r)["amy"]
	require.Equal(t, []int{6, 5}, []int{f.Logins.Required, f.Interactions.Required}, "six days need log-ins; no week asks for more interactions than a full one")
}

func TestDiscipline_asks_less_on_trips_and_nothing_on_leave(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.client(t, "Blue", "C", s.amy)
	s.client(t, "Red", "C", s.bob)
	travel := func(u models.User, from, until string) {
		t.Helper()
		f, err := time.Parse(time.DateOnly, from)
		require.NoError(t, err)
		l, err := time.Parse(time.DateOnly, until)
		require.NoError(t, err)
		_, err = s.CreateTravel(t.Context(), models.Travel{ID: id.New(id.Travel), UserID: u.ID, From: f, Until: l, CreatedAt: s.clock.at})
		require.NoError(t, err)
	}
	travel(s.amy, "2026-11-05", "2026-11-13") // all of the week
	s.login(t, s.amy, "2026-11-10", "2026-11-14")
	travel(s.sam, "2026-11-11", "2026-11-20") // three days of it
	s.login(t, s.sam, "2026-11-09", "2026-11-10", "2026-11-12", "2026-11-13")
	leave := func(u models.User, from, until string, processes ...string) {
		t.Helper()
		_, err := s.CreateDeputy(t.Context(), models.Deputy{
			ID: id.New(id.Deputy), UserID: u.ID, DeputyID: s.pat.ID, From: local(t, from), Until: local(t, until), Processes: processes, CreatedBy: u.ID, CreatedAt: s.clock.at,
		}, nil)
		require.NoError(t, err)
	}
	leave(s.bob, "2026-11-09 00:00", "2026-11-14 00:00")
	leave(s.mia, "2026-11-09 09:00", "2026-11-12 00:00") // Monday is not all of it, Tuesday and Wednesday are
	leave(s.amy, "2026-11-02 00:00", "2026-12-01 00:00", "approval")
	f := s.figures(t, first(s.report(t, "2026-11-09")))
	require.Equal(t, models.WeekLogins{Required: 2, Had: 1, Days: 2, Travelling: 5, Lapsed: true}, *f["amy"].Logins, "Saturday is not of the trip; who lets others decide is not on leave")
	require.Equal(t, models.WeekLogins{Required: 4, Had: 4, Days: 4, Travelling: 5}, *f["sam"].Logins)
	require.Equal(t, models.WeekLogins{Absent: 5}, *f["bob"].Logins)
	require.Zero(t, f["bob"].Interactions, "of somebody on leave no interactions are asked")
	require.Equal(t, models.WeekLogins{Required: 3, Absent: 2, Lapsed: true, Silent: true}, *f["mia"].Logins)
	require.Empty(t, s.told(t, s.bob, "2026-11-09"))
}

func first[A, B any](a A, _ B) A { return a }

func TestDiscipline_tells_person_and_superior_of_two_weeks_without_any_log_in(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.login(t, s.sam, "2026-09-14", "2026-09-23", "2026-09-29", "2026-10-08")
	s.login(t, s.amy, "2026-09-14")
	s.login(t, s.bob, "2026-09-16", "2026-10-02") // a single day, in the holidays
	silent := func(monday string) (names []string) {
		r, _ := s.report(t, monday)
		for name, f := range s.figures(t, r) {
			if f.Logins != nil && f.Logins.Silent {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	require.Equal(t, []string{"mia"}, silent("2026-09-14"), "others logged in; weeks before the first log-in on record count for nobody")
	require.NotContains(t, silent("2026-09-21"), "amy", "one week")
	require.Equal(t, []string{"amy", "mia"}, silent("2026-09-28"))
	require.Equal(t, map[string]string{"week": "2026-09-28", "weeks": "2"}, s.told(t, s.amy, "2026-09-28")[models.NoticeSilent])
	require.Equal(t, map[string]string{"week": "2026-09-28", "weeks": "2", "count": "1", "people": "amy"}, s.told(t, s.sam, "2026-09-28")[models.NoticeTeamSilent])
	require.NotContains(t, s.told(t, s.mia, "2026-09-28"), models.NoticeTeamSilent, "only the nearest superior")
	require.NotContains(t, s.told(t, s.bob, "2026-09-28"), models.NoticeSilent)
	require.Equal(t, []string{"amy", "mia"}, silent("2026-10-05"), "bob's is one week since the day in the holidays")
	require.Equal(t, []string{"amy", "bob", "mia"}, silent("2026-10-12"))
	require.Equal(t, "amy, bob", s.told(t, s.sam, "2026-10-12")[models.NoticeTeamSilent]["people"])
}

func TestDiscipline_looks_past_weeks_without_work_and_begins_with_the_user(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	_, err := s.CreateDeputy(t.Context(), models.Deputy{
		ID: id.New(id.Deputy), UserID: s.amy.ID, DeputyID: s.pat.ID, From: local(t, "2026-11-09 00:00"), Until: local(t, "2026-11-23 00:00"), CreatedBy: s.amy.ID, CreatedAt: s.clock.at,
	}, nil)
	require.NoError(t, err)
	s.login(t, s.amy, "2026-10-26")
	s.clock.at = local(t, "2026-11-11 09:00")
	u := aUser("new")
	u.Roles, u.ManagerID = []models.Role{models.RoleAccountManager}, &s.sam.ID
	_, err = s.CreateUser(t.Context(), u, "")
	require.NoError(t, err)
	for monday, want := range map[string][2]bool{ // amy, new
		"2026-11-02": {false, false}, "2026-11-09": {false, false}, "2026-11-16": {false, true}, "2026-11-23": {true, true},
	} {
		f := s.figures(t, first(s.report(t, monday)))
		require.Equal(t, want, [2]bool{f["amy"].Logins.Silent, f["new"].Logins.Silent}, monday)
	}
	f := s.figures(t, first(s.report(t, "2026-11-09")))
	require.Equal(t, 2, f["new"].Logins.Required, "from the day after the user was made")
}

func TestDiscipline_lists_missed_clients_narrow_ones_leads_and_broken_promises(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	blue, red, lost := s.client(t, "Blue", "A", s.amy), s.client(t, "Red", "S", s.amy), s.client(t, "Gone", "A", s.amy)
	fresh := s.client(t, "Fresh", "A", s.amy)
	s.exec(t, `UPDATE relationships SET stage = 'lost' WHERE id = ?`, lost)
	s.exec(t, `UPDATE relationships SET created_at = '2026-10-05' WHERE id = ?`, fresh)
	for contact, at := range map[string]string{"c1": "2026-11-10 10:00", "c2": "2026-11-15 23:59", "c3": "2026-08-20 10:00", "c4": "2026-08-15 10:00", "c5": "2026-11-16 00:00"} {
		s.talk(t, s.bob, blue, at, contact, "") // three within three months, whoever of ours spoke with them
	}
	s.talk(t, s.bob, red, "2026-11-10 10:00", "r1", "")
	s.talk(t, s.bob, red, "2026-11-11 10:00", "r1", "")
	missed := func(clientID, at string, seq int) {
		s.exec(t, `INSERT INTO timeline (subject_id, seq, at, type, actor, on_behalf_of) VALUES (?, ?, ?, 'contact_missed', 'system', '')`, clientID, seq, local(t, at))
	}
	missed(red, "2026-11-09 00:00", 1)
	missed(red, "2026-11-12 09:00", 2)
	missed(blue, "2026-11-08 23:59", 1)
	missed(fresh, "2026-11-16 00:00", 1)
	missed(lost, "2026-11-10 00:00", 1)
	lead := func(name, created, acted, closed string, due any) string {
		leadID := id.New(id.Lead)
		outcome, end := "", any(nil)
		if closed != "" {
			outcome, end = "lost", local(t, closed)
		}
		s.exec(t, `INSERT INTO leads (id, client_id, kind, title, owner_id, stage, outcome, currency, acted_at, due_at, created_by, created_at, closed_at, note)
			VALUES (?, ?, 'lead', ?, ?, 'new', ?, '', ?, ?, 'x', ?, ?, '')`, leadID, blue, name, s.bob.ID, outcome, local(t, acted), due, local(t, created), end)
		return leadID
	}
	stale := lead("stale", "2026-09-01 10:00", "2026-10-15 10:00", "", nil)
	justStale := lead("due on the last day", "2026-09-01 10:00", "2026-10-15 23:59", "", nil)
	lead("due after", "2026-09-01 10:00", "2026-10-16 00:00", "", nil)
	lead("closed in the week", "2026-09-01 10:00", "2026-09-01 10:00", "2026-11-12 10:00", nil)
	closedLater := lead("closed after it", "2026-09-01 10:00", "2026-09-01 10:00", "2026-11-16 08:00", nil)
	actedLater := lead("acted on after it", "2026-09-01 10:00", "2026-11-16 08:00", "", nil)
	s.interaction(t, s.bob, blue, "2026-10-10 10:00", "", "", "action", actedLater)
	inTime := lead("acted on before, and after it", "2026-09-01 10:00", "2026-11-16 08:00", "", nil)
	s.interaction(t, s.bob, blue, "2026-10-20 10:00", "", "", "action", inTime)
	promise := func(due, state, ended string) string {
		commitment, end := id.New(id.Commitment), any(nil)
		if ended != "" {
			end = local(t, ended)
		}
		s.exec(t, `INSERT INTO commitments (id, client_id, text, owner_id, contact_id, subject_id, state, due_at, made_by, made_at, ended_at, note)
			VALUES (?, ?, 'x', ?, '', '', ?, ?, 'x', now(), ?, '')`, commitment, blue, s.bob.ID, state, local(t, due), end)
		return commitment
	}
	broken := promise("2026-11-09 00:00", "broken", "")
	late := promise("2026-11-12 10:00", "kept_late", "2026-11-12 11:00")
	promise("2026-11-12 10:00", "kept", "2026-11-12 10:00")
	promise("2026-11-08 23:59", "broken", "")
	promise("2026-11-16 00:00", "open", "")

	f := s.figures(t, first(s.report(t, "2026-11-09")))
	require.Equal(t, models.Listed{Count: 1, IDs: []string{red}}, f["amy"].Missed, "each client once")
	require.Equal(t, models.Listed{Count: 1, IDs: []string{red}}, f["amy"].Narrow, "a relationship must be as old as the period")
	require.ElementsMatch(t, []string{stale, justStale, closedLater, actedLater}, f["bob"].Leads.IDs)
	require.ElementsMatch(t, []string{broken, late}, f["bob"].Broken.IDs)
	require.Zero(t, f["bob"].Missed.Count)
	data := s.told(t, s.sam, "2026-11-09")[models.NoticeTeamWeek]
	require.Equal(t, map[string]string{"week": "2026-11-09", "missed": "1", "leads": "4", "broken": "2"}, data)
	require.Equal(t, "1", s.told(t, s.amy, "2026-11-09")[models.NoticeWeek]["narrow"])
}

func TestDiscipline_is_reported_once_whoever_asks_at_once_and_after_a_restart(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.client(t, "Blue", "C", s.amy)
	var wg sync.WaitGroup
	made, failed := make([]bool, 6), make([]error, 6)
	for i := range made {
		wg.Go(func() { _, made[i], failed[i] = s.tryReport(t.Context(), "2026-11-09") })
	}
	wg.Wait()
	require.Equal(t, make([]error, 6), failed)
	n := 0
	for _, m := range made {
		if m {
			n++
		}
	}
	require.Equal(t, 1, n)
	r, again := s.report(t, "2026-11-09")
	require.False(t, again)
	before := s.figures(t, r)
	notes := s.told(t, s.amy, "2026-11-09")
	require.NotEmpty(t, notes)

	s.talk(t, s.amy, s.client(t, "Red", "C", s.bob), "2026-11-10 10:00", "", "good")
	s.Close()
	s.open(t)
	after, again := s.report(t, "2026-11-09")
	require.False(t, again)
	require.Equal(t, r, after)
	require.Equal(t, before, s.figures(t, after), "what was counted stays")
	require.Equal(t, notes, s.told(t, s.amy, "2026-11-09"), "nobody is told again")
	for _, sql := range []string{`UPDATE discipline_reports SET workdays = 1`, `DELETE FROM discipline_entries`, `UPDATE discipline_entries SET figures = '{}'`} {
		require.ErrorContains(t, s.DB().Exec(sql).Error, "never changes", sql)
	}
}

func TestDiscipline_is_read_by_oneself_and_by_who_is_above(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.client(t, "Blue", "C", s.amy)
	s.client(t, "Red", "C", s.bob)
	older, _ := s.report(t, "2026-11-02")
	r, _ := s.report(t, "2026-11-09")
	seen := func(readers ...models.User) []string {
		var ids, names []string
		for _, u := range readers {
			ids = append(ids, u.ID)
		}
		for p := (models.Page{Limit: 2}); ; {
			rows, next, err := s.DisciplineEntries(t.Context(), r.ID, ids, p)
			require.NoError(t, err)
			for _, e := range rows {
				u, err := s.User(t.Context(), e.UserID)
				require.NoError(t, err)
				names = append(names, u.Username)
			}
			if p.Cursor = next; next == "" {
				slices.Sort(names)
				return names
			}
		}
	}
	require.Equal(t, []string{"amy"}, seen(s.amy))
	require.Equal(t, []string{"amy", "bob", "pat", "sam"}, seen(s.sam))
	require.Equal(t, []string{"amy", "bob", "mia", "pat", "sam"}, seen(s.mia))
	require.Equal(t, []string{"amy", "bob"}, seen(s.amy, s.bob), "a deputy sees what both see")
	require.Equal(t, seen(s.mia), seen())
	list, next, err := s.DisciplineReports(t.Context(), models.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, r, list[0], "the latest week first")
	list, next, err = s.DisciplineReports(t.Context(), models.Page{Limit: 1, Cursor: next})
	require.NoError(t, err)
	require.Equal(t, []any{older, ""}, []any{list[0], next})
}

func TestDiscipline_keeps_a_day_once_and_a_trip_by_its_id(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.login(t, s.amy, "2026-11-09", "2026-11-09")
	var n int64
	require.NoError(t, s.DB().Raw(`SELECT count(*) FROM user_days WHERE user_id = ?`, s.amy.ID).Scan(&n).Error)
	require.EqualValues(t, 1, n)
	require.Error(t, s.NoteDay(t.Context(), "user_nobody", date(2026, 11, 9), date(2026, 11, 9)))
	trip := models.Travel{ID: id.New(id.Travel), UserID: s.amy.ID, From: date(2026, 11, 9), Until: date(2026, 11, 10), CreatedAt: s.clock.at}
	for range 2 {
		_, err := s.CreateTravel(t.Context(), trip)
		require.NoError(t, err)
	}
	trips, _, err := s.Travels(t.Context(), s.amy.ID, models.Page{})
	require.NoError(t, err)
	require.Len(t, trips, 1)
	require.Equal(t, []time.Time{trip.From, trip.Until}, []time.Time{trips[0].From.UTC(), trips[0].Until.UTC()})
	trip.ID, trip.Until = id.New(id.Travel), date(2026, 11, 8)
	_, err = s.CreateTravel(t.Context(), trip)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	for range 99 {
		trip.ID, trip.Until = id.New(id.Travel), trip.From
		_, err = s.CreateTravel(t.Context(), trip)
		require.NoError(t, err)
	}
	trip.ID = id.New(id.Travel)
	_, err = s.CreateTravel(t.Context(), trip)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
}

// A report walks over people and over what each client has one of, and of all that grows with time it reads its week alone.
func TestDiscipline_is_counted_by_indexes(t *testing.T) {
	t.Parallel()
	s := newSales(t)
	s.exec(t, `INSERT INTO clients (id, name, industry, region, class, account_manager_id, status, external_ref, version, created_at, updated_at)
		SELECT 'client_' || i, 'c' || i, '', '', 'B', ?, 'active', '', 1, now(), now() FROM generate_series(1, 500) i`, s.amy.ID)
	s.exec(t, `INSERT INTO relationships (id, stage, account_manager_id, created_at, updated_at, seq, state)
		SELECT id, 'active', account_manager_id, '2020-01-01', now(), 1, jsonb_build_object('id', id, 'seq', 1, 'class', 'B') FROM clients`)
	s.exec(t, `INSERT INTO interactions (id, client_id, user_id, contact_id, lead_id, subject_id, kind, at, summary, quality, created_at)
		SELECT 'interaction_' || i, 'client_' || 1 + i % 500, CASE WHEN i % 50 = 0 THEN ? ELSE ? END, 'c' || i % 3, CASE WHEN i % 7 = 0 THEN 'lead_' || i % 20000 ELSE '' END, '', 'visit',
			timestamptz '2020-01-01' + i * interval '75 minutes', 'x', '', now() FROM generate_series(1, 50000) i`, s.amy.ID, s.bob.ID)
	s.exec(t, `INSERT INTO timeline (subject_id, seq, at, type, actor, on_behalf_of)
		SELECT 'client_' || 1 + i % 500, 1 + i / 500, timestamptz '2020-01-01' + i * interval '75 minutes', CASE WHEN i % 20 = 0 THEN 'contact_missed' ELSE 'interaction' END, 'system', ''
		FROM generate_series(1, 50000) i`)
	s.exec(t, `INSERT INTO leads (id, client_id, kind, title, owner_id, stage, outcome, currency, acted_at, created_by, created_at, closed_at, note)
		SELECT 'lead_' || i, 'client_' || 1 + i % 500, 'lead', 'x', ?, 'new', CASE WHEN i % 100 = 0 THEN '' ELSE 'lost' END, '', now(), 'x', '2020-01-01',
			CASE WHEN i % 100 <> 0 THEN timestamptz '2020-02-01' END, '' FROM generate_series(1, 20000) i`, s.amy.ID)
	s.exec(t, `INSERT INTO commitments (id, client_id, text, owner_id, contact_id, subject_id, state, due_at, made_by, made_at, note)
		SELECT 'commitment_' || i, 'client_' || 1 + i % 500, 'x', ?, '', '', 'broken', timestamptz '2020-01-01' + i * interval '3 hours', 'x', now(), '' FROM generate_series(1, 20000) i`, s.amy.ID)
	s.exec(t, `INSERT INTO user_days (user_id, day, first_at) SELECT ?, date '1960-01-01' + i, now() FROM generate_series(1, 20000) i`, s.bob.ID)
	s.exec(t, `INSERT INTO discipline_reports (id, week, time_zone, policy_version, workdays, made_by, made_at)
		SELECT 'discipline_' || i, date '2016-01-04' + 7 * i, '', 1, 5, 'system', now() FROM generate_series(1, 500) i`)
	s.exec(t, `INSERT INTO discipline_entries (report_id, id, line, figures)
		SELECT r.id, 'user_' || i, '[]', '{"interactions": {"short": 0}}' FROM discipline_reports r, generate_series(1, 40) i`)
	s.exec(t, `ANALYZE`)
	p, version, c, err := s.book.LatestCadence(t.Context())
	require.NoError(t, err)
	week, err := models.WeekBeginning("2026-11-09", c)
	require.NoError(t, err)
	org, err := s.FreshOrg(t.Context())
	require.NoError(t, err)
	o, err := models.NewDiscipline(week, models.System, week.Until, p, version, c, org)
	require.NoError(t, err)
	statement, args := store.DisciplineStatement(&o)
	conns, err := s.DB().DB()
	require.NoError(t, err)
	rows, err := conns.QueryContext(t.Context(), "EXPLAIN "+statement, args...)
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	require.NotRegexp(t, `Seq Scan on (interactions|timeline|leads|commitments|user_days|discipline_entries)`, plan.String(), plan.String())
	for _, index := range []string{"interactions_user", "interactions_client", "timeline_contact_missed", "leads_closed", "commitments_due"} {
		require.Contains(t, plan.String(), index)
	}
	lists := explain(t, s.Store, func(ctx context.Context, st *store.Store) error {
		_, _, err := st.DisciplineEntries(ctx, o.ID, []string{s.amy.ID}, models.Page{})
		return err
	})
	require.Contains(t, lists, "discipline_entries_pkey")
}
