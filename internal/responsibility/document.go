package responsibility

import (
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// Kind is the kind of policy whose documents this package reads.
const Kind = "responsibility"

// The items that the product itself works by; a policy must have them.
const (
	DirectFeedback = "direct_feedback" // a client's opinion goes straight to the management (D-01)
	Assessment     = "assessment"      // of the relationship
	Planning       = "planning"        // of the relationship
	Improvement    = "improvement"     // of relations that there are
)

// needed lists the items that a policy must have.
var needed = []string{Assessment, DirectFeedback, Improvement, Planning}

// AccountManager is the one person of a client that a holder can name.
const AccountManager = "account_manager"

// languages are those in which posts and items have their titles; the first is for readers of any other.
var languages = []string{"en", "zh-CN"}

// Texts is one text in each language, "en" and "zh-CN".
type Texts map[string]string

// In returns the text in the language, in English if there is none.
func (t Texts) In(lang string) string {
	if text := t[lang]; text != "" {
		return text
	}
	return t[languages[0]]
}

// Document is the policy of kind `responsibility`: posts and business items, by name.
type Document struct {
	Kind    string          `json:"kind"`
	Version int             `json:"version,omitempty"` // given at publication; a document that names one is refused
	Posts   map[string]Post `json:"posts"`
	Items   map[string]Item `json:"items"`
}

// Post is a post that has a part in items.
type Post struct {
	Title Texts `json:"title"`
	// Holder says who holds the post where the client has nobody of its own for it; nil: nobody then.
	Holder *Holder `json:"holder,omitempty"`
}

// Holder says who holds a post. Exactly one field is set.
type Holder struct {
	Client         string `json:"client,omitempty"`          // account_manager: the client's account manager
	Role           string `json:"role,omitempty"`            // who has the role: of several the first by id
	TeamSupervisor string `json:"team_supervisor,omitempty"` // who supervises the team of the name
	ManagerOf      string `json:"manager_of,omitempty"`      // the manager of who holds the post
}

// Item is one row of the matrix: its parts are posts.
type Item struct {
	Title        Texts    `json:"title"`
	Output       Texts    `json:"output,omitempty"` // what the work leaves behind
	Primary      string   `json:"primary"`          // who does it
	Assistants   []string `json:"assistants,omitempty"`
	FirstMonitor string   `json:"first_monitor"`
	Monitors     []string `json:"monitors,omitempty"` // the others
	Reports      []Report `json:"reports,omitempty"`
}

// Report says to whom a post that has a part in the item reports on it.
type Report struct {
	From string   `json:"from"`
	To   []string `json:"to"`
}

// Parse reads a responsibility policy written in YAML or JSON, strictly: every fault of structure at once, each with its path
// (items.planning.monitors[1]). What the fields say is for Document.Check to judge.
func Parse(body []byte) (Document, []errs.Field) {
	var d Document
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Document{}, faults
	}
	return d, nil
}
