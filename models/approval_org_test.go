package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

func TestOrgForApprovals_keeps_who_stands_where(t *testing.T) {
	t.Parallel()
	o := &models.Org{
		Users: map[string]models.OrgUser{
			"ann": {ID: "ann", Username: "a.n", TeamID: "hotline", ManagerID: "sue", Active: true, Roles: []models.Role{models.RoleStaff, models.RoleFinance}},
			"bob": {ID: "bob"},
		},
		Teams: map[string]models.OrgTeam{"hotline": {ID: "hotline", Name: "Hotline", SupervisorID: "sue", CalendarID: "cn"}},
	}
	require.Equal(t, approval.Org{
		People: map[string]approval.Person{
			"ann": {ID: "ann", Active: true, Roles: []string{"staff", "finance"}, TeamID: "hotline", ManagerID: "sue"},
			"bob": {ID: "bob", Roles: []string{}},
		},
		Teams: map[string]approval.Team{"hotline": {ID: "hotline", Name: "Hotline", SupervisorID: "sue"}},
	}, o.ForApprovals())
}

func TestDeputyForApprovals_has_a_ceiling_only_if_it_was_given(t *testing.T) {
	t.Parallel()
	d := models.Deputy{ID: "d", UserID: "ann", DeputyID: "bob", From: monday, Until: monday.Add(time.Hour), Processes: []string{"reception"}}
	want := approval.DeputyRule{ID: "d", UserID: "ann", DeputyID: "bob", From: monday, Until: monday.Add(time.Hour), Processes: []string{"reception"}}
	require.Equal(t, want, d.ForApprovals())
	d.MaxAmount, want.MaxAmount = new(int64(5000)), 5000
	require.Equal(t, want, d.ForApprovals())
}

// requested is an approval by sue of a transfer that ann asked for in the process.
func requested(t *testing.T, process string) *models.ApprovalState {
	t.Helper()
	doc, faults := approval.Parse([]byte(`
kind: approval
chains:
  accountability-transfer:
    select: [{when: "true", steps: [supervisor]}]
    steps: {supervisor: {who: [{user: sue}]}}`))
	require.Empty(t, faults)
	policy, err := approval.Compile(doc, 1)
	require.NoError(t, err)
	chain, err := policy.Chain(models.ChainTransfer)
	require.NoError(t, err)
	org := approval.Org{People: map[string]approval.Person{"ann": {ID: "ann", Active: true}, "sue": {ID: "sue", Active: true}}}
	state, _, err := chain.New(approval.Request{ID: "a", Requester: "ann"}, monday, approval.Env{Org: org})
	require.NoError(t, err)
	do := func(verb approval.Verb, actor, to string) {
		state, _, err = chain.Apply(state, approval.Command{Verb: verb, Actor: actor, To: to}, monday.Add(time.Minute), approval.Env{Org: org})
		require.NoError(t, err)
	}
	s := &models.ApprovalState{Process: process, Chain: state}
	require.Equal(t, models.ApprovalOpen, s.Status())
	require.Equal(t, []approval.Verb{
		approval.Approve, approval.Reject, approval.Return, approval.Transfer, approval.Delegate, approval.AddSign, approval.CC, approval.Comment,
	}, s.AllowedVerbs("sue", monday.Add(time.Minute)))
	require.Equal(t, []approval.Verb{}, s.AllowedVerbs("nobody", monday.Add(time.Minute)))
	require.Empty(t, s.AllowedVerbs(approval.System, monday.Add(time.Minute)), "what is the clock's is nobody's")
	do(approval.Return, "sue", approval.StepRequester)
	s.Chain = state
	require.Equal(t, models.ApprovalReturned, s.Status())
	return s
}

func TestAllowedVerbs_offers_resubmission_only_where_the_approval_takes_it(t *testing.T) {
	t.Parallel()
	later := monday.Add(2 * time.Hour)
	require.Equal(t, []approval.Verb{approval.Resubmit, approval.Withdraw, approval.CC, approval.Comment},
		requested(t, models.ComplaintProcess).AllowedVerbs("ann", later))
	require.Equal(t, []approval.Verb{approval.Withdraw, approval.CC, approval.Comment},
		requested(t, models.ReceptionProcess).AllowedVerbs("ann", later))
}

func TestApprovalStatus_is_the_outcome_in_the_end(t *testing.T) {
	t.Parallel()
	for _, o := range []approval.Outcome{approval.Approved, approval.Rejected, approval.Withdrawn} {
		s := requested(t, models.ComplaintProcess)
		s.Chain.Outcome = o
		require.Equal(t, models.ApprovalStatus(o), s.Status())
		require.Contains(t, models.ApprovalStatuses(), s.Status())
	}
}

func TestActedFor_climbs_from_deputy_to_deputy(t *testing.T) {
	t.Parallel()
	rules := []models.Deputy{
		{UserID: "ann", DeputyID: "ben"},
		{UserID: "ben", DeputyID: "cat"},
		{UserID: "eve", DeputyID: "cat"},
		{UserID: "cat", DeputyID: "ann"}, // when the windows do not meet
		{UserID: "dan", DeputyID: "fay"},
	}
	require.Equal(t, []string{"cat", "ben", "eve", "ann"}, models.ActedFor(rules, "cat"))
	require.Equal(t, []string{"fay", "dan"}, models.ActedFor(rules, "fay", "dan"))
	require.Equal(t, []string{"gus"}, models.ActedFor(rules, "gus"))
}
