package campaign_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/policies"
)

// cn returns the shipped calendar of China.
func cn(t testing.TB) *calendar.Calendar {
	t.Helper()
	body, err := policies.FS.ReadFile("calendars/cn.yaml")
	require.NoError(t, err)
	doc, faults := policy.ParseCalendar(body)
	require.Empty(t, faults)
	c, err := calendar.New(doc)
	require.NoError(t, err)
	return c
}

// local reads an instant by the clock of a zone.
func local(t testing.TB, zone, reading string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04:05", reading, loc)
	require.NoError(t, err)
	return at
}

func span(t testing.TB, text string) sla.Span {
	t.Helper()
	s, err := sla.ParseSpan(text)
	require.NoError(t, err)
	return s
}

// anybody is a recipient whom nothing forbids to ask.
func anybody(zone string) campaign.Facts {
	return campaign.Facts{
		RecipientID: "rcp_1", Class: "B", Zone: zone,
		Addresses: map[campaign.Channel]bool{campaign.ByEmail: true, campaign.BySMS: true},
	}
}

func anytime() campaign.Rules {
	return campaign.Rules{OpenComplaint: campaign.OpenAtClient, ObeyCap: true, Channels: []campaign.Channel{campaign.ByEmail, campaign.BySMS}}
}

const (
	shanghai = "Asia/Shanghai"
	newYork  = "America/New_York"
	berlin   = "Europe/Berlin"
	lordHowe = "Australia/Lord_Howe" // its clock changes by half an hour
)

var office = &campaign.Window{From: "09:00", To: "18:00"}

func TestDecide_names_the_next_legal_instant(t *testing.T) {
	t.Parallel()
	night := &campaign.Quiet{From: "21:00", To: "08:00"}
	workdays := &campaign.Window{From: "09:00", To: "18:00", Working: true}
	for rule, c := range map[string]struct {
		window        *campaign.Window
		quiet         *campaign.Quiet
		zone, at      string
		reason, until string // by the same clock; no reason: send
	}{
		"nothing is asked of the clock":               {nil, nil, shanghai, "2026-03-07 03:00:00", "", ""},
		"a window opens with its first instant":       {office, nil, shanghai, "2026-03-06 09:00:00", "", ""},
		"a window is closed the second before":        {office, nil, shanghai, "2026-03-06 08:59:59", "window", "2026-03-06 09:00:00"},
		"a window is closed from its end on":          {office, nil, shanghai, "2026-03-06 18:00:00", "window", "2026-03-07 09:00:00"},
		"a window of one weekday waits for it":        {&campaign.Window{Days: []string{"wed"}}, nil, shanghai, "2026-03-05 00:00:00", "window", "2026-03-11 00:00:00"},
		"an empty window is any time":                 {&campaign.Window{}, &campaign.Quiet{}, shanghai, "2026-03-07 03:00:00", "", ""},
		"quiet hours cross midnight: the evening":     {nil, night, shanghai, "2026-03-06 21:00:00", "quiet_hours", "2026-03-07 08:00:00"},
		"quiet hours cross midnight: after midnight":  {nil, night, shanghai, "2026-03-07 00:30:00", "quiet_hours", "2026-03-07 08:00:00"},
		"quiet hours end with their last instant":     {nil, night, shanghai, "2026-03-07 08:00:00", "", ""},
		"quiet hours of midday split the window":      {office, &campaign.Quiet{From: "12:00", To: "14:00"}, shanghai, "2026-03-06 12:30:00", "quiet_hours", "2026-03-06 14:00:00"},
		"quiet hours that outlast the window":         {office, &campaign.Quiet{From: "17:00", To: "10:00"}, shanghai, "2026-03-06 17:30:00", "quiet_hours", "2026-03-07 10:00:00"},
		"the weekend is no workday":                   {workdays, nil, shanghai, "2026-03-07 10:00:00", "holiday", "2026-03-09 09:00:00"},
		"a make-up Saturday is a workday":             {workdays, nil, shanghai, "2026-02-14 10:00:00", "", ""},
		"after a make-up Saturday come the holidays":  {workdays, nil, shanghai, "2026-02-14 18:00:00", "window", "2026-02-24 09:00:00"},
		"holidays, though it is a weekday":            {workdays, nil, shanghai, "2026-10-01 10:00:00", "holiday", "2026-10-08 09:00:00"},
		"a holiday is a date of the recipient":        {workdays, nil, newYork, "2026-10-07 23:00:00", "holiday", "2026-10-08 09:00:00"},
		"a holiday is named before the night":         {workdays, night, shanghai, "2026-10-01 23:00:00", "holiday", "2026-10-08 09:00:00"},
		"the night is named before the window":        {office, night, shanghai, "2026-03-06 22:00:00", "quiet_hours", "2026-03-07 09:00:00"},
		"only make-up Saturdays":                      {&campaign.Window{Days: []string{"sat"}, Working: true}, nil, shanghai, "2026-03-01 10:00:00", "holiday", "2026-05-09 00:00:00"},
		"gap: quiet hours that end in it end with it": {nil, &campaign.Quiet{From: "21:00", To: "02:30"}, newYork, "2026-03-08 01:30:00", "quiet_hours", "2026-03-08 03:00:00"},
		"gap: a window of skipped hours never opens":  {&campaign.Window{From: "02:00", To: "03:00"}, nil, newYork, "2026-03-08 00:00:00", "window", "2026-03-09 02:00:00"},
		"gap of half an hour":                         {&campaign.Window{From: "02:10", To: "02:40"}, nil, lordHowe, "2026-10-04 01:59:59", "window", "2026-10-04 02:30:00"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := anytime()
			r.Window, r.Quiet, r.Calendar = c.window, c.quiet, cn(t)
			got := campaign.Decide(r, anybody(c.zone), local(t, c.zone, c.at))
			want := campaign.Decision{Verdict: campaign.Send, Channel: campaign.ByEmail}
			if c.reason != "" {
				want = campaign.Decision{Verdict: campaign.Later, Reason: campaign.Reason(c.reason), Until: local(t, c.zone, c.until).UTC()}
			}
			require.Equal(t, want, got)
		})
	}
}

