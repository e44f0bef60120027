package models

import (
	"slices"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// refreshChecklist derives what must be prepared: an item that stays keeps what is known of it, and is due anew when the
// visit moves.
func (t *receptionStep) refreshChecklist() {
	s := t.s
	var list []ChecklistEntry
	for _, item := range t.rules.Policy.Checklist(t.rules.Plans.Current.facts(s.ClientClass)) {
		due := t.rules.before(*s.StartsAt, item.Before, item.Clock)
		entry := ChecklistEntry{Name: item.Name, For: item.For, DueAt: due, WarnAt: t.rules.before(due, item.Warn, item.Clock)}
		entry.OwnerID, entry.TeamID = t.ownerOf(item.For)
		if i := slices.IndexFunc(s.Checklist, func(c ChecklistEntry) bool { return c.Name == item.Name }); i >= 0 {
			was := s.Checklist[i]
			entry.DoneAt, entry.DoneBy = was.DoneAt, was.DoneBy
			if was.DueAt.Equal(due) {
				entry.Warned, entry.Late = was.Warned, was.Late
			}
			if was.OwnerID == entry.OwnerID && was.TeamID == entry.TeamID && was.DueAt.Equal(due) {
				list = append(list, entry)
				continue
			}
			t.settle(TaskCancelled, about(TaskPrepareItem, item.Name))
		}
		if entry.DoneAt == nil {
			t.openTask(TaskPrepareItem, entry.OwnerID, entry.TeamID, &due, "rule", ruleChecklist, "item", item.Name)
		}
		list = append(list, entry)
	}
	for _, was := range s.Checklist {
		if !slices.ContainsFunc(list, func(c ChecklistEntry) bool { return c.Name == was.Name }) {
			t.settle(TaskCancelled, about(TaskPrepareItem, was.Name))
		}
	}
	s.Checklist = list
}

// ownerOf returns whose an item of the check-list is, among those who are there.
func (t *receptionStep) ownerOf(relation string) (userID, teamID string) {
	switch relation {
	case "requester":
		return t.present(t.s.RequesterID)
	case "host":
		return t.present(t.s.Hosts[0])
	default:
		return t.desk()
	}
}

// prepare ticks off what is done and names who receives: whoever of the reception desk begins, unless another is named.
func (t *receptionStep) prepare() error {
	c, err := decodeReception[PrepareReception](t)
	if err != nil {
		return err
	}
	s := t.s
	var faults []errs.Field
	for i, name := range c.Items {
		if !slices.ContainsFunc(s.Checklist, func(e ChecklistEntry) bool { return e.Name == name }) {
			faults = append(faults, errs.Field{Field: at("items", i, ""), Code: "unknown"})
		}
	}
	named := c.ReceptionistID
	if named == "" && s.ReceptionistID == "" && t.me.May(PermReceptionPrepare) {
		named = t.me.ID
	}
	if named != "" {
		p := &planFaults{ReceptionPlan: &ReceptionPlan{ReceptionistID: named}, r: t.rules}
		p.people()
		faults = append(faults, p.faults...)
	}
	if len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	data := map[string]any{"items": c.Items}
	if named != "" && named != s.ReceptionistID {
		s.ReceptionistID, data["receptionist_id"] = named, named
		plan := t.rules.Plans.Current.normal(s.Currency)
		plan.ReceptionistID = named
		t.rules.Plans.Current = plan
		t.writePlans()
		t.refreshChecklist()
		t.notify("receptionist_named", []string{named})
	}
	if err := t.dedicated(); err != nil {
		return err
	}
	for i := range s.Checklist {
		if e := &s.Checklist[i]; e.DoneAt == nil && slices.Contains(c.Items, e.Name) {
			e.DoneAt, e.DoneBy = &t.at, t.me.ID
			t.settle(TaskDone, about(TaskPrepareItem, e.Name))
		}
	}
	t.event("prepared", data)
	if s.Status == ReceptionApproved {
		s.Status = ReceptionPreparing
		t.settle(TaskDone, kinds(TaskPrepareReception))
		user, team := t.desk()
		t.openTask(TaskRunReception, user, team, s.EndsAt, "rule", "receptionist")
	} else {
		t.followDesk()
	}
	return nil
}

// followDesk gives what the reception desk has to do with the visit to who receives now, and by when the visit is now.
func (t *receptionStep) followDesk() {
	user, team := t.desk()
	for _, task := range slices.Clone(t.s.Tasks) {
		due := t.s.EndsAt
		if task.Kind == TaskPrepareReception {
			due = t.s.StartsAt
		}
		if !kinds(TaskPrepareReception, TaskRunReception)(task) || task.UserID == user && task.TeamID == team && sameInstant(task.DueAt, due) {
			continue
		}
		t.settle(TaskCancelled, func(o Task) bool { return o.ID == task.ID })
		t.openTask(task.Kind, user, team, due, "rule", task.Why["rule"])
	}
}

// dedicated holds that important visits have a room of their own for as long as they last, and somebody who receives.
func (t *receptionStep) dedicated() error {
	s := t.s
	if !slices.Contains(t.rules.Policy.Document().Dedicated, s.Level) {
		return nil
	}
	var missing []errs.Field
	if !slices.ContainsFunc(s.Bookings, func(b ReceptionBooking) bool {
		return t.rules.Resources[b.ResourceID].Kind == ResourceRoom && !b.StartsAt.After(*s.StartsAt) && !b.EndsAt.Before(*s.EndsAt)
	}) {
		missing = append(missing, errs.Field{Field: "resources", Code: "dedicated_room"})
	}
	if s.ReceptionistID == "" {
		missing = append(missing, errs.Field{Field: "receptionist_id", Code: "required"})
	}
	if missing == nil {
		return nil
	}
	return &errs.Error{Code: errs.Conflict, Key: "reception.not_ready", Args: errs.Args("level", s.Level), Fields: missing}
}

// start begins the visit. What is not prepared by now is noted and no longer asked for.
func (t *receptionStep) start() error {
	if err := t.dedicated(); err != nil {
		return err
	}
	data := map[string]any{}
	var open []string
	for _, e := range t.s.Checklist {
		if e.DoneAt == nil {
			open = append(open, e.Name)
		}
	}
	if open != nil {
		data["unprepared"] = open
	}
	t.s.Status = ReceptionInProgress
	t.settle(TaskCancelled, kinds(TaskPrepareItem))
	t.event("started", data)
	return nil
}

// tickOff notes that an activity has taken place.
func (t *receptionStep) tickOff() error {
	c, err := decodeReception[TickOff](t)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.s.Activities, func(a ReceptionActivity) bool { return a.ID == c.ActivityID })
	if i < 0 {
		return errs.NewInvalid(errs.Field{Field: "activity_id", Code: "unknown"})
	}
	a := &t.s.Activities[i]
	if a.DoneAt != nil {
		return errs.New(errs.Conflict, "reception.ticked_off")
	}
	a.DoneAt, a.DoneBy = &t.at, t.me.ID
	t.event("activity_done", map[string]any{"activity_id": a.ID, "kind": a.Kind})
	return nil
}

