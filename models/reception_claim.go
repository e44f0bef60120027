package models

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// nth names the n-th thing of its sort, from 0, as made in this step.
func (t *receptionStep) nth(n int) string {
	return strconv.FormatInt(t.s.Seq+1, 10) + "/" + strconv.Itoa(n)
}

// feedback records what visitors said.
func (t *receptionStep) feedback() error {
	c, err := decodeReception[ReceptionOpinion](t)
	if err != nil {
		return err
	}
	var faults []errs.Field
	if c.Score < 0 || c.Score > 5 {
		faults = append(faults, errs.Field{Field: "score", Code: "between", Args: errs.Args("low", "1", "high", "5")})
	}
	if c.Score == 0 && strings.TrimSpace(c.Comment+c.Shortcomings) == "" {
		faults = append(faults, errs.Field{Field: "comment", Code: "required"})
	}
	if faults != nil {
		return errs.NewInvalid(faults...)
	}
	if c.Score > 0 {
		t.s.Ratings++
		t.s.Rated += c.Score
	}
	t.Feedback = &FeedbackRecord{
		ID:    id.Derive(id.Opinion, t.s.ID, t.nth(0)),
		Score: c.Score, Comment: c.Comment, Shortcomings: c.Shortcomings, Visitor: c.Visitor, By: t.me.ID,
	}
	t.event("feedback", map[string]any{"score": c.Score, "comment": c.Comment, "shortcomings": c.Shortcomings})
	return nil
}

// surveyed takes an answer to the survey, once; the survey of a reception that is over is only the survey's.
func (t *receptionStep) surveyed() error {
	if slices.Contains(t.s.Handled, t.RequestID) {
		return errs.New(errs.Conflict, "reception.surveyed")
	}
	if !slices.Contains(afterVisit, t.s.Status) {
		return errs.New(errs.ProcessClosed, "reception.over", "number", t.s.Number, "state", string(t.s.Status))
	}
	return t.feedback()
}

// Score is the mean of the ratings with two decimals; nil when nobody rated.
func (s *ReceptionState) Score() *float64 {
	if s.Ratings == 0 {
		return nil
	}
	mean := math.Round(float64(s.Rated)*100/float64(s.Ratings)) / 100
	return &mean
}

// claim asks for expenses to be paid, item by item. What is missing is held at once, so that it cannot be
// spent elsewhere. Within the budget and its tolerance finance checks; beyond them those who approved decide first.
func (t *receptionStep) claim() error {
	c, err := decodeReception[ClaimExpenses](t)
	if err != nil {
		return err
	}
	s := t.s
	if faults := c.faults(s); len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	s.Claims++
	x := &ExpenseClaim{ID: id.Derive(id.Expense, s.ID, strconv.Itoa(s.Claims)), By: t.me.ID, Deputy: t.deputy(), At: t.at}
	sums := map[CostType]int64{}
	for _, item := range c.Items {
		sums[item.Item] += item.Amount
		x.Total += item.Amount
		x.Receipts = append(x.Receipts, item.Receipt)
	}
	for _, l := range linesOf(sums) {
		m := t.purse(l.Item)
		m.Amount = l.Amount
		x.Holds = append(x.Holds, ClaimHold{Item: m.Item, CostType: m.CostType, Day: m.Day, Amount: m.Amount, Before: t.moneyOf(m).Held})
		if t.moneyOf(m).Held < m.Amount {
			t.holdExactly(m)
		}
	}
	s.Claim = x
	if s.Status == ReceptionCompleted {
		s.Status = ReceptionSettling
	}
	over := totalOf(s.Actual()) + x.Total - s.Frame.Total
	t.event("claim_submitted", map[string]any{"claim_id": x.ID, "total": x.Total, "over": max(over, 0), "currency": s.Currency})
	if over > t.rules.Policy.Document().Tolerance.Overrun(s.Frame.Total) {
		x.State = ClaimInApproval
		t.ask(ApproveClaim, over, nil)
	} else {
		t.toFinance()
	}
	t.recordClaim(x.State, c.Items, "")
	return nil
}

func (t *receptionStep) recordClaim(state ClaimState, items []ClaimItem, comment string) {
	t.Claim = &ClaimRecord{ID: t.s.Claim.ID, State: state, Items: items, Comment: comment, By: t.s.Claim.By}
}

// purse is the item of the reception's money of a type of cost: the one that is held, else that of the visit's day.
func (t *receptionStep) purse(item CostType) MoneyMove {
	for _, m := range t.s.Money {
		if m.CostType == item && m.Held > 0 {
			return t.move(item, m.Day, 0)
		}
	}
	return t.move(item, t.rules.day(*t.s.StartsAt), 0)
}

// faults lists everything that is wrong with a claim.
func (c ClaimExpenses) faults(s *ReceptionState) []errs.Field {
	var faults []errs.Field
	add := func(field, code string, args ...string) {
		faults = append(faults, errs.Field{Field: field, Code: code, Args: errs.Args(args...)})
	}
	if len(c.Items) == 0 {
		add("items", "required")
	}
	if c.Currency != "" && c.Currency != s.Currency {
		add("currency", "other_currency", "currency", s.Currency)
	}
	var total int64
	for i, x := range c.Items {
		if !x.Item.Valid() {
			add(at("items", i, "item"), "oneof", "values", costTypeNames())
		}
		if x.Currency != "" && x.Currency != s.Currency {
			add(at("items", i, "currency"), "other_currency", "currency", s.Currency)
		}
		switch {
		case x.Amount <= 0:
			add(at("items", i, "amount"), "positive")
		case x.Amount > MaxAmount-total:
			add(at("items", i, "amount"), "max", "max", strconv.FormatInt(MaxAmount, 10))
		default:
			total += x.Amount
		}
		earlier := func(o ClaimItem) bool { return o.Receipt == x.Receipt }
		switch {
		case strings.TrimSpace(x.Receipt) == "":
			add(at("items", i, "receipt"), "required")
		case slices.Contains(s.Receipts, x.Receipt) || slices.ContainsFunc(c.Items[:i], earlier):
			add(at("items", i, "receipt"), "receipt_claimed")
		}
	}
	return faults
}

