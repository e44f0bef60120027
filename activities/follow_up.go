package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// FollowUpStore is what this file needs of storage.
type FollowUpStore interface {
	// FollowUpState reads a follow-up's stored state.
	FollowUpState(ctx context.Context, id string) (models.FollowUpState, error)
	// AdvanceFollowUp writes what decide answers, in one transaction, if the stored state is the believed one (nil: none
	// yet) and nobody has asked the person meanwhile. mail: messages must leave the product.
	AdvanceFollowUp(ctx context.Context, id string, believed *models.FollowUpState, decide models.DecideFollowUp) (behind *models.FollowUpState, mail bool, err error)
	// PersonFacts reads what is known of the person with these keys, without the complaint that is asked about.
	PersonFacts(ctx context.Context, keys []string, clientID, exceptCaseID string) (models.PersonFacts, error)
	// CaseState reads the state of a case, whoever asks.
	CaseState(ctx context.Context, id string) (models.CaseState, error)
	// Invitation reads an invitation.
	Invitation(ctx context.Context, id string) (models.SurveyInvitation, error)
	// Client reads a client.
	Client(ctx context.Context, id string) (models.Client, error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
}

// FollowUpBook gives the rules of follow-ups and campaigns.
type FollowUpBook interface {
	OfFollowUp(ctx context.Context, s *models.FollowUpState) (models.FollowUpRules, error)
	ForNewCampaign(ctx context.Context) (models.FollowUpRules, error)
	ForCampaign(ctx context.Context, surveyVersion, policyVersion int, calendarID string, calendarVersion int) (models.FollowUpRules, error)
}

// FollowUp holds the dependencies of the process's activities.
type FollowUp struct {
	Store FollowUpStore
	Rules FollowUpBook
	Questions
	Now func() time.Time
}

// AdvanceFollowUp takes one step of a follow-up: it decides by the pinned rules and by what is known of the recipient at
// this moment, and writes state, invitation, answers, timeline, tasks and notices in one transaction. Idempotency key:
// invitation id and step number; a step that somebody else took first is answered with the stored state and Behind.
// Refusals are final; anything else is retried.
func (a *FollowUp) AdvanceFollowUp(ctx context.Context, in models.AdvanceFollowUp) (models.FollowUpAdvanced, error) {
	if in.Event.Action == models.FollowUpAdopted {
		s, err := a.Store.FollowUpState(ctx, in.InvitationID)
		if err != nil {
			return models.FollowUpAdvanced{}, err
		}
		return a.behind(ctx, &s)
	}
	rules, plan, err := a.rules(ctx, in)
	if err != nil {
		return models.FollowUpAdvanced{}, err
	}
	if rules.Org, err = a.Store.Org(ctx); err != nil {
		return models.FollowUpAdvanced{}, err
	}
	if rules.SubjectOver, err = a.subjectOver(ctx, rules.Invitation, in); err != nil {
		return models.FollowUpAdvanced{}, err
	}
	var step models.FollowUpStep
	behind, mail, err := a.Store.AdvanceFollowUp(ctx, in.InvitationID, in.State, func(stored *models.FollowUpState) (models.FollowUpStep, error) {
		var err error
		if in.Event.Action != models.FollowUpRespond { // it may be decided whether to ask
			if rules.Facts, err = a.facts(ctx, stored, plan, rules.Invitation); err != nil {
				return step, err
			}
		}
		step, err = models.ApplyFollowUp(stored, in.Event, in.At, rules)
		return step, err
	})
	if err != nil {
		return models.FollowUpAdvanced{}, err
	}
	if behind != nil {
		return a.behind(ctx, behind)
	}
	var out models.FollowUpAdvanced
	if out.Advanced, err = models.Took(in.State, &step.State, mail); err != nil {
		return out, err
	}
	if step.State.CaseID != "" && (in.State == nil || in.State.CaseID == "") {
		out.Case, err = a.lowResponse(ctx, &step.State)
	}
	return out, err
}

// behind answers with a stored state, and with the case that its steps may have left to open.
func (a *FollowUp) behind(ctx context.Context, s *models.FollowUpState) (models.FollowUpAdvanced, error) {
	out := models.FollowUpAdvanced{Advanced: models.MovedOn(s)}
	if s.CaseID == "" {
		return out, nil
	}
	var err error
	out.Case, err = a.lowResponse(ctx, s)
	return out, err
}

// rules reads the rules and the invitation; of a follow-up that begins with a plan, the plan.
func (a *FollowUp) rules(ctx context.Context, in models.AdvanceFollowUp) (models.FollowUpRules, *models.FollowUpPlan, error) {
	if in.Event.Action == models.FollowUpBegin {
		var p models.FollowUpPlan
		if err := json.Unmarshal(in.Event.Data, &p); err != nil {
			return models.FollowUpRules{}, nil, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
		rules, err := a.Rules.ForNewCampaign(ctx)
		_, hash := a.Links.Token(p.InvitationID)
		rules.TokenHash = hash[:]
		return rules, &p, err
	}
	i, err := a.Store.Invitation(ctx, in.InvitationID)
	if err != nil {
		return models.FollowUpRules{}, nil, err
	}
	var rules models.FollowUpRules
	if in.State != nil {
		rules, err = a.Rules.OfFollowUp(ctx, in.State)
	} else if rules, err = a.Rules.ForNewCampaign(ctx); err == nil && rules.SurveyVersion != i.SurveyVersion {
		rules, err = a.Rules.ForCampaign(ctx, i.SurveyVersion, rules.PolicyVersion, rules.CalendarID, rules.CalendarVersion)
	}
	rules.Invitation = &i
	return rules, nil, err
}

// facts are what is known of the recipient. The complaint that is asked about does not keep from asking about it.
func (a *FollowUp) facts(ctx context.Context, s *models.FollowUpState, plan *models.FollowUpPlan, i *models.SurveyInvitation) (models.PersonFacts, error) {
	if plan != nil {
		return a.Store.PersonFacts(ctx, plan.Recipient.KnownAs(), plan.ClientID, plan.SubjectID)
	}
	return a.Store.PersonFacts(ctx, i.Recipient.KnownAs(), s.ClientID, s.SubjectID)
}

// subjectOver reports whether an answer comes too late for the case that it is about.
func (a *FollowUp) subjectOver(ctx context.Context, i *models.SurveyInvitation, in models.AdvanceFollowUp) (bool, error) {
	if i == nil || i.Purpose != models.PurposeCase && i.Purpose != models.PurposeRecovery {
		return false, nil
	}
	if in.Event.Action != models.FollowUpRespond && in.Event.Action != models.FollowUpTick { // no answer counts by it
		return false, nil
	}
	s, err := a.Store.CaseState(ctx, i.SubjectID)
	return s.Over(in.At), err
}

// lowResponse is the case that a bad answer opens.
func (a *FollowUp) lowResponse(ctx context.Context, s *models.FollowUpState) (*models.NeedCase, error) {
	i, err := a.Store.Invitation(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	client, err := a.Store.Client(ctx, s.ClientID)
	if err != nil {
		return nil, err
	}
	rules, err := a.Rules.OfFollowUp(ctx, s)
	if err != nil {
		return nil, err
	}
	if rules.Org, err = a.Store.Org(ctx); err != nil {
		return nil, err
	}
	c, err := s.LowResponseCase(i, client, rules)
	return &c, err
}

// Ask sends one message of a follow-up, once unless an acknowledgement is lost. Idempotency key: the invitation and the
// wave, which the receiver gets. It is retried while the channel does not take it; a refusal for good is an answer, and so is
// that the rules do not allow it any more by the time of a try.
func (a *FollowUp) Ask(ctx context.Context, in models.AskFollowUp) (models.FollowUpSentData, error) {
	sent := models.FollowUpSentData{Wave: in.Wave, Channel: in.Channel, Result: models.SendTaken}
	i, err := a.Store.Invitation(ctx, in.InvitationID)
	if err != nil {
		return sent, err
	}
	if i.OptedOut || i.Withdrawn || i.AnsweredAt != nil {
		sent.Result, sent.Reason = models.SendRejected, "over"
		return sent, nil
	}
	s, err := a.Store.FollowUpState(ctx, in.InvitationID)
	if err != nil {
		return sent, err
	}
	rules, err := a.Rules.OfFollowUp(ctx, &s)
	if err != nil {
		return sent, err
	}
	rules.Invitation = &i
	if rules.Facts, err = a.facts(ctx, &s, nil, &i); err != nil {
		return sent, err
	}
	if !s.MaySend(rules, a.Now()) {
		sent.Result = models.SendPostponed
		return sent, nil
	}
	template, err := rules.Book.Template(i.Template)
	if err != nil {
		return sent, err
	}
	m, err := a.message(template, &i, in.Wave)
	if err != nil {
		return sent, err
	}
	err = a.send(ctx, models.ChannelKind(in.Channel), m)
	var fault *channel.Error
	if !errors.As(err, &fault) {
		return sent, err
	}
	if fault.Class == channel.Rejected || fault.Reason == channel.NotConfigured {
		sent.Result, sent.Reason = models.SendRejected, fault.Reason
		return sent, nil
	}
	return sent, again(fault, max(fault.RetryAfter, time.Minute))
}

// send sends one message.
func (q *Questions) send(ctx context.Context, kind models.ChannelKind, m channel.Message) error {
	batch, err := q.Channels.Open(ctx, kind)
	if err != nil {
		return err
	}
	err = batch.Send(ctx, m)
	_ = batch.Close() // the other side has answered already
	return err
}
