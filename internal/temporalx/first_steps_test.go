package temporalx

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstSteps_bring_one_word_to_the_one_who_waits(t *testing.T) {
	t.Parallel()
	var f FirstSteps
	f.Taken("case/1", nil) // nobody waits
	word, end := f.await("case/1")
	other, endOther := f.await("case/1")
	require.Nil(t, other, "somebody waits already")
	endOther()
	refusal := errors.New("refused")
	f.Taken("case/2", nil)
	f.Taken("case/1", refusal)
	f.Taken("case/1", nil) // a second attempt of the step
	require.Equal(t, refusal, <-word)
	require.Empty(t, word)
	end()

	word, end = f.await("case/1")
	require.NotNil(t, word)
	end()
	f.Taken("case/1", nil)
	require.Empty(t, word, "who waits no more is told nothing")
}
