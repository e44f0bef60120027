package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/mcrflow/mcrflow/models"
)

// measureCost counts what the engine keeps and bills of a complaint that is recorded, answered, resolved and closed, of an
// approval of three steps, and of a reception from its draft until it is closed.
func measureCost(ctx context.Context, b *bench) ([]line, error) {
	if err := b.makeClients(ctx); err != nil {
		return nil, err
	}
	caseID, err := b.closedCase(ctx)
	if err != nil {
		return nil, err
	}
	events, actions, err := b.count(ctx, models.ComplaintWorkflowID(caseID))
	if err != nil {
		return nil, err
	}
	lines := []line{
		{measure: "history events of a complaint", figure: strconv.Itoa(events), bar: "≤ 60", met: events <= 60},
		{measure: "billable actions of a complaint", figure: strconv.Itoa(actions), bar: "≤ 20", met: actions <= 20},
	}
	large, err := b.visit(ctx, 600_000)
	if err == nil {
		err = b.approved(ctx, large, "manager1", "clerk1", "finance1")
	}
	if err != nil {
		return nil, err
	}
	if events, actions, err = b.count(ctx, models.ApprovalWorkflowID(large.approvalID)); err != nil {
		return nil, err
	}
	lines = append(
		lines, line{measure: "history events of an approval of three steps", figure: strconv.Itoa(events)},
		line{measure: "billable actions of an approval of three steps", figure: strconv.Itoa(actions)},
	)
	whole, err := b.closedVisit(ctx)
	if err != nil {
		return nil, err
	}
	if events, actions, err = b.count(ctx, models.ReceptionWorkflowID(whole.id)); err != nil {
		return nil, err
	}
	also, more, err := b.count(ctx, models.ApprovalWorkflowID(whole.approvalID))
	return append(
		lines, line{measure: "history events of a whole reception", figure: fmt.Sprintf("%d, and %d of its approval", events, also)},
		line{measure: "billable actions of a whole reception", figure: fmt.Sprintf("%d, and %d of its approval", actions, more)},
	), err
}

// closedCase is a complaint that was recorded, answered, resolved and closed.
func (b *bench) closedCase(ctx context.Context) (string, error) {
	caseID, err := b.submit(ctx, 0)
	if err != nil {
		return "", err
	}
	return caseID, b.steps(ctx, "/cases/"+caseID, []step{
		{agent(0), "respond", `{"message":"We look into it."}`},
		{agent(0), "resolve", `{"resolution":"New boxes were delivered.","root_cause":"packing"}`},
		{"supervisor1", "close", `{"reason":"The client confirmed by phone."}`},
	})
}

// step is one command of somebody on an object.
type step struct{ user, action, body string }

func (b *bench) steps(ctx context.Context, path string, steps []step) error {
	for _, s := range steps {
		if err := b.api.post(ctx, s.user, path+"/"+s.action, b.key(), []byte(s.body), nil); err != nil {
			return err
		}
	}
	return nil
}

// visit is a reception of am1 that has been submitted.
type visit struct{ id, approvalID string }

// visit plans a reception on a day of its own and submits it. One with more than 500,000 for lodging also needs the word of
// finance.
func (b *bench) visit(ctx context.Context, lodging int) (visit, error) {
	var host, owner string
	err := b.db.QueryRowContext(ctx, `SELECT (SELECT id FROM users WHERE username = 'manager1'), (SELECT id FROM users WHERE username = 'am1')`).Scan(&host, &owner)
	if err != nil {
		return visit{}, err
	}
	var rooms struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := b.api.get(ctx, "am1", "/resources?kind=room&limit=1", &rooms); err != nil {
		return visit{}, err
	}
	b.visits++
	day := time.Now().UTC().AddDate(0, 0, 20+b.visits).Format(time.DateOnly)
	plan := fmt.Appendf(nil, `{"client_id":%q,"kind":"company_visit","level":"standard","purpose":"A tour of the new line",
		"starts_at":"%[2]sT01:30:00Z","ends_at":"%[2]sT08:00:00Z","departure_reason":"They come from far away.",
		"visitors":[{"name":"Han Xu","title":"Head of equipment","organisation":"Beichen","identity":"manager"}],"hosts":[%[3]q],
		"activities":[{"kind":"tour","starts_at":"%[2]sT02:00:00Z","ends_at":"%[2]sT04:00:00Z","place":"Hall 1","owner_id":%[4]q}],
		"resources":[{"resource_id":%[5]q}],"budget":[{"item":"meals","amount":20000},{"item":"lodging","amount":%[6]d}]}`,
		clientID(0), day, host, owner, rooms.Items[0].ID, lodging)
	var view struct {
		ID       string `json:"id"`
		Approval struct {
			ID string `json:"id"`
		} `json:"approval"`
	}
	if err := b.api.post(ctx, "am1", "/receptions", b.key(), plan, &view); err != nil {
		return visit{}, err
	}
	if err := b.api.post(ctx, "am1", "/receptions/"+view.ID+"/submit", b.key(), []byte(`{}`), &view); err != nil {
		return visit{}, err
	}
	v := visit{view.ID, view.Approval.ID}
	return v, b.await(ctx, time.Minute, "SELECT count(*) FROM approvals WHERE id = $1", 1, v.approvalID)
}

// approved lets people approve a reception one after the other, and waits until it knows.
func (b *bench) approved(ctx context.Context, v visit, by ...string) error {
	for _, user := range by {
		if err := b.steps(ctx, "/approvals/"+v.approvalID, []step{{user, "approve", `{"comment":"Fine."}`}}); err != nil {
			return err
		}
	}
	return b.await(ctx, time.Minute, "SELECT count(*) FROM receptions WHERE id = $1 AND status = 'approved'", 1, v.id)
}

// closedVisit is a reception from its draft until it is closed, with a claim that is paid.
func (b *bench) closedVisit(ctx context.Context) (visit, error) {
	v, err := b.visit(ctx, 50_000)
	if err != nil {
		return v, err
	}
	if err := b.approved(ctx, v, "manager1", "clerk1"); err != nil {
		return v, err
	}
	return v, b.steps(ctx, "/receptions/"+v.id, []step{
		{"clerk1", "prepare", `{"items":["room","transport","material","diaries"]}`},
		{"clerk1", "start", `{}`},
		{"clerk1", "complete", `{}`},
		{"clerk1", "feedback", `{"score":5,"visitor":"Han Xu"}`},
		{"am1", "expense-claim", `{"items":[{"item":"meals","amount":14000,"receipt":"FP-` + v.id + `"}]}`},
		{"finance1", "pay", `{"reference":"PAY-1"}`},
		{"am1", "close", `{"summary":"They liked the new line and come again next year."}`},
	})
}

// billable are the events that are actions on the bill; a local activity counts with its marker.
var billable = map[enums.EventType]bool{
	enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:                           true,
	enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:                   true,
	enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:                          true,
	enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:                  true,
	enums.EVENT_TYPE_TIMER_STARTED:                                        true,
	enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:                              true,
	enums.EVENT_TYPE_MARKER_RECORDED:                                      true,
	enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:                    true,
	enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:             true,
	enums.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:         true,
	enums.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: true,
}

// count reads the history of the latest run of a workflow.
func (s *stand) count(ctx context.Context, workflowID string) (events, actions int, err error) {
	history := s.engine.GetWorkflowHistory(ctx, workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return 0, 0, err
		}
		events++
		if billable[event.GetEventType()] {
			actions++
		}
	}
	return events, actions, nil
}
