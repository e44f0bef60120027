package store

import (
	"context"
	"testing"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// CaseListSQL is the statement of a page of a list of cases.
func CaseListSQL(a models.Actor, f models.CaseFilter, after string, n int) (string, []any) {
	q := caseList(scopeOf(a), f, after, n)
	return q.text.String(), q.args
}

// RecentHeadsSQL is the statement of a client's recent cases.
func RecentHeadsSQL(a models.Actor, clientID string, since time.Time, limit int) (string, []any) {
	q := recentHeads(scopeOf(a), clientID, since, limit)
	return q.text.String(), q.args
}

// ArticleListSQL is the statement of a page of a list of articles.
func ArticleListSQL(a models.Actor, state, after string, n int) (string, []any) {
	q := articleList(scopeOf(a), state, after, n)
	return q.text.String(), q.args
}

// TaskListSQL is the statement of a page of an inbox.
func TaskListSQL(a models.Actor, f models.TaskFilter, after string, n int) (string, []any, error) {
	q, err := boxes[f.Box].list(inboxOf(a, f.Box), f, after, n)
	if err != nil {
		return "", nil, err
	}
	return q.text.String(), q.args, nil
}

// ApprovalListSQL is the statement of a page of a list of approvals.
func ApprovalListSQL(a models.Actor, f models.ApprovalFilter, after string, n int) (string, []any, error) {
	q, err := approvalList(approvalScope(a), f, after, n)
	if err != nil {
		return "", nil, err
	}
	return q.text.String(), q.args, nil
}

// OpenApprovalsOfSQL finds the open approvals of a person.
const OpenApprovalsOfSQL = openApprovalsOf

// OpenApprovalsOf lists them.
func (s *Store) OpenApprovalsOf(ctx context.Context, userID string) ([]string, error) {
	return s.idsOf(ctx, openApprovalsOf, userID)
}

// What a leaver has a part in.
const (
	ReceptionsOfSQL    = receptionsOf
	RelationshipsOfSQL = relationshipsOf
)

// IDsOf is what one of these statements finds.
func IDsOf(t testing.TB, s *Store, sql, userID string) []string {
	t.Helper()
	ids, err := s.idsOf(t.Context(), sql, userID)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
