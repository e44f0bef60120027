package store

// HoldingStatements are the reads of a step that takes resources and money, by name.
func HoldingStatements() map[string]string {
	return map[string]string{
		"last step": lastStep, "bookings of a subject": bookingsOfSubject, "budgets for": budgetsFor, "items of a subject": itemsOfSubject,
		"used up": usedUp, "in use": inUseDuring,
	}
}