// raiseNeed takes up a need on the spot; it is a task of the receptionist unless somebody else is named.
func (t *receptionStep) raiseNeed() error {
	c, err := decodeReception[RaiseNeed](t)
	if err != nil {
		return err
	}
	s := t.s
	p := &planFaults{ReceptionPlan: &ReceptionPlan{}, r: t.rules}
	if strings.TrimSpace(c.Text) == "" {
		p.add("text", "required")
	}
	if c.Kind == "" {
		c.Kind = TypeInquiry
	}
	p.oneOf("kind", string(c.Kind), []string{string(TypeComplaint), string(TypeInquiry)})
	if c.OwnerID == "" {
		c.OwnerID = t.firstContact()
	}
	p.user("owner_id", c.OwnerID)
	if len(p.faults) > 0 {
		return errs.NewInvalid(p.faults...)
	}
	n := ReceptionNeed{ID: id.Derive(id.Need, s.ID, t.nth(len(s.Needs))), OwnerID: c.OwnerID, RaisedAt: t.at}
	s.Needs = append(s.Needs, n)
	t.Need = &NeedRecord{ID: n.ID, Text: c.Text, Kind: c.Kind, By: t.me.ID}
	t.event("need_raised", map[string]any{"need_id": n.ID, "text": c.Text, "owner_id": n.OwnerID})
	t.openTask(TaskSolveNeed, n.OwnerID, "", s.EndsAt, "rule", "need", "item", n.ID)
	t.notify("need_raised", []string{n.OwnerID}, "text", c.Text, "item", n.ID)
	return nil
}

