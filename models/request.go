package models

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e CaseEvent) AskedBy() string { return e.Meta.TraceID }

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e ApprovalEvent) AskedBy() string { return e.Meta.TraceID }

// AskedBy is the X-Request-ID of the call that gave the command; empty for what a process does by itself. It is for logs.
func (e ReceptionEvent) AskedBy() string { return e.Meta.TraceID }

// AskedBy is that of the step's event.
func (a AdvanceCase) AskedBy() string { return a.Event.AskedBy() }

// AskedBy is that of the step's event.
func (a AdvanceApproval) AskedBy() string { return a.Event.AskedBy() }

// AskedBy is that of the step's event.
func (a AdvanceReception) AskedBy() string { return a.Event.AskedBy() }

// Begins reports whether the step is the first of its case.
func (a AdvanceCase) Begins() bool { return a.State == nil }

// Begins reports whether the step is the first of its reception.
func (a AdvanceReception) Begins() bool { return a.State == nil }

// Reply answers a command: the step it made, after which the projection shows it.
type Reply struct {
	Seq int64 `json:"seq"`
}

// SelfBeginning is the input of a process that begins by itself once it has its first command, and needs no update for it.
type SelfBeginning interface {
	// With is the input with the first command in it, an event of the process.
	With(first any) (input any)
}

// With is the input of a case that begins with the CaseEvent.
func (in ComplaintInput) With(first any) any {
	in.Record = new(first.(CaseEvent))
	return in
}

// With is the input of a reception that begins with the ReceptionEvent.
func (in ReceptionInput) With(first any) any {
	in.Record = new(first.(ReceptionEvent))
	return in
}
