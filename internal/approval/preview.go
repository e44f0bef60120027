package approval

import "time"

// PreviewStep is one step that a request would meet, with the people whom it would ask.
type PreviewStep struct {
	Step    string          `json:"step"`
	Mode    Mode            `json:"mode"`
	When    string          `json:"when,omitempty"`
	Due     Due             `json:"due,omitzero"`
	Nobody  string          `json:"nobody,omitempty"` // what would happen because nobody is found now
	People  []PreviewPerson `json:"people,omitempty"`
	WhyStep Why             `json:"why"`
}

// PreviewPerson is somebody who would be asked, and why. Spared says that they would not be asked again if they approve
// the steps before.
type PreviewPerson struct {
	UserID string `json:"user_id"`
	Why    Reason `json:"why"`
	Spared bool   `json:"spared,omitempty"`
}

// Preview shows what New would start: every step that the request would meet, who would be asked in it with the
// organisation as it is, and why. It refuses what New refuses.
func (c *Chain) Preview(req Request, at time.Time, org Org) ([]PreviewStep, error) {
	req, path, branch, err := c.prepare(req, &org)
	if err != nil {
		return nil, err
	}
	f := finder{chain: c, req: &req, org: &org, at: at}
	var steps []PreviewStep
	seen := map[string]bool{}
	for _, id := range path {
		step, people := c.previewStep(f, id, branch)
		asked := map[string]bool{}
		for _, p := range people {
			step.People = append(step.People, PreviewPerson{UserID: p.user, Why: p.why, Spared: seen[p.user]})
			asked[p.user] = true
		}
		switch c.def.Rules.RepeatedApprover {
		case RepeatSkipConsecutive:
			seen = asked
		case RepeatSkipAny:
			for id := range asked {
				seen[id] = true
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func (c *Chain) previewStep(f finder, id string, branch int) (PreviewStep, []found) {
	def := c.def.Steps[id]
	step := PreviewStep{Step: id, Mode: def.Mode, When: def.When, Due: def.Due, WhyStep: Why{
		Chain: c.name, PolicyVersion: c.version, Branch: branch, Reason: f.reason("", nil),
	}}
	step.WhyStep.When, step.WhyStep.StepWhen, step.WhyStep.Facts = c.reason(branch, id, f.req.Facts)
	people := f.find(id)
	if len(people) == 0 {
		step.Nobody = c.def.Rules.NobodyFound
		if step.Nobody == NobodyToAdmin {
			step.Mode, people = ModeAny, f.admins()
		}
	}
	return step, people
}
