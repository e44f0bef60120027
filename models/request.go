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
