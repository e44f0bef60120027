package store_test

import (
	"context"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// A poll is a desk that asks clients, at any hour and at once, by the shipped surveys and policy.
type poll struct {
	*desk
	book   *survey.Book
	policy campaign.Policy
	links  *auth.Links
}

func newPoll(t testing.TB, o store.Options) *poll {
	t.Helper()
	o.Now = func() time.Time { return start }
	p := &poll{desk: newDesk(t, o), links: auth.NewLinks(make([]byte, 32))}
	body, err := policies.FS.ReadFile("survey/default.yaml")
	require.NoError(t, err)
	doc, faults := survey.Parse(body)
	require.Empty(t, faults)
	p.book, err = survey.Compile(doc, 1)
	require.NoError(t, err)
	body, err = policies.FS.ReadFile("campaign/default.yaml")
	require.NoError(t, err)
	p.policy, faults = campaign.ParsePolicy(body)
	require.Empty(t, faults)
	p.policy.QuietHours = nil
	p.policy.FollowUps = maps.Clone(p.policy.FollowUps)
	for event, f := range p.policy.FollowUps {
		f.Delay = sla.Span{}
		p.policy.FollowUps[event] = f
	}
	return p
}

// byPhone lets those who are asked about a case be called.
func (p *poll) byPhone() {
	f := p.policy.FollowUps[campaign.CaseResolved]
	f.Channels = []campaign.Channel{campaign.ByPhone}
	p.policy.FollowUps[campaign.CaseResolved] = f
}

var wang = models.Recipient{
	ContactID: "contact_wang", Name: "王芳", Email: "Wang@bank.example", Phone: "0086 21 1234", Locale: "zh-CN", TimeZone: "Asia/Shanghai",
}

// plan asks somebody about something that one is accountable for.
func (p *poll) plan(purpose models.Purpose, subjectID string, r models.Recipient) models.FollowUpPlan {
	return models.FollowUpPlan{
		InvitationID: id.New(id.Invitation), Purpose: purpose, SubjectID: subjectID, Number: "CMP-20261123-0007", Process: models.ComplaintProcess,
		Parent: models.ComplaintWorkflowID(subjectID), ClientID: p.client.ID, ClientClass: "B", AccountManagerID: p.two.ID, AccountableID: p.one.ID, Recipient: r,
	}
}

// rules are those of a decision now, with what is known of the person now.
func (p *poll) rules(ctx context.Context, invitationID, subjectID string, r models.Recipient) (models.FollowUpRules, error) {
	_, hash := p.links.Token(invitationID)
	rules := models.FollowUpRules{
		Policy: p.policy, PolicyVersion: 1, Book: p.book, SurveyVersion: 1, Calendar: calendar.Always(), CalendarID: "always", CalendarVersion: 1,
		Org:       &models.Org{Users: map[string]models.OrgUser{p.two.ID: {ID: p.two.ID, Active: true}, p.boss.ID: {ID: p.boss.ID, Active: true}}},
		TokenHash: hash[:],
	}
	i, err := p.Invitation(ctx, invitationID)
	if err == nil {
		rules.Invitation, r, subjectID = &i, i.Recipient, i.SubjectID
	} else if errs.CodeOf(err) != errs.NotFound {
		return rules, err
	}
	rules.Facts, err = p.PersonFacts(ctx, r.Keys(), p.client.ID, subjectID)
	return rules, err
}

func (p *poll) decides(ctx context.Context, invitationID string, action models.FollowUpAction, data any, at time.Time) models.DecideFollowUp {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	e := models.FollowUpEvent{
		Meta:   models.Meta{Actor: models.Actor{Person: models.Person{ID: models.System}}, RequestID: id.New(id.Request), TraceID: "trace-5"},
		Action: action, Data: raw,
	}
	plan, _ := data.(models.FollowUpPlan)
	return func(stored *models.FollowUpState) (models.FollowUpStep, error) {
		rules, err := p.rules(ctx, invitationID, plan.SubjectID, plan.Recipient)
		if err != nil {
			return models.FollowUpStep{}, err
		}
		return models.ApplyFollowUp(stored, e, at, rules)
	}
}

// does takes a step that must be taken.
func (p *poll) does(t testing.TB, invitationID string, believed *models.FollowUpState, action models.FollowUpAction, data any) models.FollowUpState {
	t.Helper()
	behind, _, err := p.AdvanceFollowUp(t.Context(), invitationID, believed, p.decides(t.Context(), invitationID, action, data, p.tick()))
	require.NoError(t, err)
	require.Nil(t, behind)
	s, err := p.FollowUpState(t.Context(), invitationID)
	require.NoError(t, err)
	return s
}

func (p *poll) begin(t testing.TB, plan models.FollowUpPlan) models.FollowUpState {
	t.Helper()
	return p.does(t, plan.InvitationID, nil, models.FollowUpBegin, plan)
}

// ask begins a follow-up whose question leaves.
func (p *poll) ask(t testing.TB, plan models.FollowUpPlan) models.FollowUpState {
	t.Helper()
	s := p.begin(t, plan)
	require.NotNil(t, s.Sending, "%+v", s)
	return p.does(t, s.ID, &s, models.FollowUpSent, models.FollowUpSentData{Channel: s.Sending.Channel, Result: models.SendTaken})
}

func (p *poll) answer(t testing.TB, s models.FollowUpState, answers survey.Answers) models.FollowUpState {
	t.Helper()
	return p.does(t, s.ID, &s, models.FollowUpRespond, models.Response{Answers: answers, Locale: "en"})
}

func scored(question string, n int) survey.Answers { return survey.Answers{question: {Score: &n}} }

// complete has all answers of the survey after a case.
func complete(satisfaction int) survey.Answers {
	a := scored("satisfaction", satisfaction)
	a["ease"] = survey.Answer{Score: ptr(6)}
	return a
}

// verify returns what VerifySurveys finds.
func (p *poll) verify(t testing.TB) []store.Finding {
	t.Helper()
	var found []store.Finding
	require.NoError(t, p.VerifySurveys(t.Context(), p.books, func(f store.Finding) error {
		found = append(found, f)
		return nil
	}))
	return found
}

func (p *poll) books(context.Context, int) (*survey.Book, error) { return p.book, nil }

// somebody is a recipient whom nobody else is.
func somebody() models.Recipient {
	return models.Recipient{ContactID: id.New(id.Contact), Name: "x", Email: id.New(id.Contact) + "@bank.example"}
}