func TestDecide_takes_both_passes_of_hours_that_daylight_saving_repeats(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window = &campaign.Window{From: "02:15", To: "02:45"}
	first := time.Date(2026, 10, 25, 0, 15, 0, 0, time.UTC) // 02:15 in summer time
	second := first.Add(time.Hour)                          // the clock reads 02:15 again
	for _, c := range []struct{ at, want time.Time }{
		{first.Add(-time.Minute), first},
		{first.Add(29 * time.Minute), first.Add(29 * time.Minute)},
		{first.Add(30 * time.Minute), second},
		{second.Add(30 * time.Minute), local(t, berlin, "2026-10-26 02:15:00")},
	} {
		got, ok := campaign.NextLegal(r, anybody(berlin), c.at)
		require.True(t, ok)
		require.Equal(t, c.want.UTC(), got)
	}
}

func TestDecide_goes_by_the_clock_of_each_recipient(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window, r.Calendar = office, cn(t)
	at := local(t, shanghai, "2026-03-06 10:00:00")
	require.Equal(t, campaign.Send, campaign.Decide(r, anybody(shanghai), at).Verdict)
	require.Equal(t, local(t, newYork, "2026-03-06 09:00:00").UTC(), campaign.Decide(r, anybody(newYork), at).Until)
	for _, unknown := range []string{"", "Local", "Mars/Olympus_Mons"} {
		require.Equal(t, campaign.Send, campaign.Decide(r, anybody(unknown), at).Verdict, "zone of the calendar for %q", unknown)
	}
	r.Calendar = nil
	require.Equal(t, local(t, "UTC", "2026-03-06 09:00:00").UTC(), campaign.Decide(r, anybody(""), at).Until)
}

