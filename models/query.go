package models

import "time"

// Principal is the caller of a request as the store knows them at this moment. It is shared between requests: read it,
// never write to it.
type Principal struct {
	User    User
	TokenID string
	Actor   Actor // with the deputies in force, over all processes of this product
}

// UserFilter narrows a list of users; zero fields do not.
type UserFilter struct {
	TeamID   string
	Role     Role
	Active   *bool
	Username string
}

// ClientFilter narrows a list of clients; zero fields do not.
type ClientFilter struct {
	Query            string // part of the name, in any case
	Class            string
	Region           string
	AccountManagerID string
	Status           string
}

// ResourceFilter narrows a list of resources; zero fields do not.
type ResourceFilter struct {
	Kind   ResourceKind
	Active *bool
}

// BudgetFilter narrows a list of budgets; zero fields do not.
type BudgetFilter struct {
	TeamID   string
	CostType CostType
	On       *time.Time // a date within the period, as midnight in UTC
}

// IdempotencyRecord is what is kept of a POST with an Idempotency-Key.
type IdempotencyRecord struct {
	CommandID   string // the id that the first attempt was given: every retry acts under it
	Fingerprint []byte // of method, path and body
	Status      int    // 0 while there is no answer yet
	Header      map[string]string
	Body        []byte
}
