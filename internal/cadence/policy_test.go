package cadence_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/policies"
)

func shipped(t testing.TB, path string) string {
	t.Helper()
	body, err := policies.FS.ReadFile(path)
	require.NoError(t, err)
	return string(body)
}

var refs = cadence.Refs{
	Calendars: map[string]bool{"cn": true},
	Roles:     []string{"account_manager", "supervisor", "manager", "director"},
	Posts:     map[string]bool{"account_manager": true, "product_manager": true, "monitor": true},
}

func shippedPolicy(t testing.TB) cadence.Policy {
	t.Helper()
	p, faults := cadence.ParsePolicy([]byte(shipped(t, "cadence/default.yaml")))
	require.Empty(t, faults)
	return p
}

// cn is the working calendar that ships, with the real holidays and make-up workdays.
func cn(t testing.TB) *calendar.Calendar {
	t.Helper()
	doc, faults := policy.ParseCalendar([]byte(shipped(t, "calendars/cn.yaml")))
	require.Empty(t, faults)
	cal, err := calendar.New(doc)
	require.NoError(t, err)
	return cal
}

func zone(t require.TestingT, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func local(t require.TestingT, loc *time.Location, text string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	require.NoError(t, err)
	return at
}

func period(t require.TestingT, text string) calendar.Period {
	p, err := calendar.ParsePeriod(text)
	require.NoError(t, err)
	return p
}

// at writes faults as "path code".
func at(faults []errs.Field) []string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.Field + " " + f.Code
	}
	return list
}

func TestPolicy_that_ships_may_be_published_and_renders_as_itself(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	require.Empty(t, p.Check(refs))
	require.Empty(t, p.Check(cadence.Refs{Calendars: refs.Calendars}), "what is not known is not checked")
	require.Equal(t, []any{5, []string{"account_manager", "product_manager"}}, []any{p.Weekly.Minimum, p.Weekly.Posts}, "U-13")
	require.Equal(t, "1mo", p.Leads.FollowUpEvery.String(), "U-05")
	require.Equal(t, []any{2, 2}, []any{p.Login.TravellingPerWeek, p.Login.Weeks}, "U-02, U-06")
	body, err := policy.Render(p)
	require.NoError(t, err)
	again, faults := cadence.ParsePolicy(body)
	require.Empty(t, faults)
	require.Equal(t, p, again)
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	var stored cadence.Policy
	require.NoError(t, json.Unmarshal(raw, &stored))
	require.Equal(t, p, stored)
}

func TestPolicy_that_ships_asks_more_of_us_for_the_better_class(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	for i, class := range []string{"A", "B", "C"} {
		less, more := p.Rules(class), p.Rules([]string{"S", "A", "B"}[i])
		require.Greater(t, more.ContactEvery.PerYear(), less.ContactEvery.PerYear(), class)
		require.Greater(t, more.DormantAfter.PerYear(), less.DormantAfter.PerYear(), class)
		require.GreaterOrEqual(t, more.AssessEvery.PerYear(), less.AssessEvery.PerYear(), class)
		require.Greater(t, more.Breadth.Contacts, less.Breadth.Contacts, class)
		for _, level := range cadence.Levels() {
			require.GreaterOrEqual(t, more.Targets.Of(level), less.Targets.Of(level), class)
		}
	}
	require.Zero(t, p.Rules(""), "a prospect has no class")
	require.Zero(t, p.Rules("D"))
}

