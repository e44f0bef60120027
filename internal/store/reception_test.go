package store_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// same compares states as the engine and the database keep them.
func same(t require.TestingT, want, got models.ReceptionState) {
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
}

func TestReception_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{Email: true})
	s := l.completed(t)
	require.Regexp(t, `^RCP-20261116-0001$`, s.Number)
	s = l.do(t, s, l.hal, models.ReceptionFeedback, models.ReceptionOpinion{Score: 4, Comment: "warm", Shortcomings: "late", Visitor: "Ms Li"})
	items := []models.ClaimItem{{Item: models.CostMeals, Amount: 60_000, Receipt: "INV-1", Note: "dinner"}}
	s = l.do(t, s, l.hal, models.ReceptionClaim, models.ClaimExpenses{Items: items})
	claimID := s.Claim.ID
	s = l.do(t, s, l.fin, models.ReceptionPay, models.PayClaim{Reference: "BANK-1", Comment: "fine"})
	s = l.do(t, s, l.amy, models.ReceptionClose, models.CloseReception{Summary: "they will order", Shortcomings: "late"})

	stored, err := l.ReceptionState(t.Context(), s.ID)
	require.NoError(t, err)
	same(t, s, stored)
	row, err := l.Reception(t.Context(), guest(l.amy), s.ID)
	require.NoError(t, err)
	same(t, s, row.State)
	require.Equal(t, "see the new line", row.Plans.Current.Purpose)
	require.Equal(t, "they will order", row.Summary.Summary)
	require.Equal(t, []models.BudgetLine{{Item: models.CostMeals, Amount: 60_000}}, row.Summary.Actual)

	needs, err := l.ReceptionNeeds(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, []models.NeedRow{{
		ID: s.Needs[0].ID, Text: "a sample of the blue one", Kind: models.TypeInquiry, OwnerID: l.cleo.ID, RaisedBy: l.cleo.ID,
		RaisedAt: s.Needs[0].RaisedAt, CaseID: s.Needs[0].CaseID(),
	}}, needs)
	claims, err := l.ReceptionClaims(t.Context(), s.ID)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, []any{claimID, models.ClaimPaid, items, int64(60_000), "fine", l.hal.ID},
		[]any{claims[0].ID, claims[0].State, claims[0].Items, claims[0].Total, claims[0].Comment, claims[0].By})
	said, err := l.ReceptionFeedback(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, []any{4, "warm", "late", "Ms Li", l.hal.ID}, []any{said[0].Score, said[0].Comment, said[0].Shortcomings, said[0].Visitor, said[0].By})
	diary, err := l.ReceptionInvitations(t.Context(), s.ID)
	require.NoError(t, err)
	require.Len(t, diary, 1)
	require.Equal(t, []any{l.hal.ID, visit, false}, []any{diary[0].UserID, diary[0].StartsAt, diary[0].Cancelled})

	events, err := l.Timeline(t.Context(), s.ID, 0, 100)
	require.NoError(t, err)
	require.EqualValues(t, s.EventSeq, len(events))
	require.Equal(t, "trace-4", events[0].TraceID)
	l.free(t, s.ID)
	l.clean(t)
	_, err = l.ReceptionState(t.Context(), id.New(id.Reception))
	require.Equal(t, "reception.unknown", requireCode(t, errs.NotFound, err).Key)
}

func TestReception_invites_by_email_with_what_the_diary_needs(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{Email: true})
	s := l.approved(t)
	leased, err := l.LeaseDeliveries(t.Context(), s.ID, s.Seq, l.now, l.now.Add(time.Minute))
	require.NoError(t, err)
	var found []models.Delivery
	for _, d := range leased.Deliveries {
		if d.Kind == models.NoticeInvitation {
			found = append(found, d)
		}
	}
	require.Len(t, found, 1)
	require.Equal(t, l.hal.ID, *found[0].UserID)
	require.Equal(t, map[string]string{
		"uid": s.Invited[0].UID, "sequence": "3", "number": s.Number, "subject": "see the new line", "starts_at": "2026-11-23T09:00:00Z", "ends_at": "2026-11-23T11:00:00Z",
	}, found[0].Data)
	s = l.do(t, s, l.amy, models.ReceptionCancel, models.Because{Reason: "fog"})
	diary, err := l.ReceptionInvitations(t.Context(), s.ID)
	require.NoError(t, err)
	require.True(t, diary[0].Cancelled)
	require.Equal(t, s.Seq, diary[0].Sequence, "a higher number takes the entry out")
}

