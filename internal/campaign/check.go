package campaign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

const (
	maxName      = 120
	maxListed    = 200 // values of one list of an audience
	maxReminders = 5
	lowPriority  = 5
	minSpacing   = time.Hour
	minExpiry    = time.Hour
	maxExpiry    = 366 * 24 * time.Hour
	maxShown     = 80 // characters that a message repeats of the input
)

var (
	word          = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	clientClasses = []string{"S", "A", "B", "C"}
)

// Check returns everything that forbids the campaign, in the order of its fields; none means that it may be launched, as
// far as it stands alone: whether the template exists and the audience has anybody is for the caller to ask.
func (d Definition) Check() []errs.Field {
	var c checker
	c.text("name", d.Name, maxName)
	c.audience(d.Audience)
	c.word("template", d.Template)
	c.channels("channels", d.Channels)
	c.between("rate", d.Rate, 1, MaxRate)
	c.hours("", d.Window, d.QuietHours)
	expires := c.span("expires_after", d.ExpiresAfter, minExpiry, maxExpiry)
	c.reminders("reminders", d.Reminders, minSpacing, d.ExpiresAfter, expires)
	c.between("priority", d.Priority, 0, lowPriority)
	if d.Schedule != nil {
		c.schedule("schedule", *d.Schedule)
	}
	return c.faults
}

// checker collects faults.
type checker struct{ faults []errs.Field }

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

func (c *checker) audience(a Audience) {
	c.listed("audience.class", a.Class, clientClasses)
	c.listed("audience.region", a.Region, nil)
	c.listed("audience.industry", a.Industry, nil)
	c.listed("audience.account_manager_id", a.AccountManagerID, nil)
	c.listed("audience.contact_title", a.ContactTitle, nil)
	c.listed("audience.events", a.Events, ClientEvents())
	if len(a.Events) > 0 && a.EventsSince == "" {
		c.fault("audience.events_since", "required")
	}
	if len(a.Events) == 0 && a.EventsSince != "" {
		c.fault("audience.events", "required")
	}
	c.faults = append(c.faults, a.unreadable()...)
}

// unreadable are the instants of the audience that cannot be read.
func (a Audience) unreadable() (faults []errs.Field) {
	for _, f := range []struct{ name, text string }{{"last_contact_before", a.LastContactBefore}, {"events_since", a.EventsSince}} {
		if _, ok := before(time.Time{}, f.text); f.text != "" && !ok {
			faults = append(faults, errs.Field{Field: "audience." + f.name, Code: "date_or_span", Args: errs.Args("value", shown(f.text))})
		}
	}
	return faults
}

// Readable refuses an audience of which an instant cannot be read, which would be larger than it was meant: invalid.
func (a Audience) Readable() error {
	if faults := a.unreadable(); len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	return nil
}

// listed checks the values of a list: from those that are known if there are such, and none twice.
func (c *checker) listed(path string, values, known []string) {
	if len(values) > maxListed {
		c.fault(path, "too_many", "max", strconv.Itoa(maxListed))
		return
	}
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case slices.Contains(values[:i], value):
			c.fault(at, "duplicate", "value", shown(value))
		case known != nil:
			c.oneOf(at, value, known)
		case strings.TrimSpace(value) == "":
			c.fault(at, "notblank")
		case utf8.RuneCountInString(value) > maxName:
			c.fault(at, "max", "max", strconv.Itoa(maxName))
		}
	}
}

func (c *checker) oneOf(path, value string, known []string) {
	switch {
	case value == "":
		c.fault(path, "required")
	case !slices.Contains(known, value):
		c.fault(path, "oneof", "value", shown(value), "values", strings.Join(known, ", "))
	}
}

// text requires a text that is not blank and not longer than most characters.
func (c *checker) text(path, value string, most int) {
	switch {
	case strings.TrimSpace(value) == "":
		c.fault(path, "required")
	case utf8.RuneCountInString(value) > most:
		c.fault(path, "max", "max", strconv.Itoa(most))
	}
}

// word requires a name that can be part of a message key, and reports whether it is one.
func (c *checker) word(path, value string) bool {
	switch {
	case value == "":
		c.fault(path, "required")
	case !word.MatchString(value):
		c.fault(path, "bad_name", "value", shown(value))
	default:
		return true
	}
	return false
}

