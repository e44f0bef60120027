package models

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// ClientMerged is the status of a client that was a duplicate: it stays on record and leads to the survivor.
const ClientMerged = "merged"

// ErrClientMerged is the code of the refusal of something new under a client that was merged; its field's argument into
// names the survivor.
const ErrClientMerged errs.Code = "client_merged"

// MaxTraitText bounds what is noted of a contact's preferences and worries, in characters.
const MaxTraitText = 2000

// ContactRole is a contact's part in the client's decisions (M-44).
type ContactRole string

// The roles of contacts.
const (
	ContactDecisionMaker ContactRole = "decision_maker"
	ContactApprover      ContactRole = "approver"
	ContactInfluencer    ContactRole = "influencer"
	ContactUser          ContactRole = "user"
	ContactGatekeeper    ContactRole = "gatekeeper"
	ContactOther         ContactRole = "other"
)

// Attitude is how a contact stands towards us (M-46).
type Attitude string

// The attitudes, the worst first.
const (
	AttitudeOpponent   Attitude = "opponent"
	AttitudeSceptical  Attitude = "sceptical"
	AttitudeNeutral    Attitude = "neutral"
	AttitudeSupportive Attitude = "supportive"
	AttitudeChampion   Attitude = "champion"
)

// ClientMerge is the decision that a client is a duplicate of another one.
type ClientMerge struct {
	ClientID  string    `gorm:"column:client_id;primaryKey"` // the duplicate
	IntoID    string    `gorm:"column:into_id"`              // the survivor as it was chosen
	Reason    string    `gorm:"column:reason"`
	By        string    `gorm:"column:merged_by"`
	At        time.Time `gorm:"column:merged_at"`
	CommandID string    `gorm:"column:command_id"` // the request; its repetition changes nothing
}

// TableName is the table of ClientMerge.
func (ClientMerge) TableName() string { return "client_merges" }

// MergeClients says what the survivor and the duplicate are after the merge; the survivor keeps what it has, and takes from
// the duplicate what it lacks. Errors: client_merged, naming the survivor, when one of them was merged before; invalid when
// they are one.
func MergeClients(duplicate, survivor Client, at time.Time) (Client, Client, error) {
	switch {
	case duplicate.ID == survivor.ID:
		return duplicate, survivor, errs.NewInvalid(errs.Field{Field: "into_id", Code: "client_itself"})
	case duplicate.MergedIntoID != nil:
		return duplicate, survivor, duplicate.refusal("id")
	case survivor.MergedIntoID != nil:
		return duplicate, survivor, survivor.refusal("into_id")
	}
	fill(&survivor.Industry, duplicate.Industry)
	fill(&survivor.Region, duplicate.Region)
	if survivor.AccountManagerID == nil {
		survivor.AccountManagerID = duplicate.AccountManagerID
	}
	if survivor.Sales12m == nil {
		survivor.Sales12m, survivor.Currency = duplicate.Sales12m, duplicate.Currency
	}
	survivor.UpdatedAt = at
	duplicate.Status, duplicate.MergedIntoID, duplicate.UpdatedAt = ClientMerged, &survivor.ID, at
	return duplicate, survivor, nil
}

// Open refuses what is new under a client that was merged: client_merged, naming the survivor.
func (c Client) Open() error {
	if c.MergedIntoID == nil {
		return nil
	}
	return c.refusal("id")
}

func (c Client) refusal(field string) error {
	e := errs.New(ErrClientMerged, "client_merged", "into", *c.MergedIntoID)
	e.Fields = []errs.Field{{Field: field, Code: "client_merged", Args: errs.Args("into", *c.MergedIntoID)}}
	return e
}

// SamePerson reports whether two contacts of a company are the same person: equal e-mail addresses; else, where none of both
// differ, equal names, or equal phone numbers under a name in another script (陈静, Chen Jing). An equal number alone is a
// switchboard: to have somebody twice is mended in a moment, somebody who was taken for another one is lost.
func (p Contact) SamePerson(other Contact) bool {
	mail, number := agree(p, other, string(SameEmail)), agree(p, other, string(SamePhone))
	if mail != unknown {
		return mail == equal
	}
	mine, theirs := letters(p.Name), letters(other.Name)
	if mine == theirs && mine != "" {
		return number != differ
	}
	return number == equal && (mine == "" || theirs == "" || isHan(mine) != isHan(theirs))
}

// isHan reports whether a name is written in Chinese characters.
func isHan(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// agreement is what two contacts say about one trait.
type agreement int

const (
	unknown agreement = iota // one of them has none
	equal
	differ
)

func agree(a, b Contact, trait string) agreement {
	of := func(c Contact) string {
		for _, key := range ContactKeys(c.Email, c.Phone) {
			if strings.HasPrefix(key, trait+":") {
				return key
			}
		}
		return ""
	}
	switch x, y := of(a), of(b); {
	case x == "" || y == "":
		return unknown
	case x == y:
		return equal
	default:
		return differ
	}
}

// MergeContacts returns the contacts that change when a client's are merged into a survivor's: theirs, who move to the
// survivor or, where it has the same person already, stay as left and lead there; and those of ours that lacked something.
func MergeContacts(theirs, ours []Contact, survivorID string, at time.Time) []Contact {
	var changed []Contact
	filled := map[int]bool{}
	for _, p := range theirs {
		same := slices.IndexFunc(ours, func(o Contact) bool { return !o.Left && o.SamePerson(p) }) // who has left takes nobody's place
		p.UpdatedAt = at
		if same < 0 {
			p.ClientID = survivorID
		} else {
			if ours[same].Absorb(p) {
				filled[same] = true
			}
			p.Left, p.MergedIntoID = true, &ours[same].ID
		}
		changed = append(changed, p)
	}
	for i := range ours {
		if filled[i] {
			ours[i].UpdatedAt = at
			changed = append(changed, ours[i])
		}
	}
	return changed
}

// Absorb fills what the contact lacks from another one that is the same person, and reports whether that changed anything.
func (p *Contact) Absorb(other Contact) bool {
	before := *p
	fill(&p.Title, other.Title)
	fill(&p.Phone, other.Phone)
	fill(&p.Email, other.Email)
	fill(&p.Locale, other.Locale)
	fill(&p.TimeZone, other.TimeZone)
	fill(&p.Role, other.Role)
	fill(&p.Attitude, other.Attitude)
	fill(&p.Preferences, other.Preferences)
	fill(&p.Worries, other.Worries)
	if p.Influence == nil {
		p.Influence = other.Influence
	}
	if p.RelationStrength == nil {
		p.RelationStrength = other.RelationStrength
	}
	p.KnownByIDs = union(p.KnownByIDs, other.KnownByIDs)
	return p.Title != before.Title || p.Phone != before.Phone || p.Email != before.Email || p.Locale != before.Locale ||
		p.TimeZone != before.TimeZone || p.Role != before.Role || p.Attitude != before.Attitude || p.Preferences != before.Preferences ||
		p.Worries != before.Worries || p.Influence != before.Influence || p.RelationStrength != before.RelationStrength ||
		len(p.KnownByIDs) != len(before.KnownByIDs)
}

// fill puts a text where there is none.
func fill[T ~string](into *T, from T) {
	if *into == "" {
		*into = from
	}
}

// union is the first list with those of the second that it lacks.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