func TestReception_step_from_a_state_that_has_moved_on_writes_nothing_and_answers_the_stored_one(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	old := l.record(t, l.amy, l.plan())
	now := l.do(t, old, l.amy, models.ReceptionSubmit, nil)
	for _, action := range []models.ReceptionAction{models.ReceptionSubmit, models.ReceptionCancel, models.ReceptionTick} {
		out, err := l.advance(t.Context(), old.ID, &old, l.event(guest(l.amy), action, models.Because{Reason: "fog"}))
		require.NoError(t, err)
		require.True(t, out.Behind, string(action))
		same(t, now, *out.State)
	}
	out, err := l.advance(t.Context(), old.ID, nil, l.event(guest(l.amy), models.ReceptionRecord, models.PlanReception{Plan: l.plan()}))
	require.NoError(t, err)
	require.True(t, out.Behind, "a first step that is repeated")
	out, err = l.advance(t.Context(), old.ID, &old, models.ReceptionEvent{Action: models.ReceptionAdopt})
	require.NoError(t, err)
	same(t, now, *out.State)
	l.clean(t)

	ahead := now
	ahead.Seq++
	_, err = l.advance(t.Context(), old.ID, &ahead, models.ReceptionEvent{Action: models.ReceptionTick})
	requireCode(t, errs.Internal, err)
}

func TestReception_summary_has_the_shortcomings_that_were_recorded(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.completed(t)
	s = l.do(t, s, l.hal, models.ReceptionFeedback, models.ReceptionOpinion{Score: 3, Shortcomings: "no interpreter"})
	s = l.do(t, s, l.hal, models.ReceptionFeedback, models.ReceptionOpinion{Comment: "fine otherwise"})
	s = l.do(t, s, l.cleo, models.ReceptionFeedback, models.ReceptionOpinion{Shortcomings: "late"})
	s = l.do(t, s, l.amy, models.ReceptionClose, models.CloseReception{Summary: "they will order", Shortcomings: "late"})
	row, err := l.Reception(t.Context(), guest(l.amy), s.ID)
	require.NoError(t, err)
	require.Equal(t, "late\nno interpreter", row.Summary.Shortcomings)
}

func TestReception_takes_an_answer_of_visitors_once(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s, score := l.completed(t), 4
	e, _ := models.ReceptionSurveyedBy(models.FollowUpFact{Seq: 2, InvitationID: "invitation_1", Status: models.FollowUpAnswered, Score: &score})
	_, err := l.advance(t.Context(), s.ID, &s, e) // whose answer gets lost
	require.NoError(t, err)
	out, err := l.advance(t.Context(), s.ID, &s, e)
	require.NoError(t, err)
	require.True(t, out.Behind)
	require.Contains(t, out.State.Handled, e.Meta.RequestID, "so that it is not taken from there again")
	_, err = l.advance(t.Context(), s.ID, out.State, e)
	require.Equal(t, "reception.surveyed", requireCode(t, errs.Conflict, err).Key)
	said, err := l.ReceptionFeedback(t.Context(), s.ID)
	require.NoError(t, err)
	require.Len(t, said, 1)
	l.clean(t)
}

func TestReception_refused_by_resources_or_money_is_as_it_was(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	l.do(t, l.record(t, l.amy, l.plan()), l.amy, models.ReceptionSubmit, nil)
	second := l.record(t, l.amy, l.plan())
	_, err := l.advance(t.Context(), second.ID, &second, l.event(guest(l.amy), models.ReceptionSubmit, nil))
	e := requireCode(t, models.ResourceTaken, err)
	require.Equal(t, "resources[0]", e.Fields[0].Field)
	require.NotEmpty(t, e.Fields[0].Args["free"], "the nearest free times")
	stored, err := l.ReceptionState(t.Context(), second.ID)
	require.NoError(t, err)
	same(t, second, stored)

	dear := l.plan()
	dear.Resources, dear.Budget[0].Amount, dear.DepartureReason = nil, 9_950_000, "a feast"
	third := l.record(t, l.amy, dear)
	_, err = l.advance(t.Context(), third.ID, &third, l.event(guest(l.amy), models.ReceptionSubmit, nil))
	e = requireCode(t, models.BudgetExceeded, err)
	require.Equal(t, "9900000", e.Fields[0].Args["left"])
	dear.Budget[0].Item = models.CostGifts
	fourth := l.record(t, l.amy, dear)
	_, err = l.advance(t.Context(), fourth.ID, &fourth, l.event(guest(l.amy), models.ReceptionSubmit, nil))
	requireCode(t, models.BudgetMissing, err)
	l.clean(t)
}

