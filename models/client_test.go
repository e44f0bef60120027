package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func TestMergeFillsTheSurvivorAndNeverOverwritesIt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)
	manager, sales := "user_1", int64(500)
	duplicate := models.Client{ID: "client_1", Region: "华东", Industry: "bank", Class: "S", Status: "active", AccountManagerID: &manager, Sales12m: &sales, Currency: "CNY", ExternalRef: "CRM-1"}
	survivor := models.Client{ID: "client_2", Region: "华南", Class: "B", Status: "prospect"}
	from, into, err := models.MergeClients(duplicate, survivor, at)
	require.NoError(t, err)
	require.Equal(t, models.ClientMerged, from.Status)
	require.Equal(t, "client_2", *from.MergedIntoID)
	require.Equal(t, "CRM-1", from.ExternalRef, "under which imports find the survivor")
	require.Equal(t, "华南", into.Region)
	require.Equal(t, "bank", into.Industry)
	require.Equal(t, manager, *into.AccountManagerID)
	require.Equal(t, "CNY", into.Currency)
	require.Equal(t, "B", into.Class, "the class changes by classification only")
	require.Equal(t, "prospect", into.Status)

	for name, pair := range map[string][2]models.Client{"again": {from, models.Client{ID: "client_3"}}, "into_a_merged_one": {models.Client{ID: "client_3"}, from}} {
		_, _, err = models.MergeClients(pair[0], pair[1], at)
		var e *errs.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, models.ErrClientMerged, e.Code, name)
		require.Equal(t, "client_2", e.Fields[0].Args["into"], name)
	}
	_, _, err = models.MergeClients(survivor, survivor, at)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestContactsAreOnePersonByAddressNumberOrNameThatNothingContradicts(t *testing.T) {
	t.Parallel()
	chen := models.Contact{Name: "陈 静", Phone: "021 5555 0101", Email: "c@x.example"}
	for name, tc := range map[string]struct {
		other models.Contact
		same  bool
	}{
		"email":                {models.Contact{Name: "Chen Jing", Email: "C@X.example"}, true},
		"phone":                {models.Contact{Name: "Chen Jing", Phone: "+86 21 55550101"}, true},
		"name":                 {models.Contact{Name: "陈静"}, true},
		"name_and_phone":       {models.Contact{Name: "陈静", Phone: "+86 21 55550101"}, true},
		"a_switchboard":        {models.Contact{Name: "李四", Phone: "+86 21 55550101"}, false},
		"a_namesake":           {models.Contact{Name: "陈静", Email: "other@x.example"}, false},
		"another_number":       {models.Contact{Name: "陈静", Phone: "021 5555 0199"}, false},
		"a_colleague":          {models.Contact{Name: "王芳", Email: "w@x.example"}, false},
		"nothing_is_no_person": {models.Contact{}, false},
	} {
		require.Equal(t, tc.same, chen.SamePerson(tc.other), name)
		require.Equal(t, tc.same, tc.other.SamePerson(chen), name)
	}
}

func TestAContactTakesOnlyWhatItLacks(t *testing.T) {
	t.Parallel()
	seven, three := 7, 3
	ours := models.Contact{ID: "contact_1", Name: "陈静", Phone: "1", Influence: &three, KnownByIDs: []string{"user_1"}}
	require.True(t, ours.Absorb(models.Contact{Name: "Chen", Phone: "2", Email: "c@x.example", Influence: &seven, Attitude: models.AttitudeChampion, KnownByIDs: []string{"user_2", "user_1"}}))
	require.Equal(t, models.Contact{
		ID: "contact_1", Name: "陈静", Phone: "1", Email: "c@x.example", Influence: &three, Attitude: models.AttitudeChampion,
		KnownByIDs: []string{"user_1", "user_2"},
	}, ours)
	require.False(t, ours.Absorb(ours))
}
