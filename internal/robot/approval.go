package robot

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// decisions are the steps in which whoever is asked decides on what a case or reception has asked for, with the word that
// they are to give; for decide, each gives the one or the other.
var decisions = map[string]string{decide: "", "approve": "approve", "reject": "reject", "return": "return"}

const decide = "decide"

// answersWithin is how long an approval may take to begin, and a case or reception to learn what was decided.
const answersWithin = 10 * time.Second

// detours are the verbs that an approver may use before they decide.
var detours = []string{"transfer", "delegate", "add-sign", "remove-sign", "cc", "comment"}

// approvalView is what the robot looks at of an approval.
type approvalView struct {
	ID             string   `json:"id"`
	State          string   `json:"state"`
	RequesterID    string   `json:"requester_id"`
	AllowedActions []string `json:"allowed_actions"`
	Steps          []struct {
		Participants []struct {
			UserID  string `json:"user_id"`
			AddedBy string `json:"added_by"`
			State   string `json:"state"`
		} `json:"participants"`
	} `json:"steps"`
}

func (v approvalView) status() string { return v.State }

// added is somebody whom the user has added and who has not decided; empty when there is nobody.
func (v approvalView) added(by string) string {
	for _, step := range v.Steps {
		for _, p := range step.Participants {
			if p.AddedBy == by && (p.State == "open" || p.State == "waiting") {
				return p.UserID
			}
		}
	}
	return ""
}

// decide has those who are asked decide, one after the other, until there is an outcome, and waits until the case or
// reception knows. On the way they may add, ask or name others, take their word back, and be urged.
func (r *Robot) decide(ctx context.Context, p *plan, intent string) error {
	around := p.rng.IntN(3) // detours, of all that are asked together
	for end := time.Now().Add(answersWithin); time.Now().Before(end); {
		by, view, err := r.asked(ctx, p)
		if err != nil {
			return err
		}
		if by == nil {
			if !p.view.undecided() {
				r.tally.Skipped[decide]++
				return ctx.Err()
			}
			if err := r.lookAgain(ctx, p); err != nil {
				return err
			}
			continue
		}
		verb := p.verb(view, intent, &around)
		if verb == "" { // it is with its requester, who changes the request and submits that
			return r.learned(ctx, p)
		}
		if err := r.urge(ctx, p, view); err != nil {
			return err
		}
		after, refused, err := take[approvalView](ctx, r, by, p, "/approvals/"+view.ID, verb, r.verbBody(p, verb, by, view))
		if err != nil {
			return err
		}
		if refused == nil && slices.Contains(after.AllowedActions, "take-back") && p.rng.IntN(8) == 0 {
			if after, refused, err = take[approvalView](ctx, r, by, p, "/approvals/"+view.ID, "take-back", r.verbBody(p, "take-back", by, view)); err != nil {
				return err
			}
		}
		if err := r.breathe(ctx); err != nil {
			return err
		}
		if refused == nil && after.State != "open" && after.State != "returned" {
			return r.learned(ctx, p)
		}
		end = time.Now().Add(answersWithin)
	}
	return ctx.Err()
}

// asked finds one of the staff whose word is asked for, with the approval as they see it. Nil when there is nobody.
func (r *Robot) asked(ctx context.Context, p *plan) (*member, approvalView, error) {
	for _, i := range p.rng.Perm(len(r.staff)) {
		by, approvalID := r.staff[i], ""
		err := apiclient.Each(ctx, by.api, "/tasks", url.Values{"box": {"todo"}, "process": {"approval"}}, func(t struct {
			SubjectID  string `json:"subject_id"`
			ApprovalID string `json:"approval_id"`
		},
		) error {
			if t.SubjectID == p.view.ID {
				approvalID = t.ApprovalID
			}
			return nil
		})
		if err != nil {
			return nil, approvalView{}, err
		}
		if approvalID == "" {
			continue
		}
		var view approvalView
		err = by.api.Get(ctx, "/approvals/"+approvalID, nil, &view)
		return by, view, err
	}
	return nil, approvalView{}, nil
}

// verb chooses what an approver does: now and then a detour, else what is intended if they may, else they approve. Empty when
// the approval does not wait for an approver.
func (p *plan) verb(view approvalView, intent string, around *int) string {
	may := func(verb string) bool { return slices.Contains(view.AllowedActions, verb) }
	if may("resubmit") {
		return "resubmit"
	}
	if !may("approve") {
		return ""
	}
	ways := slices.DeleteFunc(slices.Clone(detours), func(verb string) bool { return !may(verb) })
	if *around > 0 && len(ways) > 0 {
		*around--
		return pick(p.rng, ways)
	}
	if intent == "" && p.rng.IntN(4) == 0 {
		intent = "reject"
	}
	if may(intent) {
		return intent
	}
	return "approve"
}

// urge has the requester urge the approvers now and then.
func (r *Robot) urge(ctx context.Context, p *plan, view approvalView) error {
	by := r.member(view.RequesterID)
	if by == nil || p.rng.IntN(6) > 0 {
		return nil
	}
	var theirs approvalView
	if err := by.api.Get(ctx, "/approvals/"+view.ID, nil, &theirs); err != nil || !slices.Contains(theirs.AllowedActions, "urge") {
		return err
	}
	_, _, err := take[approvalView](ctx, r, by, p, "/approvals/"+view.ID, "urge", map[string]any{})
	return err
}

// verbBody is the request for a verb, in the words of who uses it.
func (r *Robot) verbBody(p *plan, verb string, by *member, view approvalView) map[string]any {
	say := func(occasion string) string { return pick(p.rng, texts[by.Locale][occasion]) }
	other := func() string { return pick(p.rng, r.agents(by.ID)).ID }
	switch verb {
	case "transfer", "delegate":
		return map[string]any{"to_id": other(), "comment": say("hand-on")}
	case "add-sign":
		return map[string]any{"position": pick(p.rng, []string{"before", "after", "parallel"}), "user_ids": []string{other()}, "comment": say("hand-on")}
	case "remove-sign":
		return map[string]any{"user_id": view.added(by.ID), "comment": say("reconsider")}
	case "cc":
		return map[string]any{"user_ids": []string{other()}, "comment": say("hand-on")}
	case "comment":
		return map[string]any{"text": say("remark")}
	case "return":
		return map[string]any{"to": "requester", "comment": say(verb)}
	case "resubmit", "take-back":
		return map[string]any{"comment": say("reconsider")}
	default: // approve, reject
		return map[string]any{"comment": say(verb)}
	}
}

// learned waits until nothing of the case or reception waits for a decision any more.
func (r *Robot) learned(ctx context.Context, p *plan) error {
	for end := time.Now().Add(answersWithin); time.Now().Before(end); {
		if err := r.lookAgain(ctx, p); err != nil {
			return err
		}
		if !p.view.undecided() {
			return nil
		}
	}
	return nil
}

// lookAgain waits a moment and looks at the case or reception again, as somebody who may see it.
func (r *Robot) lookAgain(ctx context.Context, p *plan) error {
	if err := apiclient.Pause(ctx, 50*time.Millisecond); err != nil {
		return err
	}
	_, _, err := r.first(ctx, p, func(processView) bool { return true })
	return err
}
