package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// weeklies is a store of weekly reports, log-in days and trips in memory.
type weeklies struct {
	mu      sync.Mutex
	reports map[string]models.DisciplineReport
	entries []models.DisciplineEntry // of every report
	days    []string                 // user and date, in the order in which they were noted
	trips   []models.Travel
	down    error
}

func newWeeklies() *weeklies { return &weeklies{reports: map[string]models.DisciplineReport{}} }

func (w *weeklies) DisciplineReport(_ context.Context, week cadence.Week) (models.DisciplineReport, error) {
	if r, ok := w.reports[models.DisciplineID(week)]; ok {
		return r, nil
	}
	return models.DisciplineReport{}, none()
}

func (w *weeklies) DisciplineReports(_ context.Context, p models.Page) (all []models.DisciplineReport, _ string, _ error) {
	for _, r := range w.reports {
		all = append(all, r)
	}
	if p.Estimate != nil {
		*p.Estimate = int64(len(all))
	}
	return all, "", nil
}

func (w *weeklies) DisciplineEntries(_ context.Context, reportID string, readers []string, _ models.Page) (seen []models.DisciplineEntry, _ string, _ error) {
	for _, e := range w.entries {
		above := func(u string) bool { return u == e.UserID || slices.Contains(e.Line, u) }
		if len(readers) == 0 || slices.ContainsFunc(readers, above) {
			e.ReportID = reportID
			seen = append(seen, e)
		}
	}
	return seen, "", nil
}

func (w *weeklies) ReportWeek(_ context.Context, o models.DisciplineOrder) (models.DisciplineReport, bool, error) {
	if r, ok := w.reports[o.ID]; ok {
		return r, false, nil
	}
	w.reports[o.ID] = o.Report()
	return w.reports[o.ID], true, nil
}

func (w *weeklies) NoteDay(_ context.Context, userID string, day, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.days = append(w.days, userID+" "+day.Format(time.DateOnly))
	return w.down
}

func (w *weeklies) CreateTravel(_ context.Context, t models.Travel) (models.Travel, error) {
	w.trips = append(w.trips, t)
	return t, nil
}

func (w *weeklies) Travels(_ context.Context, userID string, _ models.Page) (own []models.Travel, _ string, _ error) {
	for _, t := range w.trips {
		if t.UserID == userID {
			own = append(own, t)
		}
	}
	return own, "", nil
}

// publishCadence puts the shipped policy on cadence into force; the calendar that it names must be there.
func publishCadence(t testing.TB, w *world) {
	t.Helper()
	raw, err := policies.FS.ReadFile("cadence/default.yaml")
	require.NoError(t, err)
	p, faults := cadence.ParsePolicy(raw)
	require.Empty(t, faults)
	body, err := json.Marshal(p)
	require.NoError(t, err)
	w.policies = append(w.policies, models.PolicyVersion{Kind: cadence.Kind, Version: 1, Body: body, PublishedAt: noon, CommandID: new("test")})
}

func TestDiscipline(t *testing.T) {
	t.Parallel()
	store := newWeeklies()
	w := newWorld(t, func(d *api.Deps) { d.Discipline = store })
	publish(t, w)
	publishCadence(t, w)
	bossID := id.Derive(id.User, "world", "boss")
	const reports = "/api/v1/discipline/reports"
	made := object(t, w.do("boss", http.MethodPost, reports, `{"week":"2026-02-23"}`), 201) // the week before the world's
	require.Equal(t, []any{"2026-02-23", "Asia/Shanghai", bossID, 5.0}, []any{made["week"], made["time_zone"], made["made_by"], made["workdays"]},
		"Tuesday to Friday and the make-up Saturday after the Spring Festival")
	again := object(t, w.do("admin", http.MethodPost, reports, `{"week":"2026-02-23"}`), 200)
	require.Equal(t, made, again, "a week has one report")
	for body, fault := range map[string]string{
		`{"week":"2026-03-02"}`: "week:past_week", `{"week":"2026-02-24"}`: "week:monday", `{"week":"2026-13-01"}`: "week:date", `{"week":"9"}`: "week:date",
	} {
		require.Equal(t, []string{fault}, problem(t, w.do("boss", http.MethodPost, reports, body), 422, "invalid").faults())
	}
	for _, user := range []string{"auditor", "agent"} {
		problem(t, w.do(user, http.MethodPost, reports, `{"week":"2026-02-16"}`), 403, "forbidden")
	}
	require.Len(t, object(t, w.do("agent", http.MethodGet, reports, ""), 200)["items"], 1)

	none := models.Listed{IDs: []string{}}
	entry := func(user string, f models.WeekInteractions, above ...string) models.DisciplineEntry {
		return models.DisciplineEntry{UserID: user, Line: append([]string{}, above...), Figures: models.DisciplineFigures{
			Interactions: f, Missed: none, Narrow: none, Leads: none, Broken: none, Logins: &models.WeekLogins{Required: 5, Had: 3, Days: 3, Lapsed: true},
		}}
	}
	store.entries = []models.DisciplineEntry{
		entry(agentID, models.WeekInteractions{Had: 4, Required: 5, Quality: 1, Short: 2}, bossID), entry(bossID, models.WeekInteractions{}), entry(adminID, models.WeekInteractions{Had: 9, Required: 5}),
	}
	seen := func(user string) []any {
		return object(t, w.do(user, http.MethodGet, reports+"/2026-02-23", ""), 200)["items"].([]any)
	}
	own := seen("agent")
	require.Len(t, own, 1, "one's own alone")
	figures := own[0].(map[string]any)["interactions"].(map[string]any)
	require.Equal(t, []any{4.0, 5.0, 0.25, true, 2.0}, []any{figures["had"], figures["required"], figures["quality_share"], figures["too_few"], figures["short"]})
	for _, user := range []string{"boss", "auditor", "admin"} {
		require.Len(t, seen(user), 3, user)
	}
	require.Nil(t, seen("boss")[1].(map[string]any)["interactions"].(map[string]any)["quality_share"], "of none there is no share")
	problem(t, w.do("agent", http.MethodGet, reports+"/2026-02-16", ""), 404, "not_found")
	problem(t, w.do("agent", http.MethodGet, reports+"/2026-02-24", ""), 422, "invalid")

	u, err := w.users.get(agentID)
	require.NoError(t, err)
	u.Roles = []models.Role{models.RoleSupervisor}
	w.users.put(agentID, u)
	store.entries[1].Line = []string{agentID}
	require.Len(t, seen("agent"), 2, "a supervisor sees who was below them")
}

