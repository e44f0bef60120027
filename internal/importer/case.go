package importer

import (
	"context"
	"hash/fnv"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// newCase is the body of POST /cases. Its rules are those of the API: a row that breaks them is told so before anything
// is sent, so that the map can be put right and the row keeps its key.
type newCase struct {
	Type           string     `json:"type" binding:"required,oneof=complaint inquiry"`
	ClientID       string     `json:"client_id"`
	Contact        newContact `json:"contact"`
	Channel        string     `json:"channel" binding:"required,oneof=phone email web chat visit letter"`
	Subject        string     `json:"subject" binding:"required,max=200"`
	Description    string     `json:"description,omitempty" binding:"max=20000"`
	Category       string     `json:"category,omitempty" binding:"max=100"`
	Impact         string     `json:"impact,omitempty" binding:"omitempty,oneof=low medium high"`
	Urgency        string     `json:"urgency,omitempty" binding:"omitempty,oneof=low medium high"`
	OccurredAt     string     `json:"occurred_at,omitempty"`
	ExternalRef    string     `json:"external_ref,omitempty" binding:"max=200"`
	FirstContactID string     `json:"first_contact_id,omitempty"`
}

type newContact struct {
	Name  string `json:"name,omitempty" binding:"max=200"`
	Phone string `json:"phone,omitempty" binding:"omitempty,phone"`
	Email string `json:"email,omitempty" binding:"omitempty,email,max=254"`
}

// caseDraft is a case as it will be sent, but for what only the server knows.
type caseDraft struct {
	body   newCase
	client string // the name or reference of the client
	person string // the user name of the first contact; empty is the caller
}

func (d *caseDraft) shown() any { return d.body }

// cases makes cases of rows.
type cases struct {
	m         *Map
	plan      *plan
	api       *apiclient.Client
	directory *directory
}

func (m *Map) start(p *plan, api *apiclient.Client, _ Options) kind {
	return &cases{m, p, api, &directory{api: api, m: m}}
}

func (k *cases) draft(key string, take func(string, *Rule) string, f *faults) payload {
	fields := k.m.Fields
	d := &caseDraft{client: k.m.Client.Fixed}
	if k.m.Client.By != nil {
		d.client = take("client_id", k.m.Client.By)
	}
	d.body = newCase{
		Type: take("type", fields.Type), Channel: take("channel", fields.Channel), Subject: take("subject", fields.Subject),
		Description: take("description", fields.Description), Category: take("category", fields.Category),
		Impact: take("impact", fields.Impact), Urgency: take("urgency", fields.Urgency),
		OccurredAt: take("occurred_at", fields.OccurredAt), ExternalRef: take("external_ref", fields.ExternalRef),
		Contact: newContact{
			Name:  take("contact.name", fields.Contact.Name),
			Phone: take("contact.phone", fields.Contact.Phone),
			Email: take("contact.email", fields.Contact.Email),
		},
	}
	d.person = take("first_contact_id", k.m.FirstContact.By)
	if spread := k.m.FirstContact.Spread; len(spread) > 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key)) // a hash takes everything
		d.person = spread[int(h.Sum32()%uint32(len(spread)))]
	}
	f.need("client_id", d.client != "" || f.has("client_id"))
	f.breaks(d.body)
	if d.body.Contact.Phone == "" && d.body.Contact.Email == "" {
		f.add("contact", "contact_unreachable")
	}
	return d
}

func (k *cases) send(ctx context.Context, d draft, result Result) (Result, error) {
	row := d.payload.(*caseDraft)
	if err := k.directory.complete(ctx, row); err != nil {
		return result, err
	}
	var made struct {
		ID     string `json:"id"`
		Number string `json:"number"`
	}
	a, err := k.api.Post(ctx, "/cases", k.plan.idempotencyKey(d.key), row.body, &made)
	if err != nil {
		return result, err
	}
	result.Outcome, result.Status, result.ID, result.Number = Created, a.Status, made.ID, made.Number
	if a.Replayed {
		result.Outcome = Already
	}
	return result, nil
}
