package models

import (
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/survey"
)

// SurveyInvitation is a personal link to a questionnaire: one recipient, one subject. The token of the link is derived from
// the id and a key, and stored as a hash only.
type SurveyInvitation struct {
	ID               string
	Purpose          Purpose
	SubjectID        string // the case, reception or campaign
	RunID            string // of a campaign
	RecipientID      string // of a campaign
	FirstID          string // the invitation whose bad answer this one asks about again
	ClientID         string
	AccountManagerID string
	AccountableID    string // who was accountable when what is asked about happened
	Recipient        Recipient
	Template         string
	SurveyVersion    int
	TokenHash        []byte
	CreatedAt        time.Time
	AskedAt          *time.Time
	ExpiresAt        time.Time
	AnsweredAt       *time.Time
	Complete         bool
	OptedOut         bool
	Withdrawn        bool
	Answers          survey.Answers
	Score            *int
	Verdict          survey.Verdict
	CaseID           string
	Channel          campaign.Channel // by which a campaign asked
}

// AnswerRow is the answer to one question, for scores.
type AnswerRow struct {
	Question string
	Kind     survey.QuestionKind
	Score    *int
	Gap      *int // of a perception: perceived less expected (F-20)
	Choices  []string
	Text     string
}

// PersonFacts are what is known of a person when it is decided whether to ask them.
type PersonFacts struct {
	OptedOut      bool
	OpenComplaint map[string]bool // by campaign.OpenAtClient and campaign.OpenAtContact
	Touches       []time.Time     // when they were asked, over all purposes; of a campaign's recipient without the own
	Known         int64           // for Touch
	ManagerID     string          // who looks after the client; of a campaign's recipient empty, whose row says who did when the run began
}

// Person is the key under which it is counted how often somebody is asked: the e-mail address, else the phone number, else
// the contact. Two contacts with one address are one person.
func (r Recipient) Person() string { return r.KnownAs()[0] }

// KnownAs is under what is known of the recipient, the key of Person first.
func (r Recipient) KnownAs() []string {
	if keys := r.Keys(); len(keys) > 0 {
		return keys
	}
	return []string{"name:" + r.Name} // without an address; a robot may still ask
}

// Keys are all keys of the recipient; who opts out is asked by none of them any more.
func (r Recipient) Keys() []string {
	var keys []string
	if email := strings.Map(lowerASCII, strings.Trim(r.Email, blanks)); email != "" {
		keys = append(keys, "email:"+email)
	}
	if phone := digits(r.Phone); phone != "" {
		keys = append(keys, "phone:"+phone)
	}
	if r.ContactID != "" {
		keys = append(keys, "contact:"+r.ContactID)
	}
	return keys
}

// blanks and lowerASCII keep to ASCII: the database makes the same keys, whatever its locale is.
const blanks = " \t\n\v\f\r"

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// digits is a phone number as it is compared: 00 is written +, everything else but digits is left out.
func digits(phone string) string {
	kept := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
	if rest, ok := strings.CutPrefix(kept, "00"); ok {
		return "+" + rest
	}
	return kept
}

// Addresses are the channels by which the recipient can be reached. Robots write to a group and reach everybody; a phone
// call is a task for a person.
func (r Recipient) Addresses() map[campaign.Channel]bool {
	email, phone := strings.TrimSpace(r.Email) != "", digits(r.Phone) != ""
	return map[campaign.Channel]bool{
		campaign.ByEmail: email, campaign.BySMS: phone, campaign.ByPhone: phone, campaign.ByWebhook: true,
		campaign.ByDingTalk: true, campaign.ByFeishu: true, campaign.ByWeCom: true,
	}
}

// ScoreFilter narrows what a score is about; zero fields do not.
type ScoreFilter struct {
	Template      string
	Question      string
	CampaignID    string
	RunID         string
	ClientID      string
	AccountableID string
	From, Until   time.Time // of the answers
}

// ScoreCounts are the answers to one question counted by value, of those who were asked.
type ScoreCounts struct {
	Template string
	Question string
	Kind     survey.QuestionKind
	Counts   map[int]int // answers by score; of a perception by gap
	Asked    int
}

// Recovery compares the first answers that opened a case with the second ones, after the case.
type Recovery struct {
	Opened    int         // bad answers that opened a case
	Asked     int         // second questions asked
	Answered  int         // second questions answered
	Recovered int         // second answers that are satisfied
	Changes   map[int]int // second score less first score, counted
}

// InvitationFilter narrows a list of invitations; zero fields do not.
type InvitationFilter struct {
	SubjectID string
	ClientID  string
	RunID     string
	Answered  *bool
}
