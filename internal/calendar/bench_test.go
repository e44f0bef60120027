package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

const workingYear = 248 * 8 * time.Hour // 2026 on cn

func BenchmarkAdd_a_year_of_working_time(b *testing.B) {
	cn := shipped(b, "cn")
	start := local(b, cn, "2025-07-01 10:00")
	for b.Loop() {
		if _, err := cn.Add(start, workingYear); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdd_four_hours(b *testing.B) {
	cn := shipped(b, "cn")
	start := local(b, cn, "2026-03-06 16:30")
	for b.Loop() {
		if _, err := cn.Add(start, 4*time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBetween_over_a_year(b *testing.B) {
	cn := shipped(b, "cn")
	from, to := local(b, cn, "2025-07-01 10:00"), local(b, cn, "2026-07-01 10:00")
	for b.Loop() {
		if cn.Between(from, to) == 0 {
			b.Fatal("no working time")
		}
	}
}

// The first use of a calendar lays out the two years that a year of work touches.
func BenchmarkAdd_a_year_on_a_new_calendar(b *testing.B) {
	doc := calendar.Document{ID: "x", TimeZone: "Europe/Berlin", Week: everyDay("09:00-12:00", "13:00-18:00")}
	start := utc(b, "2025-07-01T10:00:00Z")
	for b.Loop() {
		c, err := calendar.New(doc)
		require.NoError(b, err)
		if _, err := c.Add(start, workingYear); err != nil {
			b.Fatal(err)
		}
	}
}