// firstContact is who answers for the visit towards the client: the receptionist, else the first host, else the requester.
func (t *receptionStep) firstContact() string {
	for _, u := range append([]string{t.s.ReceptionistID}, t.s.Hosts...) {
		if t.rules.Org.Users[u].Active {
			return u
		}
	}
	return t.s.RequesterID
}

func (t *receptionStep) solveNeed() error {
	c, err := decodeReception[SolveNeed](t)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.s.Needs, func(n ReceptionNeed) bool { return n.ID == c.NeedID })
	if i < 0 {
		return errs.NewInvalid(errs.Field{Field: "need_id", Code: "unknown"})
	}
	if strings.TrimSpace(c.Solution) == "" {
		return errs.NewInvalid(errs.Field{Field: "solution", Code: "required"})
	}
	n := &t.s.Needs[i]
	if n.SolvedAt != nil {
		return errs.New(errs.Conflict, "reception.need_solved")
	}
	n.SolvedAt = &t.at
	t.Need = &NeedRecord{ID: n.ID, Solution: c.Solution, By: t.me.ID}
	t.settle(TaskDone, about(TaskSolveNeed, n.ID))
	t.event("need_solved", map[string]any{"need_id": n.ID, "solution": c.Solution})
	return nil
}

// complete ends the visit: what is not used any more is free at once, what was asked and not solved becomes a case, and
// the visitors are asked how it was.
func (t *receptionStep) complete() error {
	s := t.s
	claims := t.rules.Policy.Document().Claims
	remind, err := claims.Remind.Due(t.at, claims.Clock, t.rules.Calendar)
	if err != nil {
		return err
	}
	s.Status, s.SettleBy = ReceptionCompleted, &remind
	t.event("completed", nil)
	t.tellClient()
	for i := range s.Needs {
		n := &s.Needs[i]
		if n.SolvedAt != nil {
			continue
		}
		n.CaseOf = true
		o := CaseOrder{NeedID: n.ID, ClientID: s.ClientID, FirstContactID: t.firstContact(), RequestID: id.Derive(id.Request, s.ID, "case/"+n.ID)}
		t.Cases = append(t.Cases, o)
		t.event("need_becomes_case", map[string]any{"need_id": n.ID, "first_contact_id": o.FirstContactID})
	}
	kept := s.Bookings[:0:0]
	for _, b := range s.Bookings {
		if thing, ok := t.rules.Resources[b.ResourceID]; ok && !thing.Kind.Consumed() && b.EndsAt.After(t.at) {
			t.hold.Release = append(t.hold.Release, b.Item)
			continue
		}
		kept = append(kept, b)
	}
	s.Bookings = kept
	t.settle(TaskDone, kinds(TaskRunReception))
	t.settle(TaskCancelled, kinds(TaskSolveNeed, TaskPrepareItem))
	t.openTask(TaskSettleReception, s.RequesterID, "", &remind, "rule", ruleSettle)
	t.Survey = &SurveyOrder{ReceptionID: s.ID, ClientID: s.ClientID, At: t.at}
	t.notify("reception_completed", append([]string{s.RequesterID}, s.Hosts...))
	return nil
}
