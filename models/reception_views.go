package models

import "time"

// ReceptionRow is a reception as the projection has it: the process's state and the texts beside it.
type ReceptionRow struct {
	State   ReceptionState
	Plans   ReceptionPlans
	Summary *ReceptionSummary // nil until it is closed
}

// ReceptionFilter narrows a list of receptions; zero fields do not.
type ReceptionFilter struct {
	Status      ReceptionStatus
	Kind        string
	Level       string
	ClientID    string
	RequesterID string
	TeamID      string     // the department whose budget pays
	HostID      string     // one of its hosts
	StartsFrom  *time.Time // visits that begin at it or later
	StartsUntil *time.Time // visits that begin before it
}

// NeedRow is a need that was raised on the spot.
type NeedRow struct {
	ID       string
	Text     string
	Kind     CaseType // what it is, or would be, as a case
	OwnerID  string
	RaisedBy string
	RaisedAt time.Time
	Solution string
	SolvedBy string
	SolvedAt *time.Time
	CaseID   string // the case that took it over; empty when none did
}

// FeedbackRow is what visitors said.
type FeedbackRow struct {
	ID           string
	Score        int // 1 to 5; 0: none given
	Comment      string
	Shortcomings string
	Visitor      string
	By           string // who recorded it
	At           time.Time
}

// ClaimRow is an expense claim with its items. Amounts are minor units.
type ClaimRow struct {
	ID        string
	State     ClaimState
	Items     []ClaimItem
	Total     int64
	Currency  string
	By        string
	Comment   string // of who decided on it last
	CreatedAt time.Time
	UpdatedAt time.Time
}

// InvitationRow is an entry in somebody's diary as it was sent last.
type InvitationRow struct {
	UID       string
	UserID    string
	Sequence  int64
	StartsAt  time.Time
	EndsAt    time.Time
	Cancelled bool
	UpdatedAt time.Time
}
