package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// Whatever workers, crashes and a stop do to a run, its numbers add up at every instant, everybody has exactly one outcome
// in the end, and nobody waits for ever.
func TestConservation_under_workers_crashes_and_stops(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			d := newDrive(t)
			d.contacts(t, 120)
			s := d.launched(t, campaign.Audience{})
			run := s.Run.ID
			var clock atomic.Int64 // seconds since the beginning
			begin := d.now
			now := func() time.Time { return begin.Add(time.Duration(clock.Add(1)) * time.Second) }
			over := make(chan struct{})
			watcher := errgroup.Group{}
			watcher.Go(func() error {
				for {
					select {
					case <-over:
						return nil
					default:
					}
					r, err := d.Run(t.Context(), run)
					if err != nil {
						return err
					}
					if r.Audience != 120 || r.Audience != r.Pending+r.Sent+r.Skipped+r.Failed+r.Withdrawn {
						return fmt.Errorf("%+v", r)
					}
				}
			})
			var mu sync.Mutex
			sends := map[string]int{}
			var workers errgroup.Group
			for worker := range 4 {
				workers.Go(func() error {
					rnd := rand.New(rand.NewPCG(seed, uint64(worker)))
					for n := 0; ; n++ {
						at := now()
						view, err := d.RunView(t.Context(), s.ID, run, at)
						if err != nil {
							return err
						}
						if view.Next == nil {
							return nil
						}
						if view.Due == 0 {
							clock.Add(int64(view.Next.Sub(at)/time.Second) / 4)
							continue
						}
						if seed == 2 && worker == 0 && n == 3 {
							stored, err := d.CampaignState(t.Context(), s.ID)
							if err != nil {
								return err
							}
							step := d.next(&stored, stored, func(step *models.CampaignStep) { step.State.Status, step.Stop = models.CampaignStopped, run })
							if _, _, err := d.AdvanceCampaign(t.Context(), s.ID, &stored, answer(step)); err != nil {
								return err
							}
						}
						batch := fmt.Sprintf("%d-%d", worker, n)
						for {
							items, err := d.ClaimBatch(t.Context(), run, batch, 1+rnd.IntN(9), at, at.Add(20*time.Second), d.anything(rnd, at))
							if err != nil {
								return err
							}
							crashed, err := d.sendSome(t, rnd, run, batch, at, items, func(id string) { mu.Lock(); sends[id]++; mu.Unlock() })
							if err != nil {
								return err
							}
							if !crashed || rnd.IntN(2) == 0 {
								break // or the batch is repeated
							}
						}
					}
				})
			}
			err := workers.Wait()
			close(over)
			require.NoError(t, err)
			require.NoError(t, watcher.Wait())
			require.NoError(t, d.EndRun(t.Context(), run, now()))
			r := d.run(t, run)
			require.Zero(t, r.Pending)
			require.Empty(t, r.WaitingFor)
			for _, x := range d.recipients(t, run, models.RecipientSent) {
				require.Positive(t, sends[x.ID], "nobody is sent who was not")
			}
			require.Empty(t, d.verify(t))
		})
	}
}

// anything decides at random.
func (d *drive) anything(rnd *rand.Rand, at time.Time) models.DecideBatch {
	return func(items []models.BatchItem) ([]models.BatchDecision, error) {
		all := make([]models.BatchDecision, len(items))
		for i, item := range items {
			all[i] = d.asking(item)
			later := at.Add(time.Duration(1+rnd.IntN(60)) * time.Second)
			switch n := rnd.IntN(10); {
			case item.Row.State == models.RecipientSent:
				all[i] = models.BatchDecision{RecipientID: item.Row.ID, State: item.Row.State, Expired: true}
			case n == 0:
				all[i] = models.BatchDecision{RecipientID: item.Row.ID, State: models.RecipientSkipped, Reason: string(campaign.OptedOut)}
			case n < 3:
				all[i] = models.BatchDecision{RecipientID: item.Row.ID, State: models.RecipientPending, Reason: string(campaign.QuietHours), DueAt: &later}
			}
		}
		return all, nil
	}
}

// sendSome sends the messages of a batch, of which any may fail, until all have left, the channel is down, or it crashes.
func (d *drive) sendSome(t *testing.T, rnd *rand.Rand, run, batch string, at time.Time, items []models.BatchItem, sent func(string)) (crashed bool, err error) {
	for i, item := range items {
		switch rnd.IntN(20) {
		case 0:
			return true, nil
		case 1:
			return false, d.ReleaseBatch(t.Context(), run, batch, at.Add(5*time.Second))
		}
		o := models.BatchOutcome{Batch: batch, RecipientID: item.Row.ID, State: models.RecipientSent, SentAt: &at, Channel: campaign.ByEmail}
		switch rnd.IntN(8) {
		case 0:
			o = models.BatchOutcome{Batch: batch, RecipientID: item.Row.ID, State: models.RecipientFailed, Reason: "rejected", Tried: []campaign.Channel{campaign.ByEmail}}
		case 1:
			o = models.BatchOutcome{Batch: batch, RecipientID: item.Row.ID, State: models.RecipientPending, Reason: "busy", Attempts: 1, DueAt: ptr(at.Add(time.Minute))}
		case 2:
			o.DueAt = ptr(at.Add(10 * time.Second)) // expires
		}
		if o.State == models.RecipientSent {
			sent(item.Row.ID)
			if rnd.IntN(10) == 0 {
				return true, nil
			}
		}
		if i+1 < len(items) {
			o.Next = items[i+1].Row.ID
		}
		if mine, err := d.RecordOutcome(t.Context(), run, o); err != nil || !mine {
			return false, err
		}
	}
	return false, nil
}

func TestCalls_that_nobody_made_end_with_the_time_to_answer_and_with_the_run(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	d.contacts(t, 2)
	s := d.launched(t, campaign.Audience{})
	run, due := s.Run.ID, d.now.Add(time.Hour)
	for i, item := range d.claim(t, run, "1", 2, d.ask) {
		o := d.sent(item.Row, "")
		o.Channel, o.DueAt = campaign.ByPhone, ptr(due.Add(time.Duration(i)*time.Hour))
		o.Task = &models.Task{ID: id.New(id.Task), Kind: models.TaskSurveyCall, UserID: "amy", CreatedAt: d.now, State: models.TaskOpen}
		d.record(t, run, o)
	}
	open := func() int {
		return count(t, d.Store, `tasks WHERE kind = 'survey_call' AND state = 'open'`)
	}
	require.Equal(t, 2, open())
	d.now = due
	d.claim(t, run, "2", 2, func(items []models.BatchItem) ([]models.BatchDecision, error) {
		require.Len(t, items, 1)
		return []models.BatchDecision{{RecipientID: items[0].Row.ID, State: models.RecipientSent, Expired: true}}, nil
	})
	require.Equal(t, 1, open(), "the time to answer is over")
	d.stop(t, s)
	require.Zero(t, open(), "a stopped run has nobody called")
}
