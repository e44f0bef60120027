package models_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func TestMoney_is_written_with_the_digits_of_its_currency(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]struct {
		amount   int64
		currency string
	}{
		"1234.50 CNY": {123450, "CNY"}, "0.05 CNY": {5, "CNY"}, "-0.50 EUR": {-50, "EUR"}, "0.00 USD": {0, "USD"},
		"123450 JPY": {123450, "JPY"}, "-7 KRW": {-7, "KRW"}, "1.250 KWD": {1250, "KWD"}, "-92233720368547758.08 CNY": {-1 << 63, "CNY"},
	} {
		require.Equal(t, want, models.FormatMoney(in.amount, in.currency))
	}
	for s, want := range map[string]bool{"CNY": true, "cny": false, "CN": false, "": false, "CNYX": false, "C1Y": false, "元": false} {
		require.Equal(t, want, models.ValidCurrency(s), s)
	}
}

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// accounts has two strong budgets and a weak one of a team, 1000 each.
func accounts() *models.Accounts {
	a := &models.Accounts{Budgets: map[string]*models.Budget{}, Keys: map[models.BudgetKey]string{}, Items: map[models.Place]models.ItemMoney{}}
	for t, control := range map[models.CostType]models.BudgetControl{
		models.CostMeals: models.ControlStrong, models.CostGifts: models.ControlStrong, models.CostOther: models.ControlWeak,
	} {
		b := &models.Budget{ID: string(t), CostType: t, Amount: 1000, Currency: "CNY", Control: control, Entries: 1}
		a.Budgets[b.ID] = b
		a.Keys[models.BudgetKey{TeamID: "team", CostType: t, Day: "2026-11-23"}] = b.ID
	}
	return a
}

func copied(a *models.Accounts) *models.Accounts {
	out := &models.Accounts{Budgets: map[string]*models.Budget{}, Keys: a.Keys, Items: maps.Clone(a.Items)}
	for id, b := range a.Budgets {
		out.Budgets[id] = new(*b)
	}
	return out
}

func move(kind models.MoveKind, item string, t models.CostType, amount int64) models.MoneyMove {
	return models.MoneyMove{Item: item, Kind: kind, Amount: amount, Currency: "CNY", TeamID: "team", CostType: t, Day: day}
}

// step moves money in the accounts and answers the entries as text, with what refused it.
func step(a *models.Accounts, h models.Holdings) (entries, faults []string, warnings []models.BudgetWarning) {
	h.SubjectID, h.StepSeq = "reception", 2
	list, warnings, refused := a.Move(&h)
	for _, e := range list {
		entries = append(entries, fmt.Sprintf("%s %s %s %d", e.BudgetID, *e.Item, e.Kind, e.Amount))
	}
	for _, f := range refused {
		faults = append(faults, f.Field+":"+f.Code)
	}
	return entries, faults, warnings
}