func TestReception_step_is_written_whole_or_not_at_all(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.record(t, l.amy, l.plan())
	// The last thing that a step writes fails.
	require.NoError(t, l.DB().Exec(`ALTER TABLE notifications ADD CONSTRAINT notifications_full_check CHECK (kind <> 'reception_cancelled')`).Error)
	s = l.do(t, s, l.amy, models.ReceptionSubmit, nil)
	_, err := l.advance(t.Context(), s.ID, &s, l.event(guest(l.amy), models.ReceptionCancel, models.Because{Reason: "fog"}))
	require.Error(t, err)
	stored, err := l.ReceptionState(t.Context(), s.ID)
	require.NoError(t, err)
	same(t, s, stored)
	bookings, err := l.BookingsOf(t.Context(), s.ID)
	require.NoError(t, err)
	require.Len(t, bookings, 1, "what it would have released is still held")
	l.clean(t)
}

func TestReception_gives_nobody_who_has_left_a_part(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.record(t, l.amy, l.plan())
	gone := l.plan()
	gone.Hosts = []string{l.z.ID}
	require.NoError(t, l.DB().Exec(`UPDATE users SET active = false WHERE id = ?`, l.z.ID).Error) // another process did
	_, err := l.advance(t.Context(), s.ID, &s, l.event(guest(l.amy), models.ReceptionRevise, models.PlanReception{ClientClass: "B", Plan: gone}))
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestOfFiftySimultaneousSubmissions_one_gets_the_room(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	winners := l.rush(t, l.plan(), 50, models.ResourceTaken)
	require.Len(t, winners, 1)
	bookings, _, err := l.Bookings(t.Context(), l.room.ID, models.Slot{From: visit, Until: visit.Add(time.Hour)}, models.Page{})
	require.NoError(t, err)
	require.Len(t, bookings, 1)
	require.Equal(t, winners[0], bookings[0].SubjectID)
	l.clean(t)
}

func TestOfFiftySimultaneousSubmissions_the_budget_lets_pass_what_it_has(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	p := l.plan()
	p.Resources, p.Budget[0].Amount, p.DepartureReason = nil, 1_400_000, "a feast"
	winners := l.rush(t, p, 50, models.BudgetExceeded)
	require.Len(t, winners, 7, "of 100,000.00 seven times 14,000.00")
	l.clean(t)
}

// rush lets n receptions with the plan be submitted at once, and returns those that were; the others were refused with the
// code, and are drafts as before.
func (l *lobby) rush(t *testing.T, plan models.ReceptionPlan, n int, refusal errs.Code) []string {
	t.Helper()
	drafts := make([]models.ReceptionState, n)
	for i := range drafts {
		drafts[i] = l.record(t, l.amy, plan)
	}
	at := l.now.Add(time.Minute)
	var mu sync.Mutex
	var winners []string
	g, ctx := errgroup.WithContext(t.Context())
	for _, s := range drafts {
		g.Go(func() error {
			out, err := l.acts.AdvanceReception(ctx, models.AdvanceReception{
				ReceptionID: s.ID, State: &s, Event: l.event(guest(l.amy), models.ReceptionSubmit, nil), At: at,
			})
			if errs.CodeOf(err) == refusal {
				return nil
			}
			if err != nil {
				return err
			}
			after, err := out.Onto(&s)
			if err != nil {
				return err
			}
			if after.Status != models.ReceptionInApproval {
				return errors.New("submitted, and yet " + string(after.Status))
			}
			mu.Lock()
			defer mu.Unlock()
			winners = append(winners, after.ID)
			return nil
		})
	}
	require.NoError(t, g.Wait())
	waiting, _, err := l.Receptions(t.Context(), guest(l.amy), models.ReceptionFilter{Status: models.ReceptionInApproval}, models.Page{Limit: 100})
	require.NoError(t, err)
	require.Len(t, waiting, len(winners))
	return winners
}

// TestNothingStaysHeld follows random histories of many receptions, which compete for one room, to their ends. The world
// is one for all of them, so that each meets what the others have left.
func TestNothingStaysHeld_by_a_reception_that_is_over(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	tea := l.resource(t, "tea", models.ResourceGiftStock, 1000)
	ends := map[models.ReceptionStatus]int{}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		p := l.plan()
		p.Resources = append(p.Resources, models.WantedResource{ResourceID: tea.ID, Quantity: 1 + r.IntN(3)})
		*p.StartsAt = p.StartsAt.Add(time.Duration(r.IntN(4)) * time.Hour)
		*p.EndsAt = p.StartsAt.Add(time.Hour)
		s := l.record(t, l.amy, p)
		for range 10 + r.IntN(20) {
			s = l.wander(t, r, s, p)
		}
		if !s.Over(l.now) {
			s = l.finish(t, s)
		}
		ends[s.Status]++
		bookings, err := l.BookingsOf(t.Context(), s.ID)
		require.NoError(t, err)
		for _, b := range bookings {
			require.True(t, s.Status == models.ReceptionClosed && b.ResourceID == tea.ID, "seed %d: only gifts of a visit that took place are used up", seed)
		}
		money, err := l.MoneyOf(t.Context(), s.ID)
		require.NoError(t, err)
		for _, m := range money {
			require.Zero(t, m.Held, "seed %d: %s in %s", seed, m.Item, s.Status)
		}
	}
	require.Len(t, ends, 4, "every end was reached: %v", ends)
	l.clean(t)
}

