package campaign_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/policy"
)

const definition = `{
  "name": "Monthly service day",
  "audience": {"class": ["S", "A"], "region": ["east"], "account_manager_id": ["usr_1"], "last_contact_before": "90d"},
  "template": "service_day",
  "channels": ["email", "sms"],
  "rate": 60,
  "window": {"from": "09:00", "to": "18:00", "days": ["mon", "tue"], "working": true},
  "quiet_hours": {"from": "21:00", "to": "08:00"},
  "reminders": {"count": 2, "spacing": "3d"},
  "expires_after": "14d",
  "priority": 2,
  "schedule": {"kind": "cron", "cron": "0 9 1 * *", "timezone": "Asia/Shanghai", "overlap": "skip", "catch_up_window": "1h"}
}`

func faultsOf(body string) []string {
	d, faults := campaign.ParseDefinition([]byte(body))
	if len(faults) == 0 {
		faults = d.Check()
	}
	return at(faults)
}

func TestDefinition_says_what_it_says_again(t *testing.T) {
	t.Parallel()
	d, faults := campaign.ParseDefinition([]byte(definition))
	require.Empty(t, faults)
	require.Empty(t, d.Check())
	text, err := json.Marshal(d)
	require.NoError(t, err)
	require.JSONEq(t, definition, string(text))
	require.Equal(t, campaign.Pace{Rate: 60}, d.Pace())
	require.Equal(t, friday.AddDate(0, 0, 14), d.Expires(friday))
}

// TestDefinition_refuses_each_fault_at_its_place: each change of a sound campaign is exactly those faults.
func TestDefinition_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	cron := `"kind": "cron", "cron": "0 9 1 * *", "timezone": "Asia/Shanghai"`
	for _, c := range []struct{ old, replacement, want string }{
		{`"name": "Monthly service day"`, `"name": " "`, "name required"},
		{`"name": "Monthly service day"`, `"name": "` + strings.Repeat("名", 121) + `"`, "name max"},
		{`"name": "Monthly service day"`, `"name": "x", "nmae": "x"`, "nmae unknown_field"},
		{`"S", "A"`, `"S", "D"`, "audience.class[1] oneof"},
		{`"S", "A"`, `"S", "S"`, "audience.class[1] duplicate"},
		{`["east"]`, `["east", " "]`, "audience.region[1] notblank"},
		{`["east"]`, `["` + strings.Repeat("e", 121) + `"]`, "audience.region[0] max"},
		{`["east"]`, `["a` + strings.Repeat(`", "a`, 200) + `"]`, "audience.region too_many"},
		{`"90d"`, `"last month"`, "audience.last_contact_before date_or_span"},
		{`"90d"`, `"90d", "events": ["complaint"]`, "audience.events_since required"},
		{`"90d"`, `"90d", "events_since": "90d"`, "audience.events required"},
		{`"90d"`, `"90d", "events": ["birthday"], "events_since": "90d"`, "audience.events[0] oneof"},
		{`"90d"`, `"90d", "events": ["complaint", "complaint"], "events_since": "90d"`, "audience.events[1] duplicate"},
		{`"90d"`, `"90d", "events": ["complaint"], "events_since": "lately"`, "audience.events_since date_or_span"},
		{`"service_day"`, `"Service day"`, "template bad_name"},
		{`"template": "service_day",`, ``, "template required"},
		{`"channels": ["email", "sms"]`, `"channels": []`, "channels required"},
		{`"email", "sms"`, `"email", "email"`, "channels[1] duplicate"},
		{`"email", "sms"`, `"pigeon"`, "channels[0] oneof"},
		{`"rate": 60`, `"rate": 0`, "rate between"},
		{`"rate": 60`, `"rate": 60001`, "rate between"},
		{`"rate": 60`, `"rate": 1.5`, "rate wrong_type"},
		{`"from": "09:00", "to": "18:00"`, `"from": "22:00", "to": "23:00"`, "window no_open_hour"},
		{`"from": "09:00", "to": "18:00"`, `"from": "18:00", "to": "09:00"`, "window.to after"},
		{`"count": 2`, `"count": 6`, "reminders.count between"},
		{`"count": 2`, `"count": -1`, "reminders.count between"},
		{`"spacing": "3d"`, `"spacing": "59m"`, "reminders.spacing between"},
		{`"spacing": "3d"`, `"spacing": "7d"`, "reminders.spacing reminder_after_expiry"},
		{`, "spacing": "3d"`, ``, "reminders.spacing required"},
		{`"spacing": "3d"`, `"spacing": "3 days"`, "reminders.spacing bad_span"},
		{`"14d"`, `"367d"`, "expires_after between"},
		{`"14d"`, `"30m"`, "expires_after between"},
		{`"expires_after": "14d",`, ``, "expires_after required"},
		{`"priority": 2`, `"priority": 6`, "priority between"},
		{`"kind": "cron"`, `"kind": "often"`, "schedule.kind oneof"},
		{`"0 9 1 * *"`, `""`, "schedule.cron required"},
		{`"0 9 1 * *"`, `"0 9 31 2 *"`, "schedule.cron cron_never"},
		{`, "timezone": "Asia/Shanghai"`, ``, "schedule.timezone required"},
		{`"Asia/Shanghai"`, `"Local"`, "schedule.timezone unknown_zone"},
		{`"overlap": "skip"`, `"overlap": "cancel"`, "schedule.overlap oneof"},
		{`"catch_up_window": "1h"`, `"catch_up_window": "1s"`, "schedule.catch_up_window between"},
		{cron, `"kind": "once"`, "schedule.at required"},
		{cron, `"kind": "once", "at": "tomorrow"`, "schedule.at wrong_type"},
		{cron, `"kind": "once", "at": "2027-01-01T09:00:00+08:00", "cron": "* * * * *"`, "schedule.cron not_for_kind"},
		{`"kind": "cron"`, `"kind": "cron", "at": "2027-01-01T09:00:00Z"`, "schedule.at not_for_kind"},
	} {
		require.Contains(t, definition, c.old)
		require.Equal(t, []string{c.want}, faultsOf(strings.Replace(definition, c.old, c.replacement, 1)), "%s → %s", c.old, c.replacement)
	}
	require.Equal(t, []string{"name required", "template required", "channels required", "rate between", "expires_after required"}, faultsOf("{}"))
}

