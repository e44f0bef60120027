package models_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/models"
)

func TestNameKeyForgetsLegalFormsWidthAndPunctuation(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"晨曦精密仪器有限公司":                     "晨曦精密仪器",
		"晨曦精密仪器 股份有限公司":                  "晨曦精密仪器",
		"晨曦集团（宁波）有限公司":                   "晨曦宁波",
		"ＡＣＭＥ　Ｔｏｏｌｓ Co., Ltd.":           "acmetools",
		"Acme Tools GmbH & Co. KG":       "acmetools",
		"Acme-Tools, S.A.":               "acmetools",
		"Acme Tools Inc":                 "acmetools",
		"The Limited Edition Ltd":        "thelimitededition",
		"华东银行 East China Bank Limited":   "华东银行eastchinabank",
		"Co. Ltd.":                       "coltd",
		"有限公司":                           "有限公司",
		"!!!":                            "",
		"北方公司":                           "北方",
		"晨曦精密仪器有限公司上海分公司":                "晨曦精密仪器上海分",
		"Société Générale Équipement SA": "sociétégénéraleéquipement",
	} {
		require.Equal(t, want, models.NameKey(name), name)
	}
}

func TestClientDuplicatesAreFoundByNamePhoneAndEmail(t *testing.T) {
	t.Parallel()
	of := models.ClientTraits{
		Client:   models.Client{ID: "client_1", Name: "晨曦精密仪器有限公司"},
		Contacts: []models.Contact{{ID: "contact_1", Phone: "021-5555 0101", Email: "Chen@Chenxi.example"}, {ID: "contact_2", Email: "boss@qq.com"}},
	}
	for name, tc := range map[string]struct {
		name, phone, email string
		want               []models.DuplicateKind // nil: none
	}{
		"another_legal_form":            {"晨曦精密仪器（集团）股份有限公司", "", "", []models.DuplicateKind{models.SameName}},
		"a_place_before_the_name":       {"宁波晨曦精密仪器", "", "", []models.DuplicateKind{models.AlikeName}},
		"the_phone_with_another_prefix": {"Chenxi Ltd", "+86 21 5555-0101", "", []models.DuplicateKind{models.SamePhone}},
		"the_same_address":              {"Chenxi Ltd", "", "chen@chenxi.example", []models.DuplicateKind{models.SameEmail, models.SameDomain}},
		"the_domain_alone_is_too_weak":  {"Chenxi Ltd", "", "li@chenxi.example", nil},
		"the_domain_and_a_like_name":    {"晨曦精密机床", "", "li@chenxi.example", []models.DuplicateKind{models.AlikeName, models.SameDomain}},
		"a_like_name_alone":             {"晨曦精密机床", "", "", nil},
		"a_public_domain_says_nothing":  {"晨曦精密机床", "", "li@qq.com", nil},
		"another_company":               {"东海造船厂", "010-5555 0101", "", nil},
		"an_extension_is_no_number":     {"东海造船厂", "0101", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := models.ClientTraits{
				Client:   models.Client{ID: "client_2", Name: tc.name},
				Contacts: []models.Contact{{ID: "contact_3", Phone: tc.phone, Email: tc.email}},
			}
			found := models.ClientDuplicates(of, []models.ClientTraits{of, other}, models.MaxClientDuplicates)
			if tc.want == nil {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			var kinds []models.DuplicateKind
			for _, r := range found[0].Reasons {
				kinds = append(kinds, r.Kind)
			}
			require.Equal(t, tc.want, kinds)
			other.Client.Status = models.ClientMerged
			require.Empty(t, models.ClientDuplicates(of, []models.ClientTraits{other}, 1), "a merged client is a duplicate of nobody any more")
		})
	}
}

func TestClientDuplicatesCountEachKindOnceAndShowTheLikeliestFirst(t *testing.T) {
	t.Parallel()
	one := models.ClientTraits{Client: models.Client{ID: "client_0", Name: "Alpha"}}
	other := models.ClientTraits{Client: models.Client{ID: "client_1", Name: "Omega"}}
	for i := range 30 {
		phone := fmt.Sprintf("0571 8888 %04d", i)
		one.Contacts = append(one.Contacts, models.Contact{ID: fmt.Sprint("contact_a", i), Phone: phone})
		other.Contacts = append(other.Contacts, models.Contact{ID: fmt.Sprint("contact_b", i), Phone: phone})
	}
	same := models.ClientTraits{Client: models.Client{ID: "client_2", Name: "ALPHA Inc."}}
	found := models.ClientDuplicates(one, []models.ClientTraits{other, same}, 5)
	require.Len(t, found, 2)
	require.Equal(t, "client_2", found[0].Client.ID)
	require.InDelta(t, 0.9, found[0].Score, 0)
	require.InDelta(t, 0.7, found[1].Score, 0, "a switchboard is one reason")
	require.Len(t, found[1].Reasons, 10)
	require.Len(t, models.ClientDuplicates(one, []models.ClientTraits{other, same}, 1), 1)
}

func TestClientDuplicatesAreMutual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		client := func(id string) models.ClientTraits {
			return models.ClientTraits{
				Client: models.Client{ID: id, Name: rapid.StringOf(rapid.RuneFrom([]rune("晨曦精密Ab 公司Co."))).Draw(t, "name")},
				Contacts: []models.Contact{{
					Phone: rapid.StringMatching(`\+?[0-9]{0,12}`).Draw(t, "phone"), Email: rapid.SampledFrom([]string{"", "a@b.example", "c@b.example", "a@qq.com"}).Draw(t, "email"),
				}},
			}
		}
		a, b := client("client_a"), client("client_b")
		ab, ba := models.ClientDuplicates(a, []models.ClientTraits{b}, 1), models.ClientDuplicates(b, []models.ClientTraits{a}, 1)
		require.Equal(t, len(ab), len(ba))
		if len(ab) == 1 {
			require.InDelta(t, ab[0].Score, ba[0].Score, 1e-9)
			require.True(t, ab[0].Score >= 0.6 && ab[0].Score <= 1, "%v", ab[0].Score)
		}
	})
}

func TestNameRunsOfALikeNameMeet(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"晨曦精密仪器有限公司", "宁波晨曦精密仪器"}, {"华东银行", "华东银行股份有限公司"}, {"East China Bank", "Bank East China Ltd"}, {"华为", "华为技术"},
	} {
		b := models.NameKey(pair[1])
		require.True(t, func() bool {
			for _, run := range models.NameRuns(models.NameKey(pair[0])) {
				if len(run) > 0 && containsRun(b, run) {
					return true
				}
			}
			return false
		}(), "%v", pair)
	}
	require.Empty(t, models.NameRuns("a"))
	require.LessOrEqual(t, len(models.NameRuns(string(make([]rune, 4000)))), 40)
}

func containsRun(key, run string) bool {
	for i := range []rune(key) {
		if rest := []rune(key)[i:]; len(rest) >= len([]rune(run)) && string(rest[:len([]rune(run))]) == run {
			return true
		}
	}
	return false
}