// TestPolicy_refuses_each_fault_at_its_place: each change of the shipped policy is exactly that fault.
func TestPolicy_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	body := shipped(t, "cadence/default.yaml")
	const targets = "targets: {key: 5, broad: 4, organisation: 4}"
	for _, c := range []struct{ old, replacement, want string }{
		{"kind: cadence\n", "", "kind required"},
		{"kind: cadence\n", "kind: rhythm\n", "kind oneof"},
		{"kind: cadence\n", "kind: cadence\nversion: 1\n", "version version_given"},
		{"kind: cadence\n", "kind: cadence\nrhythm: 1\n", "rhythm unknown_field"},
		{"calendar: cn\n", "", "calendar required"},
		{"calendar: cn", "calendar: mars", "calendar unknown_calendar"},
		{"  C:\n", "  VIP: {contact_every: 1w}\n  C:\n", "classes.VIP unknown_field"},
		{"    contact_every: 1w\n", "", "classes.S.contact_every required"},
		{"contact_every: 1w", "contact_every: weekly", "classes.S.contact_every bad_period"},
		{"contact_every: 1w", "contact_every: 7", "classes.S.contact_every wrong_type"},
		{"breadth: {contacts: 5, within: 3mo}", "breadth: {contacts: 5}", "classes.S.breadth.within required"},
		{"breadth: {contacts: 5,", "breadth: {contacts: -1,", "classes.S.breadth.contacts between"},
		{"breadth: {contacts: 5, within: 3mo}", "breadth: {contacts: 5, within: 11y}", "classes.S.breadth.within between"},
		{"    dormant_after: 2mo\n", "", "classes.S.dormant_after required"},
		{"dormant_after: 2mo", "dormant_after: 1w", "classes.S.dormant_after longer_than"},
		{"contact_every: 1w\n    breadth: {contacts: 5, within: 3mo}\n    dormant_after: 2mo", "contact_every: 1mo\n    dormant_after: 31d", "classes.S.dormant_after longer_than"},
		{"contact_every: 1w\n    breadth: {contacts: 5, within: 3mo}\n    dormant_after: 2mo", "contact_every: 28d\n    dormant_after: 1mo", "classes.S.dormant_after longer_than"},
		{targets, "targets: {key: 6, broad: 4, organisation: 4}", "classes.S.targets.key between"},
		{targets, "targets: {key: 5, broad: 0, organisation: 4}", "classes.S.targets.broad between"},
		{targets, "targets: {key: 5, broad: 4}", "classes.S.targets.organisation between"},
		{"    assess_every: 3mo\n", "", "classes.S.assess_every required"},
		{"assess_every: 3mo", "assess_every: 3653d", "classes.S.assess_every between"},
		{"remind_before: 2d\n", "", "remind_before required"},
		{"remind_before: 2d", "remind_before: 1w", "remind_before bad_span"},
		{"remind_before: 2d", "remind_before: 367d", "remind_before between"},
		{"remind_before: 2d", "remind_before: 1ms", "remind_before between"},
		{"weekly: {minimum: 5,", "weekly: {minimum: 0,", "weekly.minimum between"},
		{"weekly: {minimum: 5, posts: [account_manager, product_manager]}", "weekly: {minimum: 5}", "weekly.posts required"},
		{"posts: [account_manager, product_manager]", "posts: [account_manager, account_manager]", "weekly.posts[1] duplicate"},
		{"posts: [account_manager, product_manager]", "posts: [account_manager, Product Manager]", "weekly.posts[1] bad_name"},
		{"posts: [account_manager, product_manager]", "posts: [account_manager, cook]", "weekly.posts[1] oneof"},
		{"posts: [account_manager, product_manager]", "posts: [" + strings.Repeat("x,", 50) + "x]", "weekly.posts too_many"},
		{"leads: {follow_up_every: 1mo}", "leads: {}", "leads.follow_up_every required"},
		{"improvement: {within: 3mo}", "improvement: {within: 0d}", "improvement.within bad_period"},
		{"improvement: {within: 3mo}", "improvement: {within: 200mo}", "improvement.within between"},
		{"commitments: {remind_before: 1d}", "commitments: {}", "commitments.remind_before required"},
		{"opinions: {answer_within: 3d}", "opinions: {answer_within: 0s}", "opinions.answer_within required"},
		{"classification: {review_within: 10d}", "classification: {review_within: 10000h}", "classification.review_within between"},
		{"rotation: {remind_after: 3y}", "rotation: {remind_after: 30y}", "rotation.remind_after between"},
		{"every: workday", "every: day", "login.every oneof"},
		{"every: workday, ", "", "login.every required"},
		{"travelling_per_week: 2", "travelling_per_week: 8", "login.travelling_per_week between"},
		{"weeks: 2", "weeks: 0", "login.weeks between"},
		{"roles: [account_manager, supervisor,", "roles: [account_manager, cook,", "login.roles[1] oneof"},
		{"roles: [account_manager, supervisor, manager, director]", "roles: []", "login.roles required"},
		{"weekday: monday", "weekday: mon", "digest.weekday oneof"},
		{"weekday: monday, ", "", "digest.weekday required"},
		{`at: "08:30"`, `at: "8:30"`, "digest.at bad_clock"},
		{`at: "08:30"`, `at: "24:00"`, "digest.at bad_clock"},
		{`, at: "08:30"`, ``, "digest.at required"},
	} {
		require.Contains(t, body, c.old)
		p, faults := cadence.ParsePolicy([]byte(strings.Replace(body, c.old, c.replacement, 1)))
		if len(faults) == 0 {
			faults = p.Check(refs)
		}
		require.Equal(t, []string{c.want}, at(faults), "%s → %s", c.old, c.replacement)
	}
}

