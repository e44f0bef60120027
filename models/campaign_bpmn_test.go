package models_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

var campaignDiagram = diagramOf("campaign")

func TestCampaignDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := campaignDiagram()
	d.shows(t, texts(models.CampaignStatuses())...)
	require.Empty(t, d.Process.Ends, "a campaign can always be launched again")
}

// TestCampaignDiagram_shows_what_can_happen lets everything happen in every state that differs: what leads from state to
// state are exactly the flows of the diagram.
func TestCampaignDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	_, flows := campaignDiagram()
	org := company()
	r := askingRules(t, org)
	define := func(plan *campaign.Schedule) models.DefineCampaign {
		return models.DefineCampaign{ID: "campaign_1", Number: "CPN-1", Definition: campaign.Definition{
			Name: "wave", Template: "service_day", Channels: []campaign.Channel{campaign.ByEmail}, Rate: 60, ExpiresAfter: sla.Span{Days: 7}, Schedule: plan,
		}}
	}
	plans := func(at time.Time) []*campaign.Schedule {
		return []*campaign.Schedule{
			nil,
			{Kind: campaign.ScheduleOnce, At: at.Add(time.Hour)},
			{Kind: campaign.ScheduleOnce, At: at.Add(-time.Hour)},
			{Kind: campaign.ScheduleCron, Cron: "0 9 1 * *", Timezone: "Asia/Shanghai", Overlap: campaign.OverlapBufferOne},
		}
	}
	asked := func(action models.CampaignAction, data any) models.CampaignEvent {
		raw, err := json.Marshal(data)
		require.NoError(t, err)
		return models.CampaignEvent{Meta: models.Meta{Actor: actor(org, "mia"), RequestID: id.New(id.Request)}, Action: action, Data: raw}
	}
	events := func(s *models.CampaignState, at time.Time) []models.CampaignEvent {
		firing := models.CampaignFires(models.CampaignFiring{WorkflowID: "campaign/campaign_1/firing/" + at.String(), At: at})
		tick := models.CampaignEvent{Action: models.CampaignTick}
		list := []models.CampaignEvent{firing, firing.InVain("campaign.empty_audience"), tick, tick.InVain("campaign.empty_audience")}
		for _, action := range []models.CampaignAction{models.CampaignLaunch, models.CampaignPause, models.CampaignResume, models.CampaignStop} {
			list = append(list, asked(action, nil))
		}
		for _, plan := range plans(at) {
			list = append(list, asked(models.CampaignChange, define(plan)))
		}
		if s.Run != nil {
			list = append(list, models.CampaignRunTells(models.CampaignRunFact{RunID: s.Run.ID}),
				models.CampaignRunTells(models.CampaignRunFact{RunID: s.Run.ID, Tripped: true, Failed: 20, Of: 20}))
		}
		return list
	}
	// differ is all that decides about what can happen.
	differ := func(s *models.CampaignState) string {
		kind := "none"
		if plan := s.Definition.Schedule; plan != nil {
			kind = fmt.Sprint(plan.Kind, plan.At.After(s.UpdatedAt))
		}
		return fmt.Sprint(s.Status, s.Run != nil, s.Waiting != nil, s.Runs > 0, kind)
	}
	walked := map[[2]string]bool{}
	seen := map[string]bool{}
	var open []models.CampaignState
	note := func(from string, s models.CampaignState) {
		if to := string(s.Status); from != to {
			walked[[2]string{from, to}] = true
		}
		if key := differ(&s); !seen[key] {
			seen[key] = true
			open = append(open, s)
		}
	}
	for _, plan := range plans(monday) {
		step, err := models.ApplyCampaign(nil, asked(models.CampaignCreate, define(plan)), monday, r)
		require.NoError(t, err)
		note("created", step.State)
	}
	for len(open) > 0 {
		s := open[0]
		open = open[1:]
		for _, at := range []time.Time{s.UpdatedAt.Add(time.Minute), s.UpdatedAt.Add(2 * time.Hour)} {
			for _, e := range events(&s, at) {
				if step, err := models.ApplyCampaign(&s, e, at, r); err == nil {
					note(string(s.Status), step.State)
				}
			}
		}
	}
	require.Equal(t, flows, walked)
}
