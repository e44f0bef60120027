package models

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/id"
)

// want is what a plan asks to have: resources, and money by type of cost and day.
type want struct {
	bookings []BookingWish
	money    []MoneyMove
}

// wanted derives what a plan asks for.
func (t *receptionStep) wanted(p ReceptionPlan) want {
	p = p.normal(t.s.Currency)
	var w want
	for i, thing := range p.Resources {
		if slot, ok := thing.slot(&p); ok {
			w.bookings = append(w.bookings, BookingWish{
				Field: at("resources", i, ""), ResourceID: thing.ResourceID, StartsAt: slot.From, EndsAt: slot.Until, Quantity: thing.Quantity,
			})
		}
	}
	if p.StartsAt == nil {
		return w
	}
	day := t.rules.day(*p.StartsAt)
	for _, l := range p.lines() {
		w.money = append(w.money, t.move(l.Item, day, l.Amount))
	}
	return w
}

// move asks for money of the department's budget of a type of cost and day. An item stays with the budget that it was
// first held of; a visit that moves to another month is another item, and so may have another budget.
func (t *receptionStep) move(item CostType, day time.Time, amount int64) MoneyMove {
	return MoneyMove{
		Item: string(item) + "/" + day.Format("2006-01"), Field: "budget." + string(item), Amount: amount, Currency: t.s.Currency,
		TeamID: t.s.TeamID, CostType: item, Day: day,
	}
}