func TestTravel_is_ones_own(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.Discipline = newWeeklies() })
	problem(t, w.do("auditor", http.MethodPost, "/api/v1/me/travel", `{"from":"2026-03-09","until":"2026-03-09"}`), 403, "forbidden")
	require.Empty(t, object(t, w.do("auditor", http.MethodGet, "/api/v1/me/travel", ""), 200)["items"], "who changes nothing has none")
	made := object(t, w.do("agent", http.MethodPost, "/api/v1/me/travel", `{"from":"2026-03-09","until":"2026-03-09"}`), 201)
	require.Equal(t, []any{"2026-03-09", "2026-03-09"}, []any{made["from"], made["until"]})
	require.Equal(t, []any{made}, object(t, w.do("agent", http.MethodGet, "/api/v1/me/travel", ""), 200)["items"])
	require.Empty(t, object(t, w.do("boss", http.MethodGet, "/api/v1/me/travel", ""), 200)["items"])
	for body, faults := range map[string][]string{
		`{"from":"2026-03-09","until":"2026-03-08"}`: {"until:not_before"}, `{"from":"2026-03-09","until":"2026-06-09"}`: {"until:too_long"},
		`{"from":"soon","until":"2026-03-08T00:00:00Z"}`: {"from:date", "until:date"}, `{"from":"2026-03-09"}`: {"until:required"},
	} {
		require.Equal(t, faults, problem(t, w.do("agent", http.MethodPost, "/api/v1/me/travel", body), 422, "invalid").faults(), body)
	}
}

// sessionsOfPeople are the world's, opened by a log-in and not made for a machine.
type sessionsOfPeople struct{ *world }

func (s sessionsOfPeople) Authenticate(ctx context.Context, token string) (models.Principal, error) {
	p, err := s.world.Authenticate(ctx, token)
	if token != "admin" { // whose token is one for a machine
		p.TokenID = id.Derive(id.Session, "world", token)
	}
	return p, err
}

func TestPresence_is_noted_once_a_day_of_people_in_the_zone_of_the_calendar(t *testing.T) {
	t.Parallel()
	store, now := newWeeklies(), noon
	w := newWorld(t, func(d *api.Deps) { d.Discipline, d.Now = store, func() time.Time { return now } })
	w.deps.Sessions = sessionsOfPeople{w}
	w.deps.Metrics = nil
	var err error
	w.handler, err = api.New(w.deps)
	require.NoError(t, err)
	me := func(user string) { object(t, w.do(user, http.MethodGet, "/api/v1/me", ""), 200) }

	me("agent")
	require.Empty(t, store.days, "without a policy on cadence there are no days")
	publish(t, w)
	publishCadence(t, w)
	now = noon.Add(2 * time.Minute)
	for range 3 {
		me("agent")
	}
	me("admin")
	problem(t, w.do("nobody", http.MethodGet, "/api/v1/me", ""), 401, "unauthenticated")
	require.Equal(t, []string{agentID + " 2026-03-06"}, store.days)
	now = time.Date(2026, 3, 6, 16, 0, 0, 0, time.UTC) // midnight in Shanghai
	me("agent")
	require.Equal(t, agentID+" 2026-03-07", store.days[1])

	store.down = errors.New("no disk")
	now = now.AddDate(0, 0, 1)
	me("agent")
	store.down = nil
	me("agent")
	me("agent")
	require.Equal(t, []string{agentID + " 2026-03-08", agentID + " 2026-03-08"}, store.days[2:], "what failed harms nobody and is tried again")
}
