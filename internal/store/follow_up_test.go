package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

func TestFollowUp_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{Email: true})
	plan := p.plan(models.PurposeCase, "case_1", wang)
	begun := p.decides(t.Context(), plan.InvitationID, models.FollowUpBegin, plan, p.tick())
	first, err := begun(nil)
	require.NoError(t, err)
	require.NotNil(t, first.Touch)
	_, _, err = p.AdvanceFollowUp(t.Context(), plan.InvitationID, nil, begun)
	require.NoError(t, err)
	s, err := p.FollowUpState(t.Context(), plan.InvitationID)
	require.NoError(t, err)
	first.State.Handled = s.Handled
	require.Equal(t, first.State, s)

	i, err := p.Invitation(t.Context(), plan.InvitationID)
	require.NoError(t, err)
	require.Equal(t, *first.Invitation, i)
	token, _ := p.links.Token(plan.InvitationID)
	require.Len(t, token, 36)
	byLink, err := p.InvitationByToken(t.Context(), i.TokenHash)
	require.NoError(t, err)
	require.Equal(t, i, byLink)
	facts, err := p.PersonFacts(t.Context(), wang.Keys(), p.client.ID, "")
	require.NoError(t, err)
	require.Equal(t, models.PersonFacts{
		Touches: []time.Time{first.State.UpdatedAt}, Known: 1, OpenComplaint: map[string]bool{campaign.OpenAtClient: false, campaign.OpenAtContact: false},
	}, utc(facts))

	s = p.does(t, s.ID, &s, models.FollowUpSent, models.FollowUpSentData{Channel: campaign.ByEmail, Result: models.SendTaken})
	require.Equal(t, models.FollowUpAsked, s.Status)
	s = p.answer(t, s, complete(5))
	require.Equal(t, models.FollowUpAnswered, s.Status)
	i, err = p.Invitation(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, []any{5, survey.Satisfied, true}, []any{*i.Score, i.Verdict, i.Complete})
	require.Equal(t, complete(5), i.Answers)
	require.Equal(t, *s.AskedAt, *i.AskedAt)
	require.Equal(t, *s.AnsweredAt, *i.AnsweredAt)
	events, err := p.Timeline(t.Context(), s.ID, 0, 100)
	require.NoError(t, err)
	require.EqualValues(t, s.EventSeq, len(events))
	require.Equal(t, "trace-5", events[0].TraceID)
	require.Empty(t, p.verify(t))

	_, err = p.FollowUpState(t.Context(), id.New(id.Invitation))
	require.Equal(t, "survey.unknown", requireCode(t, errs.NotFound, err).Key)
	_, err = p.Invitation(t.Context(), id.New(id.Invitation))
	requireCode(t, errs.NotFound, err)
	_, err = p.InvitationByToken(t.Context(), make([]byte, 32))
	requireCode(t, errs.NotFound, err)
}

func utc(f models.PersonFacts) models.PersonFacts {
	for i := range f.Touches {
		f.Touches[i] = f.Touches[i].UTC()
	}
	return f
}

