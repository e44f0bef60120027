package models

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// The codes of refusals, all answered as 409. Each refused item is a field of the error with the same code.
const (
	// ResourceTaken: what is wanted is in use then. Its arguments: resource_id, resource (its name), taken (the time of
	// the booking in the way), available (pieces that are free), and free: the nearest free times, with ", " between.
	// Times are ISO 8601 intervals.
	ResourceTaken errs.Code = "resource_taken"
	// BudgetExceeded: the budget's control is strong and too little is left. Its arguments: budget_id, cost_type, asked,
	// left and currency (minor units), asked_text and left_text (for people).
	BudgetExceeded errs.Code = "budget_exceeded"
	// BudgetMissing: the department has no budget of that type on that day. Its arguments: team_id, cost_type, day.
	BudgetMissing errs.Code = "budget_missing"
)

// Holdings is all that one step of a subject does with resources and money, in this order: it releases, holds and
// confirms bookings, then moves money, what gives money back first. It is applied once per subject and step, whole or
// not at all.
type Holdings struct {
	SubjectID  string
	StepSeq    int64     // of the subject's step, from 1
	At         time.Time // of the step
	By         string    // who acts: a user, or System
	ReleaseAll bool      // give back every booking, and all money that is held, of the subject
	Release    []string  // items of bookings to give back
	Book       []BookingWish
	Confirm    bool // what is held becomes booked
	Money      []MoneyMove
}

// BookingWish asks for a resource. An item that has a live booking must be released in the same step.
type BookingWish struct {
	Item       string // the subject's own name of it, at most 100 characters
	Field      string // where it stands in the request, for faults; the item if empty
	ResourceID string
	StartsAt   time.Time
	EndsAt     time.Time
	Quantity   int // 1 of single-use resources
}

// Fault says what is wrong with the wish in itself, for the resource as it is stored (the zero Resource when there is
// none); nil when nothing is.
func (w BookingWish) Fault(r Resource) *errs.Field {
	fault := func(field, code string, args ...string) *errs.Field {
		return &errs.Field{Field: cmp.Or(w.Field, w.Item) + "." + field, Code: code, Args: errs.Args(args...)}
	}
	switch {
	case r.ID == "":
		return fault("resource_id", "unknown")
	case !r.Active:
		return fault("resource_id", "resource_inactive")
	case !w.StartsAt.Before(w.EndsAt):
		return fault("ends_at", "after", "other", "starts_at")
	case w.EndsAt.Sub(w.StartsAt) > MaxBooking:
		return fault("ends_at", "too_long", "max", "31d")
	case w.Quantity < 1 || r.Kind.Single() && w.Quantity > 1 || w.Quantity > MaxQuantity:
		high := MaxQuantity
		if r.Kind.Single() {
			high = 1
		}
		return fault("quantity", "between", "low", "1", "high", strconv.Itoa(high))
	}
	return nil
}

// Taken is the fault of a wish that cannot be met: what is in the way, how many pieces are free, and the nearest times
// at which there are enough. Its field is the caller's to set.
func Taken(r Resource, clash Slot, available int, nearest []Slot) errs.Field {
	free := make([]string, len(nearest))
	for i, s := range nearest {
		free[i] = s.String()
	}
	return errs.Field{Field: r.ID, Code: "resource_taken", Args: errs.Args(
		"resource_id", r.ID, "resource", r.Name, "taken", clash.String(),
		"available", strconv.Itoa(max(0, available)), "free", strings.Join(free, ", "))}
}

// MoveKind is what a move does with the money of an item.
type MoveKind string

// The kinds of moves.
const (
	MoveHold    MoveKind = "hold"    // sets so much more aside
	MoveChange  MoveKind = "change"  // makes what is held exactly so much
	MoveCommit  MoveKind = "commit"  // spends so much; what was not held for it is held first
	MoveRelease MoveKind = "release" // gives back whatever is held; the amount does not count
)

// MoneyMove is one thing that a step does with the money of one item.
type MoneyMove struct {
	Item     string // the subject's own name of it, at most 100 characters
	Field    string // where it stands in the request, for faults; the item if empty
	Kind     MoveKind
	Amount   int64 // minor units
	Currency string
	// Which budget an item belongs to that has had no money yet; it stays with it.
	TeamID   string
	CostType CostType
	Day      time.Time // a date, as midnight in UTC
}

