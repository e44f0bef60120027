package campaign_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/policies"
)

func shipped(t testing.TB, path string) string {
	t.Helper()
	body, err := policies.FS.ReadFile(path)
	require.NoError(t, err)
	return string(body)
}

// refs are what the shipped policy may refer to: the templates are those of the shipped surveys.
func refs(t testing.TB) campaign.Refs {
	t.Helper()
	doc, faults := survey.Parse([]byte(shipped(t, "survey/default.yaml")))
	require.Empty(t, faults)
	r := campaign.Refs{Calendars: map[string]bool{"cn": true}, Templates: map[string]bool{}}
	for name := range doc.Templates {
		r.Templates[name] = true
	}
	return r
}

func shippedPolicy(t testing.TB) campaign.Policy {
	t.Helper()
	p, faults := campaign.ParsePolicy([]byte(shipped(t, "campaign/default.yaml")))
	require.Empty(t, faults)
	return p
}

func TestPolicy_that_ships_may_be_published_and_renders_as_itself(t *testing.T) {
	t.Parallel()
	p := shippedPolicy(t)
	require.Empty(t, p.Check(refs(t)))
	for _, event := range []string{campaign.CaseResolved, campaign.CaseRecovery, campaign.ReceptionCompleted} {
		require.Contains(t, p.FollowUps, event)
	}
	body, err := policy.Render(p)
	require.NoError(t, err)
	again, faults := campaign.ParsePolicy(body)
	require.Empty(t, faults)
	require.Equal(t, p, again)
}

// TestPolicy_refuses_each_fault_at_its_place: each change of the shipped policy is exactly that fault.
func TestPolicy_refuses_each_fault_at_its_place(t *testing.T) {
	t.Parallel()
	body := shipped(t, "campaign/default.yaml")
	const quiet = `quiet_hours: {from: "21:00", to: "08:00"}`
	for _, c := range []struct{ old, replacement, want string }{
		{"kind: campaign\n", "", "kind required"},
		{"kind: campaign\n", "kind: campaign\nversion: 1\n", "version version_given"},
		{"kind: campaign\n", "kind: campaign\nminimum_n: 5\n", "minimum_n unknown_field"},
		{"calendar: cn", "calendar: mars", "calendar unknown_calendar"},
		{"calendar: cn\n", "", "calendar required"},
		{"S: {max: 1", "VIP: {max: 1", "caps.VIP unknown_field"},
		{"S: {max: 1", "S: {max: -1", "caps.S.max between"},
		{"S: {max: 1, per: 30d}", "S: {max: 1}", "caps.S.per required"},
		{"S: {max: 1, per: 30d}", "S: {max: 1, per: monthly}", "caps.S.per bad_span"},
		{"open_complaint: client", "open_complaint: never", "open_complaint oneof"},
		{quiet, quiet + "\nwindow: {from: \"22:00\", to: \"23:00\"}", "window no_open_hour"},
		{quiet, `quiet_hours: {from: "21:00"}`, "quiet_hours.to required"},
		{"  case_recovery:", "  case_lost:", "follow_ups.case_lost unknown_field"},
		{"template: recovery", "template: relief", "follow_ups.case_recovery.template unknown_template"},
		{"template: recovery", "template: ''", "follow_ups.case_recovery.template required"},
		{"channels: [email, sms]", "channels: [email, letter]", "follow_ups.reception_completed.channels[1] oneof"},
		{"delay: 1d", "delay: 1ms", "follow_ups.case_recovery.delay between"},
		{"expires_after: 14d", "expires_after: 3d", "follow_ups.case_resolved.reminders.spacing reminder_after_expiry"},
		{"opens: complaint", "opens: ticket", "low_response.opens oneof"},
		{"category: satisfaction", "category: ''", "low_response.category required"},
		{"impact: medium", "impact: huge", "low_response.impact oneof"},
		{"urgency: high", "urgency: now", "low_response.urgency oneof"},
		{"percent: 20", "percent: 0", "failure_limit.percent between"},
		{"at_least: 20", "at_least: 101", "failure_limit.at_least between"},
	} {
		require.Contains(t, body, c.old)
		p, faults := campaign.ParsePolicy([]byte(strings.Replace(body, c.old, c.replacement, 1)))
		if len(faults) == 0 {
			faults = p.Check(refs(t))
		}
		require.Equal(t, []string{c.want}, at(faults), "%s → %s", c.old, c.replacement)
	}
}

func TestPolicy_rules_yield_to_those_of_the_campaign(t *testing.T) {
	t.Parallel()
	p, cal := shippedPolicy(t), cn(t)
	d, faults := campaign.ParseDefinition([]byte(definition))
	require.Empty(t, faults)
	until := d.Expires(friday)
	r := p.Rules(d, cal, until)
	require.Equal(t, campaign.Rules{
		Window: d.Window, Quiet: d.QuietHours, Calendar: cal, Caps: p.Caps, ObeyCap: true, OpenComplaint: campaign.OpenAtClient,
		Channels: d.Channels, Until: until,
	}, r)
	d.Window, d.QuietHours = nil, nil
	r = p.Rules(d, cal, until)
	require.Nil(t, r.Window)
	require.Equal(t, p.QuietHours, r.Quiet)
	night := local(t, shanghai, "2026-03-06 23:00:00")
	require.Equal(t, campaign.QuietHours, campaign.Decide(r, anybody(shanghai), night).Reason)
	d.QuietHours = &campaign.Quiet{}
	require.Equal(t, campaign.Send, campaign.Decide(p.Rules(d, cal, until), anybody(shanghai), night).Verdict, "explicitly none")

	resolved := p.FollowUpRules(p.FollowUps[campaign.CaseResolved], cal, until)
	require.False(t, resolved.ObeyCap, "whoever had a case is asked about it")
	require.True(t, p.FollowUpRules(p.FollowUps[campaign.ReceptionCompleted], cal, until).ObeyCap)
}
