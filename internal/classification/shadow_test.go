package classification_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/classification"
)

// stricter asks for one more criterion than small, and for more points.
func stricter(t testing.TB) *classification.Policy {
	t.Helper()
	return compiled(t, changed(t, "weight: 50", "weight: 40", "  credit:", "  payment: {weight: 10, label: {en: Payment, zh-CN: 付款}}\n  credit:",
		"S: 80, A: 60", "S: 90, A: 75", "chain: classification", "chain: board", "plan: year", "plan: half_year", "review_every: 6mo", "review_every: 3mo"))
}

func TestCompare_tells_the_move_with_both_scores_and_who_decides(t *testing.T) {
	t.Parallel()
	now, next := compiled(t, small), stricter(t)
	s := classification.Standing{
		ClientID: "cli_1", AccountManagerID: "usr_1", Class: classA, Sales: new(int64(1500)), Currency: "CNY",
		Criteria: classification.Criteria{"fit": 70, "credit": 80, "payment": 40},
	}
	move, told := classification.Compare(now, next, s)
	require.True(t, told)
	require.True(t, move.Changes())
	require.Equal(t, []string{"cli_1", "usr_1", "A", "board"}, []string{move.ClientID, move.AccountManagerID, string(move.From), move.Approval})
	require.Equal(t, []any{classA, 6900}, []any{move.Now.Class, move.Now.Score.Points})
	require.Equal(t, []any{classB, 6600}, []any{move.Next.Class, move.Next.Score.Points})
	require.Len(t, move.Now.Score.Parts, 3)
	require.Len(t, move.Next.Score.Parts, 4)

	s.Class = classB
	move, told = classification.Compare(now, next, s)
	require.False(t, told)
	require.Empty(t, move.Approval)
	require.Equal(t, []any{classA, classB}, []any{move.Now.Class, move.Next.Class}, "what is in force says so too, and is not followed yet")

	move, told = classification.Compare(nil, next, s)
	require.False(t, told)
	require.Zero(t, move.Now, "nothing is in force")
}

func TestCompare_reports_who_cannot_be_graded_with_what_is_missing(t *testing.T) {
	t.Parallel()
	now, next := compiled(t, small), stricter(t)
	s := classification.Standing{ClientID: "cli_1", Class: classA, Criteria: classification.Criteria{"fit": 70, "credit": 80}}
	move, told := classification.Compare(now, next, s)
	require.True(t, told)
	require.False(t, move.Changes())
	require.Equal(t, []string{"payment", "revenue"}, move.Missing)
	require.Zero(t, move.Next)
	require.Zero(t, move.Now, "nor by the policy in force")
	require.Empty(t, move.Approval)
	s.Sales, s.Currency = new(int64(1500)), "CNY"
	move, _ = classification.Compare(now, next, s)
	require.Equal(t, []string{"payment"}, move.Missing)
	require.Equal(t, classA, move.Now.Class)
}

func TestTally_adds_up_obligations_per_account_manager(t *testing.T) {
	t.Parallel()
	now, next := compiled(t, small), stricter(t)
	before, after := now.Load(), next.Load()
	for class, want := range map[classification.Class]float64{classS: 6, classA: 3, classB: 1, classC: 0.5} {
		require.InDelta(t, want, before[class], 1e-9, class)
	}
	require.InDelta(t, 6, after[classA], 1e-9)

	tally := classification.NewTally(before, after)
	full := classification.Criteria{"fit": 70, "credit": 80, "payment": 40, "revenue": 60}
	for _, s := range []classification.Standing{
		{AccountManagerID: "ann", Class: classA, Criteria: full}, // becomes B: 3 to 1
		{AccountManagerID: "ann", Class: classB, Criteria: full}, // stays: 1 to 1
		{AccountManagerID: "ann", Class: classA},                 // cannot be graded, stays A: 3 to 6
		{AccountManagerID: "bob", Criteria: full},                // gets the first class: 0 to 1
	} {
		move, _ := classification.Compare(now, next, s)
		tally.Add(move)
	}
	balances := tally.Balances()
	require.Len(t, balances, 2)
	for manager, want := range map[string]classification.Balance{
		"ann": {Clients: 3, Moves: 1, Before: 7, After: 8}, "bob": {Clients: 1, Moves: 1, Before: 0, After: 1},
	} {
		got := balances[manager]
		require.Equal(t, []int{want.Clients, want.Moves}, []int{got.Clients, got.Moves}, manager)
		require.InDelta(t, want.Before, got.Before, 1e-9, manager)
		require.InDelta(t, want.After, got.After, 1e-9, manager)
	}
	delete(balances, "ann")
	require.Len(t, tally.Balances(), 2, "what was returned is the caller's own")
}