// day is the local date of an instant, as midnight in UTC.
func (r ReceptionRules) day(at time.Time) time.Time {
	y, m, d := at.In(r.Calendar.Location()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// week is the ISO week of an instant, such as 2026-W10.
func (r ReceptionRules) week(at time.Time) string {
	y, w := at.In(r.Calendar.Location()).ISOWeek()
	return strconv.Itoa(y) + "-W" + strconv.Itoa(100 + w)[1:]
}

// and joins two plans' wants so that each of them is covered: bookings of one resource that overlap become one that spans
// both, of money the larger amount counts. While a change is decided the reception holds what either outcome needs, so
// that neither can fail.
func (w want) and(o want) want {
	both := want{money: slices.Clone(w.money)}
	for _, b := range append(slices.Clone(w.bookings), o.bookings...) {
		for {
			i := slices.IndexFunc(both.bookings, func(k BookingWish) bool {
				return k.ResourceID == b.ResourceID && Slot{k.StartsAt, k.EndsAt}.Overlaps(Slot{b.StartsAt, b.EndsAt})
			})
			if i < 0 {
				break
			}
			k := both.bookings[i]
			if k.StartsAt.Before(b.StartsAt) {
				b.StartsAt = k.StartsAt
			}
			if k.EndsAt.After(b.EndsAt) {
				b.EndsAt = k.EndsAt
			}
			b.Quantity = max(b.Quantity, k.Quantity)
			both.bookings = slices.Delete(both.bookings, i, i+1)
		}
		both.bookings = append(both.bookings, b)
	}
	for _, m := range o.money {
		if i := slices.IndexFunc(both.money, func(k MoneyMove) bool { return k.Item == m.Item }); i >= 0 {
			both.money[i].Amount = max(both.money[i].Amount, m.Amount)
		} else {
			both.money = append(both.money, m)
		}
	}
	return both
}

// align makes the reception hold exactly what is wanted: it gives back what is no longer, and takes what is new.
func (t *receptionStep) align(w want) {
	s := t.s
	same := func(b ReceptionBooking, k BookingWish) bool {
		return b.ResourceID == k.ResourceID && b.StartsAt.Equal(k.StartsAt) && b.EndsAt.Equal(k.EndsAt) && b.Quantity == k.Quantity
	}
	missing := slices.Clone(w.bookings)
	kept := s.Bookings[:0:0]
	for _, b := range s.Bookings {
		if i := slices.IndexFunc(missing, func(k BookingWish) bool { return same(b, k) }); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			kept = append(kept, b)
			continue
		}
		t.hold.Release = append(t.hold.Release, b.Item)
	}
	for _, k := range missing {
		s.Items++
		k.Item = "r" + strconv.Itoa(s.Items)
		t.hold.Book = append(t.hold.Book, k)
		kept = append(kept, ReceptionBooking{
			Item: k.Item, ResourceID: k.ResourceID, StartsAt: k.StartsAt, EndsAt: k.EndsAt, Quantity: k.Quantity, State: BookingHeld,
		})
	}
	s.Bookings = kept
	for _, m := range s.Money {
		if m.Held > 0 && !slices.ContainsFunc(w.money, func(k MoneyMove) bool { return k.Item == m.Item }) {
			t.holdExactly(t.move(m.CostType, m.Day, 0))
		}
	}
	for _, m := range w.money {
		t.holdExactly(m)
	}
}

// moneyOf is what the reception has of an item, which is made if need be.
func (t *receptionStep) moneyOf(m MoneyMove) *ReceptionMoney {
	i := slices.IndexFunc(t.s.Money, func(k ReceptionMoney) bool { return k.Item == m.Item })
	if i < 0 {
		i = len(t.s.Money)
		t.s.Money = append(t.s.Money, ReceptionMoney{Item: m.Item, CostType: m.CostType, Day: m.Day})
	}
	return &t.s.Money[i]
}

// holdExactly makes what is held of the move's item exactly its amount.
func (t *receptionStep) holdExactly(m MoneyMove) {
	has := t.moneyOf(m)
	switch {
	case has.Held == m.Amount:
		return
	case m.Amount == 0:
		m.Kind = MoveRelease
	case has.Held == 0:
		m.Kind = MoveHold
	default:
		m.Kind = MoveChange
	}
	has.Held = m.Amount
	t.hold.Money = append(t.hold.Money, m)
}

// spend commits an amount that is held of an item.
func (t *receptionStep) spend(m MoneyMove) {
	has := t.moneyOf(m)
	m.Kind = MoveCommit
	has.Held -= m.Amount
	has.Committed += m.Amount
	t.hold.Money = append(t.hold.Money, m)
}

// freeAll gives back every booking and all money that is held.
func (t *receptionStep) freeAll() {
	held := t.s.Held()
	t.s.Bookings = nil
	t.freeMoney()
	t.hold = Holdings{ReleaseAll: held}
}

// freeMoney gives back all money that is held.
func (t *receptionStep) freeMoney() {
	for i := range t.s.Money {
		if m := &t.s.Money[i]; m.Held > 0 {
			move := t.move(m.CostType, m.Day, 0)
			move.Kind = MoveRelease
			t.hold.Money = append(t.hold.Money, move)
			m.Held = 0
		}
	}
}

// settleHoldings makes held bookings firm once the reception is approved, and hands the step's holdings over.
func (t *receptionStep) settleHoldings() {
	if slices.Contains(ready, t.s.Status) {
		for i := range t.s.Bookings {
			if b := &t.s.Bookings[i]; b.State == BookingHeld {
				b.State, t.hold.Confirm = BookingBooked, true
			}
		}
	}
	h := t.hold
	if !h.ReleaseAll && len(h.Release) == 0 && len(h.Book) == 0 && len(h.Money) == 0 && !h.Confirm {
		return
	}
	h.SubjectID, h.StepSeq, h.At, h.By = t.s.ID, t.s.Seq, t.at, t.actor
	t.Holdings = &h
}

// Held reports whether the reception keeps a resource or money from others.
func (s *ReceptionState) Held() bool {
	return len(s.Bookings) > 0 || slices.ContainsFunc(s.Money, func(m ReceptionMoney) bool { return m.Held > 0 })
}

// Actual is what was spent so far, by type of cost.
func (s *ReceptionState) Actual() []BudgetLine {
	sums := map[CostType]int64{}
	for _, m := range s.Money {
		sums[m.CostType] += m.Committed
	}
	return linesOf(sums)
}

// invite keeps the diaries of hosts and of the activities' owners in step with the plan, from the approval on.
func (t *receptionStep) invite() {
	s := t.s
	var wanted []Invited
	switch s.Status {
	case ReceptionApproved, ReceptionPreparing, ReceptionInProgress:
		for _, u := range s.Hosts {
			wanted = append(wanted, Invited{UID: id.Derive(id.Reception, s.ID, "diary/"+u), UserID: u, StartsAt: *s.StartsAt, EndsAt: *s.EndsAt})
		}
		for _, a := range s.Activities {
			if a.OwnerID != "" && !slices.Contains(s.Hosts, a.OwnerID) {
				wanted = append(wanted, Invited{UID: id.Derive(id.Reception, s.ID, "diary/"+a.ID+"/"+a.OwnerID), UserID: a.OwnerID, StartsAt: a.StartsAt, EndsAt: a.EndsAt})
			}
		}
	case ReceptionCancelled:
	default:
		return // nothing is in a diary yet, a change is being decided, or the visit is history
	}
	for _, was := range s.Invited {
		if !slices.ContainsFunc(wanted, func(w Invited) bool { return w.UID == was.UID }) {
			t.Invitations = append(t.Invitations, Invitation{UID: was.UID, UserID: was.UserID, Sequence: s.Seq, StartsAt: was.StartsAt, EndsAt: was.EndsAt, Cancel: true})
		}
	}
	for _, w := range wanted {
		if !slices.Contains(s.Invited, w) {
			t.Invitations = append(t.Invitations, Invitation{UID: w.UID, UserID: w.UserID, Sequence: s.Seq, StartsAt: w.StartsAt, EndsAt: w.EndsAt})
		}
	}
	s.Invited = wanted
}

// activityStates derives the activities of a plan; one that stays keeps its id and what is known of it.
func (t *receptionStep) activityStates(p *ReceptionPlan) []ReceptionActivity {
	var list []ReceptionActivity
	for i, a := range p.Activities {
		slot, ok := slotOf(a.StartsAt, a.EndsAt)
		if !ok {
			continue
		}
		key := strings.Join([]string{a.Kind, slot.String(), a.OwnerID, strconv.Itoa(i)}, "/")
		list = append(list, ReceptionActivity{
			ID: id.Derive(id.Activity, t.s.ID, key), Kind: a.Kind, OwnerID: a.OwnerID, StartsAt: slot.From, EndsAt: slot.Until,
		})
	}
	return list
}
