package models

// ReceptionAction names a command on a reception; it is the path's last segment and the name of the engine's update.
type ReceptionAction string

// The actions of people. ReceptionRecord starts a reception.
const (
	ReceptionRecord      ReceptionAction = "record"
	ReceptionRevise      ReceptionAction = "revise"
	ReceptionSubmit      ReceptionAction = "submit"
	ReceptionWithdraw    ReceptionAction = "withdraw"
	ReceptionPrepare     ReceptionAction = "prepare"
	ReceptionStart       ReceptionAction = "start"
	ReceptionTickOff     ReceptionAction = "tick-off"
	ReceptionRaiseNeed   ReceptionAction = "raise-need"
	ReceptionSolveNeed   ReceptionAction = "solve-need"
	ReceptionComplete    ReceptionAction = "complete"
	ReceptionFeedback    ReceptionAction = "feedback"
	ReceptionClaim       ReceptionAction = "expense-claim"
	ReceptionPay         ReceptionAction = "pay"
	ReceptionReturnClaim ReceptionAction = "return-claim"
	ReceptionClose       ReceptionAction = "close"
	ReceptionCancel      ReceptionAction = "cancel"
)

// What a reception does by itself or is told by the system.
const (
	ReceptionTick       ReceptionAction = "tick"       // the clock reached the next checkpoint
	ReceptionDecide     ReceptionAction = "decide"     // an approval has an outcome
	ReceptionSurveyed   ReceptionAction = "surveyed"   // an answer to the survey came in
	ReceptionDeactivate ReceptionAction = "deactivate" // somebody who has a part in it left
)

// The data of the commands; actions without a struct here carry none.
type (
	// PlanReception is the data of record and revise. The facts about the client are read when the request is checked.
	PlanReception struct {
		ID               string        `json:"id,omitempty"`     // given by the activity
		Number           string        `json:"number,omitempty"` // given by the activity
		ClientClass      string        `json:"client_class,omitempty"`
		AccountManagerID string        `json:"account_manager_id,omitempty"`
		RequesterID      string        `json:"requester_id,omitempty"` // for whom a plan of the client drafts it; else who gives the command
		Plan             ReceptionPlan `json:"plan"`
	}
	// PrepareReception is the data of prepare: the names of the check-list items that are done, and who receives.
	PrepareReception struct {
		Items          []string `json:"items,omitempty"`
		ReceptionistID string   `json:"receptionist_id,omitempty"`
	}
	// TickOff is the data of tick-off: the activity that has taken place.
	TickOff struct {
		ActivityID string `json:"activity_id"`
	}
	// RaiseNeed is the data of raise-need. Kind says what it becomes when it stays unsolved: inquiry if empty.
	RaiseNeed struct {
		Text    string   `json:"text"`
		OwnerID string   `json:"owner_id,omitempty"` // empty: the receptionist
		Kind    CaseType `json:"kind,omitempty"`
	}
	// SolveNeed is the data of solve-need.
	SolveNeed struct {
		NeedID   string `json:"need_id"`
		Solution string `json:"solution"`
	}
	// ReceptionOpinion is the data of feedback and surveyed: a rating from 1 to 5, or words, or both.
	ReceptionOpinion struct {
		Score        int    `json:"score,omitempty"`
		Comment      string `json:"comment,omitempty"`
		Shortcomings string `json:"shortcomings,omitempty"`
		Visitor      string `json:"visitor,omitempty"`
	}
	// ClaimExpenses is the data of expense-claim.
	ClaimExpenses struct {
		Items    []ClaimItem `json:"items"`
		Currency string      `json:"currency,omitempty"` // empty: the reception's
	}
	// ClaimItem is one expense with the reference of its receipt; Amount is in minor units.
	ClaimItem struct {
		Item     CostType `json:"item"`
		Amount   int64    `json:"amount"`
		Currency string   `json:"currency,omitempty"` // empty: the reception's
		Receipt  string   `json:"receipt"`
		Note     string   `json:"note,omitempty"`
	}
	// PayClaim is the data of pay.
	PayClaim struct {
		Reference string `json:"reference,omitempty"` // of the payment
		Comment   string `json:"comment,omitempty"`
	}
	// CloseReception is the data of close.
	CloseReception struct {
		Summary      string `json:"summary"`
		Shortcomings string `json:"shortcomings,omitempty"`
	}
	// ApprovalDecided is the data of decide, told by the approval's process. Approvers are all who approved, and those in
	// whose place they did; Steps are the names of the steps that were walked, of the chain in the PolicyVersion.
	ApprovalDecided struct {
		ApprovalID string          `json:"approval_id"`
		Seq        int64           `json:"seq,omitempty"` // the approval's step: a fact that is told twice counts once
		Outcome    ApprovalOutcome `json:"outcome"`
		ByID       string          `json:"by_id,omitempty"`
		Comment    string          `json:"comment,omitempty"`
		Approvers  []string        `json:"approvers,omitempty"`
		Steps      []string        `json:"steps,omitempty"`

		PolicyVersion int `json:"policy_version,omitempty"`
	}
)