// wander takes a random step that is legal now; one that is refused leaves everything as it was.
func (l *lobby) wander(t *testing.T, r *rand.Rand, s models.ReceptionState, p models.ReceptionPlan) models.ReceptionState {
	t.Helper()
	if n := len(s.Approvals); n > 0 && s.Approvals[n-1].Outcome == "" && !s.Approvals[n-1].Returned && r.IntN(2) == 0 {
		return l.decided(t, s, []models.ApprovalOutcome{
			models.OutcomeApproved, models.OutcomeApproved, models.OutcomeApproved, models.OutcomeReturned, models.OutcomeRejected,
		}[r.IntN(5)])
	}
	who := []models.User{l.amy, l.hal, l.cleo, l.fin}[r.IntN(4)]
	allowed := s.AllowedActions(guest(who), l.now)
	if len(allowed) == 0 {
		return s
	}
	action := allowed[r.IntN(len(allowed))]
	var data any
	switch action {
	case models.ReceptionRevise:
		p.Budget = []models.PlannedAmount{{Item: models.CostMeals, Amount: []int64{90_000, 110_000, 290_000}[r.IntN(3)]}}
		data = models.PlanReception{ClientClass: "B", AccountManagerID: l.amy.ID, Plan: p}
	case models.ReceptionCancel, models.ReceptionWithdraw:
		if r.IntN(4) > 0 {
			return s
		}
		data = models.Because{Reason: "so"}
	case models.ReceptionReturnClaim:
		data = models.Because{Reason: "so"}
	case models.ReceptionFeedback:
		data = models.ReceptionOpinion{Score: 3}
	case models.ReceptionClaim:
		amount := []int64{1, 80_000, 400_000}[r.IntN(3)]
		data = models.ClaimExpenses{Items: []models.ClaimItem{{Item: models.CostMeals, Amount: amount, Receipt: id.New("receipt")}}}
	case models.ReceptionRaiseNeed:
		data = models.RaiseNeed{Text: "a sample"}
	case models.ReceptionSolveNeed:
		data = models.SolveNeed{NeedID: s.Needs[0].ID, Solution: "sent"}
	case models.ReceptionClose:
		data = models.CloseReception{Summary: "well"}
	}
	out, err := l.advance(t.Context(), s.ID, &s, l.event(guest(who), action, data))
	if err != nil {
		require.Contains(t, []errs.Code{errs.Invalid, errs.Conflict, models.ResourceTaken, models.BudgetExceeded}, errs.CodeOf(err), "%s: %v", action, err)
		stored, err := l.ReceptionState(t.Context(), s.ID)
		require.NoError(t, err)
		same(t, s, stored)
		return s
	}
	return *out.State
}

