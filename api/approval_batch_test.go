package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

func batchOf(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `]}` }

func batchItem(approvalID, action, comment string) string {
	return fmt.Sprintf(`{"approval_id":%q,"action":%q,"comment":%q}`, approvalID, action, comment)
}

func TestBatchDecidesEachItemForItself(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.act(ben, "approve", "")
	body := batchOf(batchItem(approvalB, "reject", "too late"), batchItem(approvalNone, "approve", ""), batchItem(approvalA, "approve", "fine"))
	v := object(t, b.call(ben, "POST", "/approvals/batch", body, "Idempotency-Key", "k"), http.StatusOK)
	items := v["items"].([]any)
	require.Len(t, items, 3)
	require.Equal(t, map[string]any{"approval_id": approvalB, "action": "reject", "status": 200., "code": nil, "detail": nil}, items[0])
	for i, want := range map[int][]any{1: {approvalNone, "approve", 404., "not_found"}, 2: {approvalA, "approve", 409., "step_passed"}} {
		item := items[i].(map[string]any)
		require.Equal(t, want, []any{item["approval_id"], item["action"], item["status"], item["code"]})
		require.NotEmpty(t, item["detail"])
	}
	require.Equal(t, "too late", b.store.rows[approvalB].State.Chain.Visits[0].Participants[0].Comment)

	n := len(b.engine.sent)
	again := b.call(ben, "POST", "/approvals/batch", body, "Idempotency-Key", "k")
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	require.Equal(t, v, object(t, again, http.StatusOK))
	require.Len(t, b.engine.sent, n)
}

func TestBatchIsTriedAgainUnderTheSameCommands(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	b.engine.err = errs.New(errs.Unavailable, "unavailable.engine")
	body := batchOf(batchItem(approvalA, "approve", ""), batchItem(approvalB, "approve", ""))
	call := func() []any {
		return object(t, b.call(ben, "POST", "/approvals/batch", body, "Idempotency-Key", "k"), http.StatusOK)["items"].([]any)
	}
	for _, item := range call() {
		require.Equal(t, []any{503., "unavailable"}, []any{item.(map[string]any)["status"], item.(map[string]any)["code"]})
	}
	b.engine.err = nil
	for _, item := range call() {
		require.InDelta(t, 200, item.(map[string]any)["status"], 0)
	}
	ids := map[string]map[string]int{}
	for _, s := range b.engine.sent {
		require.True(t, id.Valid(id.Request, s.event.Meta.RequestID))
		if ids[s.workflowID] == nil {
			ids[s.workflowID] = map[string]int{}
		}
		ids[s.workflowID][s.updateID]++
	}
	require.Len(t, ids, 2)
	seen := map[string]bool{}
	for _, updates := range ids {
		require.Len(t, updates, 1, "a repetition is the same command")
		for update, times := range updates {
			require.Equal(t, 2, times)
			require.False(t, seen[update], "each item has a command of its own")
			seen[update] = true
		}
	}
}

func TestBatchRefusesBadItemsBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	b := newApprovalBench(t)
	var many []string
	for i := range 101 {
		many = append(many, batchItem(id.Derive(id.Approval, "t", fmt.Sprint(i)), "approve", ""))
	}
	for body, want := range map[string][]string{
		`{}`:             {"items:required"},
		batchOf():        {"items:min"},
		batchOf(many...): {"items:max"},
		batchOf(batchItem(approvalA, "approve", ""), batchItem(approvalA, "reject", "")): {"items:unique"},
		batchOf(batchItem("x", "return", strings.Repeat("x", 2001)), `{}`): {
			"items[0].approval_id:typeid", "items[0].action:oneof", "items[0].comment:max", "items[1].approval_id:required", "items[1].action:required",
		},
	} {
		require.ElementsMatch(t, want, faultsOf(t, b.call(ben, "POST", "/approvals/batch", body)))
	}
	require.Equal(t, http.StatusBadRequest, b.call(ben, "POST", "/approvals/batch", `{"items":[{"to":"x"}]}`).StatusCode)
	require.Empty(t, b.engine.sent)
}
