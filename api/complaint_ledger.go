package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

type holdingView struct {
	UserID string `json:"user_id"`
	From   Time   `json:"from"`
	Until  *Time  `json:"until"`
	Reason string `json:"reason"`
}

func toHoldingView(h models.Holding) holdingView {
	return holdingView{h.UserID, Time(h.From), timePtr(h.Until), h.Reason}
}

type responsibilityView struct {
	Accountable []holdingView `json:"accountable"`
	Handling    []holdingView `json:"handling"`
}

// responsibility answers who was accountable and who handled the case, interval by interval (C-01).
func (h *cases) responsibility(c *gin.Context) {
	row, err := h.visible(c)
	var accountable, handling []models.Holding
	if err == nil {
		accountable, handling, err = h.store.Responsibility(c.Request.Context(), row.State.ID)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, responsibilityView{each(accountable, toHoldingView), each(models.MergeHoldings(handling), toHoldingView)})
}

type ledgerView struct {
	CalendarID      string             `json:"calendar_id"`
	CalendarVersion int                `json:"calendar_version"`
	At              Time               `json:"at"`
	People          []ledgerPersonView `json:"people"`
	Breaches        []ledgerBreachView `json:"breaches"`
}

type ledgerPersonView struct {
	UserID             string `json:"user_id"`
	Working            string `json:"working"`
	AwaitingAcceptance string `json:"awaiting_acceptance"`
	AwaitingClient     string `json:"awaiting_client"`
	Total              string `json:"total"`
}

type ledgerBreachView struct {
	Milestone string            `json:"milestone"`
	Cycle     int               `json:"cycle"`
	Elapsed   string            `json:"elapsed"`
	Overrun   string            `json:"overrun"`
	Elsewhere string            `json:"elsewhere"`
	Shares    []ledgerShareView `json:"shares"`
}

type ledgerShareView struct {
	UserID  string `json:"user_id"`
	Time    string `json:"time"`
	Percent int    `json:"percent"`
}

// ledger answers the working time per person and kind up to now, on the case's own calendar, and who held the time of
// each broken promise.
func (h *cases) ledger(c *gin.Context) {
	ctx, now := c.Request.Context(), h.now()
	row, err := h.visible(c)
	var handling []models.Holding
	if err == nil {
		_, handling, err = h.store.Responsibility(ctx, row.State.ID)
	}
	var cal *calendar.Calendar
	if err == nil {
		cal, err = h.rules.Calendar(ctx, row.State.CalendarID, row.State.CalendarVersion)
	}
	if err != nil {
		fail(c, err)
		return
	}
	l := models.NewLedger(handling, row.State.Promises, cal, now)
	answer(c, http.StatusOK, ledgerView{
		CalendarID: cal.ID(), CalendarVersion: cal.Version(), At: Time(now),
		People: each(l.People, func(p models.LedgerPerson) ledgerPersonView {
			return ledgerPersonView{
				p.UserID, isoDuration(p.Working), isoDuration(p.AwaitingAcceptance), isoDuration(p.AwaitingClient), isoDuration(p.Total()),
			}
		}),
		Breaches: each(l.Breaches, func(b models.LedgerBreach) ledgerBreachView {
			return ledgerBreachView{
				b.Milestone, b.Cycle, isoDuration(b.Elapsed), isoDuration(b.Overrun), isoDuration(b.Elsewhere),
				each(b.Shares, func(s models.LedgerShare) ledgerShareView {
					return ledgerShareView{s.UserID, isoDuration(s.Time), s.Percent}
				}),
			}
		}),
	})
}

type receiptView struct {
	Name            string                 `json:"name"`
	Cycle           int                    `json:"cycle"`
	State           sla.State              `json:"state"`
	PolicyVersion   int                    `json:"policy_version"`
	CalendarID      string                 `json:"calendar_id"`
	CalendarVersion int                    `json:"calendar_version"`
	Start           Time                   `json:"start"`
	Target          string                 `json:"target"`
	Total           string                 `json:"total"`
	Clock           sla.ClockKind          `json:"clock"`
	Pauses          []pauseView            `json:"pauses"`
	Extensions      []grantedExtensionView `json:"extensions"`
	Segments        []segmentView          `json:"segments"`
	Counted         string                 `json:"counted"`
	DueAt           *Time                  `json:"due_at"`
	At              Time                   `json:"at"`
	Elapsed         string                 `json:"elapsed"`
	Remaining       string                 `json:"remaining"`
}

type pauseView struct {
	From Time  `json:"from"`
	To   *Time `json:"to"`
}

type grantedExtensionView struct {
	At      Time   `json:"at"`
	AskedAt Time   `json:"asked_at"`
	By      string `json:"by"`
	FromDue *Time  `json:"from_due"`
	Reason  string `json:"reason"`
}

// receipt shows how the due time of a milestone came about: its newest cycle, or the one that is asked for. 404 for a
// milestone that the case never had.
func (h *cases) receipt(c *gin.Context) {
	q := queryOf(c)
	cycle := q.int("cycle", 1, 1_000_000, 0)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	row, err := h.visible(c)
	var cal *calendar.Calendar
	if err == nil {
		cal, err = h.rules.Calendar(c.Request.Context(), row.State.CalendarID, row.State.CalendarVersion)
	}
	if err != nil {
		fail(c, err)
		return
	}
	for _, p := range slices.Backward(row.State.Promises) {
		if p.Name == c.Param("name") && (cycle == 0 || cycle == p.Cycle) {
			answer(c, http.StatusOK, toReceiptView(p, p.Receipt(h.now(), sla.Rules{Calendar: cal}), row.State.PolicyVersion))
			return
		}
	}
	fail(c, notFound())
}

func toReceiptView(p sla.Promise, r sla.Receipt, policyVersion int) receiptView {
	return receiptView{
		Name: r.Name, Cycle: r.Cycle, State: p.State, PolicyVersion: policyVersion, CalendarID: r.CalendarID, CalendarVersion: r.CalendarVersion,
		Start: Time(r.Start), Target: isoSpan(r.Target), Total: isoDuration(r.Total), Clock: r.Clock,
		Pauses: each(r.Pauses, func(p sla.Pause) pauseView { return pauseView{Time(p.From), timePtr(p.To)} }),
		Extensions: each(p.Extensions, func(e sla.Extension) grantedExtensionView {
			return grantedExtensionView{Time(e.At), Time(e.AskedAt), isoSpan(e.By), timePtr(e.FromDue), e.Reason}
		}),
		Segments: each(r.Segments, func(s calendar.Segment) segmentView {
			return segmentView{Time(s.From), Time(s.To), isoDuration(s.Counted)}
		}),
		Counted: isoDuration(r.Counted), DueAt: timePtr(r.DueAt), At: Time(r.At), Elapsed: isoDuration(r.Elapsed), Remaining: isoDuration(r.Remaining),
	}
}
