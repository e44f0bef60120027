package classification

import "maps"

// Standing is what a client is graded by today.
type Standing struct {
	ClientID         string
	AccountManagerID string
	Class            Class // empty for a client who has none yet
	Criteria         Criteria
	Sales            *int64 // of the last 12 months in minor units; nil if they are not known
	Currency         string // of the sales
}

// Move is what a candidate for the next policy would mean for a client.
type Move struct {
	ClientID         string `json:"client_id"`
	AccountManagerID string `json:"account_manager_id,omitempty"`
	From             Class  `json:"from,omitempty"` // the class of today
	// Now is what the policy in force proposes; nothing if there is none, or if the criteria are incomplete for it.
	Now Proposal `json:"now"`
	// Next is what the candidate proposes; nothing if the criteria are incomplete for it.
	Next     Proposal `json:"next"`
	Missing  []string `json:"missing,omitempty"`  // the criteria that the candidate asks for and nobody has given
	Approval string   `json:"approval,omitempty"` // the chain that would have to decide; only for a change of class
}

// Changes reports whether the client's class would be another one.
func (m Move) Changes() bool { return m.Next.Class != "" && m.Next.Class != m.From }

// Compare grades a client by the policy in force, which may be nil, and by a candidate, both against the class of today. It
// reports whether there is something to tell: the class would change, or the candidate cannot grade the client. The move
// is complete in any case, for Tally.Add.
func Compare(inForce, candidate *Policy, s Standing) (Move, bool) {
	m := Move{ClientID: s.ClientID, AccountManagerID: s.AccountManagerID, From: s.Class}
	if inForce != nil {
		m.Now, _ = inForce.grade(s)
	}
	m.Next, m.Missing = candidate.grade(s)
	if m.Changes() {
		m.Approval = candidate.Chain()
	}
	return m, m.Changes() || len(m.Missing) > 0
}

// grade proposes a class for who has a value of every criterion, and says which are missing otherwise.
func (p *Policy) grade(s Standing) (Proposal, []string) {
	c := p.With(s.Criteria, s.Sales, s.Currency)
	if missing := p.Missing(c); len(missing) > 0 {
		return Proposal{}, missing
	}
	return p.Propose(c, s.Class), nil
}

// Load is how many obligations a client of each class makes in a year.
type Load map[Class]float64

// Load returns what the contracts of the policy make: the reviews of the class and the plans. What other policies ask for,
// as the cadence of contacts, is for the caller to add.
func (p *Policy) Load() Load {
	plans := map[PlanPeriod]float64{PlanHalfYear: 2, PlanYear: 1}
	load := Load{}
	for _, class := range Classes() {
		contract := p.Contract(class)
		load[class] = contract.ReviewEvery.PerYear() + plans[contract.Plan]
	}
	return load
}

// Balance is what a change of policy means for one account manager: obligations a year before and after.
type Balance struct {
	Clients int     `json:"clients"`
	Moves   int     `json:"moves"` // clients whose class would change
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
}

// Tally adds up what a change of policy means per account manager. It is not safe for concurrent use.
type Tally struct {
	before, after Load
	balances      map[string]Balance
}

// NewTally begins a count with the loads of the classes as they are and as they would be.
func NewTally(before, after Load) *Tally {
	return &Tally{before: before, after: after, balances: map[string]Balance{}}
}

// Add counts one client, also one who stays where they are. Whom the candidate cannot grade keeps the class of today.
func (t *Tally) Add(m Move) {
	class := m.From
	b := t.balances[m.AccountManagerID]
	b.Clients++
	if m.Changes() {
		b.Moves++
		class = m.Next.Class
	}
	b.Before += t.before[m.From]
	b.After += t.after[class]
	t.balances[m.AccountManagerID] = b
}

// Balances returns what was counted, by account manager; the empty one has the clients who have nobody.
func (t *Tally) Balances() map[string]Balance {
	return maps.Clone(t.balances)
}
