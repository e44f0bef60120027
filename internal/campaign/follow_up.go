package campaign

import "time"

// From is when a follow-up asks first, after what it asks about.
func (f FollowUp) From(event time.Time) time.Time { return event.Add(length(f.Delay)).UTC() }

// Expires is until when a follow-up that asks from then on asks and takes answers.
func (f FollowUp) Expires(from time.Time) time.Time { return from.Add(length(f.ExpiresAfter)).UTC() }

// CatchUp is how late a run is still taken that was missed; zero is the default of the scheduler.
func (s Schedule) CatchUp() time.Duration { return length(s.CatchUpWindow) }