func TestPolicy_names_all_faults_at_once_in_the_order_of_its_fields(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"kind required", "calendar required", "classes.S required", "classes.A required", "classes.B required", "classes.C required",
		"remind_before required", "weekly.minimum between", "weekly.posts required", "leads.follow_up_every required",
		"improvement.within required", "commitments.remind_before required", "opinions.answer_within required",
		"classification.review_within required", "digest.weekday required", "digest.at required",
	}, at(cadence.Policy{}.Check(refs)))
}

func TestPolicy_may_leave_out_rotation_and_logins(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	p.Rotation, p.Login = cadence.Rotation{}, cadence.Login{}
	require.Empty(t, p.Check(refs))
	require.False(t, p.Login.Covers([]string{"account_manager"}))
	require.False(t, cadence.NoticeDue(p, []cadence.Lapse{{Required: 5, NoLogin: true}, {Required: 5, NoLogin: true}}))
	require.True(t, shippedPolicy(t).Login.Covers([]string{"staff", "manager"}))
	require.False(t, shippedPolicy(t).Login.Covers([]string{"staff"}))
	body, err := policy.Render(p)
	require.NoError(t, err)
	again, faults := cadence.ParsePolicy(body)
	require.Empty(t, faults)
	require.Equal(t, p, again)
}

func FuzzParsePolicy(f *testing.F) {
	body := shipped(f, "cadence/default.yaml")
	f.Add(body)
	f.Add(strings.ReplaceAll(body, "mo", "y"))
	f.Add(`{"kind": "cadence", "classes": {"S": {"contact_every": "9999y", "breadth": null}}, "digest": {"at": "24:00"}}`)
	f.Add("classes: {S: {contact_every: 0d}}\nremind_before: -1d\nlogin: {roles: [\"\\0\"]}")
	cal := cn(f)
	week := cadence.WeekOf(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), cal.Location())
	f.Fuzz(func(t *testing.T, body string) {
		p, faults := cadence.ParsePolicy([]byte(body))
		if len(faults) > 0 {
			return
		}
		for _, fault := range p.Check(refs) {
			require.NotEmpty(t, fault.Field)
			require.NotEmpty(t, fault.Code)
		}
		if len(p.Check(refs)) > 0 {
			return
		}
		rendered, err := policy.Render(p)
		require.NoError(t, err)
		again, faults := cadence.ParsePolicy(rendered)
		require.Empty(t, faults)
		require.Equal(t, p, again)
		for _, class := range []string{"S", "A", "B", "C"} {
			r := p.Rules(class)
			next := cadence.NextContact(r, week.From, cal.Location())
			require.True(t, next.After(week.From))
			require.True(t, cadence.DormantAt(r, week.From, cal.Location()).After(next))
			require.False(t, cadence.RemindAt(cal, next, p.RemindBefore).After(next))
		}
		require.True(t, p.Digest.Next(week.From, cal.Location()).After(week.From))
	})
}
