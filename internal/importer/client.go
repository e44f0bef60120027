package importer

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// newCompany is the body of POST /clients, and newPerson that of POST /clients/{id}/contacts; their rules are those of the API.
type newCompany struct {
	Name             string `json:"name" binding:"required,max=200"`
	Industry         string `json:"industry,omitempty" binding:"max=100"`
	Region           string `json:"region,omitempty" binding:"max=100"`
	Class            string `json:"class,omitempty" binding:"omitempty,oneof=S A B C"`
	Status           string `json:"status,omitempty" binding:"omitempty,oneof=prospect active dormant lost"`
	ExternalRef      string `json:"external_ref,omitempty" binding:"max=200"`
	Sales12m         *int64 `json:"sales_12m,omitempty"`
	Currency         string `json:"currency,omitempty"`
	AccountManagerID string `json:"account_manager_id,omitempty"`
}

type newPerson struct {
	Name             string `json:"name" binding:"required,max=100"`
	Title            string `json:"title,omitempty" binding:"max=100"`
	Phone            string `json:"phone,omitempty" binding:"omitempty,phone"`
	Email            string `json:"email,omitempty" binding:"omitempty,email,max=254"`
	Locale           string `json:"locale,omitempty" binding:"omitempty,oneof=en zh-CN"`
	Role             string `json:"role,omitempty" binding:"omitempty,oneof=decision_maker approver influencer user gatekeeper other"`
	Influence        *int   `json:"influence,omitempty" binding:"omitempty,min=0,max=10"`
	Attitude         string `json:"attitude,omitempty" binding:"omitempty,oneof=opponent sceptical neutral supportive champion"`
	RelationStrength *int   `json:"relation_strength,omitempty" binding:"omitempty,min=0,max=5"`
	Preferences      string `json:"preferences,omitempty" binding:"max=2000"`
	Worries          string `json:"worries,omitempty" binding:"max=2000"`
}

// clientDraft is a row: a client, with the contact that the row adds to it.
type clientDraft struct {
	Client  newCompany `json:"client"`
	Contact *newPerson `json:"contact,omitempty"`
	manager string     // user name
}

func (d *clientDraft) shown() any { return d }

// identity tells the clients of a file apart.
func (d *clientDraft) identity() string {
	if d.Client.ExternalRef != "" {
		return byReference + d.Client.ExternalRef
	}
	return byName + d.Client.Name + "\x00" + d.Client.Region
}

const byReference, byName = "ref:", "name:"

// clients makes clients and contacts of rows.
type clients struct {
	m      *ClientMap
	plan   *plan
	api    *apiclient.Client
	skip   bool
	first  map[string]*clientDraft // of each client, the row that describes it
	load   sync.Once
	known  map[string]string // identity → client of the server
	failed error             // of loading
	ready  cache[*company]
	people cache[string]
}

// company is a client of the server that rows belong to.
type company struct {
	id         string
	fresh      bool        // made by this run
	left       []Duplicate // it was left out, because of these
	mu         sync.Mutex
	people     []models.Contact
	peopleRead bool
}

func (m *ClientMap) start(p *plan, api *apiclient.Client, o Options) kind {
	return &clients{m: m, plan: p, api: api, skip: o.SkipDuplicates, first: map[string]*clientDraft{}}
}

func (k *clients) draft(_ string, take func(string, *Rule) string, f *faults) payload {
	c, p := k.m.Client, k.m.Contact
	d := &clientDraft{
		Client: newCompany{
			Name: take("client.name", c.Name), Industry: take("client.industry", c.Industry), Region: take("client.region", c.Region),
			Class: take("client.class", c.Class), Status: take("client.status", c.Status),
			ExternalRef: take("client.external_ref", c.ExternalRef), Currency: take("client.currency", c.Currency),
		},
		manager: take("client.account_manager", c.AccountManager),
	}
	if sales := take("client.sales_12m", c.Sales12m); sales != "" {
		amount, ok := models.ParseMoney(sales, d.Client.Currency)
		switch {
		case !models.ValidCurrency(d.Client.Currency):
			f.add("client.currency", "currency")
		case !ok:
			f.add("client.sales_12m", "bad_amount", "value", shown(sales), "currency", d.Client.Currency)
		}
		d.Client.Sales12m = &amount
	}
	person := newPerson{
		Name: take("contact.name", p.Name), Title: take("contact.title", p.Title), Phone: take("contact.phone", p.Phone),
		Email: take("contact.email", p.Email), Locale: take("contact.locale", p.Locale), Role: take("contact.role", p.Role),
		Influence: f.number("contact.influence", take("contact.influence", p.Influence)), Attitude: take("contact.attitude", p.Attitude),
		RelationStrength: f.number("contact.relation_strength", take("contact.relation_strength", p.RelationStrength)),
		Preferences:      take("contact.preferences", p.Preferences), Worries: take("contact.worries", p.Worries),
	}
	if person.Name != "" || person.Phone != "" || person.Email != "" {
		d.Contact = &person
	}
	f.breaks(d)
	if len(*f) > 0 {
		return d
	}
	if first, ok := k.first[d.identity()]; ok {
		d.Client, d.manager = first.Client, first.manager
	} else {
		k.first[d.identity()] = d
	}
	return d
}