// finish brings a reception to its end.
func (l *lobby) finish(t *testing.T, s models.ReceptionState) models.ReceptionState {
	t.Helper()
	if s.Claim != nil && s.Claim.State == models.ClaimInApproval {
		s = l.decided(t, s, models.OutcomeRejected)
	}
	if s.Claim != nil {
		s = l.do(t, s, l.fin, models.ReceptionReturnClaim, models.Because{Reason: "no"})
	}
	if s.Status == models.ReceptionInProgress {
		s = l.do(t, s, l.cleo, models.ReceptionComplete, nil)
	}
	if s.Status == models.ReceptionCompleted || s.Status == models.ReceptionSettling {
		return l.do(t, s, l.amy, models.ReceptionClose, models.CloseReception{Summary: "well"})
	}
	if s.Status == models.ReceptionCancelled { // expenses may still be claimed
		return s
	}
	return l.do(t, s, l.amy, models.ReceptionCancel, models.Because{Reason: "fog"})
}

func TestReceptions_are_seen_by_those_who_have_a_part(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	var ids []string
	for range 3 {
		ids = append([]string{l.record(t, l.amy, l.plan()).ID}, ids...)
	}
	other := l.plan()
	other.Kind, other.Hosts = "on_site_meeting", []string{l.sam.ID}
	mine := l.record(t, l.sam, other)
	list := func(a models.Actor, f models.ReceptionFilter) []string {
		var found []string
		var page models.Page
		page.Limit = 2
		for {
			rows, next, err := l.Receptions(t.Context(), a, f, page)
			require.NoError(t, err)
			for _, r := range rows {
				require.NotEmpty(t, r.Plans.Current.Purpose)
				found = append(found, r.State.ID)
			}
			if next == "" {
				return found
			}
			page.Cursor = next
		}
	}
	everything := append([]string{mine.ID}, ids...)
	for name, c := range map[string]struct {
		who    models.Actor
		filter models.ReceptionFilter
		want   []string
	}{
		"host":           {guest(l.hal), models.ReceptionFilter{}, ids},
		"manager":        {guest(l.amy), models.ReceptionFilter{}, everything},
		"desk":           {guest(l.cleo), models.ReceptionFilter{}, everything},
		"nobody":         {guest(l.z), models.ReceptionFilter{}, nil},
		"deputy":         {models.Actor{Person: guest(l.z).Person, ActsFor: []models.Person{guest(l.hal).Person}}, models.ReceptionFilter{}, ids},
		"by host":        {guest(l.cleo), models.ReceptionFilter{HostID: l.hal.ID}, ids},
		"by requester":   {guest(l.cleo), models.ReceptionFilter{RequesterID: l.sam.ID}, []string{mine.ID}},
		"of a stranger":  {guest(l.z), models.ReceptionFilter{RequesterID: l.sam.ID}, nil},
		"by client":      {guest(l.hal), models.ReceptionFilter{ClientID: l.client.ID}, ids},
		"by kind, level": {guest(l.cleo), models.ReceptionFilter{Kind: "on_site_meeting", Level: "standard"}, []string{mine.ID}},
		"by team":        {guest(l.cleo), models.ReceptionFilter{TeamID: l.team, Status: models.ReceptionDraft}, everything},
		"by day":         {guest(l.cleo), models.ReceptionFilter{StartsFrom: ptr(visit.Add(time.Minute))}, nil},
		"until":          {guest(l.cleo), models.ReceptionFilter{StartsFrom: &visit, StartsUntil: ptr(visit.Add(time.Minute))}, everything},
	} {
		require.Equal(t, c.want, list(c.who, c.filter), name)
	}
	_, err := l.Reception(t.Context(), guest(l.z), mine.ID)
	requireCode(t, errs.NotFound, err)
	require.ElementsMatch(t, ids, store.IDsOf(t, l.Store, store.ReceptionsOfSQL, l.hal.ID))
}

func TestReception_tasks_stand_in_the_inbox_with_what_they_are_about(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.approved(t)
	rows, _, err := l.Tasks(t.Context(), guest(l.amy), models.TaskFilter{Box: models.BoxTodo, Process: models.ReceptionProcess}, models.Page{})
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	require.Equal(t, []string{s.Number, "see the new line", s.ID}, []string{rows[0].Number, rows[0].Subject, rows[0].SubjectID})
	same(t, s, *rows[0].Reception)
	_, err = l.Task(t.Context(), guest(l.hal), rows[0].ID)
	require.NoError(t, err, "who has a part sees all tasks")
	_, err = l.Task(t.Context(), guest(l.z), rows[0].ID)
	requireCode(t, errs.NotFound, err)
}

