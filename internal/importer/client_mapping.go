package importer

import (
	"os"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// ClientMap says how the rows of a file become clients, each with up to one contact. Rows with one external reference, or
// without any and with one name and region, are one client, as the first of them describes it; each further one adds a contact.
type ClientMap struct {
	// Name is part of every row's idempotency key: another name makes the rows new ones.
	Name string `json:"name"`
	// Key tells the rows of the file apart.
	Key     *Rule        `json:"key"`
	CSV     Format       `json:"csv"`
	Client  ClientFields `json:"client"`
	Contact PersonFields `json:"contact"`
}

// ClientFields has one rule for each field of a client. Sales are read as people write them, such as 1,234.50 of the
// currency, and AccountManager is a user name.
type ClientFields struct {
	Name           *Rule `json:"name"`
	Industry       *Rule `json:"industry"`
	Region         *Rule `json:"region"`
	Class          *Rule `json:"class"`
	Status         *Rule `json:"status"`
	ExternalRef    *Rule `json:"external_ref"`
	Sales12m       *Rule `json:"sales_12m"`
	Currency       *Rule `json:"currency"`
	AccountManager *Rule `json:"account_manager"`
}

// PersonFields has one rule for each field of a contact. A row whose name, phone number and e-mail address are blank has none.
type PersonFields struct {
	Name             *Rule `json:"name"`
	Title            *Rule `json:"title"`
	Phone            *Rule `json:"phone"`
	Email            *Rule `json:"email"`
	Locale           *Rule `json:"locale"`
	Role             *Rule `json:"role"`
	Influence        *Rule `json:"influence"`
	Attitude         *Rule `json:"attitude"`
	RelationStrength *Rule `json:"relation_strength"`
	Preferences      *Rule `json:"preferences"`
	Worries          *Rule `json:"worries"`
}

// LoadClientMap is LoadMap for clients.
func LoadClientMap(path string) (*ClientMap, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseClientMap(body)
}

// ParseClientMap is ParseMap for clients.
func ParseClientMap(body []byte) (*ClientMap, error) {
	var m ClientMap
	if f := policy.Decode(body, &m); len(f) > 0 {
		return nil, errs.NewInvalid(f...)
	}
	var f faults
	m.head().check(&f)
	f.need("client.name", m.Client.Name != nil)
	for _, r := range m.rules() {
		r.rule.check(&f, r.path)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return &m, nil
}

func (m *ClientMap) head() head { return head{m.Name, m.Key, m.CSV} }

func (m *ClientMap) rules() []named {
	return present([]named{
		{"key", m.Key},
		{"client.name", m.Client.Name},
		{"client.industry", m.Client.Industry},
		{"client.region", m.Client.Region},
		{"client.class", m.Client.Class},
		{"client.status", m.Client.Status},
		{"client.external_ref", m.Client.ExternalRef},
		{"client.sales_12m", m.Client.Sales12m},
		{"client.currency", m.Client.Currency},
		{"client.account_manager", m.Client.AccountManager},
		{"contact.name", m.Contact.Name},
		{"contact.title", m.Contact.Title},
		{"contact.phone", m.Contact.Phone},
		{"contact.email", m.Contact.Email},
		{"contact.locale", m.Contact.Locale},
		{"contact.role", m.Contact.Role},
		{"contact.influence", m.Contact.Influence},
		{"contact.attitude", m.Contact.Attitude},
		{"contact.relation_strength", m.Contact.RelationStrength},
		{"contact.preferences", m.Contact.Preferences},
		{"contact.worries", m.Contact.Worries},
	})
}
