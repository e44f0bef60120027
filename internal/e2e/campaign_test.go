package e2e_test

import (
	"io"
	"mime/quotedprintable"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

var personalLink = regexp.MustCompile(`/s/(mcq_[A-Za-z0-9_-]+)`)

// linkTo waits for a message to the address whose subject line is there, and returns the token of its link.
func linkTo(t *testing.T, server *testkit.SMTPServer, address string, after int) string {
	t.Helper()
	var token string
	until(t, func() bool {
		for _, m := range server.Taken()[after:] {
			if m.To != address {
				continue
			}
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.Data)))
			require.NoError(t, err)
			if found := personalLink.FindSubmatch(text); found != nil {
				token = string(found[1])
			}
		}
		return token != ""
	}, func() string { return "a link for " + address })
	return token
}

// campaignClosesTheLoop lets the engine's schedule launch a campaign, answers two of its links, and follows the case that the
// bad answer opens until the second question is answered.
func (s *stack) campaignClosesTheLoop(t *testing.T, server *testkit.SMTPServer) {
	manager, am := s.as(t, "manager1"), s.as(t, "am1")
	s.askAtOnce(t, manager)
	s.addressees(t, "calmloop", 10)
	clientID := id.Derive(id.Client, "calmloop", "0")
	a := manager.try(t, http.MethodPatch, "/clients/"+clientID, M{"account_manager_id": am.ID}, "If-Match", `"1"`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)

	a = manager.try(t, http.MethodPost, "/campaigns", M{
		"name": unique("Yearly"), "audience": M{"region": []string{"calmloop"}}, "template": "service_day", "channels": []string{"email"},
		"rate": 6000, "quiet_hours": M{}, "expires_after": "14d", "schedule": M{"kind": "cron", "cron": "0 9 1 1 *", "timezone": "Asia/Shanghai", "overlap": "skip"},
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	campaignID := into[struct{ ID string }](t, a).ID
	m := &mailing{s, manager, "/campaigns/" + campaignID}
	require.Equal(t, "scheduled", into[struct{ State string }](t, a).State)

	c, err := s.dial()
	require.NoError(t, err)
	defer c.Close()
	schedules := temporalx.NewSchedules(c)
	until(t, func() bool { return schedules.Trigger(t.Context(), models.CampaignScheduleID(campaignID)) == nil }, func() string { return "the schedule" })
	until(t, func() bool { return m.progress(t).Sent == 10 }, func() string { return "ten messages" })
	until(t, func() bool { return m.progress(t).State == "scheduled" }, func() string { return "the end of the run" })
	status, err := schedules.Describe(t.Context(), models.CampaignScheduleID(campaignID))
	require.NoError(t, err)
	require.Len(t, status.Recent, 1)

	good, bad := linkTo(t, server, "calmloop3@example.com", 0), linkTo(t, server, "calmloop7@example.com", 0)
	respond := func(token string, score int) answer {
		a, err := call(s.url, "", http.MethodPost, "/api/v1/responses/"+token, M{"answers": M{"satisfaction": M{"score": score}}})
		require.NoError(t, err)
		return a
	}
	require.Equal(t, http.StatusOK, respond(good, 5).status)
	require.Equal(t, http.StatusOK, respond(bad, 1).status)
	require.Equal(t, http.StatusConflict, respond(bad, 1).status, "a link is used once")
	var found []caseView
	until(t, func() bool {
		found = all[caseView](t, manager, "/cases?client_id="+clientID)
		return len(found) > 0
	}, func() string { return "the case of the bad answer" })
	require.Len(t, found, 1, "one response opens one case")
	require.Equal(t, am.ID, found[0].AccountableID, "the account manager is the first contact")

	mark := len(server.Taken())
	matter := &matter{t, s, found[0].ID}
	matter.do(am, "resolve", M{"resolution": "A technician came the same day."})
	second := linkTo(t, server, "calmloop7@example.com", mark)
	require.Equal(t, http.StatusOK, respond(second, 5).status)
	matter.await("closed", 1)
	require.Contains(t, matter.types(), "survey_answered")
	v := get[struct {
		Opened, Asked, Answered, Recovered int
	}](t, manager, "/surveys/recovery?client_id="+clientID)
	require.Equal(t, []int{1, 1, 1, 1}, []int{v.Opened, v.Asked, v.Answered, v.Recovered})

	m.act(t, "stop")
	until(t, func() bool {
		_, err := schedules.Describe(t.Context(), models.CampaignScheduleID(campaignID))
		return err != nil
	}, func() string { return "the end of the schedule" })
	s.keepLoop(t, manager, campaignID, status.Recent[0].WorkflowID, clientID, matter)
}

// receptionAsksItsVisitor lets a visit end, and follows the question to its visitor until the reception knows the answer.
func (s *stack) receptionAsksItsVisitor(t *testing.T, server *testkit.SMTPServer) {
	s.askAtOnce(t, s.as(t, "manager1"))
	mark, address := len(server.Taken()), "calmvisitor@example.com"
	v := s.visit(t, M{"visitors": []M{{"name": "Han Xu", "organisation": "Beichen", "identity": "manager", "email": address}}})
	v.takesPlace()

	token := linkTo(t, server, address, mark)
	for range 2 { // the first time the answer got lost
		a, err := call(s.url, "", http.MethodPost, "/api/v1/responses/"+token, M{"answers": M{
			"satisfaction": M{"score": 4}, "expected": M{"score": 3}, "perceived": M{"score": 5},
		}}, "Idempotency-Key", token)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.JSONEq(t, `{"complete":true,"missing":[]}`, string(a.body))
	}
	until(t, func() bool {
		said := all[event](t, s.as(t, "am1"), "/receptions/"+v.ID+"/timeline")
		return said[len(said)-1].Type == "feedback"
	}, func() string { return "the answer in the reception's timeline" })
	require.InDelta(t, 4, *v.view().Score, 0)
}

// askAtOnce publishes a campaign policy that asks after every event at any hour, a second later.
func (s *stack) askAtOnce(t *testing.T, by person) {
	t.Helper()
	body, err := os.ReadFile("../../policies/campaign/default.yaml")
	require.NoError(t, err)
	text := regexp.MustCompile(`(?m)^quiet_hours:.*$`).ReplaceAllString(string(body), "")
	text = regexp.MustCompile(`delay: \S+`).ReplaceAllString(text, "delay: 1s")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/policies/campaign/versions", strings.NewReader(text))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+by.token)
	req.Header.Set("Content-Type", "application/yaml")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusCreated, res.StatusCode)
}

// keepLoop keeps the histories of all processes that took part.
func (s *stack) keepLoop(t *testing.T, by person, campaignID, firing, clientID string, m *matter) {
	t.Helper()
	s.keep(t, models.CampaignWorkflowID(campaignID), models.CampaignProcess, "scheduled_and_stopped")
	s.keep(t, models.CampaignRunWorkflowID(campaignID, 1), models.CampaignProcess, "run")
	s.keep(t, firing, models.CampaignProcess, "firing")
	m.keep("satisfied_after_a_bad_answer")
	for _, i := range all[struct{ ID, Purpose, State string }](t, by, "/invitations?client_id="+clientID) {
		if i.State == "answered" {
			s.keep(t, models.FollowUpWorkflowID(i.ID), models.FollowUpProcess, i.Purpose)
		}
	}
}
