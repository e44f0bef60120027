package activities_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// register is what is known of clients: into which others they were merged, and those whose processes are over.
type register struct {
	activities.RelationshipStore
	into map[string]string
	over func(clientID string) bool
	told []string
}

func (r *register) Client(_ context.Context, clientID string) (models.Client, error) {
	c := models.Client{ID: clientID}
	if into, merged := r.into[clientID]; merged {
		c.MergedIntoID = &into
	}
	return c, nil
}

func (r *register) Tell(_ context.Context, news models.ClientNews) error {
	if r.over(news.ClientID) {
		return errs.New(errs.ProcessClosed, "process_closed")
	}
	r.told = append(r.told, news.ClientID)
	return nil
}

func TestTellClient_tells_the_survivor_of_a_client_that_was_merged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		into map[string]string
		over func(r *register, clientID string) bool
		want []string
	}{
		"a client":               {nil, nil, []string{"client_1"}},
		"a duplicate":            {map[string]string{"client_1": "client_2"}, nil, []string{"client_2"}},
		"a process that is over": {nil, func(_ *register, c string) bool { return c == "client_1" }, nil},
		"one that is merged at this moment": {nil, func(r *register, c string) bool {
			if c == "client_1" {
				r.into = map[string]string{"client_1": "client_2"}
			}
			return c == "client_1"
		}, []string{"client_2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &register{into: tc.into}
			r.over = func(c string) bool { return tc.over != nil && tc.over(r, c) }
			a := &activities.Relationship{Store: r, Clients: r}
			_, err := a.TellClient(t.Context(), models.ClientNews{ClientID: "client_1", Seq: 1})
			require.NoError(t, err)
			require.Equal(t, tc.want, r.told)
		})
	}
}
