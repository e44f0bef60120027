package approval

import "slices"

// verdict is what the decisions so far say of a seat or a step.
type verdict int

const (
	undecided verdict = iota
	passed
	refused
	skipped
)

// participant returns the participant of the id; nil when there is none. It points into the visit.
func (v *Visit) participant(id int) *Participant {
	i := slices.IndexFunc(v.Participants, func(p Participant) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return &v.Participants[i]
}

// seats returns the participants that the mode counts: those of the step and those added in parallel.
func (v *Visit) seats() []*Participant {
	var seats []*Participant
	for i := range v.Participants {
		if p := &v.Participants[i]; p.Parent == 0 && p.live() {
			seats = append(seats, p)
		}
	}
	return seats
}

func (p *Participant) live() bool { return p.Removed == "" }

// pending reports whether the participant still has something to say, now or later.
func (p *Participant) pending() bool { return p.live() && p.Decision == "" && p.Skipped == "" }

// seat judges a participant together with everybody who was added before and after them. An opinion decides nothing.
func (v *Visit) seat(p *Participant) verdict {
	if p.Skipped != "" {
		return skipped
	}
	says := undecided
	switch p.Decision {
	case DecisionApproved:
		says = passed
	case DecisionRejected:
		return refused
	}
	for i := range v.Participants {
		c := &v.Participants[i]
		if c.Parent != p.ID || !c.live() || c.Position == Opinion {
			continue
		}
		switch v.seat(c) {
		case refused:
			return refused
		case undecided:
			says = undecided
		}
	}
	return says
}

// open reports whether the participant is asked now: it is their turn, they have not decided, nobody whom they added
// before themselves is pending, and no opinion that they asked for is outstanding.
func (v *Visit) open(p *Participant) bool {
	if v.State != VisitActive || !p.pending() || !v.ready(p) {
		return false
	}
	for i := range v.Participants {
		c := &v.Participants[i]
		if c.Parent != p.ID || !c.live() {
			continue
		}
		if c.Position == Opinion && c.pending() || c.Position == Before && v.seat(c) != passed {
			return false
		}
	}
	return v.seat(v.root(p)) == undecided
}

// ready reports whether the participant's turn has come.
func (v *Visit) ready(p *Participant) bool {
	if p.Parent == 0 {
		return v.Mode != ModeSequence || v.rankReached(p.Rank)
	}
	parent := v.participant(p.Parent)
	if p.Position == After {
		return parent.Decision == DecisionApproved
	}
	return parent.pending() && v.ready(parent)
}

func (v *Visit) rankReached(rank int) bool {
	for _, seat := range v.seats() {
		if said := v.seat(seat); seat.Rank < rank && said != passed && said != skipped {
			return false
		}
	}
	return true
}

func (v *Visit) root(p *Participant) *Participant {
	for p.Parent != 0 {
		p = v.participant(p.Parent)
	}
	return p
}

// advises reports whether the participant was asked for an opinion only.
func (p *Participant) advises() bool { return p.Position == Opinion }

// under reports whether p was added beside the participant or beside one of theirs.
func (v *Visit) under(p, above *Participant) bool {
	for p.Parent != 0 {
		if p.Parent == above.ID {
			return true
		}
		p = v.participant(p.Parent)
	}
	return false
}

// acting reports whether the user has a place in the visit: is asked in it, or has decided in it for somebody.
func (v *Visit) acting(user string) bool {
	return slices.ContainsFunc(v.Participants, func(p Participant) bool {
		return p.live() && (p.UserID == user || p.DecidedBy == user)
	})
}

// tally judges the visit by its mode. Seats that a rule skipped count neither way; when it skipped all, the step is skipped.
func (v *Visit) tally() verdict {
	var total, yes, no int // seats, or in mode vote weights
	pending := false
	anySkipped := false
	for _, p := range v.seats() {
		weight := 1
		if v.Mode == ModeVote {
			weight = p.Weight
		}
		said := v.seat(p)
		if said == skipped {
			anySkipped = true
			continue
		}
		total += weight
		switch said {
		case passed:
			yes += weight
		case refused:
			no += weight
		default:
			pending = true
		}
	}
	switch {
	case total == 0 && anySkipped:
		return skipped
	case total == 0:
		return undecided
	}
	return v.judge(total, yes, no, pending, anySkipped)
}

func (v *Visit) judge(total, yes, no int, pending, anySkipped bool) verdict {
	switch v.Mode {
	case ModeAny:
		switch {
		case anySkipped:
			return skipped
		case no > 0:
			return refused
		case yes > 0:
			return passed
		}
		return undecided
	case ModeRatio:
		return threshold(total, yes, no, (total*v.Percent+99)/100)
	case ModeVote:
		if v.Percent == 0 {
			return threshold(total, yes, no, total/2+1)
		}
		return threshold(total, yes, no, (total*v.Percent+99)/100)
	}
	switch {
	case v.OnRefusal == RefusalMajority && v.Mode == ModeAll:
		return threshold(total, yes, no, total/2+1)
	case v.OnRefusal == RefusalContinue && v.Mode == ModeAll && pending:
		return undecided
	case no > 0:
		return refused
	case pending:
		return undecided
	}
	return passed
}

// threshold passes at need or more approvals, and refuses as soon as they can no longer be reached.
func threshold(total, yes, no, need int) verdict {
	switch {
	case yes >= need:
		return passed
	case total-no < need:
		return refused
	}
	return undecided
}
