package cadence

import (
	"slices"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Kind is the kind of the policy on contacts, obligations and log-ins.
const Kind = "cadence"

// EveryWorkday asks for a log-in on each working day (U-01).
const EveryWorkday = "workday"

// Policy is the policy of kind `cadence`. A span of it is working time on its calendar, a day of it a working day.
type Policy struct {
	Kind    string `json:"kind"`
	Version int    `json:"version,omitempty"` // given at publication; a document that names one is refused
	// Calendar says which dates are working days; its zone is the clock of every period.
	Calendar string `json:"calendar"`
	// Classes are the rules for clients by their class: S, A, B and C.
	Classes map[string]ClassRules `json:"classes"`
	// RemindBefore is how long before a contact or an assessment falls due its person is reminded.
	RemindBefore   sla.Span       `json:"remind_before"`
	Weekly         Weekly         `json:"weekly"`
	Leads          Leads          `json:"leads"`
	Improvement    Improvement    `json:"improvement"`
	Commitments    Commitments    `json:"commitments"`
	Opinions       Opinions       `json:"opinions"`
	Classification Classification `json:"classification"`
	// Rotation and Login may be left out: then nothing is asked.
	Rotation Rotation `json:"rotation,omitzero"`
	Login    Login    `json:"login,omitzero"`
	Digest   Digest   `json:"digest"`
}

// ClassRules are what clients of one class are promised; the zero value promises nothing.
type ClassRules struct {
	// ContactEvery is the longest that a client goes without an interaction.
	ContactEvery calendar.Period `json:"contact_every"`
	Breadth      BreadthRule     `json:"breadth,omitzero"`
	// DormantAfter without an interaction, the relationship is dormant.
	DormantAfter calendar.Period `json:"dormant_after"`
	Targets      Targets         `json:"targets"`
	// AssessEvery is how often the levels of relation are assessed.
	AssessEvery calendar.Period `json:"assess_every"`
}

// BreadthRule asks to speak with so many different contacts of a client within any such period; no contacts ask nothing.
type BreadthRule struct {
	Contacts int             `json:"contacts"`
	Within   calendar.Period `json:"within"`
}

// Targets are the levels of relation that are wanted, each 1 to 5 (M-42).
type Targets struct {
	Key          int `json:"key"`
	Broad        int `json:"broad"`
	Organisation int `json:"organisation"`
}

// Weekly is the number of interactions that everyone in one of the posts has in a week of five working days (U-13).
type Weekly struct {
	Minimum int `json:"minimum"`
	// Posts are those of the responsibility policy. Who holds several is asked once.
	Posts []string `json:"posts"`
}

// Leads are the rules for open leads and opportunities.
type Leads struct {
	FollowUpEvery calendar.Period `json:"follow_up_every"` // also without change of intent (U-05)
}

// Improvement is the plan that an assessment below target opens.
type Improvement struct {
	Within calendar.Period `json:"within"`
}

// Commitments are the rules for promises made to a client (M-74).
type Commitments struct {
	RemindBefore sla.Span `json:"remind_before"`
}

// Opinions are the rules for what clients say to the unit of the client representatives (D-01).
type Opinions struct {
	AnswerWithin sla.Span `json:"answer_within"`
}

// Classification says how long the review of a client's class may take once it is asked for.
type Classification struct {
	ReviewWithin sla.Span `json:"review_within"`
}

// Rotation says how long somebody has a client before a change of account manager is suggested (M-65).
type Rotation struct {
	RemindAfter calendar.Period `json:"remind_after"`
}

// Login is the log-in discipline of people in one of the roles (U-09).
type Login struct {
	Every             string   `json:"every"`               // workday
	TravellingPerWeek int      `json:"travelling_per_week"` // of a week's days on a trip, so many suffice (U-02)
	Weeks             int      `json:"weeks"`               // running without any log-in, a notice is due (U-06)
	Roles             []string `json:"roles"`
}

// IsZero reports whether nothing is asked.
func (l Login) IsZero() bool {
	return l.Every == "" && l.TravellingPerWeek == 0 && l.Weeks == 0 && len(l.Roles) == 0
}

// Covers reports whether somebody with these roles is held to the log-in discipline.
func (l Login) Covers(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(l.Roles, r) })
}

// ParsePolicy reads a policy written in YAML or JSON, strictly: every fault of structure at once, each with its path. What
// the fields say is for Policy.Check to judge.
func ParsePolicy(body []byte) (Policy, []errs.Field) {
	var p Policy
	if faults := policy.Decode(body, &p); len(faults) > 0 {
		return Policy{}, faults
	}
	return p, nil
}

// Rules returns the rules of a class. A client without a class, such as a prospect, has the zero rules: nothing of it falls
// due by class.
func (p Policy) Rules(class string) ClassRules { return p.Classes[class] }
