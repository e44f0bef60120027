package models

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// campaignRule says in which states an action is legal, what else must hold, and which permission it needs.
type campaignRule struct {
	action CampaignAction
	in     []CampaignStatus
	when   func(*CampaignState) bool // nil: nothing else
	perm   Permission
}

func noRun(s *CampaignState) bool { return s.Run == nil }

// campaignRules is the transition table of the campaign process: the one place that says what is allowed.
var campaignRules = []campaignRule{
	{CampaignLaunch, []CampaignStatus{CampaignDraft, CampaignScheduled, CampaignEnded, CampaignStopped}, noRun, PermCampaignLaunch},
	{CampaignPause, []CampaignStatus{CampaignRunning, CampaignScheduled}, nil, PermCampaignManage},
	{CampaignResume, []CampaignStatus{CampaignPaused}, nil, PermCampaignManage},
	{CampaignStop, []CampaignStatus{CampaignRunning, CampaignPaused, CampaignScheduled}, nil, PermCampaignManage},
	{CampaignChange, []CampaignStatus{CampaignDraft, CampaignScheduled, CampaignRunning, CampaignPaused, CampaignEnded, CampaignStopped}, nil, PermCampaignManage},
}

// CampaignActions lists the actions that may be taken on a campaign that exists, in a fixed order.
func CampaignActions() []CampaignAction {
	names := make([]CampaignAction, len(campaignRules))
	for i, r := range campaignRules {
		names[i] = r.action
	}
	return names
}

func (r campaignRule) legal(s *CampaignState) bool {
	return slices.Contains(r.in, s.Status) && (r.when == nil || r.when(s))
}

// permitted returns for whom the actor may take the action: their own id, or else the first person whose deputy they are.
func (r campaignRule) permitted(actor Actor) (Person, bool) {
	for _, p := range actor.In(CampaignProcess) {
		if p.May(r.perm) {
			return p, true
		}
	}
	return Person{}, false
}

// AllowedCampaign lists the actions that the actor may take now.
func AllowedCampaign(s *CampaignState, actor Actor) []CampaignAction {
	allowed := []CampaignAction{}
	for _, r := range campaignRules {
		if _, ok := r.permitted(actor); ok && r.legal(s) {
			allowed = append(allowed, r.action)
		}
	}
	return allowed
}

// CheckCampaign reports whether the actor may take the action now, and in whose right.
func CheckCampaign(s *CampaignState, action CampaignAction, actor Actor) (Person, error) {
	i := slices.IndexFunc(campaignRules, func(r campaignRule) bool { return r.action == action })
	if i < 0 {
		return Person{}, errs.New(errs.NotFound, "campaign.unknown_action", "action", string(action))
	}
	r := campaignRules[i]
	me, ok := r.permitted(actor)
	if !ok {
		return Person{}, errs.New(errs.Forbidden, "forbidden", "permission", string(r.perm))
	}
	if !r.legal(s) {
		var allowed []string
		for _, a := range AllowedCampaign(s, actor) {
			allowed = append(allowed, string(a))
		}
		return Person{}, errs.New(errs.Conflict, "campaign.wrong_state", "number", s.Number, "state", string(s.Status), "action", string(action),
			"allowed", strings.Join(allowed, ", "))
	}
	return me, nil
}

// NextCheckpoint is when the campaign must look at the clock: at the instant of a schedule for once.
func (s *CampaignState) NextCheckpoint() *time.Time {
	plan := s.Definition.Schedule
	if s.Status != CampaignScheduled || plan == nil || plan.Kind != campaign.ScheduleOnce {
		return nil
	}
	at := plan.At.UTC()
	return &at
}

// Repeats reports whether the engine's schedule launches the campaign again and again.
func (s *CampaignState) Repeats() bool {
	plan := s.Definition.Schedule
	return plan != nil && plan.Kind == campaign.ScheduleCron && s.Status != CampaignStopped
}

// ScheduleSpec is what is wanted of the engine's schedule of the campaign; false when there must be none.
func (s *CampaignState) ScheduleSpec() (ScheduleSpec, bool) {
	spec := ScheduleSpec{ID: CampaignScheduleID(s.ID)}
	if !s.Repeats() {
		return spec, false
	}
	plan, paused := s.Definition.Schedule, s.Status == CampaignPaused && s.Run == nil
	spec.Cron, spec.TimeZone, spec.Overlap, spec.Paused = plan.Cron, plan.Timezone, Overlap(plan.Overlap), &paused
	spec.CatchUpWindow = plan.CatchUp()
	spec.Note = s.Number
	spec.WorkflowType, spec.WorkflowID, spec.TaskQueue, spec.Args = CampaignFiringType, CampaignWorkflowID(s.ID)+"/firing", CampaignTaskQueue, []any{s.ID}
	return spec, true
}