func TestFollowUp_step_is_written_as_a_whole_or_not_at_all(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	s := p.ask(t, p.plan(models.PurposeCase, "case_1", wang))
	before := p.contents(t)
	refusal := errs.New(errs.Conflict, "survey.test")
	spoilt := func(spoil func(*models.FollowUpStep)) models.DecideFollowUp {
		decide := p.decides(t.Context(), s.ID, models.FollowUpRespond, models.Response{Answers: complete(2), OptOut: true}, p.tick())
		return func(stored *models.FollowUpState) (models.FollowUpStep, error) {
			step, err := decide(stored)
			require.NoError(t, err)
			spoil(&step)
			return step, nil
		}
	}
	for name, decide := range map[string]models.DecideFollowUp{
		"refused": func(*models.FollowUpState) (models.FollowUpStep, error) { return models.FollowUpStep{}, refusal },
		"a message to nobody": spoilt(func(s *models.FollowUpStep) {
			s.Notices = []models.Notice{{Kind: "k", UserID: id.New(id.User), Key: "x"}}
		}),
		"a task of nobody":          spoilt(func(s *models.FollowUpStep) { s.Tasks = []models.Task{{ID: "x", State: models.TaskOpen}} }),
		"an answer given twice":     spoilt(func(s *models.FollowUpStep) { s.Answers = append(s.Answers, s.Answers[0]) }),
		"no invitation":             spoilt(func(s *models.FollowUpStep) { s.Invitation = nil }),
		"another's invitation":      spoilt(func(s *models.FollowUpStep) { s.Invitation.ID = "x" }),
		"no verdict that there is":  spoilt(func(s *models.FollowUpStep) { s.Invitation.Verdict = "x" }),
		"a touch that nobody knows": spoilt(func(s *models.FollowUpStep) { s.Touch = &models.Touch{Person: "email:new", At: p.now, Known: 3} }),
		"a gap in the steps":        spoilt(func(s *models.FollowUpStep) { s.State.Seq++ }),
		"a lost event":              spoilt(func(s *models.FollowUpStep) { s.State.EventSeq++ }),
	} {
		_, _, err := p.AdvanceFollowUp(t.Context(), s.ID, &s, decide)
		require.Error(t, err, name)
		if name == "refused" {
			require.ErrorIs(t, err, refusal)
		}
		require.Equal(t, before, p.contents(t), name)
	}
	p.answer(t, s, complete(4)) // no lock was left behind
	require.Empty(t, p.verify(t))
}

func (p *poll) contents(t *testing.T) string {
	t.Helper()
	text := p.desk.contents(t)
	for _, table := range []string{"follow_ups", "invitations", "answers", "asked", "opt_outs"} {
		var n string
		require.NoError(t, p.DB().Raw("SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM "+table+" x").Scan(&n).Error)
		text += table + ": " + n + "\n"
	}
	return text
}

func TestFollowUp_step_from_a_state_that_has_moved_on_writes_nothing(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	plan := p.plan(models.PurposeCase, "case_1", wang)
	old := p.begin(t, plan)
	s := p.does(t, old.ID, &old, models.FollowUpSent, models.FollowUpSentData{Channel: campaign.ByEmail, Result: models.SendTaken})
	before := p.contents(t)
	for name, believed := range map[string]*models.FollowUpState{"begun already": nil, "a step before": &old} {
		action, data := models.FollowUpBegin, any(plan)
		if believed != nil {
			action, data = models.FollowUpRespond, models.Response{Answers: complete(1)}
		}
		behind, _, err := p.AdvanceFollowUp(t.Context(), s.ID, believed, p.decides(t.Context(), s.ID, action, data, p.tick()))
		require.NoError(t, err, name)
		require.Equal(t, &s, behind, name)
		require.Equal(t, before, p.contents(t), name)
	}
}

