package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

func TestMoneyIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1,234.50": 123450, "12": 1200, " 0.5 ": 50, "1 000": 100000, "12，345": 1234500, "0": 0, "1000000000000": 1e14} {
		got, ok := models.ParseMoney(text, "CNY")
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	got, ok := models.ParseMoney("1500", "JPY")
	require.True(t, ok)
	require.EqualValues(t, 1500, got)
	for _, text := range []string{"", ".5", "1.", "1.234", "-1", "+1", "1e3", "1.2.3", "五", "1000000000000.01", "99999999999999999999"} {
		_, ok := models.ParseMoney(text, "CNY")
		require.False(t, ok, text)
	}
	_, ok = models.ParseMoney("1.5", "JPY")
	require.False(t, ok, "the yen has no part")
}
