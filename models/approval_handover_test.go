package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// decided is a reception with the approval that it asked for: what the one orders, the other is told.
type decided struct {
	*stay
	approval *models.ApprovalState
	steps    []models.ApprovalStep
	rules    models.ApprovalRules
	carried  int64 // the last step whose order was carried out
}

// inApproval is amy's request, submitted, which her supervisor and then finance approve; a return lets what was approved stand.
func inApproval(t *testing.T) *decided {
	t.Helper()
	doc, faults := approval.Parse([]byte(`
kind: approval
chains:
  reception:
    select: [{when: "true", steps: [dept_head, finance]}]
    steps: {dept_head: {who: [{manager_of: requester}]}, finance: {who: [{user: fin}]}}
    rules: {after_return: resume}`))
	require.Empty(t, faults)
	policy, err := approval.Compile(doc, 1)
	require.NoError(t, err)
	chain, err := policy.Chain("reception")
	require.NoError(t, err)
	v := newVisit(t, nil)
	d := &decided{stay: v, rules: models.ApprovalRules{Chain: chain, Env: approval.Env{Org: v.r.Org.ForApprovals()}}}
	d.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	d.carry()
	return d
}

// carry carries out what the reception has ordered since.
func (d *decided) carry() {
	d.t.Helper()
	for _, o := range d.state.Orders {
		if o.Seq <= d.carried {
			continue
		}
		d.carried = o.Seq
		e := models.ApprovalOrderedBy(o)
		if o.Verb == models.ApprovalStart {
			e = models.ApprovalBegins(o)
		}
		require.NoError(d.t, d.take(e), "the approval takes what was ordered")
	}
}

// verb is what a person does to the approval.
func (d *decided) verb(who string, verb approval.Verb, to string) error {
	return d.take(models.ApprovalEvent{
		Meta: models.Meta{Actor: member(d.r.Org, who)}, Verb: verb, Data: []byte(`{"to":"` + to + `"}`),
	})
}

func (d *decided) take(e models.ApprovalEvent) error {
	d.t.Helper()
	at := monday.Add(time.Hour)
	if d.approval != nil {
		at = d.approval.UpdatedAt.Add(time.Minute)
	}
	step, err := models.ApplyApproval(d.approval, models.AdvanceApproval{ApprovalID: d.state.Approvals[0].ID, Process: models.ReceptionProcess, Event: e, At: at}, d.rules)
	if err != nil {
		return err
	}
	d.approval, d.steps = &step.State, append(d.steps, step)
	if tell := step.State.Tell; tell != nil && tell.Seq == step.State.Seq {
		_, err = d.attempt(d.state.UpdatedAt.Add(time.Minute), models.Actor{}, models.ReceptionDecide, *tell)
		require.NoError(d.t, err)
	}
	return nil
}

// handOver lets somebody take the client over, or follow who has left.
func (d *decided) handOver(from, to string) {
	d.t.Helper()
	_, err := d.attempt(d.state.UpdatedAt.Add(time.Minute), models.Actor{Person: models.Person{ID: models.System}}, models.ReceptionDeactivate, models.Deactivate{UserID: from, HeirID: to})
	require.NoError(d.t, err)
	d.carry()
}

// asked lists who is asked by the approval.
func (d *decided) asked() []string {
	var users []string
	for _, task := range d.approval.Chain.OpenTasks() {
		users = append(users, task.UserID)
	}
	return users
}

