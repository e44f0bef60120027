package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/models"
)

const (
	// duplicatesOfNew bounds how many possible duplicates the answer to a new client names.
	duplicatesOfNew = 5
	// comparedContacts bounds how many people at a client are compared with those of others.
	comparedContacts = 100
)

type clientDuplicateView struct {
	ID               string                `json:"id"`
	Name             string                `json:"name"`
	Region           string                `json:"region"`
	Class            string                `json:"class"`
	Status           string                `json:"status"`
	AccountManagerID *string               `json:"account_manager_id"`
	ExternalRef      string                `json:"external_ref"`
	Score            float64               `json:"score"`
	Reasons          []duplicateReasonView `json:"reasons"`
}

type duplicateReasonView struct {
	Kind      models.DuplicateKind `json:"kind"`
	Value     string               `json:"value"`
	ContactID *string              `json:"contact_id"`
}

func toClientDuplicateView(d models.ClientDuplicate) clientDuplicateView {
	return clientDuplicateView{
		ID: d.Client.ID, Name: d.Client.Name, Region: d.Client.Region, Class: d.Client.Class, Status: d.Client.Status,
		AccountManagerID: d.Client.AccountManagerID, ExternalRef: d.Client.ExternalRef, Score: d.Score,
		Reasons: each(d.Reasons, func(r models.DuplicateReason) duplicateReasonView {
			return duplicateReasonView{r.Kind, r.Value, filled(r.ContactID)}
		}),
	}
}

// duplicates lists the clients that may be the same company as this one, the likeliest first, at most twenty; for one that
// was merged, none. 404 unknown.
func (h *clients) duplicates(c *gin.Context) {
	if err := queryOf(c).err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	row, err := h.store.Client(ctx, c.Param("id"))
	var contacts []models.Contact
	if err == nil {
		contacts, _, err = h.store.Contacts(ctx, row.ID, models.Page{Limit: comparedContacts})
	}
	var found []models.ClientDuplicate
	if err == nil && row.MergedIntoID == nil {
		found, err = h.store.ClientDuplicates(ctx, models.ClientTraits{Client: row, Contacts: contacts}, models.MaxClientDuplicates)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, found, "", toClientDuplicateView)
}

type checkClientRequest struct {
	Name     string `json:"name" binding:"required,notblank,max=200"`
	Contacts []struct {
		Phone string `json:"phone" binding:"omitempty,phone"`
		Email string `json:"email" binding:"omitempty,email,max=254"`
	} `json:"contacts" binding:"max=20,dive"`
}

// check lists the clients that may be the same company as one that is not stored; it changes nothing. 422 bad values.
func (h *clients) check(c *gin.Context) {
	var req checkClientRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	of := models.ClientTraits{Client: models.Client{Name: req.Name}}
	for _, p := range req.Contacts {
		of.Contacts = append(of.Contacts, models.Contact{Phone: p.Phone, Email: p.Email})
	}
	found, err := h.store.ClientDuplicates(c.Request.Context(), of, models.MaxClientDuplicates)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, found, "", toClientDuplicateView)
}

type mergeClientRequest struct {
	IntoID string `json:"into_id" binding:"required,typeid=client"`
	Reason string `json:"reason" binding:"required,notblank,max=2000"`
}

// merge joins a client that is a duplicate into another one, for good: its contacts move, and nothing new begins under it.
// Its cases and receptions go on; its relationship ends, and what is owed in it passes to the survivor in a moment. 404 unknown, 409 client_merged when one of them was merged before, 422 bad values.
func (h *clients) merge(c *gin.Context) {
	var req mergeClientRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	row, err := h.store.MergeClient(c.Request.Context(), models.ClientMerge{
		ClientID: c.Param("id"), IntoID: req.IntoID, Reason: strings.TrimSpace(req.Reason), By: caller(c).User.ID, At: h.now().UTC(),
		CommandID: commandID(c),
	}, models.MergedWord(c.Param("id"), req.IntoID, metaOf(c)), models.AlignWord(req.IntoID)) // which may have got an account manager
	if err != nil {
		fail(c, err)
		return
	}
	h.words.Tell(c.Request.Context())
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientView(row))
}
