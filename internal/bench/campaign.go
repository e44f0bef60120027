package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// contactsOfClient is how many people of one client are asked.
const contactsOfClient = 20

// measureCampaign asks few and many, by a mail server that takes everything, and compares what one recipient costs.
func measureCampaign(ctx context.Context, b *bench) ([]line, error) {
	sink, err := testkit.ServeSMTP(testkit.SMTPPlan{Forget: true})
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	mail := sink.Config()
	err = b.startProduct(ctx, "SMTP_HOST="+mail.Host, "SMTP_PORT="+strconv.Itoa(mail.Port), "SMTP_FROM="+mail.From, "SMTP_TLS="+mail.TLS)
	if err != nil {
		return nil, err
	}
	few, many := sized(b, 1000, 300), sized(b, 50_000, 3000)
	var small, large sending
	for _, run := range []struct {
		n    int
		into *sending
	}{{few, new(sending)}, {few, &small}, {few, &small}, {many, &large}, {few, &small}, {few, &small}} { // the first does not count
		if err := b.run(ctx, run.n, run.into); err != nil {
			return nil, err
		}
	}
	cpu, wall := ratio(large.cpuEach(), small.cpuEach()), ratio(large.wallEach(), small.wallEach())
	longest := slices.Max(large.histories)
	lines := []line{
		{
			measure: "campaign, CPU per recipient", bar: "≤ 1.2", met: cpu <= 1.2,
			figure: fmt.Sprintf("%.2f times (%d recipients %s, %d recipients %s)", cpu, few, small.cpu.per(small.n), many, large.cpu.per(large.n)),
		},
		{
			measure: "campaign, time per recipient", bar: "≤ 1.2", met: wall <= 1.2,
			figure: fmt.Sprintf("%.2f times (%d recipients %.1f ms, %d recipients %.1f ms)", wall, few, small.wallEach()*1000, many, large.wallEach()*1000),
		},
		{
			measure: fmt.Sprintf("largest history of a run of %d recipients", many), bar: "< 10,000", met: longest < 10_000,
			figure: fmt.Sprintf("%d events (histories: %d)", longest, len(large.histories)),
		},
		{
			measure: "memory of API and worker",
			figure: fmt.Sprintf("%d MiB before and %d MiB after %d recipients, %d MiB at the end", large.memory[0]>>20, large.memory[1]>>20, many,
				memory(b.pids[product])>>20),
		},
	}
	return lines, b.startProduct(ctx) // without mail, for the measures that follow
}

// sending is what runs of campaigns of one size took.
type sending struct {
	n         int           // recipients
	took      time.Duration // from launch to the last message
	cpu       cpuTimes
	histories []int    // events of each
	memory    [2]int64 // of the latest run, before and after
}

// cpuEach is the CPU time per recipient, in seconds.
func (s *sending) cpuEach() float64 {
	var sum time.Duration
	for _, used := range s.cpu {
		sum += used
	}
	return ratio(sum.Seconds(), float64(s.n))
}

func (s *sending) wallEach() float64 { return ratio(s.took.Seconds(), float64(s.n)) }

// run asks n people who were never asked, and adds up what that takes.
func (b *bench) run(ctx context.Context, n int, into *sending) error {
	industry := id.New(id.Request)
	if err := b.makeContacts(ctx, industry, n); err != nil {
		return err
	}
	campaignID, err := b.makeCampaign(ctx, industry)
	if err != nil {
		return err
	}
	before, held := b.cpu(), memory(b.pids[product])
	if err := b.api.post(ctx, "manager1", "/campaigns/"+campaignID+"/launch", b.key(), []byte(`{}`), nil); err != nil {
		return err
	}
	within := time.Minute + time.Duration(n)*200*time.Millisecond
	if err := b.await(ctx, within, "SELECT audience - pending FROM campaign_runs WHERE campaign_id = $1", n, campaignID); err != nil {
		return err
	}
	used := b.cpu().minus(before)
	delete(used, "callers") // the mail server
	var seconds float64
	var sent int
	err = b.db.QueryRowContext(ctx, `SELECT extract(epoch FROM max(p.sent_at) - r.started_at)::float8, count(p.sent_at) FROM campaign_runs r
		JOIN campaign_recipients p ON p.run_id = r.id WHERE r.campaign_id = $1 GROUP BY r.id`, campaignID).Scan(&seconds, &sent)
	if err != nil {
		return err
	}
	if sent != n {
		return fmt.Errorf("%d of %d were sent their message", sent, n)
	}
	histories, err := b.histories(ctx, models.CampaignRunWorkflowID(campaignID, 1))
	if err != nil {
		return err
	}
	into.n += n
	into.took += time.Duration(seconds * float64(time.Second))
	into.cpu = into.cpu.plus(used)
	into.histories = append(into.histories, histories...)
	into.memory = [2]int64{held, memory(b.pids[product])}
	b.say("%d recipients in %.1f s", n, seconds)
	return nil
}

// makeContacts makes n contacts of clients of an industry that has no others.
func (b *bench) makeContacts(ctx context.Context, industry string, n int) error {
	err := b.exec(ctx, `INSERT INTO clients (id, name, industry, region, class, status, external_ref, version, created_at, updated_at)
		SELECT 'client_' || $1 || '_' || i, 'Client ' || i, $1, 'EMEA', 'B', 'active', '', 1, now(), now() FROM generate_series(0, ($2::int - 1) / $3) i`,
		industry, n, contactsOfClient)
	if err != nil {
		return err
	}
	return b.exec(ctx, `INSERT INTO contacts (id, client_id, name, title, phone, email, locale, created_at)
		SELECT 'contact_' || $1 || '_' || i, 'client_' || $1 || '_' || i / $3, 'Owen Marsh', 'Head of Operations', '', $1 || i || '@client.example', 'en', now()
		FROM generate_series(0, $2::int - 1) i`, industry, n, contactsOfClient)
}

// histories counts the events of every history of a workflow, from its first run on.
func (s *stand) histories(ctx context.Context, workflowID string) ([]int, error) {
	latest, err := s.engine.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return nil, err
	}
	var counts []int
	for runID := latest.GetWorkflowExecutionInfo().GetFirstRunId(); runID != ""; {
		history := s.engine.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		events, next := 0, ""
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				return nil, err
			}
			events++
			next = event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		}
		counts, runID = append(counts, events), next
	}
	return counts, nil
}
