package robot

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// decide is the step in which whoever is asked decides on what a case has asked for.
const decide = "decide"

// answersWithin is how long a case may take to learn what was decided.
const answersWithin = 10 * time.Second

type taskView struct {
	SubjectID  string `json:"subject_id"`
	ApprovalID string `json:"approval_id"`
}

// decide lets the first of the staff who is asked approve or, now and then, reject, and waits until the case knows.
func (r *Robot) decide(ctx context.Context, p *plan) error {
	for _, i := range p.rng.Perm(len(r.staff)) {
		by := r.staff[i]
		task, err := r.asked(ctx, by, p.caseID)
		if err != nil {
			return err
		}
		if task.ApprovalID == "" {
			continue
		}
		verb := "approve"
		if p.rng.IntN(4) == 0 {
			verb = "reject"
		}
		_, err = by.api.Post(ctx, "/approvals/"+task.ApprovalID+"/"+verb, "", map[string]any{"comment": pick(p.rng, texts[by.Locale][decide])}, nil)
		var refused *apiclient.Problem
		if errors.As(err, &refused) && faster(refused.Status) {
			r.tally.Refused[verb]++
			return nil
		}
		if err != nil {
			return err
		}
		r.tally.Done[verb]++
		r.say(by, p.number, verb, "→ "+task.ApprovalID)
		return r.learned(ctx, p, by)
	}
	r.tally.Skipped[decide]++
	return ctx.Err()
}

// asked finds the task in which somebody is asked to decide for a case.
func (r *Robot) asked(ctx context.Context, by *member, caseID string) (taskView, error) {
	var found taskView
	err := apiclient.Each(ctx, by.api, "/tasks", url.Values{"box": {"todo"}, "process": {"approval"}}, func(t taskView) error {
		if t.SubjectID == caseID {
			found = t
		}
		return nil
	})
	return found, err
}

// learned waits until nothing of the case waits for a decision any more.
func (r *Robot) learned(ctx context.Context, p *plan, by *member) error {
	for end := time.Now().Add(answersWithin); time.Now().Before(end); {
		var view struct {
			Transfer *struct {
				ApprovedAt *time.Time `json:"approved_at"`
			} `json:"transfer"`
			Extension *struct{} `json:"extension"`
		}
		err := by.api.Get(ctx, "/cases/"+p.caseID, nil, &view)
		var unseen *apiclient.Problem
		if errors.As(err, &unseen) && faster(unseen.Status) {
			return nil // not theirs to see
		}
		if err != nil {
			return err
		}
		if view.Extension == nil && (view.Transfer == nil || view.Transfer.ApprovedAt != nil) {
			return nil
		}
		if err := apiclient.Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