func TestDecide_keeps_the_cap_over_everything_that_was_asked(t *testing.T) {
	t.Parallel()
	at := local(t, shanghai, "2026-03-06 10:00:00")
	ago := func(days int) time.Time { return at.AddDate(0, 0, -days) }
	r := anytime()
	r.Window, r.Quiet = office, &campaign.Quiet{From: "21:00", To: "08:00"}
	r.Caps = map[string]campaign.Cap{
		"S": {Max: 1, Per: span(t, "30d")}, "A": {Max: 2, Per: span(t, "30d")}, "C": {Max: 0, Per: span(t, "30d")},
	}
	f := func(class string, touches ...time.Time) campaign.Facts {
		f := anybody(shanghai)
		f.Class, f.Touches = class, touches
		return f
	}
	for rule, c := range map[string]struct {
		facts campaign.Facts
		want  time.Time // zero: now
	}{
		"never asked":                           {f("S"), time.Time{}},
		"asked exactly the span ago":            {f("S", ago(30)), time.Time{}},
		"asked within the span":                 {f("S", ago(40), ago(20)), ago(-10)},
		"two are allowed":                       {f("A", ago(20)), time.Time{}},
		"the older of two decides":              {f("A", ago(1), ago(29), ago(3).Add(time.Hour)), ago(-27).Add(time.Hour)},
		"no cap for the class":                  {f("B", ago(0), ago(0), ago(0)), time.Time{}},
		"free at night: asked in the morning":   {f("S", ago(30).Add(13*time.Hour)), ago(-1).Add(-time.Hour)},
		"free for a moment: the same to a nano": {f("S", ago(30).Add(1)), at.Add(1)},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			got := campaign.Decide(r, c.facts, at)
			if c.want.IsZero() {
				require.Equal(t, campaign.Send, got.Verdict)
				return
			}
			require.Equal(t, campaign.Decision{Verdict: campaign.Later, Reason: campaign.Capped, Until: c.want.UTC()}, got)
			freed := r
			freed.ObeyCap = false
			require.Equal(t, campaign.Send, campaign.Decide(freed, c.facts, at).Verdict, "what need not obey")
		})
	}
	require.Equal(t, campaign.Decision{Verdict: campaign.Skip, Reason: campaign.Capped}, campaign.Decide(r, f("C"), at), "never")
}

func TestDecide_skips_for_good_what_time_does_not_cure(t *testing.T) {
	t.Parallel()
	at := local(t, shanghai, "2026-03-06 23:00:00")
	change := func(do func(*campaign.Rules, *campaign.Facts)) campaign.Decision {
		r, f := anytime(), anybody(shanghai)
		r.Window, r.Until = office, at.AddDate(0, 0, 7)
		do(&r, &f)
		return campaign.Decide(r, f, at)
	}
	require.Equal(t, campaign.Later, change(func(*campaign.Rules, *campaign.Facts) {}).Verdict)
	for want, do := range map[campaign.Reason]func(*campaign.Rules, *campaign.Facts){
		campaign.OptedOut:  func(_ *campaign.Rules, f *campaign.Facts) { f.OptedOut, f.OpenComplaint, f.Addresses = true, true, nil },
		campaign.NoAddress: func(_ *campaign.Rules, f *campaign.Facts) { f.OpenComplaint, f.Addresses = true, nil },
		campaign.ChannelsFailed: func(_ *campaign.Rules, f *campaign.Facts) {
			f.Tried = map[campaign.Channel]bool{campaign.ByEmail: true, campaign.BySMS: true}
		},
		campaign.OpenComplaint: func(_ *campaign.Rules, f *campaign.Facts) { f.OpenComplaint = true },
		campaign.Expired:       func(r *campaign.Rules, _ *campaign.Facts) { r.Until = at },
		campaign.OutsideWindow: func(r *campaign.Rules, _ *campaign.Facts) { r.Until = local(t, shanghai, "2026-03-07 09:00:00") },
		campaign.Holiday: func(r *campaign.Rules, _ *campaign.Facts) {
			closed, err := calendar.New(calendar.Document{
				ID: "closed", TimeZone: shanghai, Week: map[string][]string{"monday": {"09:00-10:00"}},
				Exceptions: []calendar.Exception{{From: "2026-01-01", To: "2027-12-31", Closed: true}},
			})
			require.NoError(t, err)
			r.Window, r.Calendar, r.Until = &campaign.Window{Working: true}, closed, time.Time{}
		},
		campaign.QuietHours: func(r *campaign.Rules, _ *campaign.Facts) {
			r.Quiet, r.Until = &campaign.Quiet{From: "x", To: "y"}, time.Time{}
		},
	} {
		require.Equal(t, campaign.Decision{Verdict: campaign.Skip, Reason: want}, change(do))
	}
	late := change(func(r *campaign.Rules, _ *campaign.Facts) { r.Until = local(t, shanghai, "2026-03-07 09:00:01") })
	require.Equal(t, campaign.Later, late.Verdict, "an instant is left")
	allowed := change(func(r *campaign.Rules, f *campaign.Facts) {
		r.OpenComplaint, f.OpenComplaint = campaign.OpenAllowed, true
	})
	require.Equal(t, campaign.Later, allowed.Verdict, "the rule allows it")
}