func (c *checker) channels(path string, list []Channel) {
	if len(list) == 0 {
		c.fault(path, "required")
	}
	names := make([]string, len(list))
	for i, channel := range list {
		names[i] = string(channel)
	}
	known := make([]string, len(channels))
	for i, channel := range channels {
		known[i] = string(channel)
	}
	c.listed(path, names, known)
}

func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.fault(path, "between", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	}
}

// span requires a length within the limits and reports whether it is.
func (c *checker) span(path string, s sla.Span, low, high time.Duration) bool {
	switch {
	case s.IsZero():
		c.fault(path, "required")
	case s.Validate() != nil:
		c.fault(path, "bad_span", "value", s.String())
	case length(s) < low || length(s) > high:
		c.fault(path, "between", "low", policySpan(low), "high", policySpan(high))
	default:
		return true
	}
	return false
}

// policySpan writes a length as policies do.
func policySpan(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return sla.Span{Days: int(d / (24 * time.Hour))}.String()
	}
	return sla.Span{Duration: d}.String()
}

// reminders checks that the last reminder comes before what it reminds of expires, which is within the limits if known.
func (c *checker) reminders(path string, r Reminders, low time.Duration, expires sla.Span, known bool) {
	c.between(path+".count", r.Count, 0, maxReminders)
	if r.Count == 0 && r.Spacing.IsZero() {
		return
	}
	if c.span(path+".spacing", r.Spacing, low, maxExpiry) && known && r.Count <= maxReminders &&
		length(r.Spacing)*time.Duration(r.Count) >= length(expires) {
		c.fault(path+".spacing", "reminder_after_expiry", "expires", expires.String())
	}
}

// hours checks a window and quiet hours, and that they leave any open hour.
func (c *checker) hours(prefix string, w *Window, q *Quiet) {
	before := len(c.faults)
	if w != nil {
		c.reading(prefix+"window", w.From, w.To)
		from, fromOK := clock(w.From)
		if to, toOK := clock(w.To); fromOK && toOK && to <= from {
			c.fault(prefix+"window.to", "after", "other", w.From)
		}
		c.listed(prefix+"window.days", w.Days, weekdays[:])
	}
	if q != nil {
		c.reading(prefix+"quiet_hours", q.From, q.To)
		if from, ok := clock(q.From); ok && q.From == q.To || ok && from == secondsPerDay {
			c.fault(prefix+"quiet_hours.from", "bad_clock", "value", shown(q.From))
		}
	}
	if len(c.faults) > before {
		return
	}
	if h := layOut(w, q, nil); len(h.open) == 0 {
		c.fault(prefix+"window", "no_open_hour")
	}
}

// reading checks two readings of the clock, of which both or none are given.
func (c *checker) reading(path, from, to string) {
	if from == "" && to == "" {
		return
	}
	for _, end := range []struct{ name, value string }{{"from", from}, {"to", to}} {
		if _, ok := clock(end.value); end.value == "" {
			c.fault(path+"."+end.name, "required")
		} else if !ok {
			c.fault(path+"."+end.name, "bad_clock", "value", shown(end.value))
		}
	}
}

func (c *checker) schedule(path string, s Schedule) {
	c.oneOf(path+".kind", s.Kind, []string{ScheduleOnce, ScheduleCron})
	switch s.Kind {
	case ScheduleOnce:
		if s.At.IsZero() {
			c.fault(path+".at", "required")
		}
		if s.Cron != "" {
			c.fault(path+".cron", "not_for_kind", "kind", s.Kind)
		}
	case ScheduleCron:
		if !s.At.IsZero() {
			c.fault(path+".at", "not_for_kind", "kind", s.Kind)
		}
		c.cron(path+".cron", s.Cron)
		if s.Timezone == "" {
			c.fault(path+".timezone", "required")
		}
	}
	if _, ok := zoneOf(s.Timezone); s.Timezone != "" && !ok {
		c.fault(path+".timezone", "unknown_zone", "value", shown(s.Timezone))
	}
	if s.Overlap != "" {
		c.oneOf(path+".overlap", s.Overlap, []string{OverlapSkip, OverlapBufferOne})
	}
	if !s.CatchUpWindow.IsZero() {
		c.span(path+".catch_up_window", s.CatchUpWindow, 10*time.Second, maxExpiry)
	}
}

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}
