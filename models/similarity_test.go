package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/models"
)

func TestSimilarity(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b    string
		similar bool
	}{
		"chinese_one_word_more":      {"空调不制冷", "办公室空调不制冷", true},
		"chinese_other_verb":         {"订单1042延迟发货", "订单1042还没有发货", true},
		"chinese_other_order":        {"投诉送货延迟", "送货延迟投诉", true},
		"chinese_other_matter":       {"投诉客服态度", "投诉送货延迟", false},
		"chinese_nothing_in_common":  {"空调不制冷", "打印机卡纸", false},
		"english_other_order":        {"Late delivery of order 4711", "Order 4711 delivered late", true},
		"english_more_words":         {"Machine stopped after update", "The machine has stopped since the update", true},
		"english_other_matter":       {"Heating broken", "Heating does not work well in the lobby", false},
		"english_nothing_in_common":  {"Water leak in kitchen", "Noise from neighbours", false},
		"case_width_and_punctuation": {"Ｉnvoice #2026-118：wrong!", "invoice 2026/118 WRONG", true},
		"only_punctuation":           {"???", "!!!", false},
		"one_letter":                 {"A", "a", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := models.PossibleDuplicates(tc.a, []models.CaseHead{{ID: "case_1", Subject: tc.b}})
			require.Equal(t, tc.similar, len(got) == 1, "similarity %.2f", models.Similarity(tc.a, tc.b))
		})
	}
}

func TestSimilarityIsSymmetricBoundedAndOneForEqualTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		s := models.Similarity(a, b)
		require.Equal(t, s, models.Similarity(b, a))
		require.True(t, s >= 0 && s <= 1, "%v", s)
		if same := models.Similarity(a, a); same != 0 { // 0: nothing but punctuation
			require.Equal(t, 1.0, same)
		}
	})
}

func TestPossibleDuplicatesAreFiveAtMostTheMostSimilarFirst(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)
	var recent []models.CaseHead
	for i := range 7 {
		recent = append(recent, models.CaseHead{ID: fmt.Sprint(i), Subject: "空调不制冷了", CreatedAt: at.Add(time.Duration(i) * time.Hour)})
	}
	recent = append(recent, models.CaseHead{ID: "exact", Subject: "空调不制冷", CreatedAt: at})
	var ids []string
	for _, d := range models.PossibleDuplicates("空调不制冷", recent) {
		ids = append(ids, d.ID)
	}
	require.Equal(t, []string{"exact", "6", "5", "4", "3"}, ids)
}
