package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

func BenchmarkAuthenticate(b *testing.B) {
	c := newClock()
	s, u := withUser(b, c)
	principal := addUser(b, s, "principal")
	addTeam(b, s, "led", &principal.ID)
	_, err := s.CreateDeputy(b.Context(), models.Deputy{
		ID: id.New(id.Deputy), UserID: principal.ID, DeputyID: u.ID, From: c.at, Until: c.at.Add(1000 * time.Hour), CreatedBy: u.ID,
	}, nil)
	require.NoError(b, err)
	token := login(b, s, "agent1", "demo")
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Authenticate(b.Context(), token)
			require.NoError(b, err)
		}
	})
	b.Run("uncached", func(b *testing.B) {
		began := c.at
		for i := 0; b.Loop(); i++ {
			c.at = began.Add(time.Duration(i%30000) * time.Second)
			_, err := s.Authenticate(b.Context(), token)
			require.NoError(b, err)
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	s, _ := withUser(b, newClock())
	for b.Loop() {
		login(b, s, "agent1", "demo")
	}
}

func BenchmarkClaim(b *testing.B) {
	s, u := withUser(b, newClock())
	for b.Loop() {
		_, first, err := s.Claim(b.Context(), u.ID, id.New(id.Request), fresh())
		require.NoError(b, err)
		require.True(b, first)
	}
}