func TestOtherReceptions_are_those_that_asked_for_money_near_by(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	l.record(t, l.amy, l.plan()) // a draft
	p := l.plan()
	p.Resources = nil
	s := l.do(t, l.record(t, l.amy, p), l.amy, models.ReceptionSubmit, nil)
	off := l.do(t, l.record(t, l.amy, p), l.amy, models.ReceptionSubmit, nil)
	l.do(t, off, l.amy, models.ReceptionWithdraw, nil)
	found, err := l.OtherReceptions(t.Context(), visit.AddDate(0, 0, -7), visit.AddDate(0, 0, 7), "CNY")
	require.NoError(t, err)
	require.Equal(t, []models.OtherReception{{
		ID: s.ID, Number: s.Number, TeamID: l.team, Hosts: []string{l.hal.ID}, Organisations: []string{"Blue Sky"}, StartsAt: visit, Total: 100_000, Currency: "CNY",
	}}, found)
	found, err = l.OtherReceptions(t.Context(), visit.AddDate(0, 0, 1), visit.AddDate(0, 0, 7), "CNY")
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestReception_hands_unmet_needs_over_as_cases(t *testing.T) {
	t.Parallel()
	l := newLobby(t, store.Options{})
	s := l.do(t, l.approved(t), l.cleo, models.ReceptionPrepare, nil)
	s = l.do(t, s, l.cleo, models.ReceptionStart, nil)
	s = l.do(t, s, l.cleo, models.ReceptionRaiseNeed, models.RaiseNeed{Text: strings.Repeat("长", 150), Kind: models.TypeComplaint})
	out, err := l.advance(t.Context(), s.ID, &s, l.event(guest(l.cleo), models.ReceptionComplete, nil))
	require.NoError(t, err)
	require.Len(t, out.Cases, 1)
	require.True(t, id.Valid(id.Case, out.Cases[0].CaseID))
	again, err := l.advance(t.Context(), s.ID, &s, l.event(guest(l.cleo), models.ReceptionComplete, nil))
	require.NoError(t, err)
	require.True(t, again.Behind)
	require.Equal(t, out.Cases, again.Cases, "a worker that died in between does not lose them")

	cases := &activities.Complaint{Store: l.Store, Rules: l.book}
	_, err = cases.Advance(t.Context(), models.AdvanceCase{CaseID: out.Cases[0].CaseID, Event: out.Cases[0].Event, At: l.now})
	require.NoError(t, err)
	row, err := l.Case(t.Context(), guest(l.mia), out.Cases[0].CaseID)
	require.NoError(t, err)
	require.Equal(t, []any{models.TypeComplaint, l.cleo.ID, models.System, l.client.ID, s.Number, "Ms Li", "visit"},
		[]any{row.State.Type, row.State.AccountableID, row.State.CreatedBy, row.State.ClientID, row.Record.ExternalRef, row.Record.Contact.Name, row.State.Channel})
	require.Len(t, []rune(row.Record.Subject), 100)
	require.Equal(t, strings.Repeat("长", 150), row.Record.Description)
	require.Equal(t, *row.Record.OccurredAt, s.Needs[0].RaisedAt)
}

func TestVerify_finds_what_contradicts_a_reception(t *testing.T) {
	t.Parallel()
	for rule, tamper := range map[string]string{
		"reception.projection.status": `UPDATE receptions SET status = 'closed' WHERE id = ?`,
		"reception.timeline":          `DELETE FROM timeline WHERE subject_id = ? AND seq = 2`,
		"reception.tasks":             `UPDATE tasks SET state = 'done', done_at = now() WHERE subject_id = ? AND kind = 'prepare_reception'`,
		"reception.access":            `DELETE FROM reception_access WHERE reception_id = ?`,
		"reception.bookings":          `UPDATE bookings SET state = 'released' WHERE subject_id = ?`,
		"reception.held":              `UPDATE receptions SET state = jsonb_set(state, '{status}', '"closed"'), status = 'closed' WHERE id = ?`,
		"reception.money":             `UPDATE receptions SET state = jsonb_set(state, '{money,0,held}', '7') WHERE id = ?`,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			l := newLobby(t, store.Options{})
			s := l.approved(t)
			l.clean(t)
			require.NoError(t, l.DB().Exec(tamper, s.ID).Error)
			require.Contains(t, l.verify(t), rule)
		})
	}
}
