package cadence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
)

func TestLevels_are_built_in_order_and_held_against_their_targets(t *testing.T) {
	t.Parallel()
	const key, broad, organisation = cadence.Key, cadence.Broad, cadence.Organisation
	targets := cadence.Targets{Key: 4, Broad: 3, Organisation: 2}
	type have = map[cadence.Level]int
	for name, c := range map[string]struct {
		have         have
		ahead, below []cadence.Level
	}{
		"nothing assessed":             {nil, nil, nil},
		"all at target":                {have{key: 4, broad: 3, organisation: 2}, nil, nil},
		"in order":                     {have{key: 3, broad: 2, organisation: 1}, nil, []cadence.Level{key, broad, organisation}},
		"side by side":                 {have{key: 2, broad: 2, organisation: 2}, nil, []cadence.Level{key, broad}},
		"broad before key":             {have{key: 2, broad: 3, organisation: 2}, []cadence.Level{broad}, []cadence.Level{key}},
		"organisation before broad":    {have{key: 4, broad: 1, organisation: 2}, []cadence.Level{organisation}, []cadence.Level{broad}},
		"organisation before key only": {have{key: 1, broad: 3, organisation: 2}, []cadence.Level{broad, organisation}, []cadence.Level{key}},
		"key is good enough":           {have{key: 4, broad: 5, organisation: 5}, nil, nil},
		"key was not assessed":         {have{broad: 1}, []cadence.Level{broad}, []cadence.Level{broad}},
		"only key was assessed":        {have{key: 1}, nil, []cadence.Level{key}},
	} {
		require.Equal(t, c.ahead, cadence.OrderWarnings(c.have, targets), name)
		require.Equal(t, c.below, cadence.BelowTarget(c.have, targets), name)
	}
	require.Equal(t, []cadence.Level{key, broad, organisation}, cadence.Levels())
	require.Zero(t, targets.Of("other"))
}
