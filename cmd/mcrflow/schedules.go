package main

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// scheduleAgain is when to try again to bring the engine's schedules about.
const scheduleAgain = 10 * time.Second

// schedule has the engine run what is due by the calendar, and begins the processes of clients that have none. It tries until the
// engine and the rules are there.
func (p *parts) schedule(ctx context.Context) {
	again := time.NewTicker(scheduleAgain)
	defer again.Stop()
	for {
		err := p.ensureSchedules(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.WarnContext(ctx, "schedules not ensured", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (p *parts) ensureSchedules(ctx context.Context) error {
	c, err := p.rules.InspectionCalendar(ctx)
	if err != nil {
		return err
	}
	schedules := temporalx.NewSchedules(p.engine)
	if err := schedules.Ensure(ctx, models.InspectionSpec(c)); err != nil {
		return err
	}
	policy, _, c, err := p.rules.LatestCadence(ctx)
	if err != nil {
		return err
	}
	if err := schedules.Ensure(ctx, models.DisciplineSpec(policy, c)); err != nil {
		return err
	}
	return p.beginRelationships(ctx)
}

// unbegunAtOnce is how many processes of clients are begun before the next ones are looked for.
const unbegunAtOnce = 500

// beginRelationships begins the processes of clients that have none yet: those that came when the engine was down, or with
// the data of a demonstration. One that runs already is left alone.
func (p *parts) beginRelationships(ctx context.Context) error {
	engine, after := temporalx.NewEngine(p.engine, models.RelationshipTaskQueue, version), ""
	for {
		ids, err := p.store.Unbegun(ctx, after, unbegunAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := engine.Begin(ctx, models.RelationshipType, models.RelationshipWorkflowID(id), models.RelationshipInput{ClientID: id}); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}