// Two follow-ups that race for one person never both ask: the cap of the class is one in two weeks.
func TestFollowUp_of_many_for_one_person_at_once_the_cap_holds(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{MaxConns: 24})
	const racers = 8
	plans := make([]models.FollowUpPlan, racers)
	decides := make([]models.DecideFollowUp, racers)
	var g errgroup.Group
	for n := range plans {
		plans[n] = p.plan(models.PurposeReception, id.New(id.Reception), wang)
		decides[n] = p.decides(t.Context(), plans[n].InvitationID, models.FollowUpBegin, plans[n], start)
	}
	for n := range plans {
		g.Go(func() error {
			for {
				_, _, err := p.AdvanceFollowUp(t.Context(), plans[n].InvitationID, nil, decides[n])
				if errs.CodeOf(err) != errs.Unavailable { // others were faster each time
					return err
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	asked := 0
	for _, plan := range plans {
		s, err := p.FollowUpState(t.Context(), plan.InvitationID)
		require.NoError(t, err)
		if s.Sending != nil {
			asked++
		} else {
			require.Equal(t, string(campaign.Capped), s.Reason)
		}
	}
	require.Equal(t, 1, asked)
	facts, err := p.PersonFacts(t.Context(), wang.Keys(), p.client.ID, "")
	require.NoError(t, err)
	require.EqualValues(t, 1, facts.Known)
}

func TestFollowUp_that_did_not_know_of_another_question_is_decided_again(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	first := p.plan(models.PurposeReception, "reception_1", wang)
	second := p.plan(models.PurposeReception, "reception_2", wang)
	decide, calls := p.decides(t.Context(), second.InvitationID, models.FollowUpBegin, second, p.tick()), 0
	_, _, err := p.AdvanceFollowUp(t.Context(), second.InvitationID, nil, func(stored *models.FollowUpState) (models.FollowUpStep, error) {
		calls++
		step, err := decide(stored)
		if calls == 1 {
			p.begin(t, first) // in between
		}
		return step, err
	})
	require.NoError(t, err)
	require.Equal(t, 2, calls)
	s, err := p.FollowUpState(t.Context(), second.InvitationID)
	require.NoError(t, err)
	require.Nil(t, s.Sending)
	require.Equal(t, string(campaign.Capped), s.Reason)
}

func TestTouches_that_no_cap_counts_any_more_are_forgotten(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	require.NoError(t, p.DB().Exec(`INSERT INTO asked VALUES (?, ARRAY[?::timestamptz - interval '401 days', ?::timestamptz - interval '399 days'], 7)`,
		wang.Person(), start, start).Error)
	p.begin(t, p.plan(models.PurposeReception, "reception_1", wang))
	facts, err := p.PersonFacts(t.Context(), wang.Keys(), p.client.ID, "")
	require.NoError(t, err)
	require.EqualValues(t, 8, facts.Known)
	require.Equal(t, []time.Time{start.AddDate(0, 0, -399), p.now}, utc(facts).Touches)
}

func TestOptOut_counts_for_every_address_of_the_person(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	s := p.ask(t, p.plan(models.PurposeCase, "case_1", wang))
	s = p.does(t, s.ID, &s, models.FollowUpRespond, models.Response{OptOut: true})
	require.Equal(t, models.FollowUpWithdrawn, s.Status)
	for name, c := range map[string]struct {
		who  models.Recipient
		want bool
	}{
		"the same":                {wang, true},
		"the address in capitals": {models.Recipient{Name: "w", Email: " WANG@BANK.example"}, true},
		"the number elsewise":     {models.Recipient{Name: "w", Email: "new@bank.example", Phone: "+86-21-1234"}, true},
		"the contact, moved":      {models.Recipient{ContactID: wang.ContactID, Email: "other@bank.example"}, true},
		"somebody else":           {models.Recipient{ContactID: "contact_li", Email: "li@bank.example", Phone: "+86 21 12345"}, false},
	} {
		facts, err := p.PersonFacts(t.Context(), c.who.Keys(), p.client.ID, "")
		require.NoError(t, err)
		require.Equal(t, c.want, facts.OptedOut, name)
	}
	again := p.begin(t, p.plan(models.PurposeCase, "case_2", models.Recipient{Name: "w", Email: "wang@bank.example"}))
	require.Equal(t, []any{models.FollowUpSkipped, string(campaign.OptedOut)}, []any{again.Status, again.Reason})
	require.Empty(t, p.verify(t))
}

func TestOptOut_ends_the_open_calls_to_the_person_and_no_others(t *testing.T) {
	t.Parallel()
	li := models.Recipient{ContactID: "contact_li", Name: "李", Phone: "+86 21 1235"}
	for name, optOut := range map[string]func(t *testing.T, p *poll, asked models.FollowUpState){
		"by a link whose process is under way": func(t *testing.T, p *poll, asked models.FollowUpState) {
			p.does(t, asked.ID, &asked, models.FollowUpRespond, models.Response{OptOut: true})
		},
		"by a link that is over": func(t *testing.T, p *poll, asked models.FollowUpState) {
			over := p.answer(t, asked, complete(5))
			require.NoError(t, p.OptOut(t.Context(), over.ID, wang.Keys(), p.tick()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPoll(t, store.Options{})
			asked := p.ask(t, p.plan(models.PurposeCase, "case_1", wang))
			p.byPhone()
			call := p.begin(t, p.plan(models.PurposeCase, "case_2", models.Recipient{Name: "王", Phone: "+86-21-1234"}))
			toLi := p.begin(t, p.plan(models.PurposeCase, "case_3", li))
			calls := p.campaignCalls(t, wang.Phone, li.Phone)

			optOut(t, p, asked)
			require.ElementsMatch(t, []string{models.FollowUpOff + " follow-up/" + call.ID, models.FollowUpOff + " follow-up/" + calls[0]}, signals(t, p.Store))
			var open []string
			require.NoError(t, p.DB().Raw(`SELECT subject_id FROM tasks WHERE kind = 'survey_call' AND state = 'open'`).Scan(&open).Error)
			require.ElementsMatch(t, []string{call.ID, toLi.ID, calls[1]}, open, "a process ends its call itself")
			var withdrawn, due []string
			require.NoError(t, p.DB().Raw(`SELECT id FROM invitations WHERE withdrawn AND purpose = 'campaign'`).Scan(&withdrawn).Error)
			require.Equal(t, calls[:1], withdrawn)
			require.NoError(t, p.DB().Raw(`SELECT invitation_id FROM campaign_recipients WHERE due_at IS NOT NULL`).Scan(&due).Error)
			require.Equal(t, calls[1:], due)

			late := p.decides(t.Context(), calls[0], models.FollowUpRespond, models.Response{Answers: scored("satisfaction", 5)}, p.tick())
			_, _, err := p.AdvanceFollowUp(t.Context(), calls[0], nil, late)
			requireCode(t, errs.ProcessClosed, err)
			call = p.does(t, call.ID, &call, models.FollowUpWithdraw, nil)
			require.Equal(t, []any{models.FollowUpWithdrawn, string(campaign.OptedOut)}, []any{call.Status, call.Reason})
			require.Empty(t, p.verify(t))
		})
	}
}

func TestLeaver_gives_their_calls_to_the_heir(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	p.byPhone()
	call := p.begin(t, p.plan(models.PurposeCase, "case_1", wang))
	calls := p.campaignCalls(t, "+86 21 1236")
	holders := p.callers(t)
	leave := func(d models.Deactivate) error {
		_, err := p.DeactivateUser(t.Context(), d, models.Meta{}, p.tick(), inherits(p.two, p.one))
		return err
	}
	gone := p.member(t, "gone", p.team)
	require.NoError(t, leave(models.Deactivate{UserID: gone.ID}))
	require.Equal(t, "user.no_heir", requireCode(t, errs.Conflict, leave(models.Deactivate{UserID: p.two.ID, HeirID: gone.ID})).Key)

	d := models.Deactivate{UserID: p.two.ID, HeirID: p.one.ID}
	require.NoError(t, leave(d))
	require.ElementsMatch(t, []string{models.FollowUpLeft + " follow-up/" + call.ID, models.FollowUpLeft + " follow-up/" + calls[0]}, signals(t, p.Store))
	require.Equal(t, map[string]string{call.ID: p.two.ID, calls[0]: p.one.ID}, holders(), "a process gives its call away itself")
	p.does(t, call.ID, &call, models.FollowUpInherit, d)
	require.Equal(t, map[string]string{call.ID: p.one.ID, calls[0]: p.one.ID}, holders())
	require.Empty(t, p.verify(t))
}

func TestRelationship_gives_open_calls_to_who_looks_after_the_client_now(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	p.byPhone()
	client := p.client
	client.AccountManagerID = &p.two.ID
	client, err := p.UpdateClient(t.Context(), client)
	require.NoError(t, err)
	b := newBondOf(&bond{p.desk}, client)
	s := b.step(t, nil, func(step *models.RelationshipStep) { step.State.AccountManagerID = p.two.ID })
	plan := p.plan(models.PurposeCase, "case_1", wang)
	plan.AccountManagerID = p.boss.ID // who it was when the case was resolved
	call := p.begin(t, plan)
	calls := p.campaignCalls(t, "+86 21 1236", "+86 21 1237")
	// One of them is to this client, by a questionnaire that can be answered.
	require.NoError(t, p.DB().Exec(`UPDATE invitations SET client_id = ?, template = ? WHERE id = ?`, client.ID, call.Template, calls[0]).Error)
	holders := p.callers(t)
	require.Equal(t, map[string]string{call.ID: p.two.ID, calls[0]: p.two.ID, calls[1]: p.two.ID}, holders())

	d := models.Deactivate{UserID: p.two.ID, HeirID: p.boss.ID, Rule: "account_handed_over"}
	gone := p.member(t, "gone", p.team)
	require.NoError(t, p.DB().Exec("UPDATE users SET active = false WHERE id = ?", gone.ID).Error)
	s = b.step(t, &s, func(step *models.RelationshipStep) {
		step.Calls = &models.Deactivate{UserID: p.two.ID, HeirID: gone.ID}
	})
	require.Equal(t, p.two.ID, holders()[calls[0]], "nobody who has left gets one")
	require.NoError(t, p.DB().Exec("DELETE FROM words").Error)
	b.step(t, &s, func(step *models.RelationshipStep) {
		step.State.AccountManagerID, step.Calls = p.boss.ID, &d
		step.Client = &models.ClientChange{Class: client.Class, Status: client.Status, AccountManagerID: &p.boss.ID, Version: client.Version}
	})
	require.Equal(t, map[string]string{call.ID: p.two.ID, calls[0]: p.boss.ID, calls[1]: p.two.ID}, holders(), "a process gives its call away itself")
	require.ElementsMatch(t, []string{models.FollowUpLeft + " follow-up/" + call.ID, models.FollowUpLeft + " follow-up/" + calls[0]}, signals(t, p.Store))
	p.does(t, call.ID, &call, models.FollowUpInherit, d)
	require.Equal(t, map[string]string{call.ID: p.boss.ID, calls[0]: p.boss.ID, calls[1]: p.two.ID}, holders())

	part := p.answer(t, models.FollowUpState{ID: calls[0]}, scored("satisfaction", 5))
	require.Equal(t, p.boss.ID, part.AccountManagerID)
	require.Empty(t, p.verify(t))
}

// callers answers who is to call for which invitation.
func (p *poll) callers(t testing.TB) func() map[string]string {
	return func() map[string]string {
		var rows []struct{ SubjectID, UserID string }
		require.NoError(t, p.DB().Raw(`SELECT subject_id, user_id FROM tasks WHERE kind = 'survey_call' AND state = 'open'`).Scan(&rows).Error)
		held := map[string]string{}
		for _, row := range rows {
			held[row.SubjectID] = row.UserID
		}
		return held
	}
}

// campaignCalls are invitations of a campaign to people with these numbers, whom somebody is to call.
func (p *poll) campaignCalls(t testing.TB, phones ...string) []string {
	t.Helper()
	d := &drive{Store: p.Store, now: p.tick()}
	d.contacts(t, len(phones))
	for i, phone := range phones {
		d.exec(t, `UPDATE contacts SET phone = ?, email = '' WHERE name = ?`, phone, fmt.Sprint("p", i+1))
	}
	run := d.launched(t, campaign.Audience{}).Run
	invitations := make([]string, len(phones))
	for i, item := range d.claim(t, run.ID, "calls", len(phones), d.ask) {
		o := d.sent(item.Row, "")
		o.Channel, o.DueAt = campaign.ByPhone, &run.Until
		o.Task = &models.Task{
			ID: id.Derive(id.Task, item.Row.InvitationID, models.TaskSurveyCall), Kind: models.TaskSurveyCall, UserID: p.two.ID, CreatedAt: d.now, State: models.TaskOpen,
		}
		d.record(t, run.ID, o)
		invitations[i] = item.Row.InvitationID
	}
	return invitations
}

func TestOpenComplaint_is_one_that_the_client_waits_for(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	stranger, err := p.CreateClient(t.Context(), aClient("other bank"))
	require.NoError(t, err)
	about := func(change func(*models.CaseStep)) models.CaseState {
		step := p.record(p.one)
		step.Record.Contact = models.CaseContact{Name: "李", Email: "li@bank.example ", Phone: "0086 (21) 99"}
		if change != nil {
			change(&step)
		}
		return p.apply(t, step)
	}
	open := func(who models.Recipient, clientID, except string) []bool {
		facts, err := p.PersonFacts(t.Context(), who.Keys(), clientID, except)
		require.NoError(t, err)
		return []bool{facts.OpenComplaint[campaign.OpenAtClient], facts.OpenComplaint[campaign.OpenAtContact]}
	}
	li, liByPhone := models.Recipient{Email: "LI@bank.example"}, models.Recipient{Email: "private@x.example", Phone: "+862199"}
	about(func(s *models.CaseStep) { s.State.Type = models.TypeInquiry })
	about(func(s *models.CaseStep) { s.State.Status = models.CaseResolved })
	p.apply(t, shut(next(about(nil), p.tick(), "closed")))
	require.Equal(t, []bool{false, false}, open(li, p.client.ID, ""))

	c := about(func(s *models.CaseStep) { s.State.Status = models.CaseWaitingCustomer })
	require.Equal(t, []bool{true, true}, open(li, p.client.ID, ""))
	require.Equal(t, []bool{true, true}, open(liByPhone, p.client.ID, ""))
	require.Equal(t, []bool{true, false}, open(wang, p.client.ID, ""))
	require.Equal(t, []bool{false, true}, open(li, stranger.ID, ""), "a person may be a contact of two clients")
	require.Equal(t, []bool{false, false}, open(wang, stranger.ID, ""))
	require.Equal(t, []bool{false, false}, open(li, p.client.ID, c.ID), "what is asked about")

	survivor := p.record(p.two)
	survivor.State.Status = models.CaseInProgress
	into := p.apply(t, survivor)
	merged := shut(next(c, p.tick(), "merged"))
	p.apply(t, merged)
	inherit := next(into, p.tick(), "merged")
	inherit.Inherit = c.ID
	p.apply(t, inherit)
	require.Equal(t, []bool{true, true}, open(li, p.client.ID, ""), "whose case was merged waits for the one that survives")
	require.Equal(t, []bool{false, false}, open(li, p.client.ID, into.ID))
}

func TestFollowUp_gives_no_task_to_somebody_who_has_left(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	require.NoError(t, p.DB().Exec("UPDATE users SET active = false WHERE id = ?", p.two.ID).Error)
	plan := p.plan(models.PurposeCase, "case_1", models.Recipient{ContactID: "contact_p", Name: "by phone"})
	plan.Recipient.Phone = "+86 21 7777"
	p.byPhone()
	_, _, err := p.AdvanceFollowUp(t.Context(), plan.InvitationID, nil, p.decides(t.Context(), plan.InvitationID, models.FollowUpBegin, plan, p.tick()))
	require.Equal(t, "survey.user_inactive", requireCode(t, errs.Invalid, err).Key)

	require.NoError(t, p.DB().Exec("UPDATE users SET active = true WHERE id = ?", p.two.ID).Error)
	s := p.begin(t, plan)
	rows, _, err := p.Tasks(t.Context(), actor(p.two), models.TaskFilter{Box: models.BoxTodo}, models.Page{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, []string{models.FollowUpProcess, s.ID, "CMP-20261123-0007", "by phone"},
		[]string{rows[0].Process, rows[0].SubjectID, rows[0].Number, rows[0].Subject})
	s = p.answer(t, s, complete(3))
	require.Empty(t, s.Tasks)
	require.Empty(t, p.inbox(t, actor(p.two), models.TaskFilter{Box: models.BoxTodo}))
	require.Empty(t, p.verify(t))
}

func TestAnswer_is_replaced_by_a_fuller_one(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	s := p.ask(t, p.plan(models.PurposeCase, "case_1", wang))
	answered := func() (rows []string) {
		require.NoError(t, p.DB().Raw(`SELECT question || ' ' || coalesce(score::text, text) FROM answers WHERE invitation_id = ? ORDER BY 1`, s.ID).Scan(&rows).Error)
		return rows
	}
	s = p.answer(t, s, scored("ease", 3))
	require.Equal(t, []string{"ease 3"}, answered())
	require.Equal(t, models.FollowUpAsked, s.Status, "kept, and may go on")
	s = p.answer(t, s, survey.Answers{"ease": {}})
	require.Empty(t, answered(), "taken back")
	fuller := complete(2)
	fuller["reason"] = survey.Answer{Text: "nobody called — 没有人回电"}
	s = p.answer(t, s, fuller)
	require.Equal(t, []string{"ease 6", "reason nobody called — 没有人回电", "satisfaction 2"}, answered())
	require.Equal(t, survey.Dissatisfied, s.Verdict)
	require.Empty(t, p.verify(t))
	require.Equal(t, 3, count(t, p.Store, "answers a JOIN invitations i ON i.id = a.invitation_id WHERE a.accountable_id = ? AND a.at = i.answered_at", p.one.ID))
}

// A campaign has made the invitation; the process begins with the answer, and the recipient has responded.
func TestFollowUp_of_a_campaign_begins_with_the_answer(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	for name, c := range map[string]struct {
		response  models.Response
		responded int64
		status    models.FollowUpStatus
	}{
		"answered":  {models.Response{Answers: scored("satisfaction", 5)}, 1, models.FollowUpAnswered},
		"opted out": {models.Response{OptOut: true}, 0, models.FollowUpWithdrawn},
		"bad":       {models.Response{Answers: survey.Answers{"satisfaction": {Score: ptr(1)}}, OptOut: true}, 1, models.FollowUpAnswered},
	} {
		d := &drive{Store: p.Store, now: p.tick()}
		if count(t, p.Store, "contacts") == 0 {
			d.contacts(t, 1)
		}
		run := d.launched(t, campaign.Audience{}).Run.ID
		items := d.claim(t, run, name, 10, func(items []models.BatchItem) ([]models.BatchDecision, error) {
			decisions, err := d.ask(items)
			for _, decision := range decisions {
				decision.Invitation.Template = "service_day"
			}
			return decisions, err
		})
		require.Len(t, items, 1)
		d.record(t, run, d.sent(items[0].Row, ""))
		row := d.recipients(t, run, "")[0]
		before := count(t, p.Store, "invitations")
		s := p.does(t, row.InvitationID, nil, models.FollowUpRespond, c.response)
		require.Equal(t, c.status, s.Status, name)
		require.Equal(t, before, count(t, p.Store, "invitations"), "the row was there already")
		row = d.recipients(t, run, "")[0]
		require.Nil(t, row.DueAt, "nobody is reminded who has answered, or does not want to be asked")
		require.Equal(t, c.responded, d.run(t, run).Responded, name)
		require.Equal(t, c.responded == 1, row.RespondedAt != nil, name)
		i, err := p.Invitation(t.Context(), s.ID)
		require.NoError(t, err)
		require.Equal(t, c.response.OptOut, i.OptedOut)
		require.NoError(t, p.DB().Exec("DELETE FROM opt_outs").Error)
	}
	require.Empty(t, p.verify(t))
}
