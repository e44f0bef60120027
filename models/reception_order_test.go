package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func TestReception_orders_stay_until_the_approval_has_answered(t *testing.T) {
	t.Parallel()
	v := newVisit(t, nil)
	v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
	approvalID := v.state.Approvals[0].ID
	v.outcome(2*time.Hour, models.OutcomeReturned)
	require.Equal(t, models.ApprovalStart, v.state.Orders[0].Verb, "returned is no outcome")
	v.do(3*time.Hour, "amy", models.ReceptionSubmit, nil)
	require.Len(t, v.state.Orders, 1)
	require.Equal(t, models.ApprovalResubmit, v.state.Orders[0].Verb)
	require.Equal(t, v.state.Seq, v.state.Orders[0].Seq)
	v.do(4*time.Hour, "amy", models.ReceptionCancel, models.Because{Reason: "fog"})
	require.Len(t, v.state.Orders, 1)
	require.Equal(t, models.ApprovalWithdraw, v.state.Orders[0].Verb)

	late := models.ReceptionDecidedBy(models.ApprovalDecided{ApprovalID: approvalID, Seq: 7, Outcome: models.OutcomeApproved})
	require.Equal(t, "approval:"+approvalID+":7", late.Meta.RequestID)
	step, err := models.ApplyReception(&v.state, late, monday.Add(5*time.Hour), v.r)
	require.NoError(t, err)
	require.Empty(t, step.State.Orders)
	require.Equal(t, models.ReceptionCancelled, step.State.Status, "what was given up decides nothing")
	_, err = models.ApplyReception(&step.State, late, monday.Add(6*time.Hour), v.r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "an outcome counts once")
}
