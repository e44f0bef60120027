package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMatrixInWhichAMonitorIsADoerIsRefusedWithThePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const monitors = "monitors: [product_deputy_director, technical_support_assistant]"
	p := publishChanged(t, w, "responsibility", "first_monitor: sales_deputy_director", "first_monitor: account_manager",
		monitors, "monitors: [product_deputy_director, product_manager]")
	require.Equal(t, []string{"items.assessment.first_monitor:monitor_is_doer", "items.direct_feedback.monitors[1]:monitor_is_doer"}, p.faults())
	require.Equal(t, "account_manager also does this item, as primary; a monitor is never the doer", p.Errors[0].Message)
	require.Contains(t, p.Errors[1].Message, "assistants[0]")
}

func TestEveryFaultOfAResponsibilityPolicyHasItsPathAndAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := publishChanged(t, w, "responsibility", "{client: account_manager}", "{manager_of: sales_deputy_director}",
		"to: [office_director, administrative_assistant]", "to: [office_director, account_manager, typist]",
		"- {from: product_manager,", "- {from: administrative_assistant,", "{team_supervisor: client_representative}", "{role: king}", "  planning:", "  plans:")
	require.Equal(t, []string{
		"posts.client_representative.holder.role:oneof", "posts.account_manager.holder.manager_of:post_circle", "items.planning:required",
		"items.direct_feedback.reports[0].to[2]:unknown_post", "items.direct_feedback.reports[0].to[1]:reports_to_itself",
		"items.direct_feedback.reports[1].from:no_part",
	}, p.faults())
	require.Contains(t, p.Errors[1].Message, "account_manager, sales_deputy_director, account_manager")
	require.Contains(t, p.Errors[3].Message, "typist")
}
