package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

const (
	// leaseOfBatch is how long a batch keeps its recipients when nothing is heard of it.
	leaseOfBatch = 5 * time.Minute
	// claimsOfBatch bounds how often a batch takes further recipients when nobody of those before is to be asked.
	claimsOfBatch = 20
	// repetitions is how often a message is sent again at once whose acknowledgement was lost.
	repetitions = 3
	// patienceWhenDown is how long recipients wait whose channel cannot be reached.
	patienceWhenDown = 15 * time.Second
)

// CampaignStore is what this file needs of storage.
type CampaignStore interface {
	// CampaignState reads a campaign's stored state.
	CampaignState(ctx context.Context, id string) (models.CampaignState, error)
	// AdvanceCampaign writes what decide answers, in one transaction, if the stored state is the believed one (nil: none
	// yet). Otherwise it changes nothing and returns the stored state as behind. mail: messages must leave the product.
	AdvanceCampaign(ctx context.Context, id string, believed *models.CampaignState, decide models.DecideCampaign) (behind *models.CampaignState, mail bool, err error)
	// NextCampaignNumber gives the next number of the day (YYYYMMDD).
	NextCampaignNumber(ctx context.Context, day string) (string, error)
	// Run reads a run.
	Run(ctx context.Context, id string) (models.RunRow, error)
	// RunView reads what a run must know before each batch.
	RunView(ctx context.Context, campaignID, runID string, now time.Time) (models.CampaignRunView, error)
	// ClaimBatch takes due recipients, writes what decide says of them, and returns those to send a message to.
	ClaimBatch(ctx context.Context, runID, batch string, limit int, now, lease time.Time, decide models.DecideBatch) ([]models.BatchItem, error)
	// RecordOutcome writes what became of one message; not mine when the batch has lost the recipient.
	RecordOutcome(ctx context.Context, runID string, o models.BatchOutcome) (mine bool, err error)
	// KeepBatch keeps whom a batch has in hand until the lease, and says how many they are.
	KeepBatch(ctx context.Context, runID, batch string, lease time.Time) (held int, err error)
	// ReleaseBatch gives back whom a batch still has in hand.
	ReleaseBatch(ctx context.Context, runID, batch string, due time.Time) error
	RunHealth(ctx context.Context, runID string) (campaign.Trip, error)
	RecordHealth(ctx context.Context, runID string, health campaign.Trip) error
	// EndRun notes that nobody is pending any more.
	EndRun(ctx context.Context, runID string, at time.Time) error
	// Invitation reads an invitation.
	Invitation(ctx context.Context, id string) (models.SurveyInvitation, error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
}

// Schedules keeps the engine's schedules.
type Schedules interface {
	Ensure(ctx context.Context, spec models.ScheduleSpec) error
	Delete(ctx context.Context, id string) error
}

// Campaign holds the dependencies of the process's activities.
type Campaign struct {
	Store     CampaignStore
	Rules     FollowUpBook
	Schedules Schedules
	Questions
	Now func() time.Time
}

// AdvanceCampaign takes one step of a campaign: it decides by the rules in force and writes state, timeline, notices, the
// audience of a run that begins, and the withdrawal of one that is stopped, in one transaction. Idempotency key: campaign id
// and step number; a step that somebody else took first is answered with the stored state and Behind. Refusals are final;
// anything else is retried.
func (a *Campaign) AdvanceCampaign(ctx context.Context, in models.AdvanceCampaign) (models.Advanced[models.CampaignState], error) {
	if in.Event.Action == models.CampaignTakeOver {
		s, err := a.Store.CampaignState(ctx, in.CampaignID)
		return models.MovedOn(&s), err
	}
	rules, err := a.Rules.ForNewCampaign(ctx)
	if err != nil {
		return models.Advanced[models.CampaignState]{}, err
	}
	if rules.Org, err = a.Store.Org(ctx); err != nil {
		return models.Advanced[models.CampaignState]{}, err
	}
	if in.Event.Action == models.CampaignCreate && in.State == nil {
		var c models.DefineCampaign
		if err := json.Unmarshal(in.Event.Data, &c); err != nil {
			return models.Advanced[models.CampaignState]{}, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
		c.ID = in.CampaignID
		if c.Number, err = a.Store.NextCampaignNumber(ctx, in.At.In(rules.Calendar.Location()).Format("20060102")); err != nil {
			return models.Advanced[models.CampaignState]{}, err
		}
		if in.Event.Data, err = json.Marshal(c); err != nil {
			return models.Advanced[models.CampaignState]{}, err
		}
	}
	var step models.CampaignStep
	behind, mail, err := a.Store.AdvanceCampaign(ctx, in.CampaignID, in.State, func(stored *models.CampaignState) (models.CampaignStep, error) {
		var err error
		step, err = models.ApplyCampaign(stored, in.Event, in.At, rules)
		return step, err
	})
	if err != nil {
		return models.Advanced[models.CampaignState]{}, err
	}
	if behind != nil {
		return models.MovedOn(behind), nil
	}
	return models.Took(in.State, &step.State, mail)
}

// KeepSchedule brings the engine's schedule in agreement with the campaign as it is stored. It may be repeated.
func (a *Campaign) KeepSchedule(ctx context.Context, campaignID string) (struct{}, error) {
	s, err := a.Store.CampaignState(ctx, campaignID)
	if err != nil {
		return struct{}{}, err
	}
	spec, wanted := s.ScheduleSpec()
	if !wanted {
		return struct{}{}, a.Schedules.Delete(ctx, spec.ID)
	}
	return struct{}{}, a.Schedules.Ensure(ctx, spec)
}

// LookAtRun says what there is to do for a run.
func (a *Campaign) LookAtRun(ctx context.Context, in models.SendBatch) (models.CampaignRunView, error) {
	return a.Store.RunView(ctx, in.CampaignID, in.RunID, a.Now())
}

// EndRun notes that a run has ended: everybody has an outcome and nobody is reminded any more. It may be repeated.
func (a *Campaign) EndRun(ctx context.Context, in models.SendBatch) (struct{}, error) {
	return struct{}{}, a.Store.EndRun(ctx, in.RunID, a.Now())
}

// SendBatch decides about recipients who are due and sends them their messages, each as often as one acknowledgement is
// lost and otherwise once. Every outcome is written before the next message leaves. Idempotency key: the run and the batch;
// a call that was interrupted is continued by the next one. The receiver knows a message by its invitation and wave.
func (a *Campaign) SendBatch(ctx context.Context, in models.SendBatch) (models.BatchSent, error) {
	b, err := a.batch(ctx, in)
	if err != nil {
		return models.BatchSent{}, err
	}
	defer b.close()
	if err = b.run(ctx); err != nil {
		return models.BatchSent{}, err
	}
	if err = b.health(ctx); err != nil {
		return models.BatchSent{}, err
	}
	b.out.View, err = a.Store.RunView(ctx, in.CampaignID, in.RunID, a.Now())
	return b.out, err
}

// sending is one call of SendBatch.
type sending struct {
	*Campaign
	in           models.SendBatch
	rules        models.RunRules
	paused       bool
	policy       campaign.Limit
	invited      map[string]*models.SurveyInvitation // by recipient
	open         map[campaign.Channel]channel.Batch
	down         map[campaign.Channel]bool // cannot be reached
	waits        bool                      // nobody else can be reached now
	lease        time.Time                 // until when the batch has its recipients
	sent, failed int
	out          models.BatchSent
}

func (a *Campaign) batch(ctx context.Context, in models.SendBatch) (*sending, error) {
	s, err := a.Store.CampaignState(ctx, in.CampaignID)
	if err != nil {
		return nil, err
	}
	run, err := a.Store.Run(ctx, in.RunID)
	if err != nil {
		return nil, err
	}
	rules, err := a.Rules.ForCampaign(ctx, run.SurveyVersion, run.PolicyVersion, run.CalendarID, run.CalendarVersion)
	if err != nil {
		return nil, err
	}
	if rules, err = a.asking(ctx, rules, s.Definition.Template); err != nil {
		return nil, err
	}
	if rules.Org, err = a.Store.Org(ctx); err != nil {
		return nil, err
	}
	over := s.Run == nil || s.Run.ID != in.RunID || s.Status == models.CampaignStopped
	return &sending{
		Campaign: a, in: in, paused: s.Status == models.CampaignPaused && !over, policy: rules.Policy.FailureLimit, invited: map[string]*models.SurveyInvitation{}, open: map[campaign.Channel]channel.Batch{}, down: map[campaign.Channel]bool{},
		rules: models.RunRules{
			FollowUpRules: rules, CampaignID: s.ID, Number: s.Number, Definition: s.Definition, Version: s.Version, Until: run.Until,
			Stopped: over,
			TokenOf: func(id string) [32]byte { _, hash := a.Links.Token(id); return hash },
		},
	}, nil
}

// asking are the rules of a run with a survey that has the template: a campaign may be changed, while it runs, to one that was
// published after the run began. Then the latest survey that has it asks.
func (a *Campaign) asking(ctx context.Context, rules models.FollowUpRules, template string) (models.FollowUpRules, error) {
	_, missing := rules.Book.Template(template)
	if errs.CodeOf(missing) != errs.NotFound {
		return rules, missing
	}
	latest, err := a.Rules.ForNewCampaign(ctx)
	for version := latest.SurveyVersion; err == nil && version > 0; version-- {
		var other models.FollowUpRules
		other, err = a.Rules.ForCampaign(ctx, version, rules.PolicyVersion, rules.CalendarID, rules.CalendarVersion)
		if err != nil {
			break
		}
		if _, missing := other.Book.Template(template); missing == nil {
			return other, nil
		}
	}
	return rules, cmp.Or(err, missing)
}

// run takes recipients until enough messages have left or nobody is due. What a batch had in hand that was interrupted waits
// while the campaign is paused.
func (b *sending) run(ctx context.Context) error {
	for n := 0; b.paused && n < claimsOfBatch; n++ {
		if err := b.Store.ReleaseBatch(ctx, b.in.RunID, b.name(n), b.Now()); err != nil {
			return err
		}
	}
	if b.paused {
		return nil
	}
	for n := range claimsOfBatch {
		if b.out.Messages >= b.in.Limit {
			return nil
		}
		now := b.Now()
		name := b.name(n)
		b.lease = now.Add(leaseOfBatch)
		items, err := b.Store.ClaimBatch(ctx, b.in.RunID, name, b.in.Limit-b.out.Messages, now, b.lease, b.decide(now))
		if err != nil {
			return err
		}
		if err := b.sendAll(ctx, name, items); err != nil || b.waits {
			return err
		}
		if len(items) > 0 && len(items) < b.in.Limit {
			continue
		}
		if view, err := b.Store.RunView(ctx, b.in.CampaignID, b.in.RunID, now); err != nil || view.Due == 0 {
			return err
		}
	}
	return nil
}

// name is that of the batch's n-th claim.
func (b *sending) name(n int) string { return fmt.Sprintf("%s.%d", b.in.Batch, n) }

// keep keeps what is left of a claim in the batch's hand: a slow server must not outlast the lease, or another batch sends the
// same. It is not mine any more when that has happened.
func (b *sending) keep(ctx context.Context, batch string, left int) (mine bool, err error) {
	now := b.Now()
	if now.Before(b.lease.Add(-leaseOfBatch / 2)) {
		return true, nil
	}
	b.lease = now.Add(leaseOfBatch)
	held, err := b.Store.KeepBatch(ctx, b.in.RunID, batch, b.lease)
	return held >= left, err
}

func (b *sending) decide(now time.Time) models.DecideBatch {
	return func(items []models.BatchItem) ([]models.BatchDecision, error) {
		all := make([]models.BatchDecision, len(items))
		for i, item := range items {
			all[i] = b.rules.Decide(item, now)
			if made := all[i].Invitation; made != nil {
				b.invited[item.Row.ID] = made
			}
		}
		return all, nil
	}
}

func (b *sending) sendAll(ctx context.Context, batch string, items []models.BatchItem) error {
	for i, item := range items {
		activity.RecordHeartbeat(ctx)
		if mine, err := b.keep(ctx, batch, len(items)-i); err != nil || !mine {
			return err
		}
		invitation, err := b.invitation(ctx, &item.Row)
		if err != nil {
			return err
		}
		item.Row.InvitationID = invitation.ID
		attempt, repeated, down, err := b.attempt(ctx, &item.Row, invitation)
		if err != nil {
			return err
		}
		o, later := b.rules.Outcome(item.Row, attempt, b.Now()), b.Now().Add(patienceWhenDown)
		if down {
			o = models.BatchLater(item.Row, later)
			b.waits = !b.others(items[i+1:])
		}
		o.Batch, o.Repeated = batch, repeated
		if i+1 < len(items) && !b.waits {
			o.Next = items[i+1].Row.ID
		}
		mine, err := b.Store.RecordOutcome(ctx, b.in.RunID, o)
		if err != nil {
			return err
		}
		if !mine {
			return nil // the lease has ended: another batch has the rest
		}
		if !down {
			b.count(&item.Row, o)
		}
		if b.waits {
			b.out.Down = b.out.Messages == 0
			return b.Store.ReleaseBatch(ctx, b.in.RunID, batch, later)
		}
	}
	return nil
}

// others reports whether any of the recipients is reached by a channel that is not down.
func (b *sending) others(items []models.BatchItem) bool {
	return slices.ContainsFunc(items, func(i models.BatchItem) bool { return !b.down[b.rules.Channel(i.Row)] })
}

// count counts what became of a message.
func (b *sending) count(row *models.RecipientRow, o models.BatchOutcome) {
	b.out.Messages++
	switch {
	case row.State != models.RecipientPending:
	case o.State == models.RecipientSent:
		b.sent++
	case o.State == models.RecipientFailed:
		b.failed++
	}
}

// invitation is that of the recipient: made a moment ago, or by who asked before.
func (b *sending) invitation(ctx context.Context, row *models.RecipientRow) (*models.SurveyInvitation, error) {
	if made := b.invited[row.ID]; made != nil {
		return made, nil
	}
	i, err := b.Store.Invitation(ctx, row.InvitationID)
	return &i, err
}

// attempt sends one message. One of which nothing was heard is sent again, under the same key, and counted as repeated.
func (b *sending) attempt(ctx context.Context, row *models.RecipientRow, i *models.SurveyInvitation) (a models.Attempt, repeated int, down bool, err error) {
	a.Channel = b.rules.Channel(*row)
	if row.Trying { // whoever had the recipient in hand before may have sent it
		repeated++
	}
	if a.Channel == campaign.ByPhone || a.Channel == "" {
		if a.Channel == "" {
			a.Reason, a.Final = string(campaign.ChannelsFailed), true
		}
		return a, 0, false, nil
	}
	if b.down[a.Channel] {
		return a, 0, true, nil
	}
	book := b.rules.Book
	if i.SurveyVersion != b.rules.SurveyVersion {
		rules, err := b.Rules.ForCampaign(ctx, i.SurveyVersion, b.rules.PolicyVersion, b.rules.CalendarID, b.rules.CalendarVersion)
		if err != nil {
			return a, 0, false, err
		}
		book = rules.Book
	}
	template, err := book.Template(i.Template)
	if err != nil {
		return a, 0, false, err
	}
	wave := 0
	if row.State == models.RecipientSent {
		wave = row.Reminders + 1
	}
	m, err := b.message(template, i, wave)
	if err != nil {
		return a, 0, false, err
	}
	for try := 0; ; try++ {
		if try > 0 {
			activity.RecordHeartbeat(ctx) // each takes its time, and who is thought dead is repeated beside the living
		}
		err := b.send(ctx, a.Channel, m)
		var fault *channel.Error
		if !errors.As(err, &fault) {
			return a, repeated, false, err
		}
		switch fault.Class {
		case channel.Down:
			if b.down[a.Channel] = fault.Reason != channel.NotConfigured; b.down[a.Channel] || b.rules.Next(*row, a.Channel) == "" {
				return a, repeated, true, nil
			}
			a.Reason, a.Final = fault.Reason, true
			return a, repeated, false, nil
		case channel.InDoubt:
			if try < repetitions {
				repeated++
				continue
			}
		}
		a.Reason, a.Final, a.RetryAfter = fault.Reason, fault.Class == channel.Rejected, fault.RetryAfter
		return a, repeated, false, nil
	}
}

// send sends one message by a connection that is kept for the next one.
func (b *sending) send(ctx context.Context, by campaign.Channel, m channel.Message) error {
	sender, ok := b.open[by]
	if !ok {
		var err error
		if sender, err = b.Channels.Open(ctx, models.ChannelKind(by)); err != nil {
			return err
		}
		b.open[by] = sender
	}
	return sender.Send(ctx, m)
}

func (b *sending) close() {
	for _, sender := range b.open {
		_ = sender.Close() // what was sent stays sent
	}
}

// health adds the outcomes of the batch to the latest ones, and says whether too much fails.
func (b *sending) health(ctx context.Context) error {
	if b.sent+b.failed == 0 && !b.in.Resumed {
		return nil
	}
	var health campaign.Trip
	if !b.in.Resumed {
		var err error
		if health, err = b.Store.RunHealth(ctx, b.in.RunID); err != nil {
			return err
		}
	}
	health = health.Add(b.sent, b.failed)
	counts := health.Counts()
	b.out.Tripped, b.out.Failed, b.out.Of = health.Over(b.policy), counts.Failed, counts.Sent+counts.Failed
	return b.Store.RecordHealth(ctx, b.in.RunID, health)
}