func TestMoves_write_what_they_change(t *testing.T) {
	t.Parallel()
	const meals = models.CostMeals
	for name, tc := range map[string]struct {
		held  int64 // of the item a, for meals
		step  models.Holdings
		want  []string
		fault []string
	}{
		"hold":                           {0, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", meals, 300)}}, []string{"meals a hold 300"}, nil},
		"hold_more":                      {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", meals, 300)}}, []string{"meals a hold 300"}, nil},
		"change_up":                      {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveChange, "a", meals, 300)}}, []string{"meals a hold 200"}, nil},
		"change_down":                    {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveChange, "a", meals, 30)}}, []string{"meals a release 70"}, nil},
		"change_to_the_same_is_nothing":  {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveChange, "a", meals, 100)}}, nil, nil},
		"commit_a_part":                  {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveCommit, "a", meals, 60)}}, []string{"meals a commit 60"}, nil},
		"commit_and_release_the_rest":    {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveCommit, "a", meals, 60), move(models.MoveRelease, "a", meals, 0)}}, []string{"meals a commit 60", "meals a release 40"}, nil},
		"commit_more_holds_it_first":     {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveCommit, "a", meals, 160)}}, []string{"meals a hold 60", "meals a commit 160"}, nil},
		"release":                        {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveRelease, "a", meals, 0)}}, []string{"meals a release 100"}, nil},
		"release_all":                    {100, models.Holdings{ReleaseAll: true}, []string{"meals a release 100"}, nil},
		"release_all_and_hold_anew":      {100, models.Holdings{ReleaseAll: true, Money: []models.MoneyMove{move(models.MoveHold, "a", meals, 130)}}, []string{"meals a hold 30"}, nil},
		"money_moves_between_budgets":    {100, models.Holdings{ReleaseAll: true, Money: []models.MoneyMove{move(models.MoveHold, "a", models.CostGifts, 100)}}, []string{"meals a release 100", "gifts a hold 100"}, nil},
		"money_moves_between_items":      {1000, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "b", meals, 400), move(models.MoveChange, "a", meals, 600)}}, []string{"meals b hold 400", "meals a release 400"}, nil},
		"an_item_stays_in_its_budget":    {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", models.CostGifts, 50)}}, []string{"meals a hold 50"}, nil},
		"the_last_is_given_out":          {700, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "b", meals, 300)}}, []string{"meals b hold 300"}, nil},
		"no_more_than_is_left":           {700, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "b", meals, 301)}}, nil, []string{"b:budget_exceeded"}},
		"all_that_do_not_fit_are_named":  {700, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "b", meals, 301), move(models.MoveHold, "c", meals, 300), move(models.MoveHold, "d", meals, 1)}}, []string{"meals c hold 300"}, []string{"b:budget_exceeded", "d:budget_exceeded"}},
		"commit_over_what_is_left":       {700, models.Holdings{Money: []models.MoneyMove{move(models.MoveCommit, "a", meals, 1001)}}, nil, []string{"a:budget_exceeded"}},
		"no_budget":                      {0, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", models.CostLodging, 1)}}, nil, []string{"a:budget_missing"}},
		"nothing_held_for_nothing":       {0, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", meals, 0)}}, nil, []string{"a:between"}},
		"nothing_negative":               {100, models.Holdings{Money: []models.MoneyMove{move(models.MoveChange, "a", meals, -1)}}, nil, []string{"a:between"}},
		"nothing_beyond_measure":         {0, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", models.CostOther, models.MaxAmount+1)}}, nil, []string{"a:between"}},
		"nothing_released_is_unknown":    {0, models.Holdings{Money: []models.MoneyMove{move(models.MoveRelease, "a", meals, 0)}}, nil, []string{"a:unknown"}},
		"an_unknown_move_is_refused":     {0, models.Holdings{Money: []models.MoneyMove{move("steal", "a", meals, 1)}}, nil, []string{"a:invalid"}},
		"currencies_do_not_mix":          {0, models.Holdings{Money: []models.MoneyMove{{Item: "a", Field: "budget[0].currency", Kind: models.MoveHold, Amount: 1, Currency: "USD", TeamID: "team", CostType: meals, Day: day}}}, nil, []string{"budget[0].currency:other_currency"}},
		"a_day_is_a_day_in_any_location": {0, models.Holdings{Money: []models.MoneyMove{{Item: "a", Kind: models.MoveHold, Amount: 1, Currency: "CNY", TeamID: "team", CostType: meals, Day: day.In(time.FixedZone("", 3600))}}}, []string{"meals a hold 1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := accounts()
			if tc.held > 0 {
				_, faults, _ := step(a, models.Holdings{Money: []models.MoneyMove{move(models.MoveHold, "a", meals, tc.held)}})
				require.Empty(t, faults)
			}
			entries, faults, _ := step(a, tc.step)
			require.Equal(t, tc.fault, faults)
			require.Equal(t, tc.want, entries)
		})
	}
}

func TestWeak_budget_warns_by_how_much_it_is_overspent(t *testing.T) {
	t.Parallel()
	a := accounts()
	entries, faults, warnings := step(a, models.Holdings{Money: []models.MoneyMove{
		move(models.MoveHold, "a", models.CostOther, 900), move(models.MoveHold, "b", models.CostOther, 400), move(models.MoveHold, "c", models.CostOther, 1),
	}})
	require.Empty(t, faults)
	require.Len(t, entries, 3)
	require.Equal(t, []models.BudgetWarning{
		{Item: "b", BudgetID: "other", CostType: models.CostOther, Over: 300, Currency: "CNY"},
		{Item: "c", BudgetID: "other", CostType: models.CostOther, Over: 301, Currency: "CNY"},
	}, warnings)
	require.EqualValues(t, -301, a.Budgets["other"].Left())
}

func TestAdjust_never_takes_away_what_is_promised(t *testing.T) {
	t.Parallel()
	b := models.Budget{Amount: 1000, Held: 300, Committed: 200, Currency: "CNY", Control: models.ControlStrong, Entries: 4}
	_, err := b.Adjust(-501, models.Adjustment{})
	require.Equal(t, models.BudgetExceeded, errs.CodeOf(err))
	for _, by := range []int64{0, -1001, models.MaxAmount, -1 << 63, 1<<63 - 1} {
		_, err := b.Adjust(by, models.Adjustment{})
		require.Equal(t, errs.Invalid, errs.CodeOf(err), by)
	}
	require.EqualValues(t, 1000, b.Amount)
	e, err := b.Adjust(-500, models.Adjustment{RequestID: "req"})
	require.NoError(t, err)
	require.EqualValues(t, 5, e.Seq)
	require.Zero(t, b.Left())
	weak := models.Budget{Amount: 1000, Held: 900, Currency: "CNY", Control: models.ControlWeak}
	_, err = weak.Adjust(-1000, models.Adjustment{})
	require.NoError(t, err)
	require.EqualValues(t, -900, weak.Left())
}

// whatever steps do, the balance is the sum of the ledger, strong budgets are never overspent, no item has less
// than nothing, and once all is released every hold has ended as a commit or a release.
func TestLedger_laws(t *testing.T) {
	t.Parallel()
	types := []models.CostType{models.CostMeals, models.CostGifts, models.CostOther}
	rapid.Check(t, func(rt *rapid.T) {
		a := accounts()
		sums := map[string]map[models.EntryKind]int64{}
		items := map[string]int64{}
		count := func(entries []models.BudgetEntry) {
			for _, e := range entries {
				if sums[e.BudgetID] == nil {
					sums[e.BudgetID] = map[models.EntryKind]int64{}
				}
				sums[e.BudgetID][e.Kind] += e.Amount
				key := *e.SubjectID + *e.Item + e.BudgetID
				if e.Kind == models.EntryHold {
					items[key] += e.Amount
				} else {
					items[key] -= e.Amount
				}
				if items[key] < 0 {
					rt.Fatalf("%s has %d held after entry %d", key, items[key], e.Seq)
				}
			}
		}
		take := func(h models.Holdings) {
			trial := copied(a)
			entries, _, faults := trial.Move(&h)
			if len(faults) > 0 {
				return // thrown away
			}
			*a = *trial
			count(entries)
			for id, b := range a.Budgets {
				s := sums[id]
				switch {
				case b.Control == models.ControlStrong && b.Left() < 0:
					rt.Fatalf("%s is overspent by %d", id, -b.Left())
				case b.Held != s[models.EntryHold]-s[models.EntryCommit]-s[models.EntryRelease] || b.Committed != s[models.EntryCommit]:
					rt.Fatalf("%s: balance %d %d is not the sum of the ledger %v", id, b.Held, b.Committed, s)
				}
			}
		}
		for seq := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			h := models.Holdings{SubjectID: "reception", StepSeq: int64(seq) + 1, ReleaseAll: rapid.IntRange(0, 9).Draw(rt, "all") == 0}
			for range rapid.IntRange(0, 4).Draw(rt, "moves") {
				kind := rapid.SampledFrom([]models.MoveKind{models.MoveHold, models.MoveChange, models.MoveCommit, models.MoveRelease}).Draw(rt, "kind")
				item := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "item")
				h.Money = append(h.Money, move(kind, item, rapid.SampledFrom(types).Draw(rt, "type"), rapid.Int64Range(0, 500).Draw(rt, "amount")))
			}
			take(h)
		}
		take(models.Holdings{SubjectID: "reception", StepSeq: 99, ReleaseAll: true})
		for id, s := range sums {
			if s[models.EntryHold] != s[models.EntryCommit]+s[models.EntryRelease] || a.Budgets[id].Held != 0 {
				rt.Fatalf("%s: something is still held: %v", id, s)
			}
		}
	})
}
