// Package ical writes the few iCalendar objects that the product sends: one entry for one person's diary, or its removal
// (RFC 5545, RFC 5546).
package ical

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The methods of an object.
const (
	Request = "REQUEST" // put the entry in, or replace it
	Cancel  = "CANCEL"  // take it out
)

// Event is one entry. The same UID with a higher Sequence replaces it.
type Event struct {
	Method      string
	UID         string
	Sequence    int64
	Stamp       time.Time // when this version was made
	StartsAt    time.Time
	EndsAt      time.Time
	Summary     string
	Description string
	URL         string // where to read on; empty: nowhere
	Organizer   string // e-mail address
	Attendee    string // e-mail address
	Name        string // of the attendee
}

// Bytes returns the event as a text/calendar object.
func (e Event) Bytes() []byte {
	status := "CONFIRMED"
	if e.Method == Cancel {
		status = "CANCELLED"
	}
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//mcrflow//mcrflow//EN")
	w.line("METHOD", e.Method)
	w.line("BEGIN", "VEVENT")
	w.line("UID", e.UID+"@mcrflow")
	w.line("SEQUENCE", strconv.FormatInt(e.Sequence, 10))
	w.line("DTSTAMP", instant(e.Stamp))
	w.line("DTSTART", instant(e.StartsAt))
	w.line("DTEND", instant(e.EndsAt))
	w.line("SUMMARY", text(e.Summary))
	if e.Description != "" {
		w.line("DESCRIPTION", text(e.Description))
	}
	if e.URL != "" {
		w.line("URL", oneLine(e.URL))
	}
	w.line("STATUS", status)
	w.line("ORGANIZER", "mailto:"+oneLine(e.Organizer))
	w.line(fmt.Sprintf(`ATTENDEE;CN="%s";ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE`, parameter(e.Name)), "mailto:"+oneLine(e.Attendee))
	w.line("END", "VEVENT")
	w.line("END", "VCALENDAR")
	return []byte(w.String())
}

func instant(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// text escapes a value of type TEXT.
func text(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// oneLine keeps what a person wrote from becoming a line of its own.
func oneLine(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// parameter keeps a quoted parameter quoted.
func parameter(s string) string { return strings.ReplaceAll(oneLine(s), `"`, "'") }

// longestLine is how many octets a line may have without its end.
const longestLine = 75

type writer struct{ strings.Builder }

// line writes a content line, folded between characters.
func (w *writer) line(name, value string) {
	left := longestLine
	for _, r := range name + ":" + value {
		if n := utf8.RuneLen(r); n > left {
			w.WriteString("\r\n ")
			left = longestLine - 1
		}
		n, _ := w.WriteRune(r)
		left -= n
	}
	w.WriteString("\r\n")
}
