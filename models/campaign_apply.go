package models

import (
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// keepReleased is how many firings are remembered whose wait is over.
const keepReleased = 5

// The rules by which a campaign decides.
const (
	ruleSchedule     = "schedule"
	ruleFailureLimit = "failure_limit"
	ruleRunEnded     = "run_ended"
)

// campaignStep builds one CampaignStep.
type campaignStep struct {
	frame
	CampaignStep
	s     *CampaignState
	rules FollowUpRules
}

// ApplyCampaign decides one step of a campaign: it returns the new state with everything to write, or the refusal. The given
// state is not changed. A refused command has no effect at all.
func ApplyCampaign(old *CampaignState, e CampaignEvent, at time.Time, r FollowUpRules) (CampaignStep, error) {
	t := &campaignStep{s: &CampaignState{}, rules: r}
	if old != nil {
		s := *old
		s.Released = slices.Clone(old.Released)
		t.s = &s
	}
	t.frame = frameOf(at, t.s.UpdatedAt, &t.s.EventSeq)
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if err := t.take(old, e); err != nil {
		return CampaignStep{}, err
	}
	s := t.s
	switch closed := s.Status == CampaignEnded || s.Status == CampaignStopped; {
	case !closed:
		s.ClosedAt = nil
	case s.ClosedAt == nil:
		s.ClosedAt = &t.at
	}
	s.Seq++
	s.UpdatedAt = t.at
	s.Handled = handle(s.Handled, t.RequestID)
	s.NextAt = s.NextCheckpoint()
	t.told()
	t.State, t.Events, t.Notices = *s, t.events, t.notices
	return t.CampaignStep, nil
}

func (t *campaignStep) take(old *CampaignState, e CampaignEvent) error {
	switch {
	case e.Action == CampaignCreate && old != nil:
		return errs.New(errs.Conflict, "campaign.exists", "number", old.Number)
	case e.Action == CampaignCreate:
		return t.create(e)
	case old == nil:
		return errs.New(errs.NotFound, "campaign.unknown")
	}
	switch e.Action {
	case CampaignTick:
		return t.by(ruleSchedule, func() error { return t.due(e) })
	case CampaignFire:
		return t.by(ruleSchedule, func() error { return t.fire(e) })
	case CampaignRunEnded, CampaignTripped:
		return t.runTold(e)
	}
	me, err := CheckCampaign(t.s, e.Action, e.Meta.Actor)
	if err != nil {
		return err
	}
	t.actor = e.Meta.Actor.ID
	if me.ID != t.actor {
		t.behalf = me.ID
	}
	switch e.Action {
	case CampaignChange:
		return t.change(e)
	case CampaignLaunch:
		return t.launch(nil)
	case CampaignPause:
		t.s.Status, t.s.PausedBy = CampaignPaused, t.actor
		t.event("paused")
	case CampaignResume:
		t.s.Status, t.s.PausedBy = t.resting(), ""
		if t.s.Run != nil {
			t.s.Status = CampaignRunning
		}
		t.event("resumed")
	case CampaignStop:
		t.stop()
	}
	return nil
}

// create makes a campaign. One with a schedule waits for it from now on.
func (t *campaignStep) create(e CampaignEvent) error {
	c, err := t.defined(e)
	if err != nil {
		return err
	}
	t.actor = e.Meta.Actor.ID
	*t.s = CampaignState{Number: c.Number, ID: c.ID, Definition: c.Definition, Version: 1, CreatedBy: t.actor, CreatedAt: t.at}
	t.s.Status = t.resting()
	t.event("created", "name", c.Definition.Name)
	return nil
}

// defined reads and checks a definition.
func (t *campaignStep) defined(e CampaignEvent) (DefineCampaign, error) {
	c, err := dataOf[DefineCampaign](e.Data)
	if err != nil {
		return c, err
	}
	if faults := c.Definition.Check(); len(faults) > 0 {
		return c, errs.NewInvalid(faults...)
	}
	if _, err := t.rules.Book.Template(c.Definition.Template); err != nil {
		return c, errs.NewInvalid(errs.Field{Field: "template", Code: "unknown"})
	}
	return c, nil
}

// change takes a new definition; what is sent from now on follows it, also in a run that is under way.
func (t *campaignStep) change(e CampaignEvent) error {
	c, err := t.defined(e)
	if err != nil {
		return err
	}
	if c.Version != 0 && c.Version != t.s.Version {
		return errs.New(errs.PreconditionFailed, "precondition_failed")
	}
	if plan, before := c.Definition.Schedule, t.s.Definition.Schedule; plan == nil || before == nil || !plan.At.Equal(before.At) {
		t.s.Awaited = t.s.Runs > 0 && plan != nil && plan.At.After(t.at)
	}
	t.s.Definition = c.Definition
	t.s.Version++
	if t.s.Run == nil && (t.s.Status == CampaignDraft || t.s.Status == CampaignScheduled || t.s.Status == CampaignEnded) {
		t.s.Status = t.resting()
	}
	t.event("changed", "version", t.s.Version)
	return nil
}

// resting is the state of a campaign without a run.
func (t *campaignStep) resting() CampaignStatus {
	switch plan := t.s.Definition.Schedule; {
	case plan == nil && t.s.Runs > 0:
		return CampaignEnded
	case plan == nil:
		return CampaignDraft
	case plan.Kind == campaign.ScheduleOnce && (t.s.Runs > 0 && !t.s.Awaited || !plan.At.After(t.at)):
		return CampaignEnded
	default:
		return CampaignScheduled
	}
}

// launch begins a run by the rules that are in force. The survey may have lost the template since the campaign was defined.
func (t *campaignStep) launch(firing *CampaignFiring) error {
	s := t.s
	if _, err := t.rules.Book.Template(s.Definition.Template); err != nil {
		return errs.New(errs.Conflict, "campaign.unknown_template", "template", s.Definition.Template)
	}
	s.Runs, s.Awaited = s.Runs+1, false
	s.Run = &CampaignRunState{
		ID: id.DeriveAt(id.Run, s.ID, strconv.Itoa(s.Runs), t.at), N: s.Runs, StartedAt: t.at, Until: s.Definition.Expires(t.at), By: t.actor, Firing: firing,
	}
	s.Status = CampaignRunning
	t.Launch = &CampaignLaunching{
		RunID: s.Run.ID, CampaignID: s.ID, N: s.Run.N, Audience: s.Definition.Audience, StartedAt: t.at, Until: s.Run.Until,
		SurveyVersion: t.rules.SurveyVersion, PolicyVersion: t.rules.PolicyVersion, CalendarID: t.rules.CalendarID,
		CalendarVersion: t.rules.CalendarVersion, TimeZone: t.rules.Calendar.Location().String(),
	}
	t.event("launched", "run", s.Run.N, "until", s.Run.Until)
	return nil
}

// due launches a campaign whose one instant has come.
func (t *campaignStep) due(e CampaignEvent) error {
	f, err := dataOf[CampaignFiring](e.Data)
	if err != nil {
		return err
	}
	next := t.s.NextCheckpoint()
	switch {
	case next == nil || t.at.Before(*next):
	case f.Refused != "":
		t.s.Status = CampaignEnded
		t.skip(f, f.Refused)
	default:
		return t.launch(nil)
	}
	return nil
}

// fire launches a campaign as the engine's schedule asks, unless a run is under way: then the policy of the schedule decides
// whether this one is left out or waits.
func (t *campaignStep) fire(e CampaignEvent) error {
	f, err := dataOf[CampaignFiring](e.Data)
	if err != nil {
		return err
	}
	s := t.s
	switch plan := s.Definition.Schedule; {
	case f.Refused != "":
		t.skip(f, f.Refused)
	case plan == nil || plan.Kind != campaign.ScheduleCron || s.Status == CampaignStopped || s.Status == CampaignPaused && s.Run == nil:
		t.skip(f, string(s.Status))
	case s.Run == nil:
		return t.launch(&f)
	case plan.Overlap == campaign.OverlapBufferOne && s.Waiting == nil:
		s.Waiting = &f
		t.event("launch_waits", "scheduled_at", f.At, "run", s.Run.N)
	default:
		t.skip(f, "overlap")
	}
	return nil
}

// skip leaves out a run, and says why.
func (t *campaignStep) skip(f CampaignFiring, reason string) {
	t.event("launch_skipped", "scheduled_at", f.At, "reason", reason)
	t.notify(t.s.Seq+1, "campaign_skipped", []string{t.owner()}, "number", t.s.Number, "name", t.s.Definition.Name, "reason", reason)
	t.release(&f)
}

// owner is who is told what becomes of the campaign: who made it, or whoever answers for them when they have left.
func (t *campaignStep) owner() string { return t.rules.Org.answers(t.s.CreatedBy) }

// release lets a firing know that it need not wait any more.
func (t *campaignStep) release(f *CampaignFiring) {
	if f == nil || f.WorkflowID == "" {
		return
	}
	t.s.Released = append(t.s.Released, *f)
	t.s.Released = t.s.Released[max(0, len(t.s.Released)-keepReleased):]
}

// stop ends the run, and the schedule: who is pending is withdrawn.
func (t *campaignStep) stop() {
	s := t.s
	s.Status, s.PausedBy = CampaignStopped, ""
	if s.Run != nil {
		t.CampaignStep.Stop = s.Run.ID
	}
	t.release(s.Waiting)
	s.Waiting = nil
	t.event("stopped")
}

// runTold learns that the run has ended, or that too many of its messages fail.
func (t *campaignStep) runTold(e CampaignEvent) error {
	f, err := dataOf[CampaignRunFact](e.Data)
	if err != nil {
		return err
	}
	s := t.s
	if s.Run == nil || s.Run.ID != f.RunID {
		return errs.New(errs.Conflict, "campaign.run_over")
	}
	if f.Tripped {
		return t.by(ruleFailureLimit, func() error { return t.trip(f) })
	}
	return t.by(ruleRunEnded, func() error {
		t.event("run_ended", "run", s.Run.N)
		t.release(s.Run.Firing)
		waiting := s.Waiting
		s.Run, s.Waiting = nil, nil
		switch rest := t.resting(); {
		case s.Status == CampaignStopped:
			return nil
		case s.Status != CampaignPaused || rest != CampaignScheduled: // a pause of the schedule outlasts the run
			s.Status, s.PausedBy = rest, ""
		}
		switch {
		case waiting == nil:
		case s.Status == CampaignPaused:
			t.skip(*waiting, string(CampaignPaused))
		case f.Refused != "":
			t.skip(*waiting, f.Refused)
		case s.Repeats():
			return t.launch(waiting)
		default:
			t.skip(*waiting, string(s.Status))
		}
		return nil
	})
}

// trip pauses a run of which too many messages fail, and tells its owner.
func (t *campaignStep) trip(f CampaignRunFact) error {
	s := t.s
	if s.Status != CampaignRunning {
		return nil // the run pauses by itself: the step lets it look at its campaign again
	}
	s.Status, s.PausedBy = CampaignPaused, System
	t.event("paused", "failed", f.Failed, "of", f.Of)
	t.notify(s.Seq+1, "campaign_paused", []string{t.owner()}, "number", s.Number, "name", s.Definition.Name,
		"failed", strconv.Itoa(f.Failed), "of", strconv.Itoa(f.Of))
	return nil
}