// BudgetKey names a budget by what it is for.
type BudgetKey struct {
	TeamID   string
	CostType CostType
	Day      string // a date such as 2026-11-22
}

// Key is the budget that the move asks for.
func (m MoneyMove) Key() BudgetKey {
	return BudgetKey{m.TeamID, m.CostType, m.Day.Format(time.DateOnly)}
}

// BudgetWarning says that a hold has passed the limit of a weak budget: approvers are shown it.
type BudgetWarning struct {
	Item     string
	BudgetID string
	CostType CostType
	Over     int64 // minor units beyond the granted amount, over all that is held and spent
	Currency string
}

// HoldingsTaken is what a subject has after a step.
type HoldingsTaken struct {
	Bookings []Booking   // the live ones, by item
	Money    []ItemMoney // by item, also those with nothing left
	Warnings []BudgetWarning
	Applied  bool // false: the step, or a later one, had been applied before
}

// Refusal collects the faults of a step's items into one error, nil without any. It is invalid (422) when one of the
// values themselves is wrong, else the conflict of the first item, in whose words the whole is told.
func Refusal(faults []errs.Field) error {
	if len(faults) == 0 {
		return nil
	}
	var e *errs.Error
	for i, f := range slices.Backward(faults) {
		switch errs.Code(f.Code) {
		case ResourceTaken:
			e = errs.New(ResourceTaken, "resource_taken")
		case BudgetExceeded:
			e = errs.New(BudgetExceeded, "budget_exceeded")
		case BudgetMissing:
			e = errs.New(BudgetMissing, "budget_missing")
		default:
			return errs.NewInvalid(faults...)
		}
		e.Args = faults[i].Args
	}
	e.Fields = faults
	return e
}

// Place names an item within a budget.
type Place struct{ Item, BudgetID string }

// Accounts is the money that a step moves: the budgets by id, which of them are for what, and what the subject's items
// have of them so far.
type Accounts struct {
	Budgets map[string]*Budget
	Keys    map[BudgetKey]string // id of the budget
	Items   map[Place]ItemMoney
}

// Move carries out the moves of a step: it changes the accounts and returns the new entries of the ledgers, numbered,
// with the warnings of weak budgets. Faults refuse the step as a whole; the accounts must then be thrown away. What
// counts is what a step leaves behind, not the order of its moves: money that it gives back for one item it may hold for
// another.
//
// Laws: under strong control held + committed ≤ amount after every step; an item's held money is never negative.
func (a *Accounts) Move(h *Holdings) ([]BudgetEntry, []BudgetWarning, []errs.Field) {
	before := maps.Clone(a.Items)
	if h.ReleaseAll {
		for at, m := range a.Items {
			m.Held = 0
			a.Items[at] = m
		}
	}
	refused := map[int]errs.Field{} // by the move
	var touched []Place             // in the order of the moves
	firsts := map[Place]int{}       // the move that touched it first
	for i, m := range h.Money {
		at, fault := a.move(m)
		if fault != nil {
			refused[i] = *fault
			continue
		}
		if _, known := firsts[at]; !known {
			touched, firsts[at] = append(touched, at), i
		}
	}
	var rest []Place // what ReleaseAll alone has touched
	for at := range before {
		if _, known := firsts[at]; !known {
			rest = append(rest, at)
		}
	}
	slices.SortFunc(rest, func(x, y Place) int { return cmp.Or(cmp.Compare(x.Item, y.Item), cmp.Compare(x.BudgetID, y.BudgetID)) })
	touched = append(rest, touched...)

	// grown is by how much the step raises what an item has, held and spent together.
	grown := func(at Place) int64 {
		now, was := a.Items[at], before[at]
		return now.Held + now.Committed - was.Held - was.Committed
	}
	free := map[string]int64{}
	for id, b := range a.Budgets {
		free[id] = b.Left()
	}
	for _, at := range touched {
		free[at.BudgetID] -= min(0, grown(at))
	}
	var entries []BudgetEntry
	var warnings []BudgetWarning
	for _, at := range touched {
		b, more := a.Budgets[at.BudgetID], max(0, grown(at))
		switch left := free[b.ID]; {
		case more > left && b.Control == ControlStrong:
			m := h.Money[firsts[at]]
			refused[firsts[at]] = exceeded(cmp.Or(m.Field, m.Item), b, more, left)
			continue
		case more > left:
			warnings = append(warnings, BudgetWarning{Item: at.Item, BudgetID: b.ID, CostType: b.CostType, Over: more - left, Currency: b.Currency})
		}
		free[b.ID] -= more
		spent := a.Items[at].Committed - before[at].Committed
		for _, e := range []struct {
			kind   EntryKind
			amount int64
		}{{EntryHold, more}, {EntryCommit, spent}, {EntryRelease, -min(0, grown(at))}} {
			if e.amount > 0 {
				entries = append(entries, b.enter(h, at.Item, e.kind, e.amount))
			}
		}
	}
	var faults []errs.Field
	for _, i := range slices.Sorted(maps.Keys(refused)) {
		faults = append(faults, refused[i])
	}
	return entries, warnings, faults
}

