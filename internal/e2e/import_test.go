package e2e_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/importer"
	"github.com/mcrflow/mcrflow/internal/robot"
	"github.com/mcrflow/mcrflow/models"
)

// TestImportedCasesAreWorkedByTheRobotAndEverythingAgrees has a stack of its own: the robot works whatever is open.
func TestImportedCasesAreWorkedByTheRobotAndEverythingAgrees(t *testing.T) {
	t.Parallel()
	s, err := newStack(true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	rows, err := importer.LoadMap("../../examples/import/cfpb.yaml")
	require.NoError(t, err)
	o := importer.Options{
		File: "../../examples/import/cfpb_excerpt.csv", Map: rows, URL: s.url, Token: s.as(t, "supervisor1").token, Limit: 12,
	}
	first, err := importer.Run(context.Background(), o)
	require.NoError(t, err)
	require.Equal(t, 12, first.Created, "%+v", first)
	again, err := importer.Run(context.Background(), o)
	require.NoError(t, err)
	require.Equal(t, 12, again.Already, "%+v", again)
	require.Len(t, all[caseView](t, s.as(t, "manager1"), "/cases"), 12)

	tally, err := robot.New(robot.Config{URL: s.url, Seed: 7, Cases: 20, Record: 5, Receptions: robot.Visits()}).Run(context.Background())
	require.NoError(t, err)
	t.Log(tally)
	require.GreaterOrEqual(t, len(all[caseView](t, s.as(t, "manager1"), "/cases")), 17, "needs that nobody solved become cases as well")
	states := map[models.ReceptionStatus]int{}
	for _, v := range all[receptionView](t, s.as(t, "manager1"), "/receptions") {
		states[models.ReceptionStatus(v.State)]++
	}
	for _, state := range models.ReceptionStatuses() {
		require.Positive(t, states[state], "no reception ended as %s: %v", state, states)
	}
	s.verify(t)
}
