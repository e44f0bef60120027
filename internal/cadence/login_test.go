package cadence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
)

func dates(list ...string) map[string]bool {
	set := map[string]bool{}
	for _, date := range list {
		set[date] = true
	}
	return set
}

func TestLapsed_asks_for_each_working_day_and_less_on_trips(t *testing.T) {
	t.Parallel()
	p, cal := shippedPolicy(t), cn(t)
	all := []string{"2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"} // Monday to Friday
	for name, c := range map[string]struct {
		date string
		a    cadence.Attendance
		want cadence.Lapse
	}{
		"every working day": {"2026-03-04", cadence.Attendance{Days: dates(all...)}, cadence.Lapse{Required: 5, Had: 5}},
		"one is missing":    {"2026-03-04", cadence.Attendance{Days: dates(all[1:]...)}, cadence.Lapse{Required: 5, Had: 4, Lapsed: true}},
		"a weekend does not make up": {
			"2026-03-04",
			cadence.Attendance{Days: dates(append(all[1:], "2026-03-07", "2026-03-08")...)},
			cadence.Lapse{Required: 5, Had: 4, Lapsed: true},
		},
		"other weeks are other weeks": {
			"2026-03-04",
			cadence.Attendance{Days: dates("2026-03-01", "2026-03-09")},
			cadence.Lapse{Required: 5, Lapsed: true, NoLogin: true},
		},
		"only on Sunday": {"2026-03-04", cadence.Attendance{Days: dates("2026-03-08")}, cadence.Lapse{Required: 5, Lapsed: true}},
		"a week on a trip": {
			"2026-03-04", cadence.Attendance{Days: dates(all[0], all[4]), Travelling: dates(all...)}, cadence.Lapse{Required: 2, Had: 2},
		},
		"a trip over the weekend": {
			"2026-03-04",
			cadence.Attendance{Days: dates("2026-03-07", "2026-03-08"), Travelling: dates(append(all, "2026-03-07", "2026-03-08")...)},
			cadence.Lapse{Required: 2, Had: 2},
		},
		"once on a trip is too little": {
			"2026-03-04", cadence.Attendance{Days: dates(all[0]), Travelling: dates(all...)}, cadence.Lapse{Required: 2, Had: 1, Lapsed: true},
		},
		"one day on a trip is a day": {
			"2026-03-04",
			cadence.Attendance{Days: dates(all[1:]...), Travelling: dates(all[0])},
			cadence.Lapse{Required: 5, Had: 4, Lapsed: true},
		},
		"three days on a trip, two at home": {
			"2026-03-04",
			cadence.Attendance{Days: dates(all[0], all[1], all[3], all[4]), Travelling: dates(all[:3]...)},
			cadence.Lapse{Required: 4, Had: 4},
		},
		"a trip does not make up for home": {
			"2026-03-04",
			cadence.Attendance{Days: dates(all[:4]...), Travelling: dates(all[:3]...)},
			cadence.Lapse{Required: 4, Had: 3, Lapsed: true},
		},
		"on leave from Wednesday": {
			"2026-03-04", cadence.Attendance{Days: dates(all[:2]...), AbsentDays: dates(all[2:]...)}, cadence.Lapse{Required: 2, Had: 2},
		},
		"leave goes before a trip": {
			"2026-03-04", cadence.Attendance{Travelling: dates(all...), AbsentDays: dates(all...)}, cadence.Lapse{NoLogin: true},
		},
		"Spring Festival": {"2026-02-18", cadence.Attendance{}, cadence.Lapse{NoLogin: true}},
		"National Day and a make-up Saturday": {
			"2026-10-07", cadence.Attendance{Days: dates("2026-10-08", "2026-10-09")}, cadence.Lapse{Required: 3, Had: 2, Lapsed: true},
		},
		"the make-up Sunday of New Year": {
			"2026-01-01", cadence.Attendance{Days: dates("2025-12-29", "2025-12-30", "2025-12-31", "2026-01-04")}, cadence.Lapse{Required: 4, Had: 4},
		},
	} {
		require.Equal(t, c.want, cadence.Lapsed(p, cal, week(t, c.date), c.a), name)
	}
	p.Login = cadence.Login{}
	require.Equal(t, cadence.Lapse{NoLogin: true}, cadence.Lapsed(p, cal, week(t, "2026-03-04"), cadence.Attendance{}), "nothing is asked")
}

func TestNoticeDue_after_two_weeks_running_without_any_log_in(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	silent := cadence.Lapse{Required: 5, Lapsed: true, NoLogin: true}
	poor := cadence.Lapse{Required: 5, Had: 1, Lapsed: true}
	holiday, worked := cadence.Lapse{NoLogin: true}, cadence.Lapse{}
	for name, c := range map[string]struct {
		lapses []cadence.Lapse
		want   bool
	}{
		"nothing is known":                         {nil, false},
		"one week":                                 {[]cadence.Lapse{silent}, false},
		"two weeks":                                {[]cadence.Lapse{silent, silent}, true},
		"three weeks":                              {[]cadence.Lapse{silent, silent, silent}, true},
		"they came back":                           {[]cadence.Lapse{silent, silent, poor}, false},
		"once in between":                          {[]cadence.Lapse{silent, poor, silent}, false},
		"too seldom is not never":                  {[]cadence.Lapse{poor, poor}, false},
		"a holiday does not count":                 {[]cadence.Lapse{silent, holiday}, false},
		"a holiday does not interrupt":             {[]cadence.Lapse{silent, holiday, silent}, true},
		"who logged in on holiday was there":       {[]cadence.Lapse{silent, worked, silent}, false},
		"holidays alone":                           {[]cadence.Lapse{holiday, holiday, holiday}, false},
		"before that, they were there all along":   {[]cadence.Lapse{poor, silent, silent}, true},
		"still due in the holidays that come next": {[]cadence.Lapse{silent, silent, holiday}, true},
	} {
		require.Equal(t, c.want, cadence.NoticeDue(p, c.lapses), name)
	}
}