// move changes what an item has; a nil fault says that it did.
func (a *Accounts) move(m MoneyMove) (Place, *errs.Field) {
	field := cmp.Or(m.Field, m.Item)
	at := Place{Item: m.Item, BudgetID: a.budgetOf(m)}
	b := a.Budgets[at.BudgetID]
	low := int64(1)
	if m.Kind == MoveChange {
		low = 0
	}
	switch {
	case b == nil && m.Kind == MoveRelease:
		return at, &errs.Field{Field: field, Code: "unknown"}
	case b == nil:
		return at, &errs.Field{Field: field, Code: "budget_missing", Args: errs.Args(
			"team_id", m.TeamID, "cost_type", string(m.CostType), "day", m.Day.Format(time.DateOnly))}
	case m.Kind == MoveRelease:
	case m.Currency != b.Currency:
		return at, &errs.Field{Field: field, Code: "other_currency", Args: errs.Args("currency", b.Currency)}
	case m.Amount < low || m.Amount > MaxAmount:
		return at, &errs.Field{Field: field, Code: "between", Args: errs.Args(
			"low", strconv.FormatInt(low, 10), "high", strconv.FormatInt(MaxAmount, 10))}
	}
	i := a.Items[at]
	i.Item, i.BudgetID, i.Currency = m.Item, b.ID, b.Currency
	switch m.Kind {
	case MoveHold:
		i.Held += m.Amount
	case MoveChange:
		i.Held = m.Amount
	case MoveCommit:
		i.Held, i.Committed = max(0, i.Held-m.Amount), i.Committed+m.Amount
	case MoveRelease:
		i.Held = 0
	default:
		return at, &errs.Field{Field: field, Code: "invalid"}
	}
	a.Items[at] = i
	return at, nil
}

// budgetOf is the budget in which the item has money, else the one that the move asks for, else, to release nothing, the
// one in which it once had some; empty when there is none.
func (a *Accounts) budgetOf(m MoneyMove) string {
	once := ""
	for at, i := range a.Items {
		if at.Item != m.Item {
			continue
		}
		if i.Held > 0 || i.Committed > 0 {
			return at.BudgetID
		}
		once = max(once, at.BudgetID)
	}
	if m.Kind == MoveRelease {
		return once
	}
	return a.Keys[m.Key()]
}

// enter makes the next entry of the ledger and applies it.
func (b *Budget) enter(h *Holdings, item string, kind EntryKind, amount int64) BudgetEntry {
	e := BudgetEntry{
		BudgetID: b.ID, Seq: b.Entries + 1, Kind: kind, Amount: amount, SubjectID: &h.SubjectID, StepSeq: &h.StepSeq, Item: &item,
		By: h.By, At: h.At,
	}
	b.post(e)
	b.Entries, b.UpdatedAt = e.Seq, h.At
	return e
}

// exceeded is the fault of a strong budget that does not suffice.
func exceeded(field string, b *Budget, asked, left int64) errs.Field {
	return errs.Field{Field: field, Code: "budget_exceeded", Args: errs.Args(
		"budget_id", b.ID, "cost_type", string(b.CostType), "currency", b.Currency,
		"asked", strconv.FormatInt(asked, 10), "asked_text", FormatMoney(asked, b.Currency),
		"left", strconv.FormatInt(left, 10), "left_text", FormatMoney(left, b.Currency))}
}
