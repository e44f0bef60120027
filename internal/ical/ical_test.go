package ical_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/ical"
)

var visit = ical.Event{
	Method: ical.Request, UID: "reception_1", Sequence: 4, Stamp: time.Date(2026, 3, 9, 1, 2, 3, 0, time.UTC),
	StartsAt: time.Date(2026, 3, 13, 10, 0, 0, 0, time.FixedZone("CST", 8*3600)), EndsAt: time.Date(2026, 3, 13, 8, 0, 0, 0, time.UTC),
	Summary: "RCP-1: sign; then eat, drink", Description: "first\nsecond", URL: "https://crm.example/r/1", Organizer: "crm@ours.example",
	Attendee: "hal@ours.example", Name: `Hal "H" Ng`,
}

func TestEvent_is_written_as_the_standard_wants(t *testing.T) {
	t.Parallel()
	want := strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//mcrflow//mcrflow//EN", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:reception_1@mcrflow",
		"SEQUENCE:4", "DTSTAMP:20260309T010203Z", "DTSTART:20260313T020000Z", "DTEND:20260313T080000Z",
		`SUMMARY:RCP-1: sign\; then eat\, drink`, `DESCRIPTION:first\nsecond`, "URL:https://crm.example/r/1", "STATUS:CONFIRMED",
		"ORGANIZER:mailto:crm@ours.example",
		`ATTENDEE;CN="Hal 'H' Ng";ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FA`, " LSE:mailto:hal@ours.example",
		"END:VEVENT", "END:VCALENDAR", "",
	}, "\r\n")
	require.Equal(t, want, string(visit.Bytes()))
}

func TestCancel_takes_the_entry_out(t *testing.T) {
	t.Parallel()
	e := visit
	e.Method = ical.Cancel
	require.Contains(t, string(e.Bytes()), "METHOD:CANCEL\r\n")
	require.Contains(t, string(e.Bytes()), "STATUS:CANCELLED\r\n")
}

func TestLines_are_folded_between_characters_and_nothing_that_a_person_wrote_ends_one(t *testing.T) {
	t.Parallel()
	e := visit
	e.Summary = strings.Repeat("接待😀", 60)
	e.Attendee = "a@b.example\r\nATTENDEE:mailto:evil@example"
	body := string(e.Bytes())
	require.True(t, utf8.ValidString(body))
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\r\n"), "\r\n") {
		require.LessOrEqual(t, len(line), 75)
		require.NotContains(t, line, "\n")
	}
	unfolded := strings.ReplaceAll(body, "\r\n ", "")
	require.Contains(t, unfolded, "\r\nSUMMARY:"+e.Summary+"\r\n")
	require.Equal(t, 1, strings.Count(unfolded, "\r\nATTENDEE"))
}
