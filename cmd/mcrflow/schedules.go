package main

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// scheduleAgain is when to try again to bring the engine's schedules about.
const scheduleAgain = 10 * time.Second

// schedule has the engine run what is due by the calendar, and takes up what was left undone when the program died. It tries
// until the engine and the rules are there.
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
	if err := temporalx.NewSchedules(p.engine).Ensure(ctx, models.InspectionSpec(c)); err != nil {
		return err
	}
	l := &leavers{store: p.store, rules: p.rules, engine: temporalx.NewEngine(p.engine, models.ComplaintTaskQueue), log: p.log}
	return l.catchUp(ctx)
}
