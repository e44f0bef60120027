package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/approval"
)

// ApprovalStatus says where an approval stands, in one word.
type ApprovalStatus string

// The statuses of approvals: while one runs, it waits for its approvers or for its requester.
const (
	ApprovalOpen      ApprovalStatus = "open"
	ApprovalReturned  ApprovalStatus = "returned"
	ApprovalApproved                 = ApprovalStatus(approval.Approved)
	ApprovalRejected                 = ApprovalStatus(approval.Rejected)
	ApprovalWithdrawn                = ApprovalStatus(approval.Withdrawn)
)

// ApprovalStatuses lists all statuses, in the order of an approval's life.
func ApprovalStatuses() []ApprovalStatus {
	return []ApprovalStatus{ApprovalOpen, ApprovalReturned, ApprovalApproved, ApprovalRejected, ApprovalWithdrawn}
}

// Status returns where the approval stands.
func (s *ApprovalState) Status() ApprovalStatus {
	switch v := s.Chain.Active(); {
	case s.Chain.Outcome != "":
		return ApprovalStatus(s.Chain.Outcome)
	case v != nil && v.Step == approval.StepRequester:
		return ApprovalReturned
	default:
		return ApprovalOpen
	}
}

// TakesResubmission reports whether the requester submits a returned request again on the approval itself. The request of
// a process that has a plan of its own is changed, and so submitted again, there.
func (s *ApprovalState) TakesResubmission() bool { return s.Process == ComplaintProcess }

// AllowedVerbs lists what the person may do to the approval now, in the order of approval.Verbs; an empty list for nothing.
func (s *ApprovalState) AllowedVerbs(personID string, at time.Time) []approval.Verb {
	verbs := []approval.Verb{}
	for _, v := range approval.Allowed(s.Chain, personID, at) {
		if slices.Contains(ApprovalVerbs(), v) && (v != approval.Resubmit || s.TakesResubmission()) {
			verbs = append(verbs, v)
		}
	}
	return verbs
}