// toFinance gives the claim to those of finance who had no hand in it; when there is nobody, to a manager or director.
func (t *receptionStep) toFinance() {
	s := t.s
	s.Claim.State = ClaimInCheck
	barred := s.interested()
	free := func(roles ...Role) []string {
		var ids []string
		for _, r := range roles {
			for _, u := range t.rules.Org.WithRole(r) {
				if !oneOf(u, barred...) && !oneOf(u, ids...) {
					ids = append(ids, u)
				}
			}
		}
		return ids
	}
	payers, rule := free(RoleFinance), "payer"
	if payers == nil {
		payers, rule = free(RoleManager, RoleDirector), ruleNobody
		s.Claim.Substitute = true
	}
	for _, u := range payers {
		t.openTask(TaskCheckClaim, u, "", nil, "rule", rule, "item", s.Claim.ID)
	}
	t.notify("claim_to_check", payers, "item", s.Claim.ID)
}

// claimDecided takes the outcome of the approval of a claim beyond the budget.
func (t *receptionStep) claimDecided(a *ReceptionApproval, d ApprovalDecided, data map[string]any) error {
	data["claim_id"] = t.s.Claim.ID
	if d.Outcome == OutcomeReturned { // a claim is not revised but made anew
		t.order(ApprovalWithdraw, *a, 0, nil)
	}
	t.conclude(a, d.Outcome)
	if d.Outcome == OutcomeApproved {
		t.event("claim_approved", data)
		t.toFinance()
		t.recordClaim(ClaimInCheck, nil, d.Comment)
		return nil
	}
	t.event("claim_"+string(d.Outcome), data)
	t.dropClaim(d.Comment)
	return nil
}

// dropClaim gives the claim back: what was held for it beyond the plan is free again, the claimant may make another.
func (t *receptionStep) dropClaim(comment string) {
	x := t.s.Claim
	for _, h := range x.Holds {
		if m := t.move(h.CostType, h.Day, h.Before); t.moneyOf(m).Held > h.Before {
			t.holdExactly(m)
		}
	}
	t.recordClaim(ClaimReturned, nil, comment)
	t.settle(TaskDone, kinds(TaskCheckClaim))
	t.s.Claim = nil
	t.notify("claim_returned", []string{x.By}, "comment", comment)
}

func (t *receptionStep) returnClaim() error {
	c, err := decodeReception[Because](t)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return errs.NewInvalid(errs.Field{Field: "reason", Code: "required"})
	}
	t.event("claim_returned", map[string]any{"claim_id": t.s.Claim.ID, "reason": c.Reason})
	t.dropClaim(c.Reason)
	return nil
}

// pay is finance's word that the claim was checked and paid: the ledger is committed, and what is left is given back.
func (t *receptionStep) pay() error {
	c, err := decodeReception[PayClaim](t)
	if err != nil {
		return err
	}
	s, x := t.s, t.s.Claim
	for _, h := range x.Holds {
		t.spend(t.move(h.CostType, h.Day, h.Amount))
	}
	t.freeMoney()
	s.Receipts = append(s.Receipts, x.Receipts...)
	t.recordClaim(ClaimPaid, nil, c.Comment)
	t.event("claim_paid", map[string]any{"claim_id": x.ID, "total": x.Total, "currency": s.Currency, "reference": c.Reference})
	t.settle(TaskDone, kinds(TaskCheckClaim))
	s.Claim = nil
	t.notify("claim_paid", []string{x.By}, "amount", FormatMoney(x.Total, s.Currency))
	return nil
}

// shortcomings is what goes into the summary: what is said at the end, then what was recorded before, one a line, each once.
func (t *receptionStep) shortcomings(last string) string {
	var all []string
	for _, said := range append([]string{last}, t.rules.Shortcomings...) {
		if said = strings.TrimSpace(said); said != "" && !slices.Contains(all, said) {
			all = append(all, said)
		}
	}
	return strings.Join(all, "\n")
}

// close ends the reception with its summary: what was learned, actual against budget, and the score.
func (t *receptionStep) close() error {
	c, err := decodeReception[CloseReception](t)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.Summary) == "" {
		return errs.NewInvalid(errs.Field{Field: "summary", Code: "required"})
	}
	s := t.s
	t.freeMoney()
	s.Bookings = nil // they have lapsed, or are used up
	s.Status, s.ClosedAt, s.SettleBy = ReceptionClosed, &t.at, nil
	t.Summary = &ReceptionSummary{
		ClientID: s.ClientID, Kind: s.Kind, At: *s.StartsAt, Summary: c.Summary, Shortcomings: t.shortcomings(c.Shortcomings), Score: s.Score(),
		Budget: slices.Clone(s.Budget), Actual: s.Actual(), Currency: s.Currency,
	}
	data := map[string]any{"summary": c.Summary, "budget": totalOf(s.Budget), "actual": totalOf(s.Actual()), "currency": s.Currency}
	if score := s.Score(); score != nil {
		data["score"] = *score
	}
	t.event("closed", data)
	t.settle(TaskDone, kinds(TaskSettleReception))
	t.settle(TaskCancelled, everyTask)
	t.notify("reception_closed", s.Involved())
	return nil
}