// number reads a whole number; nil for a blank.
func (f *faults) number(field, text string) *int {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.add(field, "bad_number", "value", shown(text))
	}
	return &n
}

func (k *clients) send(ctx context.Context, d draft, result Result) (Result, error) {
	row := d.payload.(*clientDraft)
	mine := false // this row made the client
	c, err := k.ready.get(row.identity(), func() (*company, error) {
		mine = true
		return k.company(ctx, row)
	})
	var one faultError
	if errors.As(err, &one) {
		return result, errs.NewInvalid(one.fault)
	}
	if err != nil {
		return result, err
	}
	if c.left != nil {
		result.Outcome, result.Duplicates = Skipped, c.left
		return result, nil
	}
	result.ID, result.Outcome = c.id, Already
	if mine && c.fresh {
		result.Outcome, result.Status = Created, http.StatusCreated
	}
	if row.Contact != nil {
		if err := k.person(ctx, d, c, &result); err != nil {
			return result, err
		}
	}
	if c.fresh && result.Outcome == Created {
		result.Duplicates, err = k.alike(ctx, c.id)
	}
	return result, err
}

// company finds the client of a row, or makes it.
func (k *clients) company(ctx context.Context, row *clientDraft) (*company, error) {
	k.load.Do(func() { k.known, k.failed = k.stored(ctx) })
	if k.failed != nil {
		return nil, k.failed
	}
	if id, ok := k.known[row.identity()]; ok {
		return &company{id: id}, nil
	}
	if k.skip {
		if left, err := k.check(ctx, row); err != nil || len(left) > 0 {
			return &company{left: left}, err
		}
	}
	body := row.Client
	if row.manager != "" {
		var err error
		body.AccountManagerID, err = k.people.get(row.manager, func() (string, error) {
			return findUser(ctx, k.api, "client.account_manager", row.manager)
		})
		if err != nil {
			return nil, err
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	a, err := k.api.Post(ctx, "/clients", "import:"+k.m.Name+":client:"+portable(row.identity()), body, &made)
	return &company{id: made.ID, fresh: !a.Replayed, peopleRead: !a.Replayed}, err
}

// stored lists what the clients of the server are found by. A reference counts alone; a name without one, with its region.
func (k *clients) stored(ctx context.Context) (map[string]string, error) {
	all, err := storedClients(ctx, k.api)
	known := make(map[string]string, 2*len(all))
	for _, c := range all {
		if c.ExternalRef != "" {
			known[byReference+c.ExternalRef] = c.ID
		}
		if name := byName + c.Name + "\x00" + c.Region; known[name] == "" {
			known[name] = c.ID
		}
	}
	return known, err
}

// check finds the clients that the row's may be the same as, before it is made.
func (k *clients) check(ctx context.Context, row *clientDraft) ([]Duplicate, error) {
	type address struct {
		Phone string `json:"phone,omitempty"`
		Email string `json:"email,omitempty"`
	}
	body := struct {
		Name     string    `json:"name"`
		Contacts []address `json:"contacts,omitempty"`
	}{Name: row.Client.Name}
	if p := row.Contact; p != nil {
		body.Contacts = []address{{p.Phone, p.Email}}
	}
	var found struct {
		Items []Duplicate `json:"items"`
	}
	_, err := k.api.Post(ctx, "/clients/duplicates", "", body, &found)
	return found.Items, err
}

// alike finds the clients that one that is there may be the same as.
func (k *clients) alike(ctx context.Context, id string) ([]Duplicate, error) {
	var found struct {
		Items []Duplicate `json:"items"`
	}
	err := k.api.Get(ctx, "/clients/"+id+"/duplicates", nil, &found)
	return found.Items, err
}

// person adds the row's contact to the client, unless the same person is there already.
func (k *clients) person(ctx context.Context, d draft, c *company, result *Result) error {
	c.mu.Lock() // the rows of one client go one after another
	defer c.mu.Unlock()
	if !c.peopleRead {
		type person struct {
			ID, Name, Phone, Email string
			Left                   bool
		}
		err := apiclient.Each(ctx, k.api, "/clients/"+c.id+"/contacts", nil, func(p person) error {
			c.people = append(c.people, models.Contact{ID: p.ID, Name: p.Name, Phone: p.Phone, Email: p.Email, Left: p.Left})
			return nil
		})
		if err != nil {
			return err
		}
		c.peopleRead = true
	}
	body := d.payload.(*clientDraft).Contact
	contact := models.Contact{Name: body.Name, Phone: body.Phone, Email: body.Email}
	for _, p := range c.people {
		if !p.Left && p.SamePerson(contact) { // who has left takes nobody's place
			result.Number = p.ID
			return nil
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	a, err := k.api.Post(ctx, "/clients/"+c.id+"/contacts", k.plan.idempotencyKey("contact:"+d.key), body, &made)
	if err != nil {
		return err
	}
	contact.ID = made.ID
	c.people = append(c.people, contact)
	result.Number, result.Status = made.ID, a.Status
	if !a.Replayed {
		result.Outcome = Created
	}
	return nil
}