func TestApproval_follows_the_reception_to_its_new_requester(t *testing.T) {
	t.Parallel()

	t.Run("who_does_not_decide_on_what_is_their_own_now", func(t *testing.T) {
		t.Parallel()
		d := inApproval(t)
		require.Equal(t, []string{"sam"}, d.asked())
		d.handOver("amy", "sam")
		require.Equal(t, []string{"mia"}, d.asked(), "as if sam had asked")
		require.Equal(t, approval.CodeSelfApproval, errs.CodeOf(d.verb("sam", approval.Approve, "")))
		require.Equal(t, approval.CodeSelfApproval, errs.CodeOf(d.verb("amy", approval.Approve, "")))
		require.NoError(t, d.verb("mia", approval.Approve, ""))
		require.NoError(t, d.verb("fin", approval.Approve, ""))
		require.Equal(t, models.ReceptionApproved, d.state.Status)
		require.Equal(t, []string{"mia", "fin"}, d.state.Approvers)
	})

	t.Run("whose_own_approval_does_not_count", func(t *testing.T) {
		t.Parallel()
		d := inApproval(t)
		require.NoError(t, d.verb("sam", approval.Approve, ""))
		d.handOver("amy", "sam")
		require.Equal(t, []string{"mia"}, d.asked())
		last := d.steps[len(d.steps)-1]
		require.Equal(t, []string{"handed_over", models.System}, []string{last.Events[0].Type, last.Events[0].Actor})
		require.Equal(t, []string{"sam"}, last.Events[0].Data["user_ids"])
	})

	t.Run("who_submits_what_was_returned", func(t *testing.T) {
		t.Parallel()
		d := inApproval(t)
		require.NoError(t, d.verb("sam", approval.Return, approval.StepRequester))
		require.Equal(t, models.ReceptionDraft, d.state.Status)
		d.handOver("amy", "sam")
		require.Equal(t, []string{"sam "}, d.tasks(models.TaskReviseReception))
		require.Equal(t, []string{"sam"}, d.asked())
		d.do(26*time.Hour, "sam", models.ReceptionSubmit, nil)
		d.carry()
		require.Equal(t, []string{"mia"}, d.asked())
		require.NoError(t, d.verb("mia", approval.Approve, ""))
		require.NoError(t, d.verb("fin", approval.Approve, ""))
		require.Equal(t, models.ReceptionApproved, d.state.Status)
	})

	t.Run("who_takes_it_back", func(t *testing.T) {
		t.Parallel()
		for _, action := range []models.ReceptionAction{models.ReceptionWithdraw, models.ReceptionCancel} {
			d := inApproval(t)
			d.handOver("amy", "hal")
			d.do(26*time.Hour, "hal", action, models.Because{Reason: "fog"})
			d.carry()
			require.Equal(t, approval.Withdrawn, d.approval.Chain.Outcome)
			require.Empty(t, d.approval.Chain.OpenTasks())
			require.Empty(t, d.state.Orders, "the approval has answered")
		}
	})

	t.Run("but_not_with_another_part_in_it", func(t *testing.T) {
		t.Parallel()
		d := inApproval(t)
		n := len(d.steps)
		d.handOver("hal", "sam")
		require.Len(t, d.steps, n, "who receives has asked for nothing")
		require.Equal(t, models.ApprovalStart, d.state.Orders[0].Verb)
	})
}

func TestResubmission_by_a_deputy_is_not_theirs_to_approve(t *testing.T) {
	t.Parallel()
	d := inApproval(t)
	require.NoError(t, d.verb("sam", approval.Return, approval.StepRequester))
	_, err := d.attempt(d.state.UpdatedAt.Add(time.Minute), member(d.r.Org, "sam", "amy"), models.ReceptionRevise, planOf(func(p *models.ReceptionPlan) { p.Purpose = "sign" }))
	require.NoError(t, err)
	_, err = d.attempt(d.state.UpdatedAt.Add(time.Minute), member(d.r.Org, "sam", "amy"), models.ReceptionSubmit, nil)
	require.NoError(t, err)
	d.carry()
	require.Equal(t, []string{"mia"}, d.asked())
	require.Equal(t, approval.CodeSelfApproval, errs.CodeOf(d.verb("sam", approval.Approve, "")))
	require.Equal(t, "purpose", d.approval.Changes[0].Field)
}

func TestResubmission_says_what_it_goes_beyond_now(t *testing.T) {
	t.Parallel()
	d := inApproval(t)
	o := d.state.Orders[0]
	require.NoError(t, d.verb("sam", approval.Return, approval.StepRequester))
	returned := *d.approval
	returned.OverBy = 50_000
	for over := range int64(2) {
		o.Verb, o.Seq, o.Over = models.ApprovalResubmit, 9+over, over*70_000
		d.approval = &returned
		require.NoError(t, d.take(models.ApprovalOrderedBy(o)))
		require.Equal(t, over*70_000, d.approval.OverBy)
	}
	d.approval = &returned
	require.NoError(t, d.verb("amy", approval.Resubmit, ""))
	require.EqualValues(t, 50_000, d.approval.OverBy, "a person resubmits what was asked")
}
