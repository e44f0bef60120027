package approval

import (
	"slices"
	"strconv"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// handOver makes the request somebody else's. Who had it keeps a stake in it, and nobody who has one now decides on it: what
// such people have decided no longer counts, and the steps in which they had a say are asked anew. A request that was
// returned waits for its new requester. To hand over to who has it already changes nothing.
func (t *turn) handOver(cmd Command) error {
	r := &t.s.Request
	if _, known := t.env.Org.People[cmd.ToID]; !known {
		return errs.NewInvalid(errs.Field{Field: "to_id", Code: "unknown"})
	}
	from := r.Requester
	stranger := func(user string) bool { return !t.s.interested(user) }
	if from == cmd.ToID && !slices.ContainsFunc(cmd.Interested, stranger) {
		return nil
	}
	r.Interested = r.with(cmd.ToID, cmd.Interested)
	r.Requester = cmd.ToID
	t.event(Event{Type: EventHandedOver, UserIDs: []string{cmd.ToID}, Args: map[string]string{"from": from}})
	v := t.s.Active()
	if v.Step == StepRequester && from != cmd.ToID {
		t.give(&v.Participants[0], cmd.ToID, ruleHandedOver, "from", from)
	}
	t.askAnew(t.recuse())
	return nil
}

// with lists who has a stake beside the requester when the request is the user's, by id.
func (r *Request) with(requester string, interested []string) []string {
	all := append(slices.Clone(r.Interested), interested...)
	if r.Requester != requester {
		all = append(all, r.Requester)
	}
	slices.Sort(all)
	return slices.Compact(slices.DeleteFunc(all, func(user string) bool { return user == requester }))
}

// recuse takes everybody who has a stake by now out of all steps. It returns the position of the first step in which they
// had a say, so that it must be asked anew; -1 when there is none. People who were only added, and have not decided yet, are
// just taken out.
func (t *turn) recuse() int {
	first := -1
	for i := range t.s.Visits {
		v := &t.s.Visits[i]
		if v.Step == StepRequester {
			continue
		}
		for j := range v.Participants {
			p := &v.Participants[j]
			if !p.live() || !t.s.interested(p.UserID) && !t.s.interested(p.DecidedBy) {
				continue
			}
			asked := v.State == VisitActive && p.AddedBy == ""
			if v.State != VisitVoid && !p.advises() && (p.Decision != "" || asked) && (first < 0 || v.Position < first) {
				first = v.Position
			}
			v.remove(p, ruleHandedOver)
		}
	}
	return first
}

// askAnew goes back to the step at the position, unless it is still to come; -1 is none. A step that an earlier one, or the
// requester, was to go on behind is walked again.
func (t *turn) askAnew(position int) {
	v := t.s.Active()
	switch {
	case position < 0:
	case position > v.Position:
		t.voidFrom(position)
		if v.Next != nil {
			next := min(*v.Next, position)
			v.Next = &next
		}
	default:
		openedBy := 0
		if position == v.Position {
			openedBy = v.OpenedBy
		}
		v.close(VisitVoid, t.at)
		t.voidFrom(position)
		t.open(position, openedBy, nil)
	}
}

// newLead gives what somebody is asked as the supervisor of a team, which they are no longer, to who is found in their place now.
// Nobody is asked twice, and without anybody else it stays theirs.
func (t *turn) newLead(from string) {
	v := t.s.Active()
	if from == "" || v.Step == StepRequester {
		return
	}
	f := t.finder()
	for i := range v.Participants {
		p := &v.Participants[i]
		if p.UserID != from || !p.pending() || p.ReplacedBy != nil && p.ReplacedBy.Rule != ruleNewLead {
			continue
		}
		heir := f.again(p.Why)
		if heir == "" || heir == from || v.acting(heir) || !f.eligible(f.org.People[heir]) {
			continue
		}
		t.give(p, heir, ruleNewLead, "from", from)
		t.byRule(ruleNewLead, Event{Type: EventReplaced, Step: v.Step, Visit: v.ID, UserIDs: []string{from, heir}})
	}
}

// again returns whom the organisation names now by the reason for which somebody leads; empty by any other.
func (f finder) again(why Reason) string {
	of, level := why.Args["of"], 1
	if n, err := strconv.Atoi(why.Args["level"]); err == nil {
		level = n
	}
	var all []found
	switch why.Rule {
	case ruleManagerOf:
		all = f.above(ruleManagerOf, of, "manager", f.org.manager, level)
	case ruleSupervisorOf:
		all = f.above(ruleSupervisorOf, of, "supervisor", f.org.supervisor, level)
	case ruleChainOfManagers:
		if all = f.line(Who{ChainOfManagers: of, Level: level}); len(all) < level {
			return ""
		}
	case ruleTeamLead:
		all = f.team(Who{Team: why.Args["team"], Lead: true})
	}
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].user
}