func TestCron_is_five_fields_that_ever_come(t *testing.T) {
	t.Parallel()
	fault := func(expression string) string {
		got := faultsOf(strings.Replace(definition, "0 9 1 * *", expression, 1))
		require.LessOrEqual(t, len(got), 1)
		return strings.Join(got, "")
	}
	for _, good := range []string{
		"* * * * *", "0 9 1 * *", "*/15 8-18 * * mon-fri", "0,30 9 1,15 JAN,jul *", "5/20 0 * * 0", "0 9 * * 7", "0 9 29 2 *", "0 9 30,31 2,4 *",
		"0 9 31 1-3 *", "0-59/5 23 28-31/3 12 sun,SAT", "  00  09 01 01 * ",
	} {
		require.Empty(t, fault(good), good)
	}
	for bad, code := range map[string]string{
		"* * * *": "cron_fields", "0 0 9 1 * *": "cron_fields", "@daily": "cron_fields", "TZ=UTC 0 9 1 * *": "cron_fields",
		"60 * * * *": "cron_part", "* 24 * * *": "cron_part", "* * 0 * *": "cron_part", "* * 32 * *": "cron_part", "* * * 13 *": "cron_part",
		"* * * 0 *": "cron_part", "* * * * 8": "cron_part", "* * * * 1-7": "cron_part", "*/0 * * * *": "cron_part", "*/60 * * * *": "cron_part",
		"5-1 * * * *": "cron_part", "1,,2 * * * *": "cron_part", "1- * * * *": "cron_part", "-1 * * * *": "cron_part", "+1 * * * *": "cron_part",
		"*/ * * * *": "cron_part", "1/2/3 * * * *": "cron_part", "* * * * sat-sun": "cron_part", "mon * * * *": "cron_part", "? * * * *": "cron_part",
		"* * L * *": "cron_part", "* * * * 1#2": "cron_part", "100 * * * *": "cron_part", "٣ * * * *": "cron_part",
		"0 9 30 feb *": "cron_never", "0 9 31 2,4,6,9,11 *": "cron_never",
	} {
		require.Equal(t, "schedule.cron "+code, fault(bad), bad)
	}
}

func TestAudience_last_contact_is_a_date_an_instant_or_a_span_before_the_run(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T09:00:00+08:00": time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC),
		"90d":                       friday.AddDate(0, 0, -90),
		"36h":                       friday.Add(-36 * time.Hour),
	} {
		got, ok := campaign.Audience{LastContactBefore: text}.ContactBefore(friday)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := campaign.Audience{}.ContactBefore(friday)
	require.False(t, ok)
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 9 1 * *", "*/15 8-18 * * mon-fri", "0 9 31 2 *", "1-7/2,3 * * * 7", "@every 1h", "\x00", "* * * * 1-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		d, faults := campaign.ParseDefinition([]byte(definition))
		require.Empty(t, faults)
		d.Schedule.Cron = expression
		faults = d.Check()
		for _, fault := range faults {
			require.Equal(t, "schedule.cron", fault.Field)
		}
		if len(faults) == 0 {
			require.Len(t, strings.Fields(expression), 5)
			require.Regexp(t, `^[0-9a-zA-Z*/,\-\s]+$`, expression)
		}
	})
}

func FuzzDefinition(f *testing.F) {
	f.Add(definition)
	f.Add(`{"window": {"from": "24:00"}, "quiet_hours": {}, "reminders": {"count": 9999999999}, "schedule": {}}`)
	f.Add("name: x\nexpires_after: 3660d\nreminders: {count: 5, spacing: 366d}")
	f.Fuzz(func(t *testing.T, body string) {
		d, faults := campaign.ParseDefinition([]byte(body))
		if len(faults) > 0 || len(d.Check()) > 0 {
			return
		}
		again, faults := campaign.ParseDefinition(must(policy.Render(d)))
		require.Empty(t, faults)
		require.Equal(t, d, again)
		_, ok := campaign.NextLegal(campaign.Rules{Window: d.Window, Quiet: d.QuietHours}, campaign.Facts{}, friday)
		require.True(t, ok, "an accepted window opens")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