func TestDecide_takes_the_first_channel_that_reaches_and_has_not_failed(t *testing.T) {
	t.Parallel()
	r, f := anytime(), anybody(shanghai)
	require.Equal(t, campaign.ByEmail, campaign.Decide(r, f, time.Unix(0, 0)).Channel)
	f.Tried = map[campaign.Channel]bool{campaign.ByEmail: true}
	require.Equal(t, campaign.BySMS, campaign.Decide(r, f, time.Unix(0, 0)).Channel)
	f.Tried, f.Addresses = nil, map[campaign.Channel]bool{campaign.BySMS: true, campaign.ByPhone: true}
	require.Equal(t, campaign.BySMS, campaign.Decide(r, f, time.Unix(0, 0)).Channel)
}

func TestOpen_refuses_hours_that_never_come(t *testing.T) {
	t.Parallel()
	w := func(from, to string) *campaign.Window { return &campaign.Window{From: from, To: to} }
	q := func(from, to string) *campaign.Quiet { return &campaign.Quiet{From: from, To: to} }
	for _, c := range []struct {
		window *campaign.Window
		quiet  *campaign.Quiet
		want   []string
	}{
		{nil, nil, nil},
		{w("00:00", "24:00"), q("21:00", "08:00"), nil},
		{w("08:00", "09:01"), q("09:01", "09:00"), nil},
		{w("21:30", "23:00"), q("21:00", "08:00"), []string{"window no_open_hour"}},
		{w("09:00", "10:00"), q("10:00", "09:59"), nil},
		{w("09:00", "10:00"), q("09:00", "10:00"), []string{"window no_open_hour"}},
		{nil, q("00:00", "24:00"), []string{"window no_open_hour"}},
		{nil, q("12:00", "12:00"), []string{"quiet_hours.from bad_clock"}},
		{nil, q("24:00", "08:00"), []string{"quiet_hours.from bad_clock"}},
		{w("18:00", "09:00"), nil, []string{"window.to after"}},
		{w("09:00", ""), q("", "x"), []string{"window.to required", "quiet_hours.from required", "quiet_hours.to bad_clock"}},
		{w("9:00", "25:00"), nil, []string{"window.from bad_clock", "window.to bad_clock"}},
		{w("09:60", "0a:00"), nil, []string{"window.from bad_clock", "window.to bad_clock"}},
		{&campaign.Window{Days: []string{"mon", "mon", "funday"}}, nil, []string{"window.days[1] duplicate", "window.days[2] oneof"}},
	} {
		err := campaign.Open(c.window, c.quiet)
		if c.want == nil {
			require.NoError(t, err)
			continue
		}
		var invalid *errs.Error
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, c.want, at(invalid.Fields))
	}
}

func TestRules_and_facts_are_stored_as_they_are(t *testing.T) {
	t.Parallel()
	r := anytime()
	r.Window, r.Quiet, r.Until = office, &campaign.Quiet{From: "21:00", To: "08:00"}, time.Date(2026, 3, 6, 0, 0, 0, 1, time.UTC)
	r.Caps = map[string]campaign.Cap{"S": {Max: 1, Per: span(t, "30d")}}
	f := anybody(shanghai)
	f.Touches = []time.Time{time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)}
	for _, v := range []struct{ in, out any }{{r, &campaign.Rules{}}, {f, &campaign.Facts{}}, {campaign.Decide(r, f, r.Until), &campaign.Decision{}}} {
		text, err := json.Marshal(v.in)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, v.out))
		again, err := json.Marshal(v.out)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again))
	}
}

// at returns "path code" of every fault.
func at(faults []errs.Field) []string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.Field + " " + f.Code
	}
	return list
}
