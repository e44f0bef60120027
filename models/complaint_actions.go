package models

import "time"

// CaseAction names a command on a case; it is the path's last segment and the name of the engine's update.
type CaseAction string

// The actions of people. ActionRecord starts a case.
const (
	ActionRecord               CaseAction = "record"
	ActionRespond              CaseAction = "respond"
	ActionAssign               CaseAction = "assign"
	ActionAccept               CaseAction = "accept"
	ActionDecline              CaseAction = "decline"
	ActionAdjudicate           CaseAction = "adjudicate"
	ActionWait                 CaseAction = "wait"
	ActionResume               CaseAction = "resume"
	ActionClientMessage        CaseAction = "client-message"
	ActionNote                 CaseAction = "note"
	ActionPrioritize           CaseAction = "prioritize"
	ActionEscalate             CaseAction = "escalate"
	ActionTransfer             CaseAction = "transfer-accountability"
	ActionAcceptAccountability CaseAction = "accept-accountability"
	ActionRefuseAccountability CaseAction = "refuse-accountability"
	ActionExtend               CaseAction = "extend"
	ActionResolve              CaseAction = "resolve"
	ActionReopen               CaseAction = "reopen"
	ActionClose                CaseAction = "close"
	ActionCancel               CaseAction = "cancel"
	ActionLink                 CaseAction = "link"
	ActionUnlink               CaseAction = "unlink"
)

// What a case does by itself or is told by the system.
const (
	ActionTick       CaseAction = "tick"        // the clock reached the next checkpoint
	ActionDeactivate CaseAction = "deactivate"  // somebody who holds the case left
	ActionSucceed    CaseAction = "succeed"     // somebody took the client over from who holds the case; both have agreed to it
	ActionChangeTeam CaseAction = "change_team" // somebody who holds the case has come to another team
	ActionChangeLead CaseAction = "change_lead" // the team of somebody who holds the case has another supervisor
	ActionDecided    CaseAction = "decided"     // an approval has answered
	ActionAdopt      CaseAction = "adopt"       // take over the stored state; changes nothing
)

// The data of the commands; actions without a struct here carry none.
type (
	// RecordCase is the data of record. The facts about the client are read when the request is checked.
	RecordCase struct {
		ID               string      `json:"id,omitempty"`     // given by the activity
		Number           string      `json:"number,omitempty"` // given by the activity
		Type             CaseType    `json:"type"`
		ClientID         string      `json:"client_id"`
		ClientClass      string      `json:"client_class"`
		ClientRegion     string      `json:"client_region,omitempty"`
		AccountManagerID string      `json:"account_manager_id,omitempty"`
		Contact          CaseContact `json:"contact"`
		Channel          string      `json:"channel"`
		Subject          string      `json:"subject"`
		Description      string      `json:"description"`
		Category         string      `json:"category,omitempty"`
		Impact           string      `json:"impact"`
		Urgency          string      `json:"urgency"`
		OccurredAt       *time.Time  `json:"occurred_at,omitempty"`
		ExternalRef      string      `json:"external_ref,omitempty"`
		FirstContactID   string      `json:"first_contact_id"`
		ResponseID       string      `json:"response_id,omitempty"` // the invitation whose bad answer opened the case
	}
	// Respond is the data of respond.
	Respond struct {
		Message string `json:"message"`
	}
	// Assign is the data of assign: exactly one of the two receivers.
	Assign struct {
		AssigneeID string `json:"assignee_id,omitempty"`
		TeamID     string `json:"team_id,omitempty"`
		Note       string `json:"note,omitempty"`
	}
	// Because is the data of decline, escalate, reopen, close, cancel and refuse-accountability.
	Because struct {
		Reason string `json:"reason,omitempty"`
	}
	// Adjudicate is the data of adjudicate.
	Adjudicate struct {
		AssigneeID string `json:"assignee_id"`
		Reason     string `json:"reason"`
	}
	// Wait is the data of wait; Until is RFC 3339.
	Wait struct {
		Reason string `json:"reason"`
		Until  string `json:"until,omitempty"`
	}
	// Note is the data of note and client-message. Visibility is internal or client.
	Note struct {
		Text       string `json:"text"`
		Visibility string `json:"visibility,omitempty"`
	}
	// Prioritize is the data of prioritize.
	Prioritize struct {
		Impact  string `json:"impact"`
		Urgency string `json:"urgency"`
		Reason  string `json:"reason"`
	}
	// TransferAccountability is the data of transfer-accountability.
	TransferAccountability struct {
		ToID   string `json:"to_id"`
		Reason string `json:"reason"`
	}
	// Extend is the data of extend; By is written as in policies.
	Extend struct {
		Milestone string `json:"milestone"`
		By        string `json:"by"`
		Reason    string `json:"reason"`
	}
	// Resolve is the data of resolve.
	Resolve struct {
		Resolution string `json:"resolution"`
		RootCause  string `json:"root_cause,omitempty"`
	}
	// Link is the data of link.
	Link struct {
		CaseID string `json:"case_id"`
		Kind   string `json:"kind"`
	}
	// Unlink is the data of unlink.
	Unlink struct {
		CaseID string `json:"case_id"`
	}
	// ChangeTeam is the data of change_team; the organisation says which team.
	ChangeTeam struct {
		UserID string `json:"user_id"`
	}
	// ChangeLead is the data of change_lead; the organisation says who supervises the team now.
	ChangeLead struct {
		TeamID string `json:"team_id"`
		FromID string `json:"from_id"`
	}
	// Deactivate is the data of deactivate and of succeed.
	Deactivate struct {
		UserID string `json:"user_id"`
		HeirID string `json:"heir_id"`
		Rule   string `json:"rule,omitempty"` // of a reception or a call: why; empty: they have left
	}
)
