package campaign

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Cap is how often one person is asked at most, over all campaigns and purposes: Max times within any span of Per. A day
// of Per is 24 hours. Max 0 is never.
type Cap struct {
	Max int      `json:"max"`
	Per sla.Span `json:"per"`
}

// Rules are what a campaign or a follow-up obeys when it asks.
type Rules struct {
	// Window and Quiet are by the clock of the recipient; nil is any time.
	Window *Window `json:"window,omitempty"`
	Quiet  *Quiet  `json:"quiet_hours,omitempty"`
	// Calendar says which dates are working days, for a Window that asks for them, and is the zone of recipients without
	// one. Nil makes every date a working day, and the zone UTC.
	Calendar *calendar.Calendar `json:"-"`
	// Caps are by class of the client; a class without one is asked without limit.
	Caps map[string]Cap `json:"caps,omitempty"`
	// ObeyCap is false for what must be asked however often somebody was asked before.
	ObeyCap bool `json:"obey_cap"`
	// OpenComplaint is one of OpenAtClient, OpenAtContact and OpenAllowed.
	OpenComplaint string `json:"open_complaint"`
	// Channels are tried in this order.
	Channels []Channel `json:"channels"`
	// Until is the end of the run: nothing is asked at or after it. Zero is never.
	Until time.Time `json:"until,omitzero"`
}

// Facts are what is known of one recipient at the time of a decision.
type Facts struct {
	RecipientID string `json:"recipient_id"`
	// Class is that of the client.
	Class string `json:"class,omitempty"`
	// Zone is the IANA name of the recipient's time zone. Empty or unknown is the zone of the calendar.
	Zone     string `json:"zone,omitempty"`
	OptedOut bool   `json:"opted_out,omitempty"`
	// OpenComplaint says whether there is a complaint that is not closed, of the client or of the contact, as
	// Rules.OpenComplaint wants to know it.
	OpenComplaint bool `json:"open_complaint,omitempty"`
	// Addresses are the channels by which the recipient can be reached.
	Addresses map[Channel]bool `json:"addresses,omitempty"`
	// Tried are the channels that have failed for good.
	Tried map[Channel]bool `json:"tried,omitempty"`
	// Touches are when this person was asked, by all campaigns and for all purposes, in any order. A reminder belongs to
	// what it reminds of: for a reminder, the invitation and its reminders are not among them.
	Touches []time.Time `json:"touches,omitempty"`
}

// Decision is what to do about one recipient now.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Channel is by which to ask, if Verdict is Send.
	Channel Channel `json:"channel,omitempty"`
	// Reason is why not, if Verdict is Later or Skip.
	Reason Reason `json:"reason,omitempty"`
	// Until is when to decide again, if Verdict is Later: with the same facts, the decision is to send then.
	Until time.Time `json:"until,omitzero"`
}

// Decide says whether to ask the recipient at the instant, and why not. The reason is the first that holds, in the order
// of the constants: opt_out, no_address, channels_failed, open_complaint, expired, cap, holiday, quiet_hours, window.
//
// The last four are cured by time: the decision is Later, until the next instant that all of them allow, or to skip with
// that reason when the run is over by then or there is no such instant.
func Decide(r Rules, f Facts, at time.Time) Decision {
	channel, reason := r.channel(f)
	switch {
	case f.OptedOut:
		return skip(OptedOut)
	case reason != "":
		return skip(reason)
	case f.OpenComplaint && r.OpenComplaint != OpenAllowed:
		return skip(OpenComplaint)
	case r.over(at):
		return skip(Expired)
	}
	h, zone := layOut(r.Window, r.Quiet, r.Calendar), r.zone(f)
	free, ever := r.free(f)
	east, _ := offsetAt(zone, at.Unix())
	if !ever || at.Before(free) {
		reason = Capped
	} else if reason = h.reason(at.Unix() + east); reason == "" {
		return Decision{Verdict: Send, Channel: channel}
	}
	next, found := h.next(later(at, free), zone)
	if !ever || !found || r.over(next) {
		return skip(reason)
	}
	return Decision{Verdict: Later, Reason: reason, Until: next}
}

// NextLegal returns the earliest instant, at or later, that window, quiet hours, working days and cap allow; it does not
// look at the end of the run. It is false when there is none in the 400 days from at, or from when the cap allows it.
func NextLegal(r Rules, f Facts, at time.Time) (time.Time, bool) {
	free, ever := r.free(f)
	if !ever {
		return time.Time{}, false
	}
	h := layOut(r.Window, r.Quiet, r.Calendar)
	return h.next(later(at, free), r.zone(f))
}

func skip(why Reason) Decision { return Decision{Verdict: Skip, Reason: why} }

// channel returns the first channel that reaches the recipient and has not failed, or why there is none.
func (r Rules) channel(f Facts) (Channel, Reason) {
	why := NoAddress
	for _, c := range r.Channels {
		switch {
		case !f.Addresses[c]:
		case f.Tried[c]:
			why = ChannelsFailed
		default:
			return c, ""
		}
	}
	return "", why
}

func (r Rules) over(at time.Time) bool { return !r.Until.IsZero() && !at.Before(r.Until) }

// zone returns the recipient's zone, else that of the calendar.
func (r Rules) zone(f Facts) *time.Location {
	if loc, ok := zoneOf(f.Zone); ok {
		return loc
	}
	if r.Calendar != nil {
		return r.Calendar.Location()
	}
	return time.UTC
}

// free returns from when on the cap lets the recipient be asked, the zero time when it always does; ever is false for a
// cap that nobody may be asked under.
func (r Rules) free(f Facts) (from time.Time, ever bool) {
	c, capped := r.Caps[f.Class]
	if !r.ObeyCap || !capped {
		return time.Time{}, true
	}
	if c.Max <= 0 {
		return time.Time{}, false
	}
	if len(f.Touches) < c.Max {
		return time.Time{}, true
	}
	touches := slices.SortedFunc(slices.Values(f.Touches), time.Time.Compare)
	return touches[len(touches)-c.Max].Add(length(c.Per)), true
}

// length is a span on the clock, with days of 24 hours.
func length(s sla.Span) time.Duration { return time.Duration(s.Days)*24*time.Hour + s.Duration }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
