package models

import (
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// CostType is what money is spent on.
type CostType string

// The cost types of a reception.
const (
	CostTransport CostType = "transport"
	CostLodging   CostType = "lodging"
	CostMeals     CostType = "meals"
	CostGifts     CostType = "gifts"
	CostOther     CostType = "other"
)

// CostTypes lists the cost types in a fixed order.
func CostTypes() []CostType {
	return []CostType{CostTransport, CostLodging, CostMeals, CostGifts, CostOther}
}

// Valid reports whether t is a cost type of the product.
func (t CostType) Valid() bool { return slices.Contains(CostTypes(), t) }

// BudgetControl says what happens when a budget does not suffice.
type BudgetControl string

// The controls: strong refuses, weak lets pass with a warning.
const (
	ControlStrong BudgetControl = "strong"
	ControlWeak   BudgetControl = "weak"
)

// Budget is the money of a department for one type of cost in one period. The periods of a department's budgets for the
// same type of cost never overlap, so that a day has one budget at most. Amount, Held and Committed are sums of its
// ledger, kept beside it.
type Budget struct {
	ID        string        `gorm:"column:id;primaryKey"`
	TeamID    string        `gorm:"column:team_id"`             // the department
	StartsOn  time.Time     `gorm:"column:starts_on;type:date"` // first day, as midnight in UTC
	EndsOn    time.Time     `gorm:"column:ends_on;type:date"`   // last day, included
	CostType  CostType      `gorm:"column:cost_type"`
	Amount    int64         `gorm:"column:amount"`    // minor units: what was granted
	Held      int64         `gorm:"column:held"`      // minor units: promised to requests
	Committed int64         `gorm:"column:committed"` // minor units: spent
	Currency  string        `gorm:"column:currency"`  // ISO 4217
	Control   BudgetControl `gorm:"column:control"`
	Entries   int64         `gorm:"column:entries"` // the number of the last entry of the ledger
	CreatedBy string        `gorm:"column:created_by"`
	CreatedAt time.Time     `gorm:"column:created_at"`
	UpdatedAt time.Time     `gorm:"column:updated_at"`
}

// TableName is the table of Budget.
func (Budget) TableName() string { return "budgets" }

// Left is what may still be held, in minor units; negative when a weak budget is overspent.
func (b Budget) Left() int64 { return b.Amount - b.Held - b.Committed }

// EntryKind is what an entry does to the balance.
type EntryKind string

// The kinds of entries: adjust changes the granted amount, hold sets money aside for an item, commit turns held money
// into spent money, release gives held money back. So held = Σ hold − Σ commit − Σ release, and committed = Σ commit.
const (
	EntryAdjust  EntryKind = "adjust"
	EntryHold    EntryKind = "hold"
	EntryCommit  EntryKind = "commit"
	EntryRelease EntryKind = "release"
)

// BudgetEntry is one line of a budget's ledger; it never changes.
type BudgetEntry struct {
	BudgetID  string    `gorm:"column:budget_id;primaryKey"`
	Seq       int64     `gorm:"column:seq;primaryKey"` // from 1 without gaps
	Kind      EntryKind `gorm:"column:kind"`
	Amount    int64     `gorm:"column:amount"`     // minor units of the budget's currency; negative only to lower the grant
	SubjectID *string   `gorm:"column:subject_id"` // the reception; nil for adjust
	StepSeq   *int64    `gorm:"column:step_seq"`   // the reception's step
	Item      *string   `gorm:"column:item"`       // the reception's own name of what the money is for
	RequestID *string   `gorm:"column:request_id"` // the command that adjusted
	By        string    `gorm:"column:by_id"`      // a user, or System
	Reason    string    `gorm:"column:reason"`
	At        time.Time `gorm:"column:at"`
}

// TableName is the table of BudgetEntry.
func (BudgetEntry) TableName() string { return "budget_entries" }

// post applies the entry to the balance.
func (b *Budget) post(e BudgetEntry) {
	switch e.Kind {
	case EntryAdjust:
		b.Amount += e.Amount
	case EntryHold:
		b.Held += e.Amount
	case EntryCommit:
		b.Held -= e.Amount
		b.Committed += e.Amount
	case EntryRelease:
		b.Held -= e.Amount
	}
}

// Adjustment says who changes the granted amount of a budget, and why.
type Adjustment struct {
	By        string
	RequestID string // of the command: it counts once
	Reason    string
	At        time.Time
}

// Adjust changes the granted amount by so many minor units and returns the entry for it. Errors: budget_exceeded when
// strong control would be overspent; invalid amount when it would be below zero or above MaxAmount.
func (b *Budget) Adjust(by int64, a Adjustment) (BudgetEntry, error) {
	// The change is bounded first: a sum of two bounded numbers cannot overflow.
	if by == 0 || by < -MaxAmount || by > MaxAmount || b.Amount+by < 0 || b.Amount+by > MaxAmount {
		return BudgetEntry{}, errs.NewInvalid(errs.Field{Field: "amount", Code: "between", Args: errs.Args(
			"low", strconv.FormatInt(-b.Amount, 10), "high", strconv.FormatInt(MaxAmount-b.Amount, 10))})
	}
	if by < 0 && b.Control == ControlStrong && b.Left()+by < 0 {
		return BudgetEntry{}, Refusal([]errs.Field{exceeded("amount", b, -by, b.Left())})
	}
	e := BudgetEntry{
		BudgetID: b.ID, Seq: b.Entries + 1, Kind: EntryAdjust, Amount: by, RequestID: &a.RequestID, By: a.By, Reason: a.Reason, At: a.At,
	}
	b.post(e)
	b.Entries, b.UpdatedAt = e.Seq, a.At
	return e, nil
}

// ItemMoney is what an item of a subject has of its budget, in minor units.
type ItemMoney struct {
	Item      string
	BudgetID  string
	Currency  string
	Held      int64
	Committed int64
}
