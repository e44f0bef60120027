package store

import "github.com/mcrflow/mcrflow/models"

// DisciplineStatement is the read of a weekly report, with its arguments.
func DisciplineStatement(o *models.DisciplineOrder) (string, []any) {
	return disciplineFacts, disciplineArgs(o)
}
